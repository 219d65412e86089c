package contract

import (
	"strings"

	"lifeboat/internal/diag"
)

// Report is one crash or handled error in a list.
type Report struct {
	ErrorID        string `json:"errorId"`
	Timestamp      string `json:"timestamp"`
	DeviceName     string `json:"deviceName,omitempty"` // the model's code as the device sent it
	OSVersion      string `json:"osVersion,omitempty"`
	OSType         string `json:"osType,omitempty"`
	Country        string `json:"country,omitempty"`
	Language       string `json:"language,omitempty"`
	UserID         string `json:"userId,omitempty"`
	HasBreadcrumbs bool   `json:"hasBreadcrumbs"`
	HasAttachments bool   `json:"hasAttachments"`
	InstallID      string `json:"installId,omitempty"` // ours: finds all of one person's reports
}

// Reports is one page of a group's reports.
type Reports struct {
	NextLink string   `json:"nextLink,omitempty"`
	Errors   []Report `json:"errors"`
}

// ReportDetails is one crash or handled error.
type ReportDetails struct {
	Report
	Name               string        `json:"name,omitempty"`
	ReasonFrames       []ReasonFrame `json:"reasonFrames,omitempty"`
	AppLaunchTimestamp string        `json:"appLaunchTimestamp,omitempty"`
	CarrierName        string        `json:"carrierName,omitempty"`
	Jailbreak          bool          `json:"jailbreak"`
	Properties         Properties    `json:"properties,omitempty"`
}

// NewReport makes the list item of r.
func NewReport(r *diag.Report, hasBreadcrumbs, hasAttachments bool) Report {
	return Report{
		ErrorID: diag.ReportID(r.Timestamp, r.ID), Timestamp: diag.FormatTime(r.Timestamp.Time()),
		DeviceName: r.Device.Model, OSVersion: r.Device.OSVersion, OSType: r.Device.OSName,
		Country: CountryOf(&r.Device), Language: LanguageOf(r.Device.Locale), UserID: r.UserID,
		HasBreadcrumbs: hasBreadcrumbs, HasAttachments: hasAttachments, InstallID: string(r.Install),
	}
}

// NewReportDetails makes the full form of r; v may be nil.
func NewReportDetails(r *diag.Report, v *diag.Verdict, hasBreadcrumbs, hasAttachments bool) ReportDetails {
	d := ReportDetails{
		Report: NewReport(r, hasBreadcrumbs, hasAttachments), Name: NameOf(r), ReasonFrames: reasonFrames(v), CarrierName: r.Device.CarrierName,
		Jailbreak: r.Device.Jailbreak, Properties: Properties(r.Properties),
	}
	if r.AppLaunch != 0 {
		d.AppLaunchTimestamp = diag.FormatTime(r.AppLaunch.Time())
	}
	return d
}

// NameOf is what a report is called: the type of its outermost exception, else the signal.
func NameOf(r *diag.Report) string {
	if e := r.Stack.Exception; e != nil && e.Type != "" {
		return e.Type
	}
	return r.OSExceptionType
}

// CountryOf is the carrier's country in lower case: no other country is known of a device.
func CountryOf(d *diag.Device) string { return strings.ToLower(d.CarrierCountry) }

// LanguageOf is the language of a locale: "de" of "de_DE", "zh" of "zh-Hant_CN".
func LanguageOf(locale string) string {
	if i := strings.IndexAny(locale, "_-@.#"); i >= 0 {
		locale = locale[:i]
	}
	return strings.ToLower(locale)
}
