package contract

import (
	"strconv"
	"strings"
	"time"
)

// ActiveVersions are the versions that devices used.
type ActiveVersions struct {
	Versions []VersionShare `json:"versions"`
	Total    int64          `json:"total"` // devices, each counted once
}

// VersionShare is how many devices had a version, and how many in the span of the same length before.
type VersionShare struct {
	Version       string `json:"version"`
	Count         int64  `json:"count"`
	PreviousCount int64  `json:"previous_count"`
}

// Models are the models of devices.
type Models struct {
	Total  int64        `json:"total"`
	Models []ModelShare `json:"models"`
}

// ModelShare is how many devices are of a model.
type ModelShare struct {
	ModelName     string `json:"model_name"`
	Count         int64  `json:"count"`
	PreviousCount int64  `json:"previous_count"`
}

// Places are the countries of devices.
type Places struct {
	Total  int64        `json:"total"`
	Places []PlaceShare `json:"places"`
}

// PlaceShare is how many devices are in a country.
type PlaceShare struct {
	Code          string `json:"code"`
	Count         int64  `json:"count"`
	PreviousCount int64  `json:"previous_count"`
}

// Languages are the languages of devices.
type Languages struct {
	Total     int64           `json:"total"`
	Languages []LanguageShare `json:"languages"`
}

// LanguageShare is how many devices are set to a language.
type LanguageShare struct {
	LanguageName  string `json:"language_name"`
	Count         int64  `json:"count"`
	PreviousCount int64  `json:"previous_count"`
}

// Systems are the operating systems of devices.
type Systems struct {
	Total int64         `json:"total"`
	OSes  []SystemShare `json:"oses"`
}

// SystemShare is how many devices run a system.
type SystemShare struct {
	OSName        string `json:"os_name"`
	Count         int64  `json:"count"`
	PreviousCount int64  `json:"previous_count"`
}

// ActiveDevices are the devices of each day, of the week and of the month that end with it. The lists are of
// the same length: clients read them side by side.
type ActiveDevices struct {
	Daily   []DayCount `json:"daily"`
	Weekly  []DayCount `json:"weekly"`
	Monthly []DayCount `json:"monthly"`
}

// SessionDurations says how long sessions lasted. Both averages are always there: clients parse them.
type SessionDurations struct {
	Distribution            []DurationBucket `json:"distribution"`
	PreviousAverageDuration string           `json:"previous_average_duration"`
	AverageDuration         string           `json:"average_duration"`
}

// DurationBucket is how many sessions lasted so long.
type DurationBucket struct {
	Bucket string `json:"bucket"`
	Count  int64  `json:"count"`
}

// SessionsPerDevice is how many sessions a device had on average.
type SessionsPerDevice struct {
	Average         float64   `json:"average_sessions_per_user"`
	PreviousAverage float64   `json:"previous_average_sessions_per_user"`
	Total           int64     `json:"total_count"`
	PreviousTotal   int64     `json:"previous_total_count"`
	Intervals       []DayRate `json:"sessions_per_user"`
}

// DayRate is a number of a day that need not be whole.
type DayRate struct {
	Datetime string  `json:"datetime"`
	Count    float64 `json:"count"`
}

// Events are the events that devices sent.
type Events struct {
	Events       []Event `json:"events"`
	Total        int64   `json:"total"`         // events on all pages
	TotalDevices int64   `json:"total_devices"` // that used the app
}

// Event is how an event was used.
type Event struct {
	ID                  string  `json:"id"`
	Name                string  `json:"name"`
	DeviceCount         int64   `json:"device_count"`
	PreviousDeviceCount int64   `json:"previous_device_count"`
	Count               int64   `json:"count"`
	PreviousCount       int64   `json:"previous_count"`
	CountPerDevice      float64 `json:"count_per_device"`
	CountPerSession     float64 `json:"count_per_session"`
}

// EventProperties are the names of an event's properties.
type EventProperties struct {
	EventProperties []string `json:"event_properties"`
}

// PropertyCounts are the values of a property.
type PropertyCounts struct {
	Total  int64           `json:"total"` // logs that had it, of all values
	Values []PropertyCount `json:"values"`
}

// PropertyCount is how often a value was sent.
type PropertyCount struct {
	Name          string `json:"name"`
	Count         int64  `json:"count"`
	PreviousCount int64  `json:"previous_count"`
}

// EventCount is how often an event was sent.
type EventCount struct {
	Total         int64      `json:"total_count"`
	PreviousTotal int64      `json:"previous_total_count"`
	Days          []DayCount `json:"count"`
}

// EventDevices is how many devices sent an event.
type EventDevices struct {
	Total             int64      `json:"total_devices"` // that used the app
	WithEvent         int64      `json:"total_devices_with_event"`
	PreviousWithEvent int64      `json:"previous_total_devices_with_event"`
	Days              []DayCount `json:"devices_count"`
}

// EventPerSession is how often an event was sent in a session that had it.
type EventPerSession struct {
	Average         float64   `json:"avg_count_per_session"`
	PreviousAverage float64   `json:"previous_avg_count_per_session"`
	Days            []DayRate `json:"count_per_session"`
}

// EventPerDevice is how often an event was sent by a device that sent it.
type EventPerDevice struct {
	Average         float64   `json:"avg_count_per_device"`
	PreviousAverage float64   `json:"previous_avg_count_per_device"`
	Days            []DayRate `json:"count_per_device"`
}

// Audiences is the list of audiences, which are for push messages: there are none.
type Audiences struct {
	Values []string `json:"values"`
}

// AudienceProperties are what audiences can be defined by, with their types: nothing.
type AudienceProperties struct {
	Values map[string]string `json:"values"`
}

// Duration writes a duration as ISO 8601 has it, to the millisecond.
func Duration(d time.Duration) string {
	d = max(d, 0).Round(time.Millisecond)
	var b strings.Builder
	b.WriteString("PT")
	for _, part := range [...]struct {
		unit time.Duration
		sign byte
	}{{time.Hour, 'H'}, {time.Minute, 'M'}} {
		if n := d / part.unit; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10))
			b.WriteByte(part.sign)
			d -= n * part.unit
		}
	}
	if d > 0 || b.Len() == len("PT") {
		b.WriteString(strconv.FormatFloat(d.Seconds(), 'f', -1, 64))
		b.WriteByte('S')
	}
	return b.String()
}
