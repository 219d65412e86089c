package server_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/server"
)

// setClock is the machine's clock, set back.
type setClock struct {
	diag.SystemClock
	back time.Duration
}

func (c setClock) Now() time.Time { return time.Now().Add(-c.back) }

// upgrades are the folders in testdata/upgrade, with what they hold. Each was written by an earlier state of the
// program: one report of every sample of the end-to-end tests, sent as one device.
var upgrades = []struct {
	name            string
	written         time.Time
	groups, reports int
	owner           string // of the app, an organisation
}{
	{"0.1.0", time.Date(2026, 11, 25, 6, 32, 0, 0, time.UTC), 14, 14, "acme"},
}

// TestUpgrade opens folders that earlier programs wrote: everything in them is still there.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	for _, u := range upgrades {
		data := filepath.Join(t.TempDir(), "data")
		unpack(t, filepath.Join("testdata", "upgrade", u.name+".tar.gz"), data)
		w := start(t, func(c *server.Config) {
			c.Data, c.Clock = data, setClock{back: time.Since(u.written) - time.Hour}
		})
		token, err := server.AdminToken(data)
		w.ok(err)
		var groups contract.ErrorGroups
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // the index may be made anew
			ask(t, w.at.URL+"/v0.1/apps/"+u.owner+"/shop/errors/errorGroups?$top=0", token, &groups)
			if len(groups.ErrorGroups) == u.groups || time.Now().After(deadline) {
				break
			}
		}
		var reports int64
		for _, g := range groups.ErrorGroups {
			reports += g.Count
			var one contract.StackTrace
			ask(t, w.at.URL+"/v0.1/apps/"+u.owner+"/shop/errors/errorGroups/"+g.ErrorGroupID+"/stacktrace", token, &one)
		}
		if len(groups.ErrorGroups) != u.groups || reports != int64(u.reports) {
			t.Errorf("%s: %d groups of %d reports, want %d of %d", u.name, len(groups.ErrorGroups), reports, u.groups, u.reports)
		}
		var org contract.Org
		ask(t, w.at.URL+"/v0.1/orgs/"+u.owner, token, &org)
		if org.Name != u.owner {
			t.Errorf("%s: the owner is %+v", u.name, org)
		}
		var apps []contract.App
		if ask(t, w.at.URL+"/v0.1/apps", token, &apps); len(apps) != 2 {
			t.Errorf("%s: %d apps", u.name, len(apps))
		}
		w.ok(w.stop())
	}
}

func ask(t *testing.T, url, token string, v any) {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Token", token)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode == http.StatusOK {
		err = json.Unmarshal(body, v)
	}
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v %.300s", url, answer.Status, err, body)
	}
}

func unpack(t *testing.T, from, to string) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(to, filepath.Clean(h.Name))
		if h.FileInfo().IsDir() {
			err = os.MkdirAll(path, 0o700)
		} else {
			var b []byte
			if b, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(path, b, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
