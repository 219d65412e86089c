package server_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/server"
)

// kept backs a running server's folder up, with the key.
func (w *world) kept() string {
	w.t.Helper()
	b, err := server.Backup(w.t.Context(), server.BackupOptions{Data: w.data, Out: w.t.TempDir(), WithKey: true})
	w.ok(err)
	return b.File
}

// reports lists what the only group of the app holds.
func (w *world) reports() (all []contract.Report) {
	w.t.Helper()
	var groups contract.ErrorGroups
	path := "/apps/" + w.app.Owner.Name + "/" + w.app.Name + "/errors/errorGroups"
	w.call("GET", path, nil, &groups)
	for _, g := range groups.ErrorGroups {
		var page contract.Reports
		w.call("GET", path+"/"+g.ErrorGroupID+"/errors", nil, &page)
		all = append(all, page.Errors...)
	}
	return all
}

// TestRestoreAppliesRetention: what is past its time when a backup is restored is gone before anybody can ask, also
// when the restore was interrupted and the server has to finish it.
func TestRestoreAppliesRetention(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.makeApp("shop")
	w.post(crash(1, userID))
	w.waitFor("indexed", func() bool { return len(w.reports()) == 1 })
	file := w.kept()

	for name, c := range map[string]struct {
		after       time.Duration
		interrupted bool
		want        int
	}{
		"at once": {0, false, 1}, "at once, interrupted": {0, true, 1}, "late": {400 * 24 * time.Hour, false, 0},
		"late, interrupted": {400 * 24 * time.Hour, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := diag.NewStepClock()
			o := server.RestoreOptions{In: file, Data: filepath.Join(t.TempDir(), "new"), Config: server.Config{Clock: clock}}
			if !c.interrupted {
				clock.SetWall(clock.Now().Add(c.after))
			}
			r, err := server.Restore(t.Context(), o)
			if err != nil || r.Manifest.Frames != 1 || r.Index.Stats.Reports != 1 {
				t.Fatalf("%+v, %v", r, err)
			}
			marker := filepath.Join(o.Data, "restored")
			if c.interrupted { // as it was before the index was made
				clock.SetWall(clock.Now().Add(c.after))
				write(t, marker, "")
				os.Remove(filepath.Join(o.Data, "index.db"))
			}
			again := start(t, func(s *server.Config) { s.Data, s.Clock = o.Data, clock })
			again.app = w.app
			if got := len(again.reports()); got != c.want {
				t.Errorf("%d reports when traffic is accepted, want %d", got, c.want)
			}
			if _, err := os.Stat(marker); err == nil {
				t.Error("the folder is still marked")
			}
		})
	}
}

// TestControl: the private listener gives a backup to nobody who cannot read the folder.
func TestControl(t *testing.T) {
	t.Parallel()
	w := start(t)
	path := filepath.Join(w.data, "control")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("control is %v, %v", info, err)
	}
	for _, secret := range []string{"", "Bearer ", "Bearer wrong", "Basic x"} {
		req, err := http.NewRequest("POST", w.at.Admin+"/backup", nil)
		w.ok(err)
		req.Header.Set("Authorization", secret)
		if a := w.do(req); a.status != http.StatusUnauthorized || strings.Contains(a.body, "register") {
			t.Errorf("%q is answered %d", secret, a.status)
		}
		if a := w.get(w.at.URL + "/backup"); a.status != http.StatusNotFound {
			t.Errorf("the public listener answers %d", a.status)
		}
	}
	w.ok(w.stop())
	if _, err := os.Stat(path); err == nil {
		t.Error("it is there after the end")
	}
	_, err := server.Backup(t.Context(), server.BackupOptions{Data: w.data, Out: t.TempDir()})
	refuses(t, err, diag.Busy, "does not accept traffic") // the folder is open still
}

// TestBackupKeyElsewhere: a key that is kept apart is not in the folder, and goes into no backup of it.
func TestBackupKeyElsewhere(t *testing.T) {
	t.Parallel()
	c := newConfig(t)
	c.KeyFile = filepath.Join(t.TempDir(), "key")
	write(t, c.KeyFile, strings.Repeat("ab", 32))
	w := start(t, func(s *server.Config) { s.Data, s.KeyFile = c.Data, c.KeyFile })
	_, err := server.Backup(t.Context(), server.BackupOptions{Data: w.data, Out: t.TempDir(), WithKey: true})
	refuses(t, err, diag.Invalid, "kept outside of it", "leave --with-key out")
	b, err := server.Backup(t.Context(), server.BackupOptions{Data: w.data, Out: t.TempDir()})
	w.ok(err)
	_, err = server.Restore(t.Context(), server.RestoreOptions{In: b.File, Data: filepath.Join(t.TempDir(), "new"), KeyFile: c.KeyFile})
	w.ok(err)
}
