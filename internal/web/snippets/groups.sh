curl -sS '{{url}}/v0.1/apps/{{app}}/errors/errorGroups' -H "X-API-Token: $TOKEN"
