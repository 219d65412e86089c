package ingest_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/ingest"
)

func gzipped(parts ...[]byte) []byte {
	var b bytes.Buffer
	for _, p := range parts { // each becomes a member
		z := gzip.NewWriter(&b)
		z.Write(p)
		z.Close()
	}
	return b.Bytes()
}

func zlibbed(p []byte) []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write(p)
	z.Close()
	return b.Bytes()
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := container(event(today), event(today), failure("a1b2c3d4-0000-4000-8000-00000000000a"))
	long := container(strings.Split(strings.Repeat(event(today)+"\n", 5000), "\n")[:5000]...)
	packed := gzipped(body)
	wrongSum := bytes.Clone(packed)
	wrongSum[len(wrongSum)-8] ^= 1
	for _, c := range []struct {
		name, encoding string
		body           []byte
		status, logs   int
	}{
		{"gzip", "gzip", packed, 200, 3},
		{"GZIP", " GZIP ", packed, 200, 3},
		{"x-gzip", "x-gzip", packed, 200, 3},
		{"gzip without header", "", packed, 200, 3},
		{"gzip called identity", "identity", packed, 200, 3},
		{"gzip called deflate", "deflate", packed, 200, 3},
		{"two members", "gzip", gzipped(body[:40], body[40:]), 200, 3},
		{"an empty member", "gzip", gzipped(body, nil), 200, 3},
		{"long gzip", "gzip", gzipped(long), 200, 5000},
		{"long", "", long, 200, 5000},
		{"deflate", "deflate", zlibbed(body), 200, 3},
		{"byte order mark", "", append([]byte("\xef\xbb\xbf"), body...), 200, 3},
		{"long with byte order mark", "gzip", gzipped(append([]byte("\xef\xbb\xbf"), long...)), 200, 5000},
		{"many spaces first", "", append(bytes.Repeat([]byte(" \n"), 20_000), body...), 200, 3},
		{"many spaces behind", "", append(bytes.Clone(body), bytes.Repeat([]byte(" \n"), 20_000)...), 200, 3},
		{"truncated", "gzip", packed[:len(packed)/2], 400, 0},
		{"without its end", "gzip", packed[:len(packed)-4], 400, 0},
		{"only magic", "gzip", packed[:2], 400, 0},
		{"only half the magic", "gzip", packed[:1], 400, 0},
		{"wrong checksum", "gzip", wrongSum, 400, 0},
		{"garbage behind", "gzip", append(bytes.Clone(packed), "garbage"...), 400, 0},
		{"plain called gzip", "gzip", body, 400, 0},
		{"gzip in gzip", "gzip", gzipped(packed), 400, 0},
		{"truncated deflate", "deflate", zlibbed(body)[:30], 400, 0},
		{"empty gzip", "gzip", gzipped(nil), 400, 0},
	} {
		a := w.post(c.body, "Content-Encoding", c.encoding)
		logs := 0
		for _, f := range w.frames() {
			logs += len(f.Logs)
		}
		if a.status != c.status || logs != c.logs {
			t.Errorf("%s: %d %s, %d logs; want %d and %d", c.name, a.status, a.raw, logs, c.status, c.logs)
		}
	}
	w.wantIdle()
}

// wantIdle checks that nothing is held when nothing is under way. A handler ends a moment after its answer.
func (w *world) wantIdle() {
	w.t.Helper()
	w.server.Close() // waits for handlers
	if s := w.handler.Stats(); s.MemoryInUse != 0 || s.InFlight != 0 {
		w.t.Errorf("%d bytes and %d requests in flight", s.MemoryInUse, s.InFlight)
	}
}

// bomb is n MiB of one byte behind a text, compressed: the same member n times.
func bomb(fill byte, n int, before string) []byte {
	return append(gzipped([]byte(before)), bytes.Repeat(gzipped(bytes.Repeat([]byte{fill}, 1<<20)), n)...)
}

func TestSizes(t *testing.T) {
	t.Parallel()
	const limit = 100_000
	w := newWorld(t, func(o *ingest.Options) { o.MaxBody = limit })
	fill := func(n int) []byte {
		start, end := `{"logs":[{"type":"event","name":"`, `"}]}`
		return []byte(start + strings.Repeat("x", n-len(start)-len(end)) + end)
	}
	for _, n := range []int{100, 8191, 8192, 8193, 16383, 16384, 16385, 65535, 65536, 65537, limit - 1, limit} {
		for name, send := range w.ways() {
			send(fill(n)).want(t, http.StatusOK, "Success")
			if f := w.frames(); len(f) != 1 || len(f[0].Logs[0]) != n-len(`{"logs":[]}`) {
				t.Errorf("%d bytes %s: frames %v", n, name, f)
			}
		}
	}
	for _, n := range []int{limit + 1, limit + 2, 3 * limit} {
		for _, send := range w.ways() {
			send(fill(n)).want(t, http.StatusRequestEntityTooLarge, "LogContainerTooLarge")
		}
	}
	if f := w.frames(); len(f) != 0 {
		t.Errorf("%d frames of bodies that are too large", len(f))
	}
	w.wantIdle()
}

