package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
)

// answeredCrashes are the ids of crashes that were answered 200.
type answeredCrashes struct {
	mu  sync.Mutex
	ids []diag.ID
}

func (a *answeredCrashes) list() []diag.ID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.ids)
}

// crashes sends one crash after another until ctx ends.
func (s *testServer) crashes(ctx context.Context, a *answeredCrashes) {
	for ctx.Err() == nil {
		id, body := ordinaryCrash()
		req, err := http.NewRequestWithContext(ctx, "POST", s.URL+"/logs?api-version=1.0.0", bytes.NewReader(body))
		if err != nil {
			return
		}
		req.Header.Set("App-Secret", s.Secret)
		req.Header.Set("Install-ID", scriptInstall)
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			return
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if answer.StatusCode == 200 {
			a.mu.Lock()
			a.ids = append(a.ids, id)
			a.mu.Unlock()
		}
	}
}

// run runs a command and returns its exit code and what it said.
func runProgram(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	err := cmd.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return exit.ExitCode(), out.String(), words.String()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, out.String(), words.String()
}

// TestBackup takes backups of a server under load and kills it in the middle of one. What was answered before a backup
// was begun is in it, once; a restored folder gives the same answers after a reindex.
func TestBackup(t *testing.T) {
	t.Parallel()
	s := start(t)
	var sent answeredCrashes
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var load sync.WaitGroup
	for range 3 {
		load.Go(func() { s.crashes(ctx, &sent) })
	}
	await(t, indexTime, "load", func() bool { return len(sent.list()) > 50 })

	folder := t.TempDir()
	var before []diag.ID
	var good string
	for i := range 3 {
		good = filepath.Join(folder, string(rune('a'+i))+".tar.zst")
		before = sent.list()
		if code, _, words := runProgram(t, "backup", "--data", s.Data, "--out", good, "--with-key"); code != 0 {
			t.Fatalf("exit %d: %s", code, words)
		}
	}

	// Killed while one is being taken: either it was finished before, or there is no file.
	late := filepath.Join(folder, "late.tar.zst")
	var taking sync.WaitGroup
	taking.Go(func() {
		code, _, words := runProgram(t, "backup", "--data", s.Data, "--out", late)
		if _, err := os.Stat(late); (err == nil) != (code == 0) {
			t.Errorf("exit %d with %v: %s", code, err, words)
		}
	})
	time.Sleep(20 * time.Millisecond) // somewhere in it, or before: both are to end well
	s.Kill()
	taking.Wait()
	stop()
	load.Wait()
	left, err := filepath.Glob(filepath.Join(folder, "*.new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}

	// The folder that was killed is as good as ever, and is backed up without a server, too.
	if code, _, words := runProgram(t, "backup", "--data", s.Data, "--out", filepath.Join(folder, "offline.tar.zst")); code != 0 {
		t.Fatalf("exit %d: %s", code, words)
	}
	all := sent.list()
	s = startOn(t, s.Data)
	if left, err := filepath.Glob(filepath.Join(s.Data, "*.backup-*")); err != nil || len(left) > 0 {
		t.Errorf("the crash leaves %v, %v", left, err)
	}
	s.indexed(t)
	s.holds(t, all)
	s.stop(t)

	s = restored(t, good)
	s.holds(t, before)
	answers := s.everything(t)
	s.stop(t)
	if code, _, words := runProgram(t, "reindex", "--data", s.Data); code != 0 {
		t.Fatalf("exit %d: %s", code, words)
	}
	s = startOn(t, s.Data)
	if d := cmp.Diff(answers, s.everything(t)); d != "" {
		t.Errorf("other answers after a reindex (-before +after):\n%s", d)
	}
	s.stop(t)

	s = restored(t, filepath.Join(folder, "offline.tar.zst"), "--key-file", filepath.Join(s.Data, "key"))
	s.holds(t, all)
}

// restored makes a folder of a backup, looks whether the numbers told are true, and starts a server on it.
func restored(t *testing.T, file string, flags ...string) *testServer {
	t.Helper()
	data := filepath.Join(t.TempDir(), "restored")
	code, out, words := runProgram(t, append([]string{"restore", "--in", file, "--data", data, "--json"}, flags...)...)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, words)
	}
	var told struct{ Frames, Reports, Problems int }
	if err := json.Unmarshal([]byte(out), &told); err != nil || told.Problems != 0 || told.Reports == 0 {
		t.Fatalf("told %s, %v", out, err)
	}
	s := startOn(t, data)
	s.indexed(t)
	m, err := s.Metrics()
	if err != nil || m["lifeboat_journal_damaged_total"] != 0 || m["lifeboat_journal_torn_bytes_total"] != 0 {
		t.Errorf("damaged %v, torn %v, %v", m["lifeboat_journal_damaged_total"], m["lifeboat_journal_torn_bytes_total"], err)
	}
	if found := s.reports(t); len(found) != told.Reports {
		t.Errorf("%d reports, told were %d", len(found), told.Reports)
	}
	return s
}

// reports counts how often each report is there, over all pages.
func (s *testServer) reports(t *testing.T) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, g := range read[contract.ErrorGroups](t, s, "/errors/errorGroups?$top=0").ErrorGroups {
		for link := "/v0.1/apps/" + s.App + "/errors/errorGroups/" + g.ErrorGroupID + "/errors"; link != ""; {
			var page contract.Reports
			unmarshal(t, s.mustGet(t, link), &page)
			for _, r := range page.Errors {
				_, guid, _ := strings.Cut(r.ErrorID, "-")
				found[guid]++
			}
			link = strings.TrimPrefix(page.NextLink, "/api")
		}
	}
	return found
}

// holds looks whether crashes are there, once each.
func (s *testServer) holds(t *testing.T, ids []diag.ID) {
	t.Helper()
	found := s.reports(t)
	missing := 0
	for _, id := range ids {
		if found[id.String()] != 1 {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d crashes are missing, %d are there", missing, len(ids), len(found))
	}
}

// TestBackupDiskFull: a disk that fills up leaves no file, or no folder, and is named.
func TestBackupDiskFull(t *testing.T) {
	t.Parallel()
	s := start(t)
	for range 3 {
		_, body := ordinaryCrash()
		s.post(t, sdkOf("android"), body)
	}
	s.indexed(t)
	whole := filepath.Join(t.TempDir(), "whole.tar.zst")
	if code, _, words := runProgram(t, "backup", "--data", s.Data, "--out", whole, "--with-key"); code != 0 {
		t.Fatalf("exit %d: %s", code, words)
	}
	limited := func(blocks string, args ...string) (int, string) {
		cmd := exec.Command("sh", append([]string{"-c", `ulimit -f ` + blocks + ` && exec "$0" "$@"`, program}, args...)...)
		out, err := cmd.CombinedOutput()
		exit := new(exec.ExitError)
		if errors.As(err, &exit) {
			return exit.ExitCode(), string(out)
		}
		return 0, string(out)
	}
	folder := t.TempDir()
	if code, words := limited("2", "backup", "--data", s.Data, "--out", folder+"/x"); code != 3 || !strings.Contains(words, "is full") {
		t.Errorf("exit %d: %s", code, words)
	}
	if code, words := limited("20", "restore", "--in", whole, "--data", folder+"/new"); code != 3 || !strings.Contains(words, "is full") {
		t.Errorf("exit %d: %s", code, words)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}
