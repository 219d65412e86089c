package store

import "lifeboat/internal/diag"

// Page is a position in a list: behind which row the next page begins. The zero Page is the beginning; a
// method that returns the zero Page has no more rows. Token and ParsePage make it a text and back.
type Page struct {
	Through uint64          // lists of groups count no report with a higher feed number, so that rows keep their places
	Values  []SortValue     // sort values of the last row, for groups
	Group   diag.GroupID    // the last row, for groups
	Time    diag.DeviceTime // sort value of the last row, for reports
	ID      diag.ID         // the last row, for reports
}

// SortValue is the value of one sort column: a number or a text.
type SortValue struct {
	Int  int64
	Text string
}

// IsZero reports whether p is the beginning, or as a result: whether there is no more.
func (p Page) IsZero() bool { return p.Group == 0 && p.ID.IsZero() && p.Through == 0 }
