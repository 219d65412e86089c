//go:build azurite

package e2e_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/blob"
	"lifeboat/internal/contract"
	"lifeboat/internal/person"
	"lifeboat/internal/server"
)

// The account that every Azurite has; its key is public.
const (
	azuriteAccount = "devstoreaccount1"
	azuriteKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// azuriteHost is host and port of the running Azurite.
func azuriteHost(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(os.Getenv("LIFEBOAT_TEST_AZURITE"))
	if err != nil || u.Host == "" {
		t.Fatal("LIFEBOAT_TEST_AZURITE does not name Azurite's blob endpoint, like http://127.0.0.1:10000: tools/azurite/run starts one")
	}
	return u.Host
}

func connection(host, key string) string {
	return "DefaultEndpointsProtocol=http;AccountName=" + azuriteAccount + ";AccountKey=" + key + ";BlobEndpoint=http://" + host + "/" + azuriteAccount + ";"
}

// TestMission is the founding page against a running Azurite: continuous export, the calls for one crash, one
// user's copy. A second configuration loses its way to Azurite around the end of the minute; nothing may be
// missing or doubled there. It takes until the minute is over.
func TestMission(t *testing.T) {
	t.Parallel()
	host := azuriteHost(t)
	way := startProxy(t, host)
	s := start(t, "--export-host", host, "--export-host", way.address)
	m := &mission{T: t, s: s, host: host, way: way, samples: loadSamples(t), stores: "/apps/" + s.App + "/export_configurations"}
	m.refusals()
	direct := m.create(host, "/v0.1", "")
	byWay := m.create(way.address, "/api/v0.1", `,"blob_path_format_kind":"WithAppId"`)
	m.listed(direct, byWay)

	m.send()
	m.calls()
	way.cut()
	end := time.Now().UTC().Truncate(time.Minute).Add(time.Minute)
	m.awaitExported(direct, end)
	m.awaitFailing(byWay)
	way.restore()
	m.awaitExported(byWay, end)

	blobs := m.blobs()
	m.layout(blobs)
	m.bothAlike(blobs)
	m.copyPerson()
	s.stop(t)
	if log := s.Log.String(); strings.Contains(log, azuriteKey) {
		t.Errorf("the account's key is in the log")
	}
}

// mission is one run of the founding page.
type mission struct {
	*testing.T
	s       *testServer
	host    string
	way     *proxy
	samples *sampled
	stores  string // path of the export configurations, without the prefix
}

// ask sends a body as it stands to a path below the host.
func (m *mission) ask(method, path, body string) (int, []byte) {
	m.Helper()
	token, err := server.AdminToken(m.s.Data)
	if err != nil {
		m.Fatal(err)
	}
	req, err := http.NewRequest(method, m.s.URL+path, strings.NewReader(body))
	if err != nil {
		m.Fatal(err)
	}
	req.Header.Set("X-API-Token", token)
	req.Header.Set("Content-Type", "application/json")
	req.Host = "appcenter.ms"
	answer, b := m.s.do(m.T, req)
	if strings.Contains(string(b), azuriteKey) {
		m.Errorf("%s %s echoes the key", method, path)
	}
	return answer.StatusCode, b
}

// refusals are answered 400 with words that help.
func (m *mission) refusals() {
	m.Helper()
	wrong := strings.Repeat("A", 86) + "=="
	for _, c := range []struct{ body, says string }{
		{`{"type":"blob_storage_linked_subscription","subscription_id":"1330b91c-0000-4000-8000-5b3bd942c9de","exportEntities":["crashes"]}`, "No storage account is linked to this subscription on this server. Use type blob_storage_connection_string"},
		{`{"type":"blob_storage_linked_subscription","subscription_id":"<Your-Azure-Subscription-ID","exportEntities":["crashes"]}`, "Subscription ID is in invalid format."},
		{m.custom(connection(m.host, wrong)), "Secret validation failed. Either the format is incorrect or couldn't connect to storage account."},
		{m.custom("nonsense"), "Secret validation failed. Either the format is incorrect or couldn't connect to storage account."},
		{m.custom(connection("127.0.0.1:1", azuriteKey)), "--export-host 127.0.0.1:1"},
		{m.custom("DefaultEndpointsProtocol=http;AccountName=x;AccountKey=" + azuriteKey + ";BlobEndpoint=http://169.254.169.254/x;"), "is not Azure Blob Storage over https"},
		{`{"type":"blob_storage_connection_string","exportEntities":["crashes"]}`, "connection_string is missing"},
	} {
		status, b := m.ask("POST", "/v0.1"+m.stores, c.body)
		var e contract.ErrorBody
		unmarshal(m.T, b, &e)
		if status != 400 || e.Error.Code != "BadRequest" || !strings.Contains(e.Message, c.says) {
			m.Errorf("%.60s… is answered %d %s, want 400 with %q", c.body, status, b, c.says)
		}
	}
}

// custom is the mission's body for the custom export.
func (m *mission) custom(connection string) string {
	return `{"type":"blob_storage_connection_string","connection_string":"` + connection + `","exportEntities":["crashes"]}`
}

func (m *mission) create(host, prefix, more string) contract.ExportConfiguration {
	m.Helper()
	body := strings.TrimSuffix(m.custom(connection(host, azuriteKey)), "}") + more + "}"
	status, b := m.ask("POST", prefix+m.stores, body)
	var c contract.ExportConfiguration
	if unmarshal(m.T, b, &c); status != http.StatusAccepted || c.State != "Enabled" || c.ExportType != "BlobStorage" {
		m.Fatalf("the custom export is answered %d %s", status, b)
	}
	return c
}

// listed looks for where in blob storage the data is.
func (m *mission) listed(want ...contract.ExportConfiguration) {
	m.Helper()
	for _, prefix := range []string{"/v0.1", "/api/v0.1"} {
		status, b := m.ask("GET", prefix+m.stores, "")
		var list contract.ExportConfigurations
		if unmarshal(m.T, b, &list); status != 200 || list.Total != len(want) || len(list.Values) != len(want) {
			m.Fatalf("the list is answered %d %s", status, b)
		}
		for _, c := range list.Values {
			at := slices.IndexFunc(want, func(w contract.ExportConfiguration) bool { return w.ID == c.ID })
			if at < 0 || c.ResourceName != azuriteAccount || c.Container != "archive" || !slices.Equal(c.ExportEntities, []string{"crashes"}) ||
				c.BlobEndpoint != "http://"+[]string{m.host, m.way.address}[at]+"/"+azuriteAccount {
				m.Errorf("listed: %+v", c)
			}
		}
	}
}

// send sends all samples, attachments before their crashes; then again in upper case, and re-batched.
func (m *mission) send() {
	m.Helper()
	for _, attachments := range []bool{true, false} {
		for _, name := range m.samples.names() {
			if strings.HasSuffix(name, "-attachment.json") == attachments {
				m.s.post(m.T, sdkOf(name), m.samples.bodies[name])
			}
		}
	}
	for _, name := range m.samples.names() {
		m.s.post(m.T, sdkOf(name), inUpperCase(m.samples.bodies[name]))
	}
	m.s.post(m.T, sdkOf("android"), rebatched(m.T, m.samples, "android-"))
	m.s.indexed(m.T)
	if n := len(findReports(m.T, m.s)); n != sampleErrors {
		m.Errorf("%d reports, want %d", n, sampleErrors)
	}
}

// calls are those of the mission for one crash, under both prefixes.
func (m *mission) calls() {
	m.Helper()
	const crash, attachment = "c3f2b1de-5c1a-4f77-9d5d-6d1b64a7e001", "7b1f2c44-93a1-4d36-8d0a-9a6f6f0bb002"
	at := findReports(m.T, m.s)[crash]
	group, report := at.group.ErrorGroupID, at.report.ErrorID
	for _, c := range []struct{ path, want string }{
		{"errors/errorGroups/" + group + "/errors", report},
		{"errors/errorGroups/" + group + "/stacktrace", "com.acme.fieldkit.a.b.c(SourceFile:17)"},
		{"errors/" + report + "/session_logs", "Order opened"},
		{"errors/" + report + "/attachments", attachment},
		{"errors/" + report + "/attachments/" + attachment + "/text", "open order 4711"},
		{"errors/" + report + "/attachments/" + attachment + "/location", `{"uri":"` + m.s.URL},
	} {
		for _, prefix := range []string{"/v0.1/apps/", "/api/v0.1/apps/"} {
			if status, b := m.ask("GET", prefix+m.s.App+"/"+c.path, ""); status != 200 || !strings.Contains(string(b), c.want) {
				m.Errorf("GET %s%s: %d %s, want %s", prefix, c.path, status, b, c.want)
			}
		}
	}
}

// minuteTime is how long the end of a minute and its export may take.
const minuteTime = 120 * time.Second

func (m *mission) awaitExported(c contract.ExportConfiguration, end time.Time) {
	m.Helper()
	await(m.T, minuteTime, "exported", func() bool {
		var now contract.ExportConfiguration
		_, b := m.ask("GET", "/v0.1"+m.stores+"/"+c.ID, "")
		unmarshal(m.T, b, &now)
		at, err := time.Parse(time.RFC3339, now.LastRunTime)
		return err == nil && !at.Before(end)
	})
}

func (m *mission) awaitFailing(c contract.ExportConfiguration) {
	m.Helper()
	await(m.T, minuteTime, "without a way to Azurite", func() bool {
		all, err := m.s.Metrics()
		return err == nil && all[`lifeboat_export_failing{configuration="`+c.ID+`"}`] == 1
	})
}

// stored is one blob of the archive.
type stored struct {
	blob.Info
	body []byte
}

// blobs reads the whole container, which may hold blobs of others.
func (m *mission) blobs() map[string]stored {
	m.Helper()
	b, err := server.OpenBucket(connection(m.host, azuriteKey))
	if err != nil {
		m.Fatal(err)
	}
	all := map[string]stored{}
	err = b.List(m.Context(), "", "", func(i blob.Info) error {
		r, info, err := b.Get(m.Context(), i.Name, 0, -1)
		if err != nil {
			return err
		}
		defer r.Close()
		body, err := io.ReadAll(r)
		all[i.Name] = stored{info, body}
		return err
	})
	if err != nil {
		m.Fatal(err)
	}
	return all
}

// record is what the test looks at in an exported record.
type exported struct {
	AppId, MessageId, MessageType, InstallId, Properties, ErrorId, ExceptionClassName, ExceptionMethod, UserId string
}

var minutePath = regexp.MustCompile(`^([0-9a-f-]{36}/)?\d{4}/\d\d/\d\d/\d\d/\d\d/(.+)$`)

// layout checks names, and that every log is once in the analytics files and each payload where they say.
func (m *mission) layout(all map[string]stored) {
	m.Helper()
	app := read[contract.App](m.T, m.s, "").ID
	for _, prefix := range []string{"", app + "/"} {
		index, entities := map[string]int{}, map[string]int{}
		for name, b := range all {
			parts := minutePath.FindStringSubmatch(name)
			if parts == nil || parts[1] != prefix || !strings.HasSuffix(name, ".v1.data") {
				continue
			}
			var records []exported
			unmarshal(m.T, b.body, &records)
			for _, r := range records {
				if r.AppId != app {
					continue
				}
				into := entities
				if strings.HasPrefix(parts[2], "logs") {
					into = index
				} else if want := map[string]string{"ErrorLog": "crashes/crashes.", "HandledErrorLog": "errors/errors.", "ErrorAttachmentLog": "attachments/attachments."}[r.MessageType]; want == "" || !strings.HasPrefix(parts[2], want) {
					m.Errorf("a record %s is in %s", r.MessageType, name)
				}
				into[r.MessageType+" "+r.MessageId]++
				m.payload(all, path.Dir(strings.TrimSuffix(name, parts[2])+"x"), r)
			}
		}
		m.counted("logs of "+prefix, index, map[string]int{"ErrorLog": 9, "HandledErrorLog": 5, "ErrorAttachmentLog": 4, "EventLog": 2, "StartSessionLog": 2, "StartServiceLog": 3, "PageLog": 1})
		m.counted("entities of "+prefix, entities, map[string]int{"ErrorLog": 9, "HandledErrorLog": 5, "ErrorAttachmentLog": 4})
	}
}

func (m *mission) counted(what string, seen, want map[string]int) {
	m.Helper()
	types := map[string]int{}
	for key, n := range seen {
		if n != 1 {
			m.Errorf("%s: %s is there %d times", what, key, n)
		}
		kind, _, _ := strings.Cut(key, " ")
		types[kind]++
	}
	for kind, n := range want {
		if types[kind] != n {
			m.Errorf("%s: %d of %s, want %d", what, types[kind], kind, n)
		}
	}
}

// payload follows the pointer of a record in the folder of its minute.
func (m *mission) payload(all map[string]stored, minute string, r exported) {
	m.Helper()
	var want string
	switch r.MessageType {
	case "ErrorLog":
		want = minute + "/crashes/"
	case "HandledErrorLog":
		want = minute + "/errors/"
	case "ErrorAttachmentLog":
		want = minute + "/attachments/"
	default:
		return
	}
	b, ok := all[r.Properties]
	if !ok || !strings.HasPrefix(r.Properties, want) {
		m.Errorf("%s %s names %q, want %q; it is there: %t", r.MessageType, r.MessageId, r.Properties, want, ok)
		return
	}
	at := slices.IndexFunc(m.samples.logs, func(l sampleLog) bool { return strings.EqualFold(l.ID, r.MessageId) })
	if at < 0 {
		m.Errorf("%s was never sent", r.MessageId)
		return
	}
	sent := &m.samples.logs[at]
	if !sent.isError() {
		if b.ContentType != sent.ContentType || b.Size == 0 {
			m.Errorf("%s: %s, %d bytes", r.Properties, b.ContentType, b.Size)
		}
		return
	}
	var p struct {
		ErrorId, InstallId string
		ErrorDetails       contract.ReportDetails
		StackTrace         contract.StackTrace
		SessionLogs        json.RawMessage
		Attachments        []contract.Attachment
		RawLog             json.RawMessage
	}
	unmarshal(m.T, b.body, &p)
	if path.Base(r.Properties) != p.ErrorDetails.ErrorID+".json" || p.InstallId != r.InstallId || p.StackTrace.Title == "" || !containsLog(p.RawLog, sent.raw) {
		m.Errorf("%s does not hold the whole report: %.600s", r.Properties, b.body)
	}
}

// bothAlike: the configuration that lost its way has the same blobs as the other, below the app's id.
func (m *mission) bothAlike(all map[string]stored) {
	m.Helper()
	app := read[contract.App](m.T, m.s, "").ID
	direct, byWay := map[string]string{}, map[string]string{}
	for name, b := range all {
		if rest, ok := strings.CutPrefix(name, app+"/"); ok {
			byWay[rest] = strings.ReplaceAll(string(b.body), app+"/", "")
		}
	}
	for name := range byWay {
		if b, ok := all[name]; ok {
			direct[name] = string(b.body)
		}
	}
	if d := cmp.Diff(direct, byWay); d != "" || len(byWay) != sampleErrors+4+4 {
		m.Errorf("%d blobs, want %d payloads, 4 attachments and 4 arrays; straight on and by the way that was cut (-straight +way):\n%s", len(byWay), sampleErrors, d)
	}
}

// copyPerson makes one user's file out of the archive in Azurite.
func (m *mission) copyPerson() {
	m.Helper()
	file := filepath.Join(m.TempDir(), "person.zip")
	install := strings.ToUpper(sdkOf("android").install)
	out, err := exec.Command(program, "person", "copy", "--archive", connection(m.host, azuriteKey), "--install", install, "--out", file).CombinedOutput()
	if err != nil {
		m.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(program, "person", "copy", "--install", "00000000-0000-4000-8000-00000000ffff", "--out", file+"2")
	cmd.Env = append(os.Environ(), "LIFEBOAT_ARCHIVE="+connection(m.host, azuriteKey))
	if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		m.Errorf("an install that is nowhere: %v %s", err, out)
	}
	members := unzip(m.T, file)
	var manifest person.Manifest
	unmarshal(m.T, members["manifest.json"], &manifest)
	if !manifest.Complete || manifest.Counts.Missing != 0 || manifest.Source.Failed != 0 {
		m.Errorf("the copy lacks something: %+v", manifest.Counts)
	}
	// An Azurite that other tests used may hold more of this device. Unity's crash is one of the ten.
	app, ids := read[contract.App](m.T, m.s, "").ID, map[string]bool{}
	for line := range strings.Lines(string(members["data/records.jsonl"])) {
		var r exported
		if unmarshal(m.T, []byte(line), &r); !strings.EqualFold(r.InstallId, install) {
			m.Errorf("a record of %s is in the copy", r.InstallId)
		}
		if r.AppId == app {
			ids[r.MessageId] = true
		}
	}
	if len(ids) != 10 || manifest.Counts.MessageIDs < 10 || manifest.Counts.Payloads < 4 || manifest.Counts.Attachments < 2 {
		m.Errorf("%d logs of this app are in the copy, want 10; counts %+v", len(ids), manifest.Counts)
	}
	if bytes.Contains(members["data/records.jsonl"], []byte(strings.ToLower(sdkOf("apple").install))) {
		m.Error("another person is in the copy")
	}
}

func unzip(t *testing.T, file string) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	all := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if all[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	return all
}

// proxy is a way to Azurite that can be cut.
type proxy struct {
	t               *testing.T
	address, target string

	mu       sync.Mutex
	listener net.Listener
	open     map[net.Conn]bool
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	p := &proxy{t: t, address: "127.0.0.1:0", target: target, open: map[net.Conn]bool{}}
	p.restore()
	t.Cleanup(p.cut)
	return p
}

// restore opens the way, at the same port as before.
func (p *proxy) restore() {
	p.t.Helper()
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.listener, p.address = l, l.Addr().String()
	p.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.carry(c)
		}
	}()
}

// cut closes the way and everything on it.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listener.Close()
	for c := range p.open {
		c.Close()
	}
	clear(p.open)
}

func (p *proxy) carry(c net.Conn) {
	there, err := net.Dial("tcp", p.target)
	if err != nil {
		c.Close()
		return
	}
	p.mu.Lock()
	p.open[c], p.open[there] = true, true
	p.mu.Unlock()
	go func() {
		io.Copy(there, c)
		there.Close()
	}()
	io.Copy(c, there)
	c.Close()
	p.mu.Lock()
	delete(p.open, c)
	delete(p.open, there)
	p.mu.Unlock()
}