// ways are those in which a body can come.
func (w *world) ways() map[string]func([]byte) answer {
	return map[string]func([]byte) answer{
		"plain": func(b []byte) answer { return w.post(b) },
		"gzip":  func(b []byte) answer { return w.post(gzipped(b)) },
		"chunked": func(b []byte) answer {
			return w.do(w.request("POST", "/logs", io.MultiReader(bytes.NewReader(b))))
		},
	}
}

// TestBomb: 1 GiB of zeros stops at the limit. Not parallel: it measures memory.
func TestBomb(t *testing.T) {
	w := newWorld(t)
	body := bomb(0, 1024, "")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w.post(body).want(t, http.StatusRequestEntityTooLarge, "LogContainerTooLarge")
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("zeros took %d bytes", used)
	}
	w.post(bomb('x', 64, `{"logs":["`)).want(t, http.StatusRequestEntityTooLarge, "LogContainerTooLarge")
	w.post(bomb(' ', 64, "")).want(t, http.StatusRequestEntityTooLarge, "LogContainerTooLarge")
	w.post(bomb('[', 1, `{"logs":`)).want(t, http.StatusBadRequest, "InvalidLogContainer")
	w.wantIdle()
}

func TestHostileBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	many := make([]string, 10_000)
	for i := range many {
		many[i] = event(today)
	}
	crashes := make([]string, 1_000)
	for i := range crashes {
		crashes[i] = failure(fmt.Sprintf("a1b2c3d4-0000-4000-8000-%012x", i))
	}
	text := strings.Repeat("long ", 400_000)
	for _, c := range []struct {
		name         string
		body         []byte
		status, logs int
	}{
		{"not JSON", []byte("<xml/>"), 400, 0},
		{"a million arrays deep", []byte(`{"logs":` + strings.Repeat("[", 1_000_000)), 400, 0},
		{"a million objects deep", []byte(`{"logs":[` + strings.Repeat(`{"a":`, 1_000_000) + "1" + strings.Repeat("}", 1_000_000) + "]}"), 400, 0},
		{"wrong UTF-8", []byte("{\"logs\":[{\"type\":\"event\",\"name\":\"\xff\xfe\xc0\x80\"}]}"), 200, 1},
		{"lone surrogates and NUL", []byte(`{"logs":[{"type":"event","name":"\ud800\u0000"}]}`), 200, 1},
		{"control character", []byte("{\"logs\":[{\"type\":\"event\",\"name\":\"\x00\"}]}"), 400, 0},
		{"duplicate keys", []byte(`{"logs":[],"logs":[{"type":"x","type":"event","device":1,"device":{}}]}`), 200, 1},
		{"a text of 2 MB", container(`{"type":"managedError","id":"a1b2c3d4-0000-4000-8000-00000000000a","exception":{"message":"` + text + `"}}`), 200, 1},
		{"a type of 2 MB", container(`{"type":"` + text + `"}`), 200, 0},
		{"a key of 2 MB", container(`{"type":"event","` + text + `":1}`), 200, 1},
		{"numbers beyond int64", container(`{"type":"event","timestamp":123456789012345678901234567890,"name":-1e999,"id":1E+400}`), 200, 1},
		{"ten thousand logs", container(many...), 200, 10_000},
		{"a thousand crashes", container(crashes...), 200, 1_000},
		{"more logs than can be", []byte(`{"logs":[` + strings.Repeat("1,", 100_000) + "1]}"), 400, 0},
		{"a list of nothing", []byte(`{"logs":[null,[],"",0,true,[{}]]}`), 200, 0},
		{"null", []byte("null"), 400, 0},
	} {
		a := w.post(c.body)
		logs := 0
		for _, f := range w.frames() {
			logs += len(f.Logs)
		}
		if a.status != c.status || logs != c.logs {
			t.Errorf("%s: %d %.200s, %d logs; want %d and %d", c.name, a.status, a.raw, logs, c.status, c.logs)
		}
		if c.name == "a thousand crashes" && len(a.body.Valid) != 1_000 {
			t.Errorf("%d valid ids", len(a.body.Valid))
		}
	}
	w.wantIdle()
}

