package e2e

import (
	"context"
	"io"
	"net/http"

	"lifeboat/internal/diag"
	"lifeboat/internal/server"
)

// deleteSome deletes reports over the API until the server is gone. The newest of each group goes, while others
// come.
func deleteSome(ctx context.Context, p *Process, l *ledger) error {
	api, err := p.Client()
	if err != nil {
		return err
	}
	token, err := server.AdminToken(p.Data)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		var groups struct {
			ErrorGroups []struct {
				ID string `json:"errorGroupId"`
			} `json:"errorGroups"`
		}
		if api.Call(ctx, "GET", "/apps/"+p.App+"/errors/errorGroups", nil, &groups) != nil {
			return nil // killed
		}
		for _, g := range groups.ErrorGroups {
			path := "/apps/" + p.App + "/errors/errorGroups/" + g.ID + "/errors"
			var reports struct {
				Errors []struct {
					ID string `json:"errorId"`
				} `json:"errors"`
			}
			if api.Call(ctx, "GET", path+"?$top=1", nil, &reports) != nil {
				return nil
			}
			for _, r := range reports.Errors {
				id, _ := diag.ParseReportID(r.ID)
				l.doom(id)
				if deleteReport(ctx, p.URL+"/v0.1"+path+"/"+r.ID, token) {
					l.bury(id)
				}
			}
		}
	}
	return nil
}

// deleteReport reports whether the server has said that it did.
func deleteReport(ctx context.Context, url, token string) bool {
	r, err := http.NewRequestWithContext(ctx, "DELETE", url, nil)
	if err != nil {
		return false
	}
	r.Header.Set("X-API-Token", token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err == nil && answer.StatusCode == http.StatusOK
}

func (l *ledger) doom(id diag.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doomed[id] = true
}

func (l *ledger) bury(id diag.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deleted[id] = true
}

// excused: a log may be missing, for its deletion was asked for.
func (l *ledger) excused(k key) bool {
	switch k.family {
	case diag.FamilyError:
		return l.doomed[k.id]
	case diag.FamilyAttachment:
		return l.doomed[l.of[k.id]]
	}
	return false
}
