using Microsoft.AppCenter;
using Microsoft.AppCenter.Analytics;
using Microsoft.AppCenter.Crashes;

// App.OnStart; secrets of more systems follow behind ';'
AppCenter.SetLogUrl("{{url}}");
AppCenter.Start("{{os}}={{secret}}", typeof(Analytics), typeof(Crashes));
