package api

import (
	"net/http"

	"lifeboat/internal/diag"
)

// bugTracker is what an app's groups are tracked in: nothing, here.
type bugTracker struct {
	State string `json:"state"`
}

func getBugTracker(q *request) error { return q.json(http.StatusOK, bugTracker{State: "disabled"}) }

func getBugTrackerIssue(*request) error {
	return diag.Errorf(diag.NotFound, "No issue is linked to this group.")
}
