package api

import (
	"net/http"

	"lifeboat/internal/contract"
	"lifeboat/internal/respond"
)

func getLimits(q *request) error {
	return q.json(http.StatusOK, contract.NewIngestionLimits(&q.app))
}

// putLimits changes how many errors of the app are taken in a minute (S10). What is absent stays.
func putLimits(q *request) error {
	var body contract.IngestionLimitsChange
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	if body.Crashes != nil {
		q.app.CrashesPerMinute = *body.Crashes
	}
	if body.Handled != nil {
		q.app.HandledPerMinute = *body.Handled
	}
	if err := q.o.Store.SetLimits(q.ctx(), q.app.Num, q.app.CrashesPerMinute, q.app.HandledPerMinute); err != nil {
		return err
	}
	q.o.AppsChanged()
	return q.json(http.StatusOK, contract.NewIngestionLimits(&q.app))
}
