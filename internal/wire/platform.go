package wire

import (
	"strings"

	"lifeboat/internal/diag"
)

// wrapperPlatform is what an exception's wrapperSdkName claims, "" for none that is known.
func wrapperPlatform(wrapper string) diag.Platform {
	switch _, name, _ := strings.Cut(strings.ToLower(wrapper), "."); name {
	case "xamarin", "maui":
		return diag.PlatformXamarin
	case "react-native":
		return diag.PlatformReactNative
	case "ndk":
		return diag.PlatformNDK
	case "unity":
		return diag.PlatformUnity
	}
	return ""
}

// basePlatform is where the process ran. The name of the base SDK says so, never the system that the app is
// registered for: one secret can receive any log. Desktop .NET and custom clients are "other".
func basePlatform(r *diag.Report) diag.Platform {
	sdk := strings.ToLower(r.Device.SDKName)
	switch _, name, _ := strings.Cut(sdk, "."); {
	case r.Kind == diag.KindAppleError:
		return diag.PlatformIOS
	case name == "ios" || name == "macos" || name == "tvos" || name == "maccatalyst" || strings.HasPrefix(name, "apple"):
		return diag.PlatformIOS
	case name == "android":
		return diag.PlatformAndroid
	}
	return diag.PlatformOther
}

// exceptionPlatform decides an exception's platform from what it claims, or inherits if it claims nothing.
// Unity's SDK claims to be Xamarin, on purpose; only the device object tells.
func exceptionPlatform(e *diag.Exception, device *diag.Device, inherited diag.Platform) diag.Platform {
	wrapper := wrapperPlatform(device.WrapperSDKName)
	switch {
	case e.Type == "minidump":
		return diag.PlatformNDK
	case e.Platform == diag.PlatformXamarin && wrapper == diag.PlatformUnity:
		return diag.PlatformUnity
	case e.Platform != "":
		return e.Platform
	case wrapper == diag.PlatformReactNative && len(e.Frames) == 0 && e.Text != "" && inherited == diag.PlatformAndroid:
		return diag.PlatformReactNative // Java exceptions come as frames
	}
	return inherited
}

// language of the frames that a platform's SDK lists; "" where only the frame itself can tell.
func language(p diag.Platform, device *diag.Device) diag.Language {
	switch p {
	case diag.PlatformAndroid:
		return diag.LanguageJava
	case diag.PlatformXamarin, diag.PlatformUnity:
		return diag.LanguageCSharp
	case diag.PlatformReactNative:
		return diag.LanguageJavaScript
	case diag.PlatformOther:
		if windowsSDK(device.SDKName) {
			return diag.LanguageCSharp
		}
	}
	return ""
}

// windowsSDK reports whether the name is one of the .NET SDKs for Windows: appcenter.wpf.netcore and so on.
func windowsSDK(sdk string) bool {
	_, name, _ := strings.Cut(strings.ToLower(sdk), ".")
	name, _, _ = strings.Cut(name, ".")
	switch name {
	case "uwp", "wpf", "winforms", "winui":
		return true
	}
	return false
}
