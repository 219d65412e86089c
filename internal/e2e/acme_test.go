package e2e_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/acme"

	"lifeboat/internal/e2e"
)

// authority is a small certificate authority that speaks ACME (RFC 8555): as much as one client needs, and as strict
// as one that must not give a certificate to anybody else.
type authority struct {
	*httptest.Server
	kinds []string // of challenges that are offered

	mu       sync.Mutex
	nonces   map[string]bool
	accounts map[string]*ecdsa.PublicKey // by URL
	orders   []*acmeOrder
	plain    string // where the names lead to: HOST:PORT of HTTP and HTTPS
	secure   string
	faults   []string

	root *x509.Certificate
	key  *ecdsa.PrivateKey
}

// acmeOrder is one order with its only authorization and challenge.
type acmeOrder struct {
	n       int
	account string
	name    string
	token   string
	proven  bool
	cert    []byte // PEM
}

func newAuthority(t *testing.T, kinds ...string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(48 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{kinds: kinds, nonces: map[string]bool{}, accounts: map[string]*ecdsa.PublicKey{}, key: key}
	if a.root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.Server = httptest.NewTLSServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.Close)
	return a
}

// trusted is the file that makes a machine trust the authority's own server.
func (a *authority) trusted(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw})
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (a *authority) nonce() string {
	n := rand.Text()
	a.nonces[n] = true
	return n
}

func (a *authority) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Replay-Nonce", a.nonce())
	switch r.URL.Path {
	case "/dir":
		tellJSON(w, 200, map[string]string{"newNonce": a.URL + "/nonce", "newAccount": a.URL + "/account", "newOrder": a.URL + "/order"})
		return
	case "/nonce":
		return
	}
	account, payload, err := a.verify(r)
	if err == nil {
		err = a.answer(w, r, account, payload)
	}
	if err != nil {
		a.faults = append(a.faults, fmt.Sprintf("%s: %v", r.URL.Path, err))
		w.Header().Set("Content-Type", "application/problem+json")
		tellJSON(w, 400, map[string]any{"type": "urn:ietf:params:acme:error:malformed", "detail": err.Error(), "status": 400})
	}
}

func tellJSON(w http.ResponseWriter, status int, v any) {
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

type jwk struct{ Kty, Crv, X, Y string }

// verify checks a request's signature (RFC 7515, ES256) and returns who made it, and what is in it.
func (a *authority) verify(r *http.Request) (account string, payload []byte, err error) {
	var body struct{ Protected, Payload, Signature string }
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&body); err != nil {
		return "", nil, err
	}
	var head struct {
		Alg, Nonce, URL, Kid string
		JWK                  *jwk
	}
	b, err := base64.RawURLEncoding.DecodeString(body.Protected)
	if err == nil {
		err = json.Unmarshal(b, &head)
	}
	if err != nil {
		return "", nil, err
	}
	if head.Alg != "ES256" || head.URL != a.URL+r.URL.Path || !a.nonces[head.Nonce] {
		return "", nil, fmt.Errorf("header %s", b)
	}
	delete(a.nonces, head.Nonce)
	key := a.accounts[head.Kid]
	if head.JWK != nil {
		if key, err = head.JWK.key(); err != nil {
			return "", nil, err
		}
		thumb, err := acme.JWKThumbprint(key)
		if err != nil {
			return "", nil, err
		}
		head.Kid = a.URL + "/account/" + thumb
		a.accounts[head.Kid] = key
	}
	sig, err := base64.RawURLEncoding.DecodeString(body.Signature)
	if err != nil || key == nil || len(sig) != 64 {
		return "", nil, errors.New("no signature, or of nobody")
	}
	sum := sha256.Sum256([]byte(body.Protected + "." + body.Payload))
	if !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		return "", nil, errors.New("the signature is wrong")
	}
	payload, err = base64.RawURLEncoding.DecodeString(body.Payload)
	return head.Kid, payload, err
}

