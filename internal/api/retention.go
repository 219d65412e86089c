package api

import (
	"net/http"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
)

func getRetention(q *request) error {
	return q.json(http.StatusOK, contract.NewRetentionSettings(q.app.Keep))
}

// putRetention takes 28 or 90 days as the original did, or any span in the members that are ours (Q38, X14).
func putRetention(q *request) error {
	var body struct {
		Days    *int `json:"retention_in_days"`
		Reports *int `json:"reports_in_days"`
		Events  *int `json:"events_in_days"`
	}
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	keep := q.app.Keep
	switch {
	case body.Days == nil && body.Reports == nil && body.Events == nil:
		return diag.Errorf(diag.Invalid, "retention_in_days is missing: 28 or 90.")
	case body.Days != nil && *body.Days != 28 && *body.Days != 90:
		return diag.Errorf(diag.Invalid, "retention_in_days is 28 or 90. Other spans go into reports_in_days and events_in_days.")
	case body.Days != nil:
		keep.Reports = *body.Days
	}
	if body.Reports != nil {
		keep.Reports = *body.Reports
	}
	if body.Events != nil {
		keep.Events = *body.Events
	}
	if err := q.o.Store.SetRetention(q.ctx(), q.app.Num, keep); err != nil {
		return err
	}
	q.o.AppsChanged()
	return q.json(http.StatusOK, contract.NewRetentionSettings(keep))
}
