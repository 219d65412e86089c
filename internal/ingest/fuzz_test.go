package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/ingest"
	"lifeboat/internal/journal"
	"lifeboat/internal/journal/journaltest"
)

// tally counts frames and keeps none.
type tally struct{ logs int }

func (j *tally) Append(_ context.Context, frames []journal.Frame) (journal.Receipt, error) {
	for _, f := range frames {
		e, err := diag.ParseEnvelope(f.Payload)
		if err != nil || len(e.Logs) == 0 {
			return journal.Receipt{}, diag.Errorf(diag.Invalid, "This is no envelope of logs.")
		}
		j.logs += len(e.Logs)
	}
	return journal.Receipt{}, nil
}

// oneApp is a store with the same app behind every secret.
type oneApp struct{ ingest.Store }

func (oneApp) AppBySecret(_ context.Context, secret diag.ID) (diag.App, error) {
	return diag.App{Num: 1, Secret: secret}, nil
}

func (oneApp) BlockedInstalls(context.Context, int64) ([][16]byte, error) { return nil, nil }

// FuzzRequest sends any body with any headers: one of the documented answers, whole envelopes, nothing held.
func FuzzRequest(f *testing.F) {
	files, err := filepath.Glob("testdata/samples/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body, "", install, false)
		f.Add(gzipped(body), "gzip", "", true)
	}
	f.Add(zlibbed(container(event(today))), "deflate", "\xff", false)
	f.Add([]byte("\xef\xbb\xbf{\"logs\":[1,{\"type\":\"page\"}]}"), "br", " ", true)
	f.Fuzz(func(t *testing.T, body []byte, encoding, install string, strict bool) {
		j := new(tally)
		h := ingest.New(ingest.Options{
			Journal: j, Store: oneApp{}, Clock: clock{Clock: journaltest.NewClock(today)},
			Strict: strict, MaxBody: 1 << 20, MemoryBudget: 64 << 20,
		})
		r := httptest.NewRequest(http.MethodPost, "/logs", bytes.NewReader(body))
		r.Header.Set("App-Secret", secret)
		r.Header.Set("Install-Id", install)
		r.Header.Set("Content-Encoding", encoding)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if !json.Valid(w.Body.Bytes()) || w.Code != 200 && w.Code != 400 && w.Code != 413 {
			t.Errorf("answer %d %s", w.Code, w.Body)
		}
		s, kept := h.Stats(), 0
		for _, n := range s.Logs {
			kept += int(n)
		}
		if s.MemoryInUse != 0 || kept != j.logs || w.Code != 200 && kept != 0 {
			t.Errorf("answer %d, %d bytes held, %d logs counted, %d stored", w.Code, s.MemoryInUse, kept, j.logs)
		}
	})
}
