package server

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"lifeboat/internal/diag"
)

// The files of the local CA in DIR/tls.
const (
	caCertFile = "ca.pem"
	caKeyFile  = "ca-key.pem"
)

// How long the local CA and its certificates are good. Apple's systems take no certificate of more than 825
// days (https://support.apple.com/103769).
const (
	caLife   = 10 * 365 * 24 * time.Hour
	certLife = 397 * 24 * time.Hour
)

// tlsConfig is the configuration of the HTTPS listener: TLS 1.2, which .NET's SDKs are fixed to, and 1.3.
func (s *Server) tlsConfig() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	switch {
	case s.acme != nil:
		acme := s.acme.TLSConfig()
		acme.MinVersion = tls.VersionTLS12
		return acme, nil
	case s.config.TLSCert != "":
		f := &fileCertificate{certFile: s.config.TLSCert, keyFile: s.config.TLSKey, clock: s.config.Clock, log: s.log}
		if err := f.open(); err != nil {
			return nil, diag.Wrap(diag.Invalid, err, "The certificate cannot be used: %v.", err)
		}
		c.GetCertificate = f.get
		return c, nil
	}
	ca, err := s.localCA()
	if err != nil {
		return nil, err
	}
	local := &localCertificate{ca: ca, names: s.localNames(), clock: s.config.Clock}
	if _, err := local.get(nil); err != nil { // now, while somebody sees it
		return nil, fmt.Errorf("certificate of this machine: %w", err)
	}
	c.GetCertificate = local.get
	return c, nil
}

// newACME gets certificates from an authority, nil if nobody asked for it. What proves that we have the name is shown
// on the HTTPS listener, else on the plain one.
func (s *Server) newACME() *autocert.Manager {
	if len(s.config.TLSACMEHost) == 0 {
		return nil
	}
	return &autocert.Manager{
		Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(s.config.TLSACMEHost...),
		Cache:  autocert.DirCache(s.folder.in(filepath.Join(tlsDir, "acme"))),
		Client: &acme.Client{DirectoryURL: cmp.Or(s.config.TLSACMEDirectory, autocert.DefaultACMEDirectory), UserAgent: "lifeboat"},
	}
}

// localCA is the data folder's own CA, which is made if there is none or if it has expired.
func (s *Server) localCA() (*authority, error) {
	folder := s.folder.in(tlsDir)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	now := s.config.Clock.Now()
	ca, err := loadCA(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return makeCA(folder, now)
	case err != nil:
		return nil, diag.Wrap(diag.Invalid, err, "The local CA in %s cannot be used: %v. Restore %s and %s from a backup, or remove both: then a new CA is made, which has to be trusted anew.",
			folder, err, caCertFile, caKeyFile)
	case !now.Before(ca.cert.NotAfter):
		s.log.Warn("the local CA has expired: a new one is made, which has to be trusted anew", "file", s.LocalCA())
		return makeCA(folder, now)
	}
	return ca, nil
}

// localCertificate is the certificate of this machine, signed by the local CA: made anew when it is about to
// expire, since a server may run for longer than that.
type localCertificate struct {
	ca    *authority
	names []string
	clock diag.Clock

	mu    sync.Mutex
	cert  *tls.Certificate
	renew time.Time
}

// renewBefore is how long before its end a certificate is replaced.
const renewBefore = 30 * 24 * time.Hour

func (l *localCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	if l.cert != nil && now.Before(l.renew) {
		return l.cert, nil
	}
	cert, err := l.ca.sign(l.names, now)
	if err != nil {
		return nil, err
	}
	l.cert, l.renew = &cert, now.Add(certLife-renewBefore)
	return l.cert, nil
}

// LocalCA is where the certificate of the local CA lies, for those who are to trust it.
func (s *Server) LocalCA() string { return s.folder.in(filepath.Join(tlsDir, caCertFile)) }

// localNames are the names by which this machine is called.
func (s *Server) localNames() []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if host, err := os.Hostname(); err == nil && host != "" {
		names = append(names, host)
	}
	if u, err := url.Parse(s.config.PublicURL); err == nil && u.Hostname() != "" {
		names = append(names, u.Hostname())
	}
	if host, _, err := net.SplitHostPort(s.config.TLSListen); err == nil && host != "" {
		names = append(names, host)
	}
	return slices.DeleteFunc(names, func(name string) bool { // certificates know names in ASCII only
		return strings.ContainsFunc(name, func(c rune) bool { return c >= utf8.RuneSelf })
	})
}

// authority is a CA: its certificate and the key to sign with.
type authority struct {
	cert *x509.Certificate
	der  []byte
	key  *ecdsa.PrivateKey
}

func loadCA(folder string) (*authority, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, caCertFile), filepath.Join(folder, caKeyFile))
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the CA's key is no ECDSA key")
	}
	return &authority{pair.Leaf, pair.Certificate[0], key}, nil
}

func makeCA(folder string, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := template(pkix.Name{CommonName: "Lifeboat local CA", Organization: []string{"Lifeboat"}}, now, caLife)
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	// The key first: a certificate without it would be taken for a whole CA.
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := writeDurably(filepath.Join(folder, caKeyFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})); err != nil {
		return nil, err
	}
	if err := writeDurably(filepath.Join(folder, caCertFile), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})); err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert, der, key}, err
}

func template(name pkix.Name, now time.Time, life time.Duration) *x509.Certificate {
	var serial [16]byte
	rand.Read(serial[:])
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:]), Subject: name,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(life),
	}
}

// sign makes a server certificate for names, with a key of its own that is never stored.
func (a *authority) sign(names []string, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := template(pkix.Name{CommonName: "Lifeboat"}, now, certLife)
	if t.NotAfter.After(a.cert.NotAfter) {
		t.NotAfter = a.cert.NotAfter
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der, a.der}, PrivateKey: key}, nil
}
