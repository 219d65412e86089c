package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
)

// memoryBudget is what the server may take at any time, whatever it is sent.
const memoryBudget = 400 << 20

// hostile is a request that no SDK sends, and the row of docs/compatibility.md that says what it gets.
type hostile struct {
	name   string
	method string // "" is POST
	header http.Header
	body   io.Reader
	status int
	word   string
}

const (
	testDevice = `"device":{"sdkName":"appcenter.android","sdkVersion":"5.0.6","osName":"Android","osVersion":"14","locale":"de_DE","timeZoneOffset":60,"appVersion":"1.0","appBuild":"1"}`
	crashHead  = `{"logs":[{"type":"managedError","id":"%s","timestamp":"%s","fatal":true,` + testDevice
	crashFrame = `{"className":"com.acme.Cart","methodName":"total","fileName":"Cart.java","lineNumber":30}`
)

// makeCrash is a crash report with a new id; more are further members of its log, among them the exception.
func makeCrash(more string) (id diag.ID, body []byte) {
	id = diag.RandomID()
	return id, fmt.Appendf(nil, crashHead+`,%s}]}`, id, diag.FormatTime(time.Now()), more)
}

func ordinaryCrash() (diag.ID, []byte) {
	return makeCrash(`"processId":1,"processName":"p","exception":{"type":"java.lang.IllegalStateException","message":"m","frames":[` + crashFrame + `]}`)
}

func text(parts ...string) io.Reader { return strings.NewReader(strings.Join(parts, "")) }

func odd(more string) io.Reader {
	_, body := makeCrash(more)
	return bytes.NewReader(body)
}

// bomb compresses n bytes of one letter behind a beginning.
func bomb(t *testing.T, head string, letter byte, n int) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, head)
	for block := bytes.Repeat([]byte{letter}, 1<<20); n > 0; n -= len(block) {
		w.Write(block)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

var zipped = http.Header{"Content-Encoding": {"gzip"}}

const deep = 1_000_000

func hostileBodies(t *testing.T) []hostile {
	repeat := strings.Repeat
	_, crash := ordinaryCrash()
	half := gzipped(crash)[:len(gzipped(crash))/2]
	invalid := func(name string, body io.Reader) hostile {
		return hostile{name: name, body: body, status: 400, word: "InvalidLogContainer"}
	}
	denied := func(name, secret string) hostile {
		return hostile{name: name, header: http.Header{"App-Secret": {secret}}, body: bytes.NewReader(crash), status: 401, word: "AppSecretDenied"}
	}
	fine := func(name string, body io.Reader) hostile {
		return hostile{name: name, body: body, status: 200, word: "Success"}
	}
	return []hostile{
		invalid("S2 nothing", text()),
		invalid("S2 not JSON", text("hello")),
		invalid("S2 a list", text(`[{"logs":[]}]`)),
		invalid("S2 no logs", text(`{"log":[]}`)),
		invalid("S2 logs is an object", text(`{"logs":{}}`)),
		invalid("S2 half a body", bytes.NewReader(crash[:len(crash)/2])),
		invalid("S2 two bodies", io.MultiReader(bytes.NewReader(crash), bytes.NewReader(crash))),
		invalid("S2 trailing comma", text(`{"logs":[{"type":"event",}]}`)),
		invalid("S2 levels without an end", text(`{"logs":`, repeat("[", deep))),
		invalid("S2 levels", odd(`"x":`+repeat("[", deep)+repeat("]", deep))),
		invalid("S2 levels of objects", odd(`"x":`+repeat(`{"a":`, deep)+"1"+repeat("}", deep))),
		invalid("S2 levels of causes", odd(`"exception":`+repeat(`{"type":"a","innerExceptions":[`, deep)+repeat("]}", deep))),
		invalid("S2 objects without an end", text(repeat(`{"logs":`, deep))),
		{name: "S2 says gzip and is none", header: zipped, body: bytes.NewReader(crash), status: 400, word: "InvalidLogContainer"},
		{name: "S2 half a gzip", header: zipped, body: bytes.NewReader(half), status: 400, word: "InvalidLogContainer"},
		fine("S1 no log", text(`{"logs":[]}`)),
		fine("S1 logs of no kind", text(`{"logs":[1,"x",null,true,[],{},{"type":"spam"},{"type":5}]}`)),
		fine("S1 wrong types of everything", text(`{"logs":[{"type":"managedError","id":[],"timestamp":{},"device":3,"exception":[]}]}`)),
		fine("L9 no id", odd(`"id":null,"exception":{"type":"x"}`)),
		fine("L10 an old one", text(`{"logs":[{"type":"event","name":"x","timestamp":"2016-01-01T00:00:00Z"}]}`)),
		denied("S4 no secret", ""),
		denied("S4 an unknown secret", "33333333-3333-4333-8333-333333333333"),
		denied("S4 no GUID", "' OR 1=1 --"),
		denied("S4 a long secret", repeat("a", 8<<10)),
		{name: "S7 GET", method: "GET", body: text(), status: 405, word: "MethodNotAllowed"},
		{name: "S7 PUT", method: "PUT", body: bytes.NewReader(crash), status: 405, word: "MethodNotAllowed"},
		{name: "S8 a GiB of zeros", header: zipped, body: bomb(t, "", 0, 1<<30), status: 413, word: "LogContainerTooLarge"},
		{name: "S8 a GiB of blanks", header: zipped, body: bomb(t, "", ' ', 1<<30), status: 413, word: "LogContainerTooLarge"},
		{name: "S8 a GiB in one text", header: zipped, body: bomb(t, `{"logs":[{"type":"event","name":"`, 'a', 1<<30), status: 413, word: "LogContainerTooLarge"},
		{name: "S8 a GiB of levels", header: zipped, body: bomb(t, `{"logs":`, '[', 1<<30), status: 413, word: "LogContainerTooLarge"},
		{name: "S8 33 MiB", body: text(`{"logs":[{"type":"event","name":"`, repeat("a", 33<<20), `"}]}`), status: 413, word: "LogContainerTooLarge"},
		{name: "S8 33 MiB, length unknown", body: io.MultiReader(text(`{"logs":[{"type":"event","name":"`), text(repeat("a", 33<<20)), text(`"}]}`)), status: 413, word: "LogContainerTooLarge"},
	}
}

// TestHostileBodies: the documented answer to each, and an ordinary crash is taken after each.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, h := range hostileBodies(t) {
		s.send(t, &h)
		s.alive(t, h.name)
	}
	s.within(t)
}

