lifeboat app create {{user}}/my-app --os Android --platform Java --url '{{url}}' --token "$TOKEN"
