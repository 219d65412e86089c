package respond

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"lifeboat/internal/diag"
)

// Proxies are the addresses of reverse proxies that are believed when they say whom a request came from.
type Proxies []netip.Prefix

// ParseProxies reads addresses and networks like 10.0.0.0/8.
func ParseProxies(texts []string) (all Proxies, err error) {
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, bad := netip.ParseAddr(text)
			if bad != nil {
				return nil, diag.Errorf(diag.Invalid, "%q is no address and no network: it should be like 10.0.0.5 or 10.0.0.0/8.", text)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

func (p Proxies) holds(a netip.Addr) bool {
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// origin is how the client reached the first proxy.
type origin struct{ scheme, host string }

type originKey struct{}

// maxHops bounds how many proxies of a request are looked at.
const maxHops = 32

// Believe returns a request as its client has sent it, if a proxy that is trusted passed it on: RemoteAddr is the
// client's address, and Origin tells how it came in. What others say of themselves is not looked at.
//
// Of a chain of proxies only those behind which everybody is trusted are believed: the client is the last address
// that is none of ours. RFC 7239, and the older X-Forwarded-For, -Proto and -Host.
func (p Proxies) Believe(r *http.Request) *http.Request {
	if len(p) == 0 {
		return r
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !p.holds(plain(peer.Addr())) {
		return r
	}
	hops := forwarded(r.Header)
	client, from := plain(peer.Addr()), origin{}
	for i := len(hops) - 1; i >= 0 && len(hops)-i <= maxHops; i-- {
		if hops[i].scheme != "" {
			from.scheme = hops[i].scheme
		}
		if hops[i].host != "" {
			from.host = hops[i].host
		}
		if !hops[i].client.IsValid() { // hidden, or nonsense: whoever said so is the last one we know
			break
		}
		client = hops[i].client
		if !p.holds(client) {
			break
		}
	}
	r = r.WithContext(context.WithValue(r.Context(), originKey{}, from))
	r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
	return r
}

// Origin is how a client reached the proxy in front of us, as Believe has found it: the scheme and the host with
// its port, each "" if nobody who is trusted says so. The scheme is https on a connection of TLS.
func Origin(r *http.Request) (scheme, host string) {
	from, _ := r.Context().Value(originKey{}).(origin)
	if from.scheme == "" && r.TLS != nil {
		from.scheme = "https"
	}
	return from.scheme, from.host
}

func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// hop is what one proxy says of whom it heard.
type hop struct {
	client       netip.Addr
	scheme, host string
}

// forwarded lists what proxies say, the nearest last. The standard header counts if there is one.
func forwarded(h http.Header) (all []hop) {
	if lines := h.Values("Forwarded"); len(lines) > 0 {
		for _, element := range elements(lines) {
			all = append(all, parseHop(element))
		}
		return all
	}
	for _, text := range elements(h.Values("X-Forwarded-For")) {
		all = append(all, hop{client: parseNode(text)})
	}
	protos, hosts := elements(h.Values("X-Forwarded-Proto")), elements(h.Values("X-Forwarded-Host"))
	if len(all) == 0 && len(protos)+len(hosts) > 0 {
		all = make([]hop, 1)
	}
	// The nearest proxy says these; a list means that it passed on what it was told itself.
	if n := len(all) - 1; n >= 0 && len(protos) > 0 {
		all[n].scheme = scheme(protos[len(protos)-1])
	}
	if n := len(all) - 1; n >= 0 && len(hosts) > 0 {
		all[n].host = host(hosts[len(hosts)-1])
	}
	return all
}

// elements splits header lines at commas outside of quotes.
func elements(lines []string) (all []string) {
	for _, line := range lines {
		for _, part := range split(line, ',') {
			if part = strings.TrimSpace(part); part != "" {
				all = append(all, part)
			}
		}
	}
	return all
}

func split(s string, at byte) (parts []string) {
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == at && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// parseHop reads one element of Forwarded, like for="[2001:db8::1]:4711";proto=https;host=crash.example.com.
func parseHop(element string) (h hop) {
	for _, pair := range split(element, ';') {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
			value = strings.ReplaceAll(value[1:len(value)-1], `\`, "")
		}
		switch strings.ToLower(name) {
		case "for":
			h.client = parseNode(value)
		case "proto":
			h.scheme = scheme(value)
		case "host":
			h.host = host(value)
		}
	}
	return h
}

// parseNode reads an address with or without a port; the zero address for anything else.
func parseNode(s string) netip.Addr {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return plain(a.Addr())
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return plain(a)
}

func scheme(s string) string {
	if s = strings.ToLower(s); s == "http" || s == "https" {
		return s
	}
	return ""
}

const maxHost = 255

// host lets through what can be a host with a port: it becomes a part of URLs.
func host(s string) string {
	if len(s) > maxHost || strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._:[]", r)
	}) {
		return ""
	}
	return s
}
