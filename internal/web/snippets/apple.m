@import AppCenter;
@import AppCenterAnalytics;
@import AppCenterCrashes;

// application:didFinishLaunchingWithOptions:
[MSACAppCenter setLogUrl:@"{{url}}"];
[MSACAppCenter start:@"{{secret}}" withServices:@[ [MSACAnalytics class], [MSACCrashes class] ]];