// dial opens a connection to the server and writes the text.
func (w *world) dial(text string) net.Conn {
	w.t.Helper()
	c, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		w.t.Fatal(err)
	}
	return c
}

func head(length int, more ...string) string {
	return fmt.Sprintf("POST /logs HTTP/1.1\r\nHost: h\r\nApp-Secret: %s\r\nContent-Length: %d\r\n%s\r\n", secret, length, strings.Join(more, ""))
}

// readAnswer reads one answer off a connection.
func (w *world) readAnswer(c net.Conn) (int, string) {
	w.t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func hasty(o *ingest.Options) {
	o.Pace = ingest.Pace{Grace: 300 * time.Millisecond, Rate: 1000, Longest: 2 * time.Second}
}

// A body that stops in its middle is answered with a status after which SDKs try again, and hung up on.
func TestHalfBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hasty)
	for _, sent := range []string{"", "{", `{"logs":[]`} {
		c := w.dial(head(5000) + sent)
		start := time.Now()
		status, body := w.readAnswer(c)
		if status != http.StatusRequestTimeout || !strings.Contains(body, `"RequestIncomplete"`) {
			t.Errorf("%q: %d %s", sent, status, body)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%q: took %v", sent, took)
		}
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("%q: connection is still open: %v", sent, err)
		}
	}
	w.wantIdle()
}

// A body that drips is given up when its time is over, however often a byte comes.
func TestDrippingBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hasty)
	c := w.dial(head(1 << 20))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := io.WriteString(c, " "); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond) // a slow client
		}
	}()
	start := time.Now()
	if status, body := w.readAnswer(c); status != http.StatusRequestTimeout {
		t.Errorf("%d %s", status, body)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	c.Close()
	<-done
	w.wantIdle()
}

// A body that is slow but keeps the pace is taken.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *ingest.Options) {
		o.Pace = ingest.Pace{Grace: 400 * time.Millisecond, Rate: 1000, Longest: 20 * time.Second}
	})
	body := container(`{"type":"event","name":"` + strings.Repeat("x", 20_000) + `"}`)
	c := w.dial(head(len(body)) + string(body[:2000]))
	for body = body[2000:]; len(body) > 0; {
		time.Sleep(100 * time.Millisecond) // a slow client: 1 s in all, more than the grace
		n := min(len(body), 2000)
		if _, err := c.Write(body[:n]); err != nil {
			t.Fatal(err)
		}
		body = body[n:]
	}
	if status, text := w.readAnswer(c); status != http.StatusOK {
		t.Errorf("%d %s", status, text)
	}
}

// The deadline of a body does not end the connection: it is for that body alone.
func TestConnectionGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hasty)
	c := w.dial("")
	r := bufio.NewReader(c)
	for range 3 {
		body := container(event(today))
		io.WriteString(c, head(len(body))+string(body))
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		if response.StatusCode != http.StatusOK || response.Close {
			t.Errorf("answer %d, close %v", response.StatusCode, response.Close)
		}
		time.Sleep(400 * time.Millisecond) // longer than the deadline of the last body
	}
}

func TestExpectContinue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := container(event(today))
	c := w.dial(head(len(body), "Expect: 100-continue\r\n"))
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	r.ReadString('\n')
	c.Write(body)
	response, err := http.ReadResponse(r, nil)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%v, %v", response, err)
	}

	// A request that is refused anyway is not asked for its body.
	refused := strings.Replace(head(1<<20, "Expect: 100-continue\r\n"), secret, "nobody", 1)
	if status, _ := w.readAnswer(w.dial(refused)); status != http.StatusUnauthorized {
		t.Errorf("refused with %d", status)
	}
}

// A refusal reaches a client that writes its whole body before it reads.
func TestRefusalOfLargeBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := strings.Repeat(" ", 8<<20)
	refused := strings.Replace(head(len(body)), secret, "nobody", 1)
	status, text := w.readAnswer(w.dial(refused + body))
	if status != http.StatusUnauthorized || !strings.Contains(text, "AppSecretDenied") {
		t.Errorf("%d %s", status, text)
	}
}

func TestMalformedChunks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := strings.Replace(head(0), "Content-Length: 0", "Transfer-Encoding: chunked", 1)
	if status, _ := w.readAnswer(w.dial(text + "zz\r\n")); status != http.StatusRequestTimeout {
		t.Errorf("answer %d", status)
	}
}
