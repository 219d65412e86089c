package azure_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake speaks as much of the protocol as the adapter uses, so that its tests need no Azurite; with Azurite at
// hand the same suite runs against both. It checks no signatures.
type fake struct {
	mu         sync.Mutex
	containers map[string]map[string]fakeBlob
	etags      int
	pageSize   int
	// trouble may answer a request itself (true = done). lost makes the answer of a served request vanish.
	trouble func(w http.ResponseWriter, r *http.Request) bool
	lost    func(r *http.Request) bool
}

type fakeBlob struct {
	body   []byte
	etag   string
	header http.Header
}

func startFake(t *testing.T) (*fake, string) {
	t.Helper()
	f := &fake{containers: map[string]map[string]fakeBlob{}, pageSize: 3}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, server.URL + "/devstoreaccount1"
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.trouble != nil && f.trouble(w, r) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	answer := httptest.NewRecorder()
	f.serve(answer, r)
	if f.lost != nil && f.lost(r) {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	io.Copy(w, answer.Body)
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 3) // account, container, blob
	blobs, ok := f.containers[parts[1]]
	switch {
	case len(parts) == 2 && r.Method == http.MethodPut && ok:
		refuse(w, 409, "ContainerAlreadyExists")
	case len(parts) == 2 && r.Method == http.MethodPut:
		f.containers[parts[1]] = map[string]fakeBlob{}
		w.WriteHeader(201)
	case !ok:
		refuse(w, 404, "ContainerNotFound")
	case len(parts) == 2:
		f.list(w, r, blobs)
	case r.Method == http.MethodPut:
		f.put(w, r, blobs, parts[2])
	default:
		f.one(w, r, blobs, parts[2])
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("x-ms-error-code", code)
	w.WriteHeader(status)
}

func (f *fake) put(w http.ResponseWriter, r *http.Request, blobs map[string]fakeBlob, name string) {
	there, taken := blobs[name]
	match := r.Header.Get("If-Match")
	switch {
	case r.Header.Get("If-None-Match") == "*" && taken:
		refuse(w, 409, "BlobAlreadyExists")
		return
	case match != "" && (!taken || there.etag != match):
		refuse(w, 412, "ConditionNotMet")
		return
	}
	body, _ := io.ReadAll(r.Body)
	f.etags++
	b := fakeBlob{body, fmt.Sprintf("%q", fmt.Sprint("0x", f.etags)), http.Header{}}
	for k, v := range r.Header {
		if strings.HasPrefix(k, "X-Ms-Meta-") {
			b.header[k] = v
		}
	}
	b.header.Set("Content-Type", r.Header.Get("x-ms-blob-content-type"))
	if d := r.Header.Get("x-ms-blob-content-disposition"); d != "" {
		b.header.Set("Content-Disposition", d)
	}
	blobs[name] = b
	w.Header().Set("ETag", b.etag)
	w.WriteHeader(201)
}

func (f *fake) one(w http.ResponseWriter, r *http.Request, blobs map[string]fakeBlob, name string) {
	b, ok := blobs[name]
	if !ok {
		refuse(w, 404, "BlobNotFound")
		return
	}
	if r.Method == http.MethodDelete {
		delete(blobs, name)
		w.WriteHeader(202)
		return
	}
	if m := r.Header.Get("If-Match"); m != "" && m != b.etag {
		refuse(w, 412, "ConditionNotMet")
		return
	}
	maps.Copy(w.Header(), b.header)
	w.Header().Set("ETag", b.etag)
	w.Header().Set("Last-Modified", "Tue, 24 Nov 2026 08:06:00 GMT")
	body, status := b.body, 200
	if part := r.Header.Get("x-ms-range"); part != "" {
		if body, status = ranged(w, part, b.body); status == 416 {
			refuse(w, 416, "InvalidRange")
			return
		}
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	if r.Method == http.MethodGet {
		w.Write(body)
	}
}

func ranged(w http.ResponseWriter, part string, body []byte) ([]byte, int) {
	from, to, _ := strings.Cut(strings.TrimPrefix(part, "bytes="), "-")
	start, _ := strconv.Atoi(from)
	end := len(body)
	if last, err := strconv.Atoi(to); err == nil {
		end = min(end, last+1)
	}
	if start >= len(body) {
		return nil, 416
	}
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, end-1, len(body)))
	return body[start:end], 206
}

// list answers in small pages and takes no notice of startFrom, as Azurite 3.35 does.
func (f *fake) list(w http.ResponseWriter, r *http.Request, blobs map[string]fakeBlob) {
	q := r.URL.Query()
	type item struct {
		Name  string
		Size  int    `xml:"Properties>Content-Length"`
		ETag  string `xml:"Properties>Etag"`
		Stamp string `xml:"Properties>Last-Modified"`
		Type  string `xml:"Properties>ResourceType,omitempty"`
	}
	var page struct {
		XMLName    xml.Name `xml:"EnumerationResults"`
		Blobs      []item   `xml:"Blobs>Blob"`
		NextMarker string
	}
	page.Blobs = []item{}
	for _, name := range slices.Sorted(maps.Keys(blobs)) {
		if !strings.HasPrefix(name, q.Get("prefix")) || name < q.Get("marker") {
			continue
		}
		if len(page.Blobs) == f.pageSize {
			page.NextMarker = name
			break
		}
		b := blobs[name]
		page.Blobs = append(page.Blobs, item{name, len(b.body), strings.Trim(b.etag, `"`), time.Unix(0, 0).UTC().Format(http.TimeFormat), b.header.Get("X-Ms-Meta-Kind")})
	}
	w.Header().Set("Content-Type", "application/xml")
	text, _ := xml.Marshal(page)
	w.Write(text)
}
