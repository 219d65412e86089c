package wire

import (
	"lifeboat/internal/diag"
)

// DecodeReport decodes an error log in full. It never fails: what cannot be read is left out and said in
// Report.Problem, and the raw log stays what it was.
func DecodeReport(l diag.Log, install diag.InstallID) diag.Report {
	r := diag.Report{ID: l.ID, Kind: l.Kind, Handled: l.Kind == diag.KindHandledError, Timestamp: l.Timestamp, Install: install, Session: l.Session}
	d := newDecoder(l.Raw)
	for name := range d.members() {
		switch name {
		case "device":
			r.Device = d.device()
		case "userId":
			r.UserID = cut(d.text(), maxUserID)
		default:
			d.skip()
		}
	}
	return r
}
