package contract

import "lifeboat/internal/diag"

// IngestionLimits says how many errors of an app are taken in a minute; 0 for all. It is ours.
type IngestionLimits struct {
	Crashes int `json:"crashes_per_minute"`
	Handled int `json:"handled_errors_per_minute"`
}

// IngestionLimitsChange changes those that are there.
type IngestionLimitsChange struct {
	Crashes *int `json:"crashes_per_minute,omitempty"`
	Handled *int `json:"handled_errors_per_minute,omitempty"`
}

// NewIngestionLimits shows an app's limits.
func NewIngestionLimits(a *diag.App) IngestionLimits {
	return IngestionLimits{a.CrashesPerMinute, a.HandledPerMinute}
}
