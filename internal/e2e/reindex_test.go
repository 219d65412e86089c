package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/e2e"
	"lifeboat/internal/server"
	"lifeboat/internal/store"
)

// TestReindex compares every answer of the API before and after: with joins in both orders, copies in other
// batches and letter case, and two groups whose ids collide.
func TestReindex(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, crash := ordinaryCrash()
	s.post(t, sdkOf("android"), crash)
	s.indexed(t)
	s.stop(t)
	signature, app := onlyGroup(t, s.Data)

	s = startOn(t, s.Data)
	one, two := collision(t, app, signature)
	samples := loadSamples(t)
	for _, name := range samples.names() { // attachments before crashes
		s.post(t, sdkOf(name), samples.bodies[name])
	}
	for _, version := range []string{one, two} {
		_, crash := ordinaryCrash()
		s.post(t, sdkOf("android"), bytes.ReplaceAll(crash, []byte(`"appVersion":"1.0"`), fmt.Appendf(nil, `"appVersion":%q`, version)))
		s.indexed(t)
	}
	for _, name := range samples.names() {
		s.post(t, sdkOf(name), inUpperCase(samples.bodies[name]))
	}
	s.post(t, sdkOf("android"), rebatched(t, samples, "android-"))
	s.indexed(t)

	before := s.everything(t)
	first, second := groupOf(t, s, one), groupOf(t, s, two)
	if want := groupHash(app, signature, two); first == second || first != fmt.Sprintf("%du", want) {
		t.Errorf("groups %s and %s should have had the id %du: no collision was tested", first, second, want)
	}
	if n := len(findReports(t, s)); n != sampleErrors+3 {
		t.Errorf("%d reports, want %d samples and 3 more", n, sampleErrors)
	}
	s.stop(t)
	out, err := exec.Command(program, "reindex", "--data", s.Data, "--json").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var made struct{ Events, Reports, Attachments int }
	if unmarshal(t, out, &made); made.Events != 11 || made.Reports != sampleErrors+3 || made.Attachments != 4 {
		t.Errorf("the reindex made %s", out)
	}
	s = startOn(t, s.Data)
	if d := cmp.Diff(before, s.everything(t)); d != "" {
		t.Errorf("other answers after the reindex (-before +after):\n%s", d)
	}
	t.Logf("%d answers compared", len(before))
}

