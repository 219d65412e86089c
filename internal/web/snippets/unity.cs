// In the inspector of the App Center object:
//   {{field}}: {{secret}}
//   Custom Log Url: {{url}}
// or in code, before App Center starts:
Microsoft.AppCenter.Unity.AppCenter.SetLogUrl("{{url}}");
