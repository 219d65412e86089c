package server_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/server"
)

func overTLS(c *server.Config) { c.TLSListen = "127.0.0.1:0" }

// shown is the certificate chain that a listener shows for a name.
func (w *world) shown(name string) []*x509.Certificate {
	w.t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(w.at.TLS, "https://"), &tls.Config{ServerName: name, InsecureSkipVerify: true}) // verified by the caller
	w.ok(err)
	defer c.Close()
	return c.ConnectionState().PeerCertificates
}

func readCA(t *testing.T, data string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(data, "tls", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// trusts reports whether whoever trusts a CA trusts a chain for a name, at a time.
func trusts(t *testing.T, ca []byte, chain []*x509.Certificate, name string, at time.Time) error {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatal("the CA is no certificate")
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: pool, DNSName: name, CurrentTime: at})
	return err
}

func TestLocalCA(t *testing.T) {
	t.Parallel()
	w := start(t, overTLS, func(c *server.Config) { c.PublicURL = "https://crash.example.com" })
	if w.s.LocalCA() != filepath.Join(w.data, "tls", "ca.pem") {
		t.Errorf("the CA lies in %s", w.s.LocalCA())
	}
	ca, chain, now := readCA(t, w.data), w.shown("localhost"), w.clock.Now()
	if len(chain) != 2 || chain[0].IsCA || !chain[1].IsCA {
		t.Fatalf("%d certificates", len(chain))
	}
	host, err := os.Hostname()
	w.ok(err)
	for _, name := range []string{"localhost", "127.0.0.1", "[::1]", host, "crash.example.com"} {
		if err := trusts(t, ca, chain, name, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if trusts(t, ca, chain, "example.com", now) == nil {
		t.Error("the certificate is good for any name")
	}
	if life := chain[0].NotAfter.Sub(chain[0].NotBefore); life > 825*24*time.Hour {
		t.Errorf("the certificate is good for %v: Apple's systems refuse it", life)
	}

	// A restart keeps the CA and makes another certificate.
	w.ok(w.stop())
	w.ok(w.s.Close())
	again := start(t, overTLS, func(c *server.Config) { c.Data = w.data })
	if !bytes.Equal(ca, readCA(t, w.data)) {
		t.Error("there is another CA after a restart")
	}
	if err := trusts(t, ca, again.shown("localhost"), "localhost", now); err != nil {
		t.Error(err)
	}
}

// TestCertificateIsRenewed: a server that runs for years always shows a certificate that is good.
func TestCertificateIsRenewed(t *testing.T) {
	t.Parallel()
	w := start(t, overTLS)
	ca, first := readCA(t, w.data), w.shown("")
	w.clock.SetWall(w.clock.Now().Add(server.CertLife - server.RenewBefore - time.Hour))
	if !w.shown("")[0].Equal(first[0]) {
		t.Error("it is renewed too early")
	}
	for range 3 {
		w.clock.SetWall(w.clock.Now().Add(server.CertLife - time.Hour))
		if err := trusts(t, ca, w.shown(""), "localhost", w.clock.Now()); err != nil {
			t.Error(err)
		}
	}
}

// TestOldCA: near the CA's end certificates end with it; after it a new one is made, and said so.
func TestOldCA(t *testing.T) {
	t.Parallel()
	w := start(t, overTLS)
	ca := readCA(t, w.data)
	restart := func(at time.Time) *world {
		t.Helper()
		w.ok(w.stop())
		w.ok(w.s.Close())
		w = start(t, overTLS, func(c *server.Config) {
			c.Data = w.data
			clock := diag.NewStepClock()
			clock.SetWall(at)
			c.Clock = clock
		})
		return w
	}
	end := time.Now().Add(server.CALife)
	chain := restart(end.Add(-24 * time.Hour)).shown("")
	if !chain[0].NotAfter.Equal(chain[1].NotAfter) {
		t.Errorf("the certificate ends %v, its CA %v", chain[0].NotAfter, chain[1].NotAfter)
	}
	chain = restart(end.Add(time.Hour)).shown("")
	if bytes.Equal(ca, readCA(t, w.data)) {
		t.Error("the expired CA is still used")
	}
	if err := trusts(t, readCA(t, w.data), chain, "localhost", end.Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if !strings.Contains(w.log.String(), "the local CA has expired") {
		t.Errorf("nobody is told: %s", w.log)
	}
}

// fails runs a server that cannot start to accept traffic.
func fails(t *testing.T, c server.Config) error {
	t.Helper()
	s := open(t, c)
	s.OnReady(func(server.Addresses) { t.Error("it is ready") })
	return s.Run(t.Context())
}

func TestDamagedCA(t *testing.T) {
	t.Parallel()
	c := newConfig(t)
	overTLS(&c)
	if err := os.MkdirAll(filepath.Join(c.Data, "tls"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(c.Data, "VERSION"), "1\n")
	write(t, filepath.Join(c.Data, "tls", "ca.pem"), "damaged")
	write(t, filepath.Join(c.Data, "tls", "ca-key.pem"), "damaged")
	refuses(t, fails(t, c), diag.Invalid, "local CA", "Restore ca.pem and ca-key.pem", "remove both")
}

func TestOwnCertificate(t *testing.T) {
	t.Parallel()
	c := newConfig(t)
	overTLS(&c)
	c.TLSCert, c.TLSKey = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	refuses(t, fails(t, c), diag.Invalid, "The certificate cannot be used", "cert.pem")
}

// TestHTTP2: what devices and browsers get over it is the same.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	w := start(t, overTLS)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(readCA(t, w.data))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	w.http = &http.Client{Transport: transport}
	w.makeApp("shop")
	w.at.URL = w.at.TLS
	if a := w.post(crash(1, userID)); a.status != 200 || a.body == "" {
		t.Errorf("answered %+v", a)
	}
	if a := w.get(w.at.TLS + "/readyz"); a.body != "ready\n" {
		t.Errorf("answered %+v", a)
	}
}

// pair writes a certificate for a name and its key.
func pair(t *testing.T, certFile, keyFile, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
}

// TestCertificateIsReloaded: who renews a certificate need not stop the server, and half a renewal stops nothing.
func TestCertificateIsReloaded(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	certFile, keyFile := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	pair(t, certFile, keyFile, "one.example.com")
	w := start(t, overTLS, func(c *server.Config) { c.TLSCert, c.TLSKey = certFile, keyFile })
	shows := func(name string) {
		t.Helper()
		if got := w.shown("")[0].DNSNames[0]; got != name {
			t.Errorf("the certificate is that of %s, want %s", got, name)
		}
	}
	shows("one.example.com")
	pair(t, certFile, keyFile, "two-two.example.com")
	shows("one.example.com") // not yet looked at
	w.clock.Step(11 * time.Second)
	shows("two-two.example.com")

	write(t, certFile, "half a certificate")
	for range 3 {
		w.clock.Step(11 * time.Second)
		shows("two-two.example.com")
	}
	if n := strings.Count(w.log.String(), "cannot be used"); n != 1 {
		t.Errorf("it is told %d times", n)
	}
	w.ok(os.Remove(keyFile))
	w.clock.Step(11 * time.Second)
	shows("two-two.example.com")
	pair(t, certFile, keyFile, "three.three.example.com")
	w.clock.Step(11 * time.Second)
	shows("three.three.example.com")
}
