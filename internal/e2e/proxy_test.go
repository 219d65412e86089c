//go:build proxy

package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
)

const proxied = "crash.example.com"

// reverseProxy is a real proxy that runs with the settings of docs/reverse-proxy.md.
type reverseProxy struct {
	address string
	roots   *x509.CertPool
}

// settings are those in the documents for one proxy.
func settings(t *testing.T, language string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "reverse-proxy.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "```"+language+"\n")
	text, _, ended := strings.Cut(rest, "```")
	if !ok || !ended {
		t.Fatalf("docs/reverse-proxy.md has no settings for %s", language)
	}
	return text
}

// replaced replaces what stands for something else on each machine; all of it must be there.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the settings do not hold %q", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// runReverseProxy runs nginx or caddy in front of an address.
func runReverseProxy(t *testing.T, name, upstream string) *reverseProxy {
	t.Helper()
	bin, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: apt-get install %s", name, name)
	}
	folder, port := t.TempDir(), freePort(t)
	p := &reverseProxy{address: "127.0.0.1:" + port, roots: x509.NewCertPool()}
	cert, key := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	p.certify(t, cert, key)
	conf := filepath.Join(folder, "conf")
	var args []string
	var text string
	switch name {
	case "nginx":
		text = "user root;\npid " + folder + "/pid;\nevents {}\nhttp {\naccess_log off;\n"
		for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			text += kind + "_temp_path " + folder + "/" + kind + ";\n"
		}
		text += replaced(t, settings(t, "nginx"), "listen 443 ssl", "listen "+p.address+" ssl", "/etc/ssl/"+proxied+".pem", cert, "/etc/ssl/"+proxied+".key", key,
			"http://127.0.0.1:8080", "http://"+upstream) + "}\n"
		args = []string{"-c", conf, "-p", folder, "-e", "stderr", "-g", "daemon off;"}
	case "caddy":
		text = "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n\tdefault_bind 127.0.0.1\n}\n" +
			replaced(t, settings(t, "caddy"), proxied+" {", "https://"+proxied+":"+port+" {", "/etc/ssl/"+proxied+".pem", cert, "/etc/ssl/"+proxied+".key", key,
				"reverse_proxy 127.0.0.1:8080", "reverse_proxy "+upstream)
		args = []string{"run", "--config", conf, "--adapter", "caddyfile"}
	}
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log := new(record)
	cmd := exec.Command(bin, args...)
	cmd.Env = append(os.Environ(), "HOME="+folder, "XDG_DATA_HOME="+folder, "XDG_CONFIG_HOME="+folder)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // SIGTERM ends nginx's workers, too
		cmd.Process.Signal(os.Interrupt)
		done := make(chan struct{})
		go func() { cmd.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			cmd.Process.Kill()
			<-done
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", name, log)
		}
	})
	await(t, indexTime, name+" listens", func() bool {
		c, err := net.Dial("tcp", p.address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return p
}

// certify makes a certificate that signs itself.
func (p *reverseProxy) certify(t *testing.T, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{proxied}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	p.roots.AppendCertsFromPEM(text)
	if err := os.WriteFile(certFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p *reverseProxy) config(version uint16) *tls.Config {
	return &tls.Config{RootCAs: p.roots, ServerName: proxied, MinVersion: version, MaxVersion: version}
}

// ask sends one request through the proxy and follows no redirect.
func (p *reverseProxy) ask(t *testing.T, two bool, method, path string, header map[string]string, body []byte) (int, string) {
	t.Helper()
	tr := &http.Transport{
		TLSClientConfig: p.config(tls.VersionTLS12), ForceAttemptHTTP2: two, DisableKeepAlives: true, ExpectContinueTimeout: 5 * time.Second,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", p.address)
		},
	}
	req, err := http.NewRequest(method, "https://"+proxied+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	answer, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer answer.Body.Close()
	if (answer.ProtoMajor == 2) != two {
		t.Errorf("%s %s is answered over %s", method, path, answer.Proto)
	}
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer.StatusCode, string(b)
}

// TestReverseProxy: what SDKs and clients send arrives through real proxies with the documented settings.
func TestReverseProxy(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"nginx", "caddy"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "--trusted-proxy", "127.0.0.1")
			p := runReverseProxy(t, name, s.Address())
			device := map[string]string{"App-Secret": s.Secret, "Install-ID": scriptInstall}
			var last diag.ID
			for _, two := range []bool{false, true} {
				for _, path := range []string{"/logs", "//logs", "/logs/", "/a/prefix//logs?api-version=1.0.0"} {
					id, crash := ordinaryCrash()
					last = id
					if status, body := p.ask(t, two, "POST", path, device, crash); status != 200 || !strings.Contains(body, `"Success"`) {
						t.Errorf("HTTP/2 %t: POST %s is answered %d %s", two, path, status, body)
					}
				}
				status, body := p.ask(t, two, "POST", "//logs", map[string]string{"App-Secret": diag.RandomID().String()}, []byte(`{"logs":[]}`))
				if status != 401 || !strings.Contains(body, `"AppSecretDenied"`) {
					t.Errorf("HTTP/2 %t: an unknown secret is answered %d %q", two, status, body)
				}
				if status, body := p.ask(t, two, "GET", "//logs", nil, nil); status != 405 || !strings.HasPrefix(body, "{") {
					t.Errorf("HTTP/2 %t: GET //logs is answered %d %q", two, status, body)
				}
				if status, body := p.ask(t, two, "GET", "/v0.1/apps/a%2Fb/c%25", nil, nil); status != 401 || !strings.HasPrefix(body, "{") {
					t.Errorf("HTTP/2 %t: an odd path is answered %d %q", two, status, body)
				}
			}
			// The largest attachment that SDKs send, and a client that asks first.
			data := base64.StdEncoding.EncodeToString(make([]byte, 7<<20))
			large := fmt.Appendf(nil, `{"logs":[{"type":"errorAttachment","id":%q,"errorId":%q,"timestamp":%q,"contentType":"application/octet-stream","data":%q}]}`,
				diag.RandomID(), last, time.Now().UTC().Format(time.RFC3339), data)
			for _, expect := range []string{"", "100-continue"} {
				header := map[string]string{"App-Secret": s.Secret, "Install-ID": scriptInstall}
				if expect != "" {
					header["Expect"] = expect
				}
				if status, body := p.ask(t, false, "POST", "/logs", header, large); status != 200 {
					t.Errorf("%d bytes with Expect %q are answered %d %s", len(large), expect, status, body)
				}
			}
			// Clients get URLs that lead to the proxy.
			s.indexed(t)
			group := read[contract.ErrorGroups](t, s, "/errors/errorGroups").ErrorGroups[0].ErrorGroupID
			token := strings.TrimSpace(readText(t, filepath.Join(s.Data, "admin.token")))
			path := "/v0.1/apps/" + s.App + "/errors/errorGroups/" + group + "/errors/" + last.String() + "/location"
			status, body := p.ask(t, true, "GET", path, map[string]string{"X-API-Token": token}, nil)
			if status != 200 || !strings.Contains(body, `"https://`+proxied+`/`) {
				t.Errorf("a URL: %d %s", status, body)
			}
		})
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestReverseProxyHeaders: nginx leaves the letter case of the header that Android looks for as it is.
func TestReverseProxyHeaders(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if req, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					io.Copy(io.Discard, req.Body)
					io.WriteString(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nx-ms-retry-after-ms: 30000\r\nContent-Length: 2\r\n\r\n{}")
				}
			}()
		}
	}()
	p := runReverseProxy(t, "nginx", l.Addr().String())
	config := p.config(tls.VersionTLS13)
	config.NextProtos = []string{"http/1.1"}
	c, err := tls.Dial("tcp", p.address, config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "POST /logs HTTP/1.1\r\nHost: "+proxied+"\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
	b, err := io.ReadAll(c)
	if err != nil || !bytes.Contains(b, []byte("\r\nx-ms-retry-after-ms: 30000\r\n")) || !bytes.HasSuffix(b, []byte("\r\n\r\n{}")) {
		t.Errorf("%q, %v", b, err)
	}
}
