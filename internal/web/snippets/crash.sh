curl -sS '{{url}}/logs?api-version=1.0.0' \
  -H 'App-Secret: {{secret}}' \
  -H 'Install-ID: 00000000-0000-4000-8000-00007e575e4d' \
  -H 'Content-Type: application/json' \
  -d '{{body}}'