// TestOddCrashes: what parses is kept and readable, whatever it holds.
func TestOddCrashes(t *testing.T) {
	t.Parallel()
	s := start(t)
	repeat := strings.Repeat
	exception := func(message, frame string) string {
		return `"exception":{"type":"com.acme.Odd","message":` + message + `,"frames":[` + frame + `]}`
	}
	for _, c := range []struct {
		name, more string
		message    string // "" is not looked at
	}{
		{"45 causes", `"exception":` + repeat(`{"type":"a","innerExceptions":[`, 45) + repeat("]}", 45), ""},
		{"bytes that are no UTF-8", exception("\"a\xff\xfe\xc0\xafb\"", crashFrame), "a\ufffd\ufffd\ufffd\ufffdb"},
		{"half a surrogate and a NUL", exception(`"a\ud800b\u0000c"`, crashFrame), ""},
		{"keys that repeat", `"exception":{"type":"First","message":"first"},` + exception(`"last"`, crashFrame), "last"},
		{"a text of 2 MB", exception(`"`+repeat("x", 2<<20)+`"`, crashFrame), ""},
		{"a name of 2 MB", exception(`"m"`, `{"className":"`+repeat("c", 2<<20)+`","methodName":"m"}`), "m"},
		{"numbers beyond int64", `"processId":1e400,"errorThreadId":99999999999999999999999999,` + exception(`"m"`, `{"className":"com.acme.Cart","methodName":"total","lineNumber":-99999999999999999999}`), "m"},
		{"numbers as texts", `"processId":"123","fatal":"true",` + exception(`"m"`, `{"className":"com.acme.Cart","methodName":"total","lineNumber":"30"}`), "m"},
		{"20,000 frames", exception(`"m"`, crashFrame+repeat(","+crashFrame, 20_000)), "m"},
		{"5,000 threads", exception(`"m"`, crashFrame) + `,"threads":[{"id":1,"frames":[]}` + repeat(`,{"id":2,"name":"t","frames":[`+crashFrame+`]}`, 5_000) + `]`, "m"},
		{"markup", exception(`"<script>alert(1)</script>\"'&"`, crashFrame), `<script>alert(1)</script>"'&`},
	} {
		id, body := makeCrash(c.more)
		if r := s.post(t, sdkOf("android"), body); len(r.ValidDiagnosticsIDs) != 1 {
			t.Errorf("%s: answer %+v", c.name, r)
		}
		s.alive(t, c.name)
		s.indexed(t)
		s.readable(t, c.name, id, c.message)
	}
	s.within(t)
}

