package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// locate asks for a signed URL and returns what stands behind the host.
func (w *world) locate(path string) string {
	w.Helper()
	var l struct{ URI string }
	w.call("GET", path).want(200).into(&l)
	rest, ok := strings.CutPrefix(l.URI, "https://crashes.example")
	if !ok {
		w.Errorf("uri %s", l.URI)
	}
	return rest
}

func location(n int) string {
	return "~/errors/" + crashID(1) + "/attachments/" + attachmentID(n) + "/location"
}

func TestQ27Location(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	data := []byte(strings.Repeat("0123456789", 100))
	w.send(spec{n: 1}.log(), attach(1, crashID(1), "image/png", "screen shot.png", data))
	uri := w.locate(location(1))
	a := w.callAs("", "GET", uri).want(200)
	for name, want := range map[string]string{
		"Content-Type": "image/png", "Content-Length": "1000", "Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff",
		"Content-Disposition": `attachment; filename="screen shot.png"`, "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if a.body != string(data) {
		t.Errorf("%d bytes", len(a.body))
	}
	// Ranges.
	r, err := http.NewRequest("GET", w.server.URL+uri, nil)
	w.must(err)
	r.Header.Set("Range", "bytes=990-")
	if a := w.do(r); a.status != 206 || a.body != "0123456789" || a.header.Get("Content-Range") != "bytes 990-999/1000" {
		t.Errorf("range: %d %q", a.status, a.body)
	}
	if a := w.callAs("", "HEAD", uri).want(200); a.header.Get("Content-Length") != "1000" {
		t.Errorf("HEAD: %v", a.header)
	}
	// Good for 15 minutes.
	w.clock.Pass(14*time.Minute + 59*time.Second)
	w.callAs("", "GET", uri).want(200)
	w.clock.Pass(time.Second)
	w.callAs("", "GET", uri).want(403, "expired")
}

func TestLocationTampering(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1}.log(), spec{n: 2}.log(), attach(1, crashID(1), "text/plain", "a", []byte("mine")), attach(2, crashID(1), "text/plain", "b", []byte("yours")))
	uri := w.locate(location(1))
	path, query, _ := strings.Cut(uri, "?")
	i := strings.Index(query, "&sig=")
	expiry, signature := query[:i], query[i+len("&sig="):]
	for name, tampered := range map[string]string{
		"another attachment": strings.Replace(path, attachmentID(1), attachmentID(2), 1) + "?" + query,
		"another spelling":   strings.ToUpper(path) + "?" + query,
		"another app":        strings.Replace(path, "/blobs/1/", "/blobs/2/", 1) + "?" + query,
		"later":              strings.Replace(uri, "se=2024", "se=2034", 1),
		"no expiry":          path + "?sig=" + signature,
		"no signature":       path + "?" + expiry,
		"empty signature":    path + "?" + expiry + "&sig=",
		"short signature":    strings.TrimSuffix(uri, uri[len(uri)-1:]),
		"long signature":     uri + "A",
		"other signature":    path + "?" + expiry + "&sig=" + strings.Repeat("A", len(signature)),
		"parameter behind":   uri + "&x=y",
		"parameter in front": path + "?x=y&" + query,
		"two signatures":     uri + "&sig=" + signature,
		"two expiries":       path + "?se=2034-01-01&" + query,
		"log of a report":    "/blobs/1/" + crashID(1) + "/log?" + query,
	} {
		if a := w.callAs(w.token, "GET", tampered); a.status != 403 && !(name == "another spelling" && a.status == 404) {
			t.Errorf("%s: status %d: %s", name, a.status, a.body)
		}
	}
	w.callAs("", "GET", "/"+uri).want(200) // a slash in front is no other path
	if strings.Contains(w.logs.String(), signature) {
		t.Error("the log holds a signature")
	}
	// A signed URL of another server, or of another key.
	other := newWorld(t)
	other.send(spec{n: 1}.log(), attach(1, crashID(1), "text/plain", "a", []byte("mine")))
	other.callAs("", "GET", uri).want(200)
}

func TestLogLocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := spec{n: 1}
	w.send(s.log())
	uri := w.locate("~/errors/errorGroups/" + w.theGroup() + "/errors/" + crashID(1) + "/location")
	a := w.callAs("", "GET", uri).want(200)
	if a.body != s.log() || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%v %s", a.header, a.body)
	}
}

// TestHostileAttachments: what a device says of an attachment can do no harm to who opens it.
func TestHostileAttachments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1}.log())
	for i, c := range []struct{ contentType, name, wantType, wantDisposition string }{
		{"text/html", "a.html", "text/html", `attachment; filename=a.html`},
		{"", "", "application/octet-stream", `attachment; filename=` + attachmentID(1)},
		{"text/plain\r\nSet-Cookie: a=b", "a\r\nX: y", "application/octet-stream", `attachment; filename="aX_ y"`},
		{"nonsense", "../../etc/passwd", "application/octet-stream", `attachment; filename=passwd`},
		{"TEXT/Plain; Charset=UTF-8", `C:\temp\log "1".txt`, "text/plain; charset=UTF-8", `attachment; filename="log _1_.txt"`},
		{"image/svg+xml", "снимок.svg", "image/svg+xml", `attachment; filename*=utf-8''%D1%81%D0%BD%D0%B8%D0%BC%D0%BE%D0%BA.svg`},
		{"text/plain", "..", "text/plain", `attachment; filename=` + attachmentID(6)},
	} {
		w.send(attach(i, crashID(1), c.contentType, c.name, []byte("<script>alert(1)</script>")))
		a := w.callAs("", "GET", w.locate(location(i))).want(200)
		if got := a.header.Get("Content-Type"); got != c.wantType {
			t.Errorf("%q: type %q, want %q", c.contentType, got, c.wantType)
		}
		if got := a.header.Get("Content-Disposition"); got != c.wantDisposition {
			t.Errorf("%q: disposition %q, want %q", c.name, got, c.wantDisposition)
		}
		if a.header.Get("Set-Cookie") != "" || !strings.HasPrefix(a.header.Get("Content-Security-Policy"), "sandbox;") {
			t.Errorf("headers %v", a.header)
		}
	}
}

func TestAttachmentText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1}.log())
	text := func(n int) string { return "~/errors/" + crashID(1) + "/attachments/" + attachmentID(n) + "/text" }
	for i, c := range []struct {
		contentType, data string
		status            int
		body              string
	}{
		{"text/plain", "hello", 200, `{"content":"hello"}`},
		{"text/plain", "", 200, `{"content":""}`},
		{"text/plain; charset=utf-8", "\xef\xbb\xbfgrüß <b>", 200, `{"content":"grüß <b>"}`},
		{"text/plain", "a\xffb", 200, `{"content":"a` + "\uFFFD" + `b"}`},
		{"application/json", `{"a":1}`, 200, `{"content":"{\"a\":1}"}`},
		{"application/octet-stream", "MDMP\x93\xa7\x00\xff", 400, "not text"},
	} {
		w.send(attach(i, crashID(1), c.contentType, "f", []byte(c.data)))
		a := w.call("GET", text(i)).want(c.status, c.body)
		if c.status == 200 && a.body != c.body {
			t.Errorf("%q: %s", c.data, a.body)
		}
	}
}

// TestAttachmentFirst: an attachment may come before its report, and is not there without it.
func TestAttachmentFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(attach(1, crashID(1), "text/plain", "a", []byte("x")))
	w.call("GET", "~/errors/"+crashID(1)+"/attachments").want(404)
	w.send(spec{n: 1}.log(), spec{n: 2}.log())
	w.call("GET", "~/errors/"+crashID(1)+"/attachments").want(200, attachmentID(1))
	w.call("GET", "~/errors/"+crashID(2)+"/attachments").want(200)
	w.call("GET", "~/errors/"+crashID(2)+"/attachments/"+attachmentID(1)+"/text").want(404)
	w.call("GET", "~/errors/errorGroups/"+w.theGroup()+"/errors/"+crashID(1)).want(200, `"hasAttachments":true`)
	w.call("GET", "~/errors/errorGroups/"+w.theGroup()+"/errors/"+crashID(2)).want(200, `"hasAttachments":false`)
}
