package contract

import "lifeboat/internal/diag"

// ErrorCounts is numbers of reports per day. Every day of the range is there.
type ErrorCounts struct {
	Count  int64      `json:"count"` // of all days
	Errors []DayCount `json:"errors"`
}

// DayCount is the number of one UTC day.
type DayCount struct {
	Datetime string `json:"datetime"`
	Count    int64  `json:"count"`
}

// ErrorFree is the share of devices without an error per day, in percent. Every day of the range is there.
type ErrorFree struct {
	AveragePercentage float64         `json:"averagePercentage"`
	DailyPercentages  []DayPercentage `json:"dailyPercentages"`
}

// DayPercentage is the share of one UTC day.
type DayPercentage struct {
	Datetime   string  `json:"datetime"`
	Percentage float64 `json:"percentage"`
}

// DayDevices is how many devices were there on a day, and how many had an error.
type DayDevices struct {
	Day            diag.DeviceTime // when it begins
	Active, Failed int64
}

// unknownPercentage stands for days on which more devices had an error than were there.
const unknownPercentage = -1

// NewErrorFree makes percentages of counts (Q24). A day without errors has 100. The average is that of the days
// on which devices were there, each with the same weight: 100 if there are none, -1 if none can be told.
func NewErrorFree(days []DayDevices) ErrorFree {
	e := ErrorFree{AveragePercentage: 100, DailyPercentages: make([]DayPercentage, len(days))}
	sum, told, unknown := 0.0, 0, 0
	for i, d := range days {
		p := d.percentage()
		e.DailyPercentages[i] = DayPercentage{diag.FormatTime(d.Day.Time()), p}
		switch {
		case p == unknownPercentage:
			unknown++
		case d.Active > 0:
			told++
			sum += p
		}
	}
	switch {
	case told > 0:
		e.AveragePercentage = sum / float64(told)
	case unknown > 0:
		e.AveragePercentage = unknownPercentage
	}
	return e
}

func (d *DayDevices) percentage() float64 {
	switch {
	case d.Failed <= 0:
		return 100
	case d.Failed > d.Active:
		return unknownPercentage
	}
	return 100 * float64(d.Active-d.Failed) / float64(d.Active)
}

// GroupModels is the reports of a group by model.
type GroupModels struct {
	ErrorCount int64        `json:"errorCount"` // of the whole group (Q25)
	Models     []ModelCount `json:"models"`
}

// ModelCount is the number of one model. Devices send one word for it: name and code are the same.
type ModelCount struct {
	ModelName  string `json:"modelName"`
	ModelCode  string `json:"modelCode"`
	ErrorCount int64  `json:"errorCount"`
}

// GroupSystems is the reports of a group by operating system.
type GroupSystems struct {
	ErrorCount       int64         `json:"errorCount"` // of the whole group (Q25)
	OperatingSystems []SystemCount `json:"operatingSystems"`
}

// SystemCount is the number of one system: its name and version.
type SystemCount struct {
	OperatingSystemName string `json:"operatingSystemName"`
	ErrorCount          int64  `json:"errorCount"`
}

// Versions is versions of an app.
type Versions struct {
	Versions   []string `json:"versions"`
	TotalCount int64    `json:"total_count"`
}

// Builds is builds of an app. Clients read the one or the other.
type Builds struct {
	AppBuilds []string `json:"appBuilds"`
	Recorded  []string `json:"app_builds"`
}

// Release is a version that reports were seen of, in the shape of a release.
type Release struct {
	Origin       string `json:"origin"`
	ID           int64  `json:"id"` // counts from 1 in the order in which they were first seen
	ShortVersion string `json:"short_version"`
	Version      string `json:"version"`     // the build
	UploadedAt   string `json:"uploaded_at"` // the day of the first report
	Enabled      bool   `json:"enabled"`
}

// ReleaseCounts is how often releases were downloaded: never, for none is handed out here.
type ReleaseCounts struct {
	Total  int64          `json:"total"`
	Counts []ReleaseCount `json:"counts"`
}

// ReleaseCount is that of one.
type ReleaseCount struct {
	ReleaseID         string `json:"release_id"`
	DistributionGroup string `json:"distribution_group,omitempty"`
	UniqueCount       int64  `json:"unique_count"`
	TotalCount        int64  `json:"total_count"`
}
