package web

import (
	"fmt"
	"net/http"
	"slices"

	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
)

// statusAnswer tells the script of a page whether it is worth loading again.
type statusAnswer struct {
	Apps map[string]string `json:"apps"` // app id -> mark; those asked for that the user may see
}

// status answers /status?app=ID&app=ID…
func (w *Web) status(rw http.ResponseWriter, r *http.Request) error {
	caller, err := w.caller(r)
	if err != nil {
		return err
	}
	wanted := r.URL.Query()["app"]
	if len(wanted) > maxApps {
		return diag.Errorf(diag.Invalid, "Ask for %d apps at most.", maxApps)
	}
	apps, err := w.o.Apps(r.Context(), caller)
	if err != nil {
		return err
	}
	answer, refusals := statusAnswer{map[string]string{}}, w.refusals()
	for i := range apps {
		id := apps[i].ID.String()
		if !slices.Contains(wanted, id) {
			continue
		}
		stats, err := w.o.Store.IndexStats(r.Context(), apps[i].Num)
		if err != nil {
			return err
		}
		answer.Apps[id] = mark(&stats, apps[i].Num, refusals)
	}
	return respond.JSON(rw, http.StatusOK, answer)
}

// mark is a text that is another one when an app has more of something.
func mark(s *store.IndexStats, app int64, refusals []Refusal) string {
	var logs, refused int64
	for _, n := range s.Logs {
		logs += n
	}
	for _, f := range refusals {
		if f.App == app || f.App == 0 {
			refused += f.Count
		}
	}
	return fmt.Sprintf("%d.%d.%d.%d", logs, s.Groups, s.Problems, refused)
}