// readable reads a report by the calls that decode it.
func (s *testServer) readable(t *testing.T, name string, id diag.ID, message string) {
	t.Helper()
	at, ok := findReports(t, s)[id.String()]
	if !ok {
		t.Errorf("%s: the report is in no group", name)
		return
	}
	if message != "" && at.group.ExceptionMessage != message {
		t.Errorf("%s: the message is %.80q, want %q", name, at.group.ExceptionMessage, message)
	}
	path := "/errors/errorGroups/" + at.group.ErrorGroupID + "/errors/" + at.report.ErrorID
	read[contract.ReportDetails](t, s, path)
	read[contract.StackTrace](t, s, path+"/stacktrace")
	for _, format := range []string{"txt", "json"} {
		if b := s.mustGet(t, "/v0.1/apps/"+s.App+path+"/download?format="+format); len(b) == 0 {
			t.Errorf("%s: the download as %s is empty", name, format)
		}
	}
}

// TestManyLogs: 10,000 logs in one body, and many bombs at the same time.
func TestManyLogs(t *testing.T) {
	t.Parallel()
	s := start(t)
	var logs []string
	for i := range 10_000 {
		logs = append(logs, fmt.Sprintf(`{"type":"event","id":"%s","timestamp":"%s","name":"e%d",%s}`, diag.RandomID(), diag.FormatTime(time.Now()), i%7, testDevice))
	}
	body := []byte(`{"logs":[` + strings.Join(logs, ",") + `]}`)
	s.post(t, sdkOf("android"), body)
	s.post(t, sdkOf("android"), body) // the same again
	s.indexed(t)
	m, err := s.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	if rows, copies := m[`lifeboat_pipeline_rows_total{kind="event"}`], m["lifeboat_pipeline_duplicates_total"]; rows != 10_000 || copies != 10_000 {
		t.Errorf("%.0f events and %.0f copies, want 10,000 of each", rows, copies)
	}

	large := bomb(t, `{"logs":[{"type":"event","name":"`, 'a', 1<<28).(*bytes.Buffer).Bytes()
	var wait sync.WaitGroup
	for range 64 {
		wait.Go(func() {
			req := sdkOf("custom").request(t, s, large)
			req.Header.Set("Content-Encoding", "gzip")
			answer, text := s.do(t, req)
			if answer.StatusCode != 413 && answer.StatusCode != 503 {
				t.Errorf("one of many bombs: %s %s", answer.Status, text)
			}
			if answer.StatusCode == 503 && !strings.Contains(string(text), "TooManyMessagesInflight") {
				t.Errorf("503 says %s", text)
			}
		})
	}
	wait.Wait()
	s.alive(t, "many bombs")
	s.within(t)
}

// isBusy reports whether the bytes of an answer are a 503 as Android wants it: it compares the letter case of the
// header on the wire, and an empty body is an exception there.
func isBusy(b []byte) bool {
	return regexp.MustCompile(`(?s)^HTTP/1\.1 503 .*\r\nx-ms-retry-after-ms: \d{4,5}\r\n.*\r\n\r\n\{.*\}$`).Match(b)
}

// TestOverload fills the memory for bodies in flight: what does not fit is answered 503, all else is taken.
func TestOverload(t *testing.T) {
	t.Parallel()
	const senders, size = 12, 31 << 20
	s := start(t)
	body := []byte(`{"logs":[{"type":"spam","name":"` + strings.Repeat("a", size) + `"}]}`)
	head := fmt.Sprintf("POST /logs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nApp-Secret: %s\r\nContent-Length: %d\r\n\r\n", s.Secret, len(body))
	var full, all sync.WaitGroup
	answers := make(chan []byte, senders)
	full.Add(senders)
	for range senders {
		c := dial(t, s.Address())
		all.Go(func() {
			io.WriteString(c, head)
			c.Write(body[:len(body)-1])
			full.Done()
			full.Wait()
			c.Write(body[len(body)-1:])
			b, err := io.ReadAll(c)
			if err != nil {
				t.Error(err)
			}
			answers <- b
		})
	}
	full.Wait()
	s.alive(t, "an overload") // an ordinary crash still finds room
	all.Wait()
	close(answers)
	taken, busy := 0, 0
	for b := range answers {
		switch {
		case bytes.HasPrefix(b, []byte("HTTP/1.1 200 ")):
			taken++
		case isBusy(b):
			busy++
		default:
			t.Errorf("answer %.500q", b)
		}
	}
	if taken == 0 || busy == 0 {
		t.Errorf("%d bodies were taken, %d refused for lack of memory", taken, busy)
	}
	s.within(t)
}