func (k *jwk) key() (*ecdsa.PublicKey, error) {
	x, err := base64.RawURLEncoding.DecodeString(k.X)
	y, bad := base64.RawURLEncoding.DecodeString(k.Y)
	if err != nil || bad != nil || k.Kty != "EC" || k.Crv != "P-256" || len(x) != 32 || len(y) != 32 {
		return nil, errors.New("no key of P-256")
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
}

func (a *authority) answer(w http.ResponseWriter, r *http.Request, account string, payload []byte) error {
	part := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch part[0] {
	case "account":
		w.Header().Set("Location", account)
		tellJSON(w, 201, map[string]any{"status": "valid"})
		return nil
	case "order":
		if len(part) == 1 {
			return a.newOrder(w, account, payload)
		}
	}
	n, err := strconv.Atoi(part[len(part)-1])
	if err != nil || n >= len(a.orders) || a.orders[n].account != account {
		return errors.New("no such thing of this account")
	}
	o := a.orders[n]
	switch part[0] {
	case "order":
		a.tellOrder(w, 200, o)
	case "authz":
		var all []any
		for _, kind := range a.kinds {
			all = append(all, map[string]string{"type": kind, "url": fmt.Sprintf("%s/challenge/%s/%d", a.URL, kind, n), "token": o.token, "status": o.status("pending", "valid")})
		}
		tellJSON(w, 200, map[string]any{"status": o.status("pending", "valid"), "identifier": map[string]string{"type": "dns", "value": o.name}, "challenges": all})
	case "challenge":
		if err := a.prove(o, part[1]); err != nil {
			return err
		}
		o.proven = true
		tellJSON(w, 200, map[string]string{"type": part[1], "url": a.URL + r.URL.Path, "token": o.token, "status": "valid"})
	case "finalize":
		if err := a.sign(o, payload); err != nil {
			return err
		}
		a.tellOrder(w, 200, o)
	case "cert":
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		w.Write(o.cert)
	default:
		return errors.New("nothing is there")
	}
	return nil
}

func (o *acmeOrder) status(before, after string) string {
	if o.proven {
		return after
	}
	return before
}

func (a *authority) newOrder(w http.ResponseWriter, account string, payload []byte) error {
	var asked struct {
		Identifiers []struct{ Type, Value string }
	}
	if err := json.Unmarshal(payload, &asked); err != nil || len(asked.Identifiers) != 1 {
		return fmt.Errorf("order %s, %v", payload, err)
	}
	o := &acmeOrder{n: len(a.orders), account: account, name: asked.Identifiers[0].Value, token: rand.Text()}
	a.orders = append(a.orders, o)
	w.Header().Set("Location", fmt.Sprintf("%s/order/%d", a.URL, o.n))
	a.tellOrder(w, 201, o)
	return nil
}

func (a *authority) tellOrder(w http.ResponseWriter, status int, o *acmeOrder) {
	v := map[string]any{
		"status": o.status("pending", "ready"), "identifiers": []any{map[string]string{"type": "dns", "value": o.name}},
		"authorizations": []string{fmt.Sprintf("%s/authz/%d", a.URL, o.n)}, "finalize": fmt.Sprintf("%s/finalize/%d", a.URL, o.n),
	}
	if o.cert != nil {
		v["status"], v["certificate"] = "valid", fmt.Sprintf("%s/cert/%d", a.URL, o.n)
	}
	tellJSON(w, status, v)
}

// prove looks whether whoever the name leads to knows what only the account's holder can know.
func (a *authority) prove(o *acmeOrder, kind string) error {
	thumb, err := acme.JWKThumbprint(a.accounts[o.account])
	if err != nil {
		return err
	}
	want := o.token + "." + thumb
	if kind == "http-01" { // RFC 8555, section 8.3
		req, err := http.NewRequest("GET", "http://"+a.plain+"/.well-known/acme-challenge/"+o.token, nil)
		if err != nil {
			return err
		}
		req.Host = o.name
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != 200 || string(bytes.TrimSpace(b)) != want {
			return fmt.Errorf("%s %q, %v", answer.Status, b, err)
		}
		return nil
	}
	// RFC 8737
	c, err := tls.Dial("tcp", a.secure, &tls.Config{ServerName: o.name, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true}) // it signs itself
	if err != nil {
		return err
	}
	defer c.Close()
	cert := c.ConnectionState().PeerCertificates[0]
	sum := sha256.Sum256([]byte(want))
	value, err := asn1.Marshal(sum[:])
	if err != nil {
		return err
	}
	for _, e := range cert.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}) && e.Critical && bytes.Equal(e.Value, value) && len(cert.DNSNames) == 1 && cert.DNSNames[0] == o.name {
			return nil
		}
	}
	return errors.New("the certificate proves nothing")
}

