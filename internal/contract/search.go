package contract

// GroupHits is one page of the search for groups.
type GroupHits struct {
	HasMoreResults bool         `json:"hasMoreResults"`
	ErrorGroups    []ErrorGroup `json:"errorGroups"`
}

// ReportHits is one page of the search for reports.
type ReportHits struct {
	HasMoreResults bool        `json:"hasMoreResults"`
	Errors         []ReportHit `json:"errors"`
}

// ReportHit is one report that the search found.
type ReportHit struct {
	Report
	ErrorGroupID string `json:"errorGroupId"`
}