// onlyGroup opens a folder and tells the signature of its one group, and the app's number.
func onlyGroup(t *testing.T, data string) (diag.Signature, int64) {
	t.Helper()
	o, err := server.OpenOffline(t.Context(), server.Config{Data: data}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	apps, err := o.Store.Apps(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	groups, _, err := o.Store.Groups(t.Context(), store.GroupQuery{App: apps[0].Num})
	if err != nil || len(groups) != 1 {
		t.Fatalf("%d groups, %v", len(groups), err)
	}
	return groups[0].Signature, apps[0].Num
}

// groupHash is where the public id of a crash's group comes from (docs/compatibility.md Q21).
func groupHash(app int64, signature diag.Signature, version string) uint32 {
	b := binary.BigEndian.AppendUint64(nil, uint64(app))
	b = binary.BigEndian.AppendUint32(b, 0) // salt
	b = append(b, signature[:]...)
	b = append(b, 0) // not handled
	sum := sha256.Sum256(append(b, version...))
	return binary.BigEndian.Uint32(sum[:4])
}

// collision finds two versions of the app in which the same fault has the same hash. Among so many there are some.
func collision(t *testing.T, app int64, signature diag.Signature) (one, two string) {
	t.Helper()
	seen := map[uint32]string{}
	for i := range 400_000 {
		version := fmt.Sprintf("2.0.%d", i)
		g := groupHash(app, signature, version)
		if other, ok := seen[g]; ok {
			return other, version
		}
		seen[g] = version
	}
	t.Fatal("no collision")
	return "", ""
}

func groupOf(t *testing.T, s *testServer, version string) string {
	t.Helper()
	groups := read[contract.ErrorGroups](t, s, "/errors/errorGroups?version="+version).ErrorGroups
	if len(groups) != 1 {
		t.Fatalf("version %s has %d groups", version, len(groups))
	}
	return groups[0].ErrorGroupID
}

var idMember = regexp.MustCompile(`"(id|errorId)": *"[^"]*"`)

// inUpperCase changes the letter case of the ids of a body's logs, and nothing else.
func inUpperCase(body []byte) []byte {
	return idMember.ReplaceAllFunc(body, func(m []byte) []byte {
		colon := bytes.IndexByte(m, ':')
		return append(m[:colon:colon], bytes.ToUpper(m[colon:])...)
	})
}

// rebatched puts the logs of all samples of one device into one body, the last first, each with its own bytes:
// a log without an id is known by them.
func rebatched(t *testing.T, samples *sampled, prefix string) []byte {
	t.Helper()
	var all [][]byte
	for _, name := range samples.names() {
		var v struct{ Logs []json.RawMessage }
		if strings.HasPrefix(name, prefix) {
			if err := json.Unmarshal(samples.bodies[name], &v); err != nil {
				t.Fatal(err)
			}
			for _, raw := range v.Logs {
				all = append(all, raw)
			}
		}
	}
	slices.Reverse(all)
	return slices.Concat([]byte(`{"logs":[`), bytes.Join(all, []byte(",")), []byte("]}"))
}

// everything asks every call about everything, and returns the answers by their paths.
func (s *testServer) everything(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	app := "/v0.1/apps/" + s.App
	get := func(path string) []byte {
		b := s.mustGet(t, path)
		all[path] = string(b)
		return b
	}
	get("/v0.1/apps")
	get(app)
	groups := app + "/errors/errorGroups"
	for _, query := range []string{"?$top=0", "?errorType=handledError", "?errorType=unhandledError&$orderby=lastOccurrence%20desc", "?version=4.12.0", "?userId=driver-2231", "?installId=" + sdkOf("android").install} {
		get(groups + query)
	}
	for link, n := groups+"?$top=2", 0; link != "" && n < 50; n++ {
		var page contract.ErrorGroups
		unmarshal(t, get(link), &page)
		link = strings.TrimPrefix(page.NextLink, "/api")
	}
	for _, at := range findReports(t, s) {
		group := groups + "/" + at.group.ErrorGroupID
		report := group + "/errors/" + at.report.ErrorID
		for _, path := range []string{
			group, group + "/errors", group + "/errors?installId=" + at.report.InstallID, group + "/stacktrace",
			report, report + "/stacktrace", report + "/download?format=json", report + "/download?format=txt",
			app + "/errors/" + at.report.ErrorID + "/session_logs",
		} {
			get(path)
		}
		s.signed(t, all, report+"/location")
		var attachments []contract.Attachment
		unmarshal(t, get(app+"/errors/"+at.report.ErrorID+"/attachments"), &attachments)
		for _, a := range attachments {
			path := app + "/errors/" + at.report.ErrorID + "/attachments/" + a.AttachmentID
			if strings.HasPrefix(a.ContentType, "text/") {
				get(path + "/text")
			}
			s.signed(t, all, path+"/location")
		}
	}
	return all
}

// signed follows a signed URL: the URL itself is another one each time.
func (s *testServer) signed(t *testing.T, all map[string]string, path string) {
	t.Helper()
	var where struct{ URI string }
	unmarshal(t, s.mustGet(t, path), &where)
	all[path] = string(s.mustGet(t, strings.TrimPrefix(where.URI, s.URL)))
}

func unmarshal(t *testing.T, b []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
}

// inside is a server in this process, on a clock that the test moves.
type inside struct {
	testServer
	clock *diag.StepClock
	root  string // of its exports
	stop  func()
}

func startInside(t *testing.T, data, root string, clock *diag.StepClock) *inside {
	t.Helper()
	if err := os.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := server.Open(ctx, server.Config{Data: data, ExportRoot: root, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan server.Addresses, 1), make(chan error, 1)
	s.OnReady(func(a server.Addresses) { ready <- a })
	go func() { ended <- s.Run(ctx) }()
	in := &inside{clock: clock, root: root}
	select {
	case a := <-ready:
		in.testServer = testServer{&e2e.Process{Data: data, URL: a.URL, Admin: a.Admin}, new(record)}
	case err := <-ended:
		t.Fatal(err)
	}
	stopped := false
	in.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	t.Cleanup(in.stop)
	return in
}

func (in *inside) call(t *testing.T, method, path string, body, out any) {
	t.Helper()
	c, err := in.Client()
	if err == nil {
		err = c.Call(t.Context(), method, path, body, out)
	}
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
}

func (in *inside) createApp(t *testing.T) {
	t.Helper()
	var app contract.App
	in.call(t, "POST", "/apps", map[string]string{"name": "shop", "display_name": "Shop", "os": "Android", "platform": "Java"}, &app)
	in.App, in.Secret = app.Owner.Name+"/"+app.Name, app.AppSecret
}

func (in *inside) export(t *testing.T, path string) contract.ExportConfiguration {
	t.Helper()
	var c contract.ExportConfiguration
	in.call(t, "POST", "/apps/"+in.App+"/export_configurations", map[string]any{"type": "directory", "path": path, "exportEntities": []string{"crashes"}}, &c)
	return c
}

// passMinute lets the current minute end and waits until every configuration has exported it.
func (in *inside) passMinute(t *testing.T) {
	t.Helper()
	in.indexed(t)
	end := in.clock.Now().Truncate(time.Minute).Add(time.Minute)
	in.clock.Step(end.Sub(in.clock.Now()) + time.Second)
	await(t, indexTime, "exported", func() bool {
		list := read[contract.ExportConfigurations](t, &in.testServer, "/export_configurations")
		return !slices.ContainsFunc(list.Values, func(c contract.ExportConfiguration) bool {
			at, err := time.Parse(time.RFC3339, c.LastRunTime)
			return err != nil || at.Before(end)
		})
	})
}

// TestReindexExport: windows that are exported after a reindex are those that would have been exported without:
// the next ones of a configuration that goes on, and all of one that begins at the start.
func TestReindexExport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	clock := diag.NewStepClock()
	samples := loadSamples(t)
	a := startInside(t, filepath.Join(dir, "a"), filepath.Join(dir, "root-a"), clock)
	a.createApp(t)
	a.export(t, "going-on")
	var crashes []string
	for _, name := range samples.names() { // first whatever is no crash, attachments among it
		if strings.HasSuffix(name, "crash.json") {
			crashes = append(crashes, name)
			continue
		}
		a.post(t, sdkOf(name), samples.bodies[name])
	}
	a.passMinute(t)
	for _, name := range crashes {
		a.post(t, sdkOf(name), samples.bodies[name])
		a.post(t, sdkOf(name), inUpperCase(samples.bodies[name]))
	}
	a.post(t, sdkOf("android"), rebatched(t, samples, "android-"))
	a.indexed(t)
	a.stop()

	// From here on there are two: b is a copy whose index is made anew.
	for _, folder := range []string{"a", "root-a"} {
		if err := os.CopyFS(filepath.Join(dir, strings.Replace(folder, "a", "b", 1)[:len(folder)-1]+"b"), os.DirFS(filepath.Join(dir, folder))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := server.Reindex(t.Context(), server.Config{Data: filepath.Join(dir, "b"), Clock: clock}, nil); err != nil {
		t.Fatal(err)
	}
	trees := map[string]map[string]string{}
	for _, name := range []string{"a", "b"} {
		in := startInside(t, filepath.Join(dir, name), filepath.Join(dir, "root-"+name), clock)
		in.App = a.App
		in.export(t, "from-start")
		in.passMinute(t)
		in.stop()
		trees[name] = tree(t, in.root)
	}
	if d := cmp.Diff(trees["a"], trees["b"]); d != "" {
		t.Errorf("other blobs after the reindex (-without +with):\n%s", d)
	}
	checkOnce(t, trees["a"], "going-on/")
	checkOnce(t, trees["a"], "from-start/")
	t.Logf("%d blobs compared", len(trees["a"]))
}

// tree reads all blobs of the directory kind below a folder.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
		all[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// checkOnce wants each log of the analytics files once, and the samples' crashes, errors and attachments in them.
func checkOnce(t *testing.T, tree map[string]string, prefix string) {
	t.Helper()
	counts, types := map[string]int{}, map[string]int{}
	for path, text := range tree {
		if !strings.HasPrefix(path, prefix) || !strings.HasSuffix(path, "/logs.v1.data") {
			continue
		}
		var records []struct{ MessageId, MessageType, Properties string }
		unmarshal(t, []byte(text), &records)
		for _, r := range records {
			counts[r.MessageId]++
			types[r.MessageType]++
			if strings.HasPrefix(r.MessageType, "Error") || strings.HasPrefix(r.MessageType, "Handled") {
				if _, ok := tree[prefix+r.Properties]; !ok {
					t.Errorf("%s names %s, which is not there", path, r.Properties)
				}
			}
		}
	}
	for id, n := range counts {
		if n != 1 {
			t.Errorf("%s is %d times in %s", id, n, prefix)
		}
	}
	want := map[string]int{"ErrorLog": 9, "HandledErrorLog": 5, "ErrorAttachmentLog": 4, "EventLog": 2, "StartSessionLog": 2, "StartServiceLog": 3, "PageLog": 1}
	for name, n := range want {
		if types[name] != n {
			t.Errorf("%s has %d of %s, want %d (%v)", prefix, types[name], name, n, types)
		}
	}
}