// sign makes the certificate.
func (a *authority) sign(o *acmeOrder, payload []byte) error {
	var asked struct{ CSR string }
	err := json.Unmarshal(payload, &asked)
	der, bad := base64.RawURLEncoding.DecodeString(asked.CSR)
	if err != nil || bad != nil || !o.proven {
		return errors.New("not proven, or nothing to sign")
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil || len(csr.DNSNames) != 1 || csr.DNSNames[0] != o.name {
		return fmt.Errorf("asked for %v, %v", csr.DNSNames, err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(int64(100 + o.n)), DNSNames: csr.DNSNames, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(47 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	cert, err := x509.CreateCertificate(rand.Reader, of, a.root, csr.PublicKey, a.key)
	o.cert = append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})...)
	return err
}

// certificate is what a server shows for a name to somebody who trusts the authority.
func (a *authority) certificate(secure, name string) (*x509.Certificate, error) {
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	c, err := tls.Dial("tcp", secure, &tls.Config{ServerName: name, RootCAs: pool})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0], nil
}

// TestACME: a server gets its certificates by itself, proves its names either way, keeps what it got, and asks for no
// other names.
func TestACME(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"tls-alpn-01", "http-01"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t, kind)
			launch := e2e.Launch{
				Bin: program, Data: filepath.Join(t.TempDir(), "data"), Env: []string{"SSL_CERT_FILE=" + a.trusted(t)}, Stderr: new(record),
				Flags: []string{"--tls-listen", "127.0.0.1:0", "--tls-acme-host", "crash.example.com", "--tls-acme-host", "shop.example.com", "--tls-acme-directory", a.URL + "/dir"},
			}
			begin := func() *e2e.Process {
				t.Helper()
				p, err := launch.WithApp()
				if err != nil {
					t.Fatalf("%v\n%s", err, launch.Stderr)
				}
				t.Cleanup(p.Kill)
				a.mu.Lock()
				a.plain, a.secure = p.Address(), strings.TrimPrefix(p.TLS, "https://")
				a.mu.Unlock()
				return p
			}
			p := begin()
			serials := map[string]int64{}
			for _, name := range []string{"crash.example.com", "shop.example.com"} {
				cert, err := a.certificate(a.secure, name)
				if err != nil {
					t.Fatalf("%s: %v; %v", name, err, a.faults)
				}
				serials[name] = cert.SerialNumber.Int64()
			}
			for _, name := range []string{"evil.example.com", "localhost", ""} {
				if _, err := a.certificate(a.secure, name); err == nil {
					t.Errorf("there is a certificate for %q", name)
				}
			}
			// What is no question of the authority is served as ever, without a redirect.
			req, err := http.NewRequest("POST", p.URL+"/logs", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := http.DefaultTransport.RoundTrip(req)
			if err != nil || answer.StatusCode != 401 {
				t.Errorf("a device gets %v, %v", answer, err)
			}
			answer.Body.Close()

			if err := p.Stop(); err != nil {
				t.Fatal(err)
			}
			begin()
			for name, serial := range serials {
				cert, err := a.certificate(a.secure, name)
				if err != nil || cert.SerialNumber.Int64() != serial {
					t.Errorf("after a restart %s has %v, %v", name, cert, err)
				}
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			if len(a.orders) != 2 || len(a.faults) > 0 {
				t.Errorf("%d orders, %v", len(a.orders), a.faults)
			}
			if info, err := os.Stat(filepath.Join(launch.Data, "tls", "acme")); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("what it got lies in %v, %v", info, err)
			}
		})
	}
}
