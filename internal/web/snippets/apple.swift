import AppCenter
import AppCenterAnalytics
import AppCenterCrashes

// application(_:didFinishLaunchingWithOptions:)
AppCenter.logUrl = "{{url}}"
AppCenter.start(withAppSecret: "{{secret}}", services: [Analytics.self, Crashes.self])
