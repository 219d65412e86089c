package azure

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"lifeboat/internal/diag"
)

// HostRule decides whether the process may speak to a host. port is decimal, scheme http or https. private
// says that the host's address may be one of the inner network: whoever chooses a connection string must not
// be able to reach what only the server can reach. An error refuses the host, with words for that person.
type HostRule func(host, port, scheme string) (private bool, err error)

// Azure's blob endpoints of all clouds, and of accounts with DNS zones.
var azureDomains = []string{
	".blob.core.windows.net", ".blob.core.usgovcloudapi.net", ".blob.core.chinacloudapi.cn", ".blob.core.cloudapi.de",
	".blob.storage.azure.net",
}

// AllowHosts is the rule of a server: Azure's own domains over https on its port, resolving to public
// addresses; and the hosts of entries, HOST or HOST:PORT, with any scheme and address. A private endpoint of
// an Azure account is such an entry.
func AllowHosts(entries []string) (HostRule, error) {
	allowed := map[string]bool{}
	for _, e := range entries {
		host, port, err := splitEntry(e)
		if err != nil {
			return nil, err
		}
		allowed[entryKey(host, port)] = true
	}
	return func(host, port, scheme string) (bool, error) {
		if allowed[entryKey(host, port)] || allowed[entryKey(host, "")] {
			return true, nil
		}
		for _, domain := range azureDomains {
			if strings.HasSuffix(strings.ToLower(host), domain) && scheme == "https" && port == "443" {
				return false, nil
			}
		}
		return false, diag.Errorf(diag.Invalid, "%s is not Azure Blob Storage over https; the operator can allow it with --export-host %s", host, net.JoinHostPort(host, port))
	}, nil
}

func entryKey(host, port string) string { return strings.ToLower(host) + "\x00" + port }

func splitEntry(e string) (host, port string, err error) {
	host = e
	if strings.Contains(e, ":") && !strings.HasSuffix(e, "]") {
		if host, port, err = net.SplitHostPort(e); err != nil {
			if _, isAddr := netip.ParseAddr(e); isAddr != nil {
				return "", "", diag.Errorf(diag.Invalid, "%q is not HOST or HOST:PORT", e)
			}
			host, port = e, ""
		}
	}
	host = strings.Trim(host, "[]")
	if host == "" || strings.ContainsAny(host, "/@ ") || strings.Trim(port, "0123456789") != "" {
		return "", "", diag.Errorf(diag.Invalid, "%q is not HOST or HOST:PORT", e)
	}
	return host, port, nil
}

// hostError is a refused connection. Retrying cannot help.
type hostError struct{ text string }

func (e *hostError) Error() string { return e.text }

// NonRetriable is the marker that the SDK's retries look for.
func (*hostError) NonRetriable() {}

// Time-outs. There is none for a whole transfer, which may be large; stalled is for one read or write.
const (
	dialTimeout   = 10 * time.Second
	answerTimeout = 60 * time.Second
	stalled       = 60 * time.Second
	idleTimeout   = 50 * time.Second
)

// guardedTransport asks the rule about the host of u at once, and about every address that the host turns
// out to have when a connection is made.
func guardedTransport(u *url.URL, rule HostRule) (*http.Transport, error) {
	host, port := u.Hostname(), portOf(u)
	private := true
	if rule != nil {
		var err error
		if private, err = rule(host, port, u.Scheme); err != nil {
			return nil, err
		}
	}
	free := &net.Dialer{Timeout: dialTimeout}
	guarded := &net.Dialer{Timeout: dialTimeout, Control: publicOnly}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			// Redirects are not followed, so any other address is the proxy that the operator set.
			d := free
			if !private && strings.EqualFold(address, net.JoinHostPort(host, port)) {
				d = guarded
			}
			c, err := d.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &watched{c}, nil
		},
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: answerTimeout,
		IdleConnTimeout:       idleTimeout,
		MaxIdleConnsPerHost:   64,
		DisableCompression:    true, // a blob stored with Content-Encoding is read as it is stored
	}, nil
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// publicOnly is called with the resolved address before each connection.
func publicOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return &hostError{"the host has no readable address"}
	}
	if !public(at.Addr()) {
		return &hostError{fmt.Sprintf("the host resolves to %s, an address of the inner network; the operator can allow the host with --export-host", at.Addr())}
	}
	return nil
}

// inner are the special ranges that netip has no method for (IANA special-purpose registries), and the
// address at which Azure's machines reach their host.
var inner = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("168.63.129.16/32"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("::/96"), netip.MustParsePrefix("fec0::/10"),
}

func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range inner {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// watched ends a connection on which nothing moves. Writing also moves the deadline of the read that waits
// for the answer meanwhile.
type watched struct{ net.Conn }

func (w *watched) Read(p []byte) (int, error) {
	w.SetReadDeadline(time.Now().Add(stalled))
	return w.Conn.Read(p)
}

func (w *watched) Write(p []byte) (int, error) {
	w.SetDeadline(time.Now().Add(stalled))
	return w.Conn.Write(p)
}