// send sends a hostile request and checks status, headers and body of the answer.
func (s *testServer) send(t *testing.T, h *hostile) {
	t.Helper()
	method := h.method
	if method == "" {
		method = "POST"
	}
	req, err := http.NewRequest(method, s.URL+"/logs", h.body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("App-Secret", s.Secret)
	req.Header.Set("Install-ID", scriptInstall)
	for name, v := range h.header {
		req.Header[name] = v
	}
	answer, text := s.do(t, req)
	var r reply
	err = json.Unmarshal(text, &r)
	if _, isID := diag.ParseID(r.CorrelationID); err != nil || !isID || r.ValidDiagnosticsIDs == nil || r.ThrottledDiagnosticsIDs == nil {
		t.Errorf("%s: the body is %.300s", h.name, text)
	}
	if kind := answer.Header.Get("Content-Type"); kind != "application/json; charset=utf-8" {
		t.Errorf("%s: content type %q", h.name, kind)
	}
	if answer.StatusCode != h.status || r.Status != h.word {
		t.Errorf("%s: answer %s %s, want %d %s", h.name, answer.Status, r.Status, h.status, h.word)
	}
}

// alive sends an ordinary crash, which must be taken at once.
func (s *testServer) alive(t *testing.T, after string) {
	t.Helper()
	_, body := ordinaryCrash()
	started := time.Now()
	if r := s.post(t, sdkOf("android"), body); len(r.ValidDiagnosticsIDs) != 1 {
		t.Errorf("after %s: %+v", after, r)
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("after %s a crash took %s", after, took)
	}
}

// within looks at the memory that the server ever took and at what it said.
func (s *testServer) within(t *testing.T) {
	t.Helper()
	peak, err := s.PeakRSS()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("peak RSS %d MiB", peak>>20)
	if peak > memoryBudget {
		t.Errorf("the server took %d MiB", peak>>20)
	}
	s.stop(t)
	if log := s.Log.String(); strings.Contains(log, "panic") || strings.Contains(log, "goroutine ") {
		t.Errorf("the server said:\n%s", log)
	}
}

// TestHostileConnections: slow and half-sent bodies, headers without an end, and a thousand idle connections
// hold nobody up, and end.
func TestHostileConnections(t *testing.T) {
	t.Parallel()
	s := start(t)
	idle := make([]net.Conn, 1000)
	for i := range idle {
		idle[i] = dial(t, s.Address())
	}
	s.alive(t, "1,000 idle connections")
	read[contract.ErrorGroups](t, s, "/errors/errorGroups")

	_, crash := ordinaryCrash()
	head := fmt.Sprintf("POST /logs HTTP/1.1\r\nHost: x\r\nApp-Secret: %s\r\nInstall-ID: %s\r\nContent-Length: %d\r\n", s.Secret, scriptInstall, len(crash))
	var wait sync.WaitGroup
	wait.Go(func() { // gone half-way
		c := dial(t, s.Address())
		c.Write([]byte(head + "\r\n" + string(crash[:100])))
		c.Close()
	})
	wait.Go(func() { // stuck half-way
		c := dial(t, s.Address())
		c.Write([]byte(head + "\r\n" + string(crash[:100])))
		wantIncomplete(t, "stuck", c)
	})
	wait.Go(func() { // a byte now and then
		c := dial(t, s.Address())
		c.Write([]byte(head + "\r\n"))
		go func() {
			tick := time.NewTicker(200 * time.Millisecond)
			defer tick.Stop()
			for i := range crash {
				<-tick.C
				if _, err := c.Write(crash[i : i+1]); err != nil {
					return
				}
			}
		}()
		wantIncomplete(t, "slow", c)
	})
	wait.Go(func() { // headers without an end
		c := dial(t, s.Address())
		c.Write([]byte(head))
		if _, err := io.ReadAll(c); err != nil {
			t.Errorf("headers without an end: %v", err)
		}
	})
	wait.Wait()
	s.alive(t, "slow and half-sent bodies")
	s.indexed(t)
	if n := len(findReports(t, s)); n != 2 {
		t.Errorf("%d reports, want the 2 whole ones", n)
	}
	s.within(t)
}

// dial opens a connection that ends with the test. The server may take connectionTime to give up on it.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(connectionTime))
	return c
}

const connectionTime = 30 * time.Second

// wantIncomplete waits for the answer to a body that did not come, and for the end of the connection.
func wantIncomplete(t *testing.T, name string, c net.Conn) {
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	b, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(b), `"RequestIncomplete"`) || !answer.Close {
		t.Errorf("%s: %s %s %v", name, answer.Status, b, err)
	}
}

// TestStrictIngest: S3, the answers of the original for those who test clients.
func TestStrictIngest(t *testing.T) {
	t.Parallel()
	s := start(t, "--strict-ingest")
	old := `{"logs":[{"type":"event","name":"x","timestamp":"2016-01-01T00:00:00Z",` + testDevice + `}]}`
	s.send(t, &hostile{name: "an old log", body: text(old), status: 400, word: "NoValidLogsFoundInLogContainer"})
	s.send(t, &hostile{name: "no log", body: text(`{"logs":[]}`), status: 400, word: "NoValidLogsFoundInLogContainer"})
	s.send(t, &hostile{name: "no exception", body: odd(`"x":1`), status: 400, word: "NoValidLogsFoundInLogContainer"})
	s.alive(t, "refusals")
}
