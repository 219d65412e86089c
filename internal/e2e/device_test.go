package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/server"
)

// sdk is how one SDK's requests look (docs/compatibility.md).
type sdk struct {
	install     string
	contentType string
	agent       string
	zips        bool   // bodies of 1400 bytes and more
	path        string // behind the log URL that the app was given
}

// sdkOf picks the headers by the name of a sample.
func sdkOf(sample string) sdk {
	const path = "/logs?api-version=1.0.0"
	switch family, _, _ := strings.Cut(sample, "-"); family {
	case "apple":
		return sdk{"A1B0C0DE-0000-4000-8000-00000000000A", "application/json", "Ledger/2081 CFNetwork/1496.0.7 Darwin/23.6.0", true, path}
	case "dotnet":
		return sdk{"d07e7000-0000-4000-8000-000000000001", "application/json; charset=utf-8", "", false, "/" + path}
	case "uwp":
		return sdk{"d07e7000-0000-4000-8000-000000000002", "application/json; charset=utf-8", "", false, path}
	case "custom":
		return sdk{"c0570000-0000-4000-8000-000000000003", "application/json", "curl/8.5.0", false, "/logs?Api-Version=1.0.0"}
	case "cordova":
		return sdk{"c02d0fa0-0000-4000-8000-000000000004", "application/json", "Dalvik/2.1.0", true, path}
	case "maui", "react":
		return sdk{"e4c70000-0000-4000-8000-000000000005", "application/json", "Dalvik/2.1.0", true, "/prefix" + path}
	}
	return sdk{"a2d201d0-0000-4000-8000-000000000006", "application/json", "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 7a)", true, path}
}

// reply is the answer of ingestion.
type reply struct {
	Status                  string   `json:"status"`
	ValidDiagnosticsIDs     []string `json:"validDiagnosticsIds"`
	ThrottledDiagnosticsIDs []string `json:"throttledDiagnosticsIds"`
	CorrelationID           string   `json:"correlationId"`
}

// zipsFrom is the size of bodies from which on SDKs compress them.
const zipsFrom = 1400

// request is a body on its way to the server.
func (d sdk) request(t *testing.T, s *testServer, body []byte) *http.Request {
	t.Helper()
	zipped := d.zips && len(body) >= zipsFrom
	if zipped {
		body = gzipped(body)
	}
	req, err := http.NewRequest("POST", s.URL+d.path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("App-Secret", s.Secret)
	req.Header.Set("Install-ID", d.install)
	req.Header.Set("Content-Type", d.contentType)
	req.Header["User-Agent"] = []string{d.agent}
	if zipped {
		req.Header.Set("Content-Encoding", "gzip")
	}
	return req
}

// post sends a body that must be accepted.
func (s *testServer) post(t *testing.T, d sdk, body []byte) reply {
	t.Helper()
	answer, text := s.do(t, d.request(t, s, body))
	var r reply
	if err := json.Unmarshal(text, &r); err != nil || answer.StatusCode != 200 || r.Status != "Success" {
		t.Fatalf("%s %s", answer.Status, text)
	}
	return r
}

// do sends a request and reads the whole answer.
func (s *testServer) do(t *testing.T, req *http.Request) (*http.Response, []byte) {
	t.Helper()
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s: %v", req.URL.Path, err)
	}
	return answer, text
}

// get asks the API as the administrator. The path begins behind the host.
func (s *testServer) get(t *testing.T, path string) (*http.Response, []byte) {
	t.Helper()
	token, err := server.AdminToken(s.Data)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest("GET", s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Token", token)
	return s.do(t, req)
}

// mustGet wants 200.
func (s *testServer) mustGet(t *testing.T, path string) []byte {
	t.Helper()
	answer, text := s.get(t, path)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %s", path, answer.Status, text)
	}
	return text
}

// read decodes an answer below the app.
func read[T any](t *testing.T, s *testServer, path string) (v T) {
	t.Helper()
	text := s.mustGet(t, "/v0.1/apps/"+s.App+path)
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("GET %s: %v in %s", path, err, text)
	}
	return v
}

// indexed waits until everything that was sent can be read.
func (s *testServer) indexed(t *testing.T) {
	t.Helper()
	if _, err := s.WaitIndexed(indexTime); err != nil {
		t.Fatal(err)
	}
}

// await waits until cond holds.
func await(t *testing.T, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !cond(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %s: not yet %s", limit, what)
		}
	}
}
