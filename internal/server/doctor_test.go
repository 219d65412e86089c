package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/server"
)

// examined looks a patient over and returns what is to be mended, as CHECK: TEXT.
func examined(t *testing.T, p server.Patient) (ailments []string) {
	t.Helper()
	found, err := server.Examine(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Level == server.Ailment {
			ailments = append(ailments, f.Check+": "+f.Text)
		}
		if f.Level != server.Fine && f.Do == "" {
			t.Errorf("%s: %s: what is to be done?", f.Check, f.Text)
		}
	}
	return ailments
}

// ails wants one ailment whose text holds all parts.
func ails(t *testing.T, got []string, check string, parts ...string) {
	t.Helper()
	if !slices.ContainsFunc(got, func(s string) bool {
		return strings.HasPrefix(s, check+": ") && !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(s, part) })
	}) {
		t.Errorf("no %s of %q in %q", check, parts, got)
	}
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	w := start(t, overTLS)
	w.makeApp("shop")
	p := server.Patient{Data: w.data, Clock: w.clock}
	if got := examined(t, p); len(got) > 0 {
		t.Errorf("a sound server ails of %q", got)
	}
	w.ok(server.Healthy(t.Context(), p))

	w.ok(os.Chmod(filepath.Join(w.data, "key"), 0o644))
	ails(t, examined(t, p), "permissions", "key has mode 0644")
	w.ok(os.Chmod(filepath.Join(w.data, "key"), 0o600))

	w.post(crash(1, userID))
	w.clock.SetWall(w.clock.Now().Add(-time.Hour))
	ails(t, examined(t, p), "clock", "set back by 3")
	w.clock.SetWall(w.clock.Now().Add(time.Hour))

	p.Clock = diag.SystemClock{}
	w.clock.SetWall(time.Now().Add(time.Hour))
	ails(t, examined(t, p), "clock", "differ by 1h0m0s")
	w.clock.SetWall(time.Now())

	late := diag.NewStepClock() // the local CA and what it signed have ended by then
	late.SetWall(time.Now().Add(11 * 365 * 24 * time.Hour))
	p.Clock = late
	got := examined(t, p)
	ails(t, got, "certificate", "has ended")
	ails(t, got, "local CA", "ends on")
	p.Clock = w.clock

	w.ok(w.stop())
	ails(t, examined(t, p), "server", "does not accept traffic") // the folder is open still
	w.ok(w.s.Close())
	ails(t, examined(t, p), "server", "No server uses the data folder")
	if err := server.Healthy(t.Context(), p); diag.KindOf(err) != diag.NotFound {
		t.Errorf("healthy: %v", err)
	}
	w.ok(os.Remove(filepath.Join(w.data, "key")))
	write(t, filepath.Join(w.data, "tls", "ca.pem"), "damaged")
	write(t, filepath.Join(w.data, "VERSION"), "9\n")
	got = examined(t, p)
	ails(t, got, "local CA", "cannot be used")
	ails(t, got, "folder", "layout 9")
	if _, err := server.Examine(t.Context(), server.Patient{Data: filepath.Join(w.data, "none")}); diag.KindOf(err) != diag.Internal {
		t.Errorf("a folder that is not there: %v", err)
	}
	if _, err := server.Examine(t.Context(), server.Patient{URL: "crash.example.com"}); diag.KindOf(err) != diag.Invalid {
		t.Errorf("no URL: %v", err)
	}
}

// TestDoctorFailingExport: what an export says of its failures is passed on.
func TestDoctorFailingExport(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	w := start(t, func(c *server.Config) { c.ExportRoot = root })
	w.makeApp("shop")
	path := "/apps/" + w.app.Owner.Name + "/" + w.app.Name + "/export_configurations"
	var made struct{ ID string }
	w.call("POST", path, map[string]any{"type": "directory", "path": "archive", "exportEntities": []string{"crashes"}}, &made)
	w.ok(os.RemoveAll(filepath.Join(root, "archive")))
	write(t, filepath.Join(root, "archive"), "a file")
	w.post(crash(1, userID))
	w.clock.Step(2 * time.Minute)
	var got []string
	w.waitFor("the export fails", func() bool {
		w.clock.Step(time.Second)
		got = examined(t, server.Patient{Data: w.data, Clock: w.clock})
		return slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "export: ") })
	})
	ails(t, got, "export", made.ID, "/shop")
}

// TestDoctorPublicURL: what stands in front of a server is found out.
func TestDoctorPublicURL(t *testing.T) {
	t.Parallel()
	w := start(t)
	to, err := url.Parse(w.at.URL)
	w.ok(err)
	behind := func(path string) http.Handler { // a mux cleans paths, as some proxies do
		m := http.NewServeMux()
		m.Handle(path, httputil.NewSingleHostReverseProxy(to))
		return m
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	for name, c := range map[string]struct {
		url   string
		check string // "": nothing is to be mended
		want  string
	}{
		"itself":         {w.at.URL, "", ""},
		"a proxy":        {proxy(t, httputil.NewSingleHostReverseProxy(to)), "", ""},
		"nobody":         {closed.URL, "public URL", "does not answer"},
		"something else": {proxy(t, http.NotFoundHandler()), "public URL", "something else"},
		"a cleaning one": {proxy(t, behind("/")), "logs", "//logs is redirected"},
		"a lossy one":    {proxy(t, behind("/healthz")), "logs", "answered 404"},
	} {
		got := examined(t, server.Patient{URL: c.url, Clock: w.clock})
		if c.check == "" && len(got) > 0 {
			t.Errorf("%s: %q", name, got)
		} else if c.check != "" {
			ails(t, got, c.check, c.want)
		}
	}
	// From inside it is known which server it should be.
	other := start(t, func(s *server.Config) { s.PublicURL = w.at.URL })
	ails(t, examined(t, server.Patient{Data: other.data, Clock: other.clock}), "public URL", "another Lifeboat")
}

// proxy serves h.
func proxy(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}
