package diag

import "time"

// Retention is how long an app's logs are kept, in days. 0 stands for the default.
type Retention struct {
	Reports int // crashes, handled errors and their attachments
	Events  int // all other logs
}

// The bounds of a Retention. The journal itself must hold every id that a device may still send again: logs
// are accepted for 25 days and 3 days ahead.
const (
	LeastRetention    = 28
	MostRetention     = 3650
	DefaultReportDays = 365
	DefaultEventDays  = 90
)

// Check says what is wrong with a setting.
func (r Retention) Check() error {
	for _, days := range [...]int{r.Reports, r.Events} {
		if days != 0 && (days < LeastRetention || days > MostRetention) {
			return Errorf(Invalid, "Logs are kept for %d to %d days.", LeastRetention, MostRetention)
		}
	}
	return nil
}

// ReportDays is how many days reports and attachments are kept.
func (r Retention) ReportDays() int {
	if r.Reports == 0 {
		return DefaultReportDays
	}
	return r.Reports
}

// EventDays is how many days all other logs are kept.
func (r Retention) EventDays() int {
	if r.Events == 0 {
		return DefaultEventDays
	}
	return r.Events
}

// Days is a span of so many days.
func Days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
