package contract

import "lifeboat/internal/diag"

// RetentionSettings says how long errors are kept. The first member has the only two values of the original;
// the others are ours and exact.
type RetentionSettings struct {
	RetentionInDays int `json:"retention_in_days"`
	ReportsInDays   int `json:"reports_in_days"`
	EventsInDays    int `json:"events_in_days"`
}

// NewRetentionSettings gives the nearest of the original's values that is not above the setting (Q38, X14).
func NewRetentionSettings(keep diag.Retention) RetentionSettings {
	s := RetentionSettings{RetentionInDays: 28, ReportsInDays: keep.ReportDays(), EventsInDays: keep.EventDays()}
	if s.ReportsInDays >= 90 {
		s.RetentionInDays = 90
	}
	return s
}
