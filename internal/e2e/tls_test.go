package e2e_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// trusted is a client's configuration that trusts the data folder's CA and nobody else.
func trusted(t *testing.T, data string, version uint16) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(data, "tls", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("ca.pem holds no certificate")
	}
	return &tls.Config{RootCAs: pool, MinVersion: version, MaxVersion: version}
}

// TestTLS: a client that is fixed to TLS 1.2, as .NET's SDKs are, and one of TLS 1.3; HTTP/1.1 and HTTP/2.
func TestTLS(t *testing.T) {
	t.Parallel()
	s := start(t, "--tls-listen", "127.0.0.1:0")
	if !strings.HasPrefix(s.TLS, "https://127.0.0.1:") {
		t.Fatalf("ready line %q", s.Line)
	}
	for _, name := range []string{"", "localhost", "::1"} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			config := trusted(t, s.Data, version)
			config.ServerName = name
			for _, two := range []bool{false, true} {
				s.overTLS(t, config, two)
			}
		}
	}
	if _, err := tls.Dial("tcp", strings.TrimPrefix(s.TLS, "https://"), trusted(t, s.Data, tls.VersionTLS11)); err == nil {
		t.Error("TLS 1.1 is accepted")
	}
	if _, err := tls.Dial("tcp", strings.TrimPrefix(s.TLS, "https://"), &tls.Config{}); err == nil {
		t.Error("a client that does not know the CA trusts it")
	}
	if !strings.Contains(s.Log.String(), filepath.Join(s.Data, "tls", "ca.pem")) {
		t.Errorf("the server does not say how to trust it: %s", s.Log)
	}

	// Whoever trusts the CA still does after a restart.
	config := trusted(t, s.Data, tls.VersionTLS13)
	s.stop(t)
	s = startOn(t, s.Data, "--tls-listen", "127.0.0.1:0")
	s.overTLS(t, config, true)
}

// overTLS sends a crash and follows an absolute URL of the answer's kind.
func (s *testServer) overTLS(t *testing.T, config *tls.Config, two bool) {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: config.Clone(), ForceAttemptHTTP2: two}
	if !two {
		tr.TLSClientConfig.NextProtos = []string{"http/1.1"}
	}
	defer tr.CloseIdleConnections()
	_, body := ordinaryCrash()
	req, err := http.NewRequest("POST", s.TLS+"//logs?api-version=1.0.0", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("App-Secret", s.Secret)
	req.Header.Set("Install-ID", scriptInstall)
	answer, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Errorf("TLS %x, HTTP/2 %t: %v", config.MaxVersion, two, err)
		return
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 || answer.TLS.Version != config.MaxVersion || (answer.ProtoMajor == 2) != two {
		t.Errorf("TLS %x, HTTP/2 %t: %s %s by TLS %x, %v", config.MaxVersion, two, answer.Proto, answer.Status, answer.TLS.Version, err)
	}
	if !bytes.Contains(text, []byte(`"Success"`)) {
		t.Errorf("answer %s", text)
	}
}

// TestDrain: SIGTERM lets a request that is under way end well and takes no new one, and the server exits 0. On
// a connection that is open already a new request is answered 503 or not at all: SDKs try again after both.
func TestDrain(t *testing.T) {
	t.Parallel()
	s := start(t, "--tls-listen", "127.0.0.1:0")
	id, crash := ordinaryCrash()
	request := fmt.Sprintf("POST /logs HTTP/1.1\r\nHost: x\r\nApp-Secret: %s\r\nInstall-ID: %s\r\nContent-Length: %d\r\n\r\n%s", s.Secret, scriptInstall, len(crash), crash)

	underWay := dial(t, s.Address())
	if _, err := io.WriteString(underWay, request[:len(request)-10]); err != nil {
		t.Fatal(err)
	}
	await(t, indexTime, "under way", func() bool {
		m, err := s.Metrics()
		return err == nil && m["lifeboat_ingest_in_flight"] == 1
	})
	config := trusted(t, s.Data, tls.VersionTLS12)
	config.ServerName = "localhost"
	secure := tls.Client(dial(t, strings.TrimPrefix(s.TLS, "https://")), config)
	if err := secure.Handshake(); err != nil {
		t.Fatal(err)
	}
	late := map[string]net.Conn{"http": dial(t, s.Address()), "https": secure}
	s.Terminate()
	await(t, indexTime, "closed to new connections", func() bool {
		c, err := net.Dial("tcp", s.Address())
		if err == nil {
			c.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	for name, c := range late {
		io.WriteString(c, request) // closed already is not at all
		if b, _ := io.ReadAll(c); len(b) > 0 && !isBusy(b) {
			t.Errorf("%s: a request in the drain is answered %q", name, b)
		}
	}
	if _, err := io.WriteString(underWay, request[len(request)-10:]); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(underWay); err != nil || !bytes.HasPrefix(b, []byte("HTTP/1.1 200 ")) {
		t.Errorf("the request under way is answered %q, %v", b, err)
	}
	s.stop(t)

	s = startOn(t, s.Data)
	s.indexed(t)
	if found := findReports(t, s); len(found) != 1 || found[id.String()].report.ErrorID == "" {
		t.Errorf("%d reports after the restart, want the one that was answered 200", len(found))
	}
}
