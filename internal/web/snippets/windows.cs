using Microsoft.AppCenter;
using Microsoft.AppCenter.Analytics;
using Microsoft.AppCenter.Crashes;

// {{place}}
AppCenter.SetLogUrl("{{url}}");
AppCenter.Start("{{secret}}", typeof(Analytics), typeof(Crashes));
