curl -sS '{{url}}/v0.1/apps/{{app}}/export_configurations' \
  -H "X-API-Token: $TOKEN" \
  -H 'Content-Type: application/json' \
  -d '{"type":"blob_storage_connection_string","connection_string":"…","exportEntities":["crashes"]}'
