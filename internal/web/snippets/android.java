// build.gradle: implementation 'com.microsoft.appcenter:appcenter-crashes:5.0.6'
//               implementation 'com.microsoft.appcenter:appcenter-analytics:5.0.6'
// Application.onCreate
AppCenter.setLogUrl("{{url}}");
AppCenter.start(this, "{{secret}}", Analytics.class, Crashes.class);
