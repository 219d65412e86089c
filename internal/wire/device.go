package wire

import "lifeboat/internal/diag"

// device reads a device object.
func (d *decoder) device() diag.Device {
	var v diag.Device
	for name := range d.members() {
		switch name {
		case "osApiLevel":
			n, _ := d.integer()
			v.OSAPILevel = int(n)
		case "timeZoneOffset":
			n, ok := d.integer()
			v.TimeZoneOffset, v.HasTimeZoneOffset = int(n), ok
		case "jailbreak":
			v.Jailbreak, v.HasJailbreak = d.boolean()
		default:
			if text := deviceMember(&v, name); text != nil {
				*text = d.deviceText()
			} else {
				d.skip()
			}
		}
	}
	return v
}

// deviceMember is where the text of a member of the device object goes, nil if it is unknown.
func deviceMember(v *diag.Device, name string) *string {
	switch name {
	case "sdkName":
		return &v.SDKName
	case "sdkVersion":
		return &v.SDKVersion
	case "wrapperSdkName":
		return &v.WrapperSDKName
	case "wrapperSdkVersion":
		return &v.WrapperSDKVersion
	case "wrapperRuntimeVersion":
		return &v.WrapperRuntimeVersion
	case "liveUpdateReleaseLabel":
		return &v.LiveUpdateReleaseLabel
	case "liveUpdateDeploymentKey":
		return &v.LiveUpdateDeploymentKey
	case "liveUpdatePackageHash":
		return &v.LiveUpdatePackageHash
	case "model":
		return &v.Model
	case "oemName":
		return &v.OEMName
	case "osName":
		return &v.OSName
	case "osVersion":
		return &v.OSVersion
	case "osBuild":
		return &v.OSBuild
	case "locale":
		return &v.Locale
	case "screenSize":
		return &v.ScreenSize
	case "appVersion":
		return &v.AppVersion
	case "appBuild":
		return &v.AppBuild
	case "appNamespace":
		return &v.AppNamespace
	case "carrierName":
		return &v.CarrierName
	case "carrierCountry":
		return &v.CarrierCountry
	case "carrierCode":
		return &v.CarrierCode
	}
	return nil
}
