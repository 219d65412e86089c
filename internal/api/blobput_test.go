package api_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"hash/crc64"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"lifeboat/internal/diag"
	"lifeboat/internal/upload"
)

// blob sends a request to the address of an upload and checks what every answer there must have.
func (w *world) blob(r *http.Request) answer {
	w.Helper()
	response, err := http.DefaultTransport.RoundTrip(r)
	w.must(err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	w.must(err)
	a := answer{w.TB, response.StatusCode, response.Header, string(raw)}
	for _, name := range []string{"x-ms-request-id", "x-ms-version", "Date"} {
		if a.header.Get(name) == "" {
			w.Errorf("%s: no %s", r.Method, name)
		}
	}
	switch {
	case a.status == 201 && (a.body != "" || a.header.Get("ETag") == "" || a.header.Get("Last-Modified") == ""):
		w.Errorf("201 with %q and %v", a.body, a.header)
	case a.status >= 400 && r.Method != http.MethodHead:
		var e struct {
			XMLName xml.Name `xml:"Error"`
			Code    string
			Message string
		}
		if err := xml.Unmarshal(raw, &e); err != nil || e.Code == "" || e.Code != a.header.Get("x-ms-error-code") || e.Message == "" {
			w.Errorf("%d with %s, %v: %v", a.status, raw, a.header, err)
		}
	}
	return a
}

// code checks status and Azure's code.
func (a answer) code(status int, code string) {
	a.Helper()
	if a.status != status || a.header.Get("x-ms-error-code") != code {
		a.Errorf("%d %s, want %d %s: %s", a.status, a.header.Get("x-ms-error-code"), status, code, a.body)
	}
}

// content is what was uploaded.
func (w *world) content(b begun) string {
	w.Helper()
	id, _ := diag.ParseID(b.ID)
	f, err := w.uploads.Open(upload.Ref{App: w.app.Num, ID: id})
	w.must(err)
	defer f.Close()
	all, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size))
	w.must(err)
	return string(all)
}

func block(id string) string {
	return "&comp=block&blockid=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(id)))
}

func blockList(parts ...string) string {
	list := `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><BlockList>`
	for _, p := range parts {
		where, id, found := strings.Cut(p, ":")
		if !found {
			where, id = "Latest", p
		}
		list += fmt.Sprintf("<%[1]s>%s</%[1]s>", where, base64.StdEncoding.EncodeToString([]byte(id)))
	}
	return list + "</BlockList>"
}

// TestBlobShapes: what the clients that are known send.
func TestBlobShapes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, headers := range map[string][]string{
		"appcenter CLI": {"x-ms-blob-type", "BlockBlob", "x-ms-version", "2022-11-02", "Content-Type", "application/octet-stream", "x-ms-blob-content-type", "application/zip",
			"Accept", "application/xml", "x-ms-client-request-id", "0b7a2c1e-0000-4000-8000-000000000001"},
		"newest packages": {"x-ms-blob-type", "BlockBlob", "x-ms-version", "2026-04-06", "Content-Type", "application/octet-stream"},
		"fastlane":        {"x-ms-blob-type", "BlockBlob", "internal-request-source", "fastlane", "X-API-Token", "not looked at"},
		"curl":            {"X-MS-BLOB-TYPE", "blockblob", "Content-Type", "application/x-www-form-urlencoded", "Expect", "100-continue"},
		"nothing":         nil,
	} {
		b := w.begin(apple)
		w.put(b.URL, "first").want(201)
		a := w.put(b.URL, name, headers...).want(201)
		if w.content(b) != name {
			t.Errorf("%s: %q", name, w.content(b))
		}
		for i := 0; i < len(headers); i += 2 {
			if h := strings.ToLower(headers[i]); (h == "x-ms-version" || h == "x-ms-client-request-id") && a.header.Get(h) != headers[i+1] {
				t.Errorf("%s: %s is %q", name, h, a.header.Get(h))
			}
		}
	}
	// Chunked, as from a pipe.
	b := w.begin(apple)
	r, err := http.NewRequest("PUT", b.URL, io.MultiReader(strings.NewReader("of unknown "), strings.NewReader("length")))
	w.must(err)
	w.blob(r).want(201)
	if w.content(b) != "of unknown length" {
		t.Errorf("%q", w.content(b))
	}
	// A query that the client has taken apart and put together, as the CLI does.
	u, err := url.Parse(b.URL)
	w.must(err)
	u.RawQuery = "sig=" + u.Query().Get("sig") + "&timeout=30&se=" + u.Query().Get("se")
	w.put(u.String(), "again").want(201)
	head, err := http.NewRequest("HEAD", b.URL, nil)
	w.must(err)
	if a := w.blob(head).want(200); a.header.Get("Content-Length") != "5" || a.header.Get("x-ms-blob-type") != "BlockBlob" {
		t.Errorf("%v", a.header)
	}
}

func TestBlobSignature(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, other := w.begin(apple), w.begin(apple)
	u, err := url.Parse(b.URL)
	w.must(err)
	q := u.Query()
	with := func(change func(url.Values)) string {
		v := url.Values{"se": q["se"], "sig": q["sig"]}
		change(v)
		return w.server.URL + u.Path + "?" + v.Encode()
	}
	for name, address := range map[string]string{
		"none":          w.server.URL + u.Path,
		"wrong":         with(func(v url.Values) { v.Set("sig", strings.Repeat("A", 43)) }),
		"cut":           with(func(v url.Values) { v.Set("sig", q.Get("sig")[:42]) }),
		"of another":    strings.Replace(other.URL, other.ID, b.ID, 1),
		"later":         with(func(v url.Values) { v.Set("se", "2034-05-11T12:00:30Z") }),
		"no expiry":     with(func(v url.Values) { v.Del("se") }),
		"expiry twice":  with(func(v url.Values) { v["se"] = []string{"2034-05-11T12:00:30Z", q.Get("se")} }),
		"no id":         w.server.URL + "/symbol-uploads/x?" + u.RawQuery,
		"an unknown id": strings.Replace(b.URL, b.ID, diag.RandomID().String(), 1),
	} {
		if a := w.put(address, "x"); a.status != 403 || a.header.Get("x-ms-error-code") != "AuthenticationFailed" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	w.put(w.server.URL+"/symbol-uploads/"+b.ID+"/more?"+u.RawQuery, "x").code(404, "InvalidUri")
	w.put(w.server.URL+"/symbol-uploads?"+u.RawQuery, "x").code(404, "InvalidUri")
	w.put(b.URL+"&x=%zz", "x").code(400, "InvalidQueryParameterValue")
	w.clock.Pass(24*time.Hour - time.Second)
	w.put(b.URL, "x").want(201)
	w.clock.Pass(2 * time.Second)
	w.put(b.URL, "x").code(403, "AuthenticationFailed")
	if log := w.logs.String(); strings.Contains(log, q.Get("sig")) || strings.Contains(log, b.ID) || !strings.Contains(log, "route=/symbol-uploads/{symbol_upload_id}") {
		t.Errorf("the log: %s", log)
	}
}

func TestBlobRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.begin(apple)
	w.put(b.URL, "x", "x-ms-blob-type", "AppendBlob").code(400, "InvalidHeaderValue")
	w.put(b.URL, "", "x-ms-copy-source", "http://127.0.0.1/secret").code(400, "UnsupportedHeader")
	w.put(b.URL, "x", "x-ms-structured-body", "XSM/1.0; properties=crc64").code(400, "UnsupportedHeader")
	w.put(b.URL+"&comp=metadata", "x").code(400, "InvalidQueryParameterValue")
	w.put(b.URL+"&comp=block", "x").code(400, "InvalidBlockId")
	w.put(b.URL+"&comp=block&blockid=!", "x").code(400, "InvalidBlockId")
	w.put(b.URL+block(strings.Repeat("x", 65)), "x").code(400, "InvalidBlockId")
	w.put(b.URL, "x", "Content-MD5", "nothing").code(400, "InvalidMd5")
	w.put(b.URL, "x", "Content-MD5", base64.StdEncoding.EncodeToString(make([]byte, 16))).code(400, "Md5Mismatch")
	w.put(b.URL+block("a"), "x", "x-ms-content-crc64", base64.StdEncoding.EncodeToString(make([]byte, 8))).code(400, "Md5Mismatch")
	w.put(b.URL, "x", "If-Match", `"0x1"`).code(412, "ConditionNotMet")
	for _, method := range []string{"POST", "DELETE", "PATCH", "OPTIONS"} {
		r, err := http.NewRequest(method, b.URL, nil)
		w.must(err)
		w.blob(r).code(405, "UnsupportedHttpVerb")
	}
	get, err := http.NewRequest("GET", b.URL, nil)
	w.must(err)
	w.blob(get).code(403, "AuthorizationPermissionMismatch")
	head, err := http.NewRequest("HEAD", b.URL, nil)
	w.must(err)
	w.blob(head).code(404, "BlobNotFound")
	sum := md5.Sum([]byte("x"))
	crc := binary.LittleEndian.AppendUint64(nil, crc64.Checksum([]byte("x"), crc64.MakeTable(0x9A6C9329AC4BC9B5)))
	w.put(b.URL, "x", "Content-MD5", base64.StdEncoding.EncodeToString(sum[:]), "x-ms-content-crc64", base64.StdEncoding.EncodeToString(crc)).want(201)
	w.put(b.URL, "y", "If-None-Match", "*").code(409, "BlobAlreadyExists")
	if w.content(b) != "x" {
		t.Errorf("%q", w.content(b))
	}
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.begin(apple)
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() { w.put(b.URL+block(fmt.Sprintf("block-%02d", 19-i)), fmt.Sprintf("%02d,", 19-i)).want(201) })
	}
	wait.Wait()
	w.put(b.URL+block("block-07"), "seven,").want(201)
	list := blockList("block-00", "block-07", "Uncommitted:block-19", "block-00")
	w.put(b.URL+"&comp=blocklist", blockList("block-00", "block-20")).code(400, "InvalidBlockList")
	w.put(b.URL+"&comp=blocklist", blockList("Committed:block-00")).code(400, "InvalidBlockList")
	w.put(b.URL+"&comp=blocklist", list, "x-ms-blob-content-type", "application/zip", "Content-Type", "application/xml").want(201)
	if w.content(b) != "00,seven,19,00," {
		t.Errorf("%q", w.content(b))
	}
	// Blocks that were not named are gone, and those of the blob stay until another list.
	w.put(b.URL+"&comp=blocklist", blockList("block-01")).code(400, "InvalidBlockList")
	w.put(b.URL+block("block-00"), "new,").want(201)
	if w.content(b) != "00,seven,19,00," {
		t.Errorf("%q", w.content(b))
	}
	get, err := http.NewRequest("GET", b.URL+"&comp=blocklist&blocklisttype=all", nil)
	w.must(err)
	w.blob(get).want(200, "<CommittedBlocks><Block><Name>YmxvY2stMDA=</Name><Size>3</Size></Block>", "<UncommittedBlocks><Block><Name>YmxvY2stMDA=</Name><Size>4</Size></Block></UncommittedBlocks>")
	w.put(b.URL+"&comp=blocklist", blockList("Committed:block-00", "Uncommitted:block-00", "block-00", "block-07")).want(201)
	if w.content(b) != "00,new,new,seven," {
		t.Errorf("%q", w.content(b))
	}
}

func TestBlockListHostile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.begin(apple)
	w.put(b.URL+block("a"), "x").want(201)
	for name, list := range map[string]string{
		"nothing": "", "text": "a", "json": "{}", "another root": "<Blocks><Latest>YQ==</Latest></Blocks>", "a third level": "<BlockList><Latest><x/>YQ==</Latest></BlockList>",
		"another place": "<BlockList><Newest>YQ==</Newest></BlockList>", "open": "<BlockList><Latest>YQ==</Latest>", "two roots": "<BlockList></BlockList><BlockList></BlockList>",
		"an entity": `<!DOCTYPE x [<!ENTITY a "YQ==">]><BlockList><Latest>&a;</Latest></BlockList>`, "an unknown entity": "<BlockList><Latest>&a;</Latest></BlockList>",
		"another encoding": `<?xml version="1.0" encoding="utf-16"?><BlockList/>`, "closed twice": "</BlockList><BlockList>",
		"laughs": `<!DOCTYPE lolz [<!ENTITY l "lol"><!ENTITY m "&l;&l;&l;&l;">]><BlockList><Latest>&m;</Latest></BlockList>`,
	} {
		if a := w.put(b.URL+"&comp=blocklist", list); a.status != 400 || a.header.Get("x-ms-error-code") != "InvalidXmlDocument" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	w.put(b.URL+"&comp=blocklist", "<BlockList><Latest>a</Latest></BlockList>").code(400, "InvalidBlockList")
	w.put(b.URL+"&comp=blocklist", "<BlockList><Latest></Latest></BlockList>").code(400, "InvalidBlockList")
	w.put(b.URL+"&comp=blocklist", "<BlockList>"+strings.Repeat("<Latest>YQ==</Latest>", 50_001)+"</BlockList>").code(400, "BlockListTooLong")
	w.put(b.URL+"&comp=blocklist", "<BlockList>"+strings.Repeat(" ", 17<<20)+"</BlockList>").code(413, "RequestBodyTooLarge")
	w.put(b.URL+"&comp=blocklist", "<BlockList>"+strings.Repeat("<Latest>YQ==</Latest>", 50_000)+"</BlockList>").want(201)
	w.put(b.URL+"&comp=blocklist", "<BlockList/>").want(201)
	if w.content(b) != "" {
		t.Errorf("%q", w.content(b))
	}
}

// TestAzureSDK: the real client of Azure uploads here, whole and in blocks.
func TestAzureSDK(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	data := make([]byte, 5<<20)
	_, err := rand.NewChaCha8([32]byte{1}).Read(data)
	w.must(err)
	b := w.begin(apple)
	c, err := blockblob.NewClientWithNoCredential(b.URL, nil)
	w.must(err)
	if _, err := c.UploadBuffer(context.Background(), data, &blockblob.UploadBufferOptions{BlockSize: 1 << 20, Concurrency: 4}); err != nil {
		t.Fatal(err)
	}
	if w.content(b) != string(data) {
		t.Error("not what was sent in blocks")
	}
	if _, err := c.UploadStream(context.Background(), bytes.NewReader(data[:3<<20]), &blockblob.UploadStreamOptions{BlockSize: 1 << 20, Concurrency: 3}); err != nil {
		t.Fatal(err)
	}
	if w.content(b) != string(data[:3<<20]) {
		t.Error("not what was sent as a stream")
	}
	if _, err := c.UploadBuffer(context.Background(), data[:99], nil); err != nil {
		t.Fatal(err)
	}
	if w.content(b) != string(data[:99]) {
		t.Error("not what was sent whole")
	}
	p, err := c.GetProperties(context.Background(), nil)
	if err != nil || *p.ContentLength != 99 {
		t.Errorf("properties %v, %v", p, err)
	}
	_, err = c.CommitBlockList(context.Background(), []string{"bm93aGVyZQ=="}, nil)
	if !bloberror.HasCode(err, bloberror.InvalidBlockList) {
		t.Errorf("%v", err)
	}
	w.clock.Pass(25 * time.Hour)
	_, err = c.UploadBuffer(context.Background(), data[:9], nil)
	if !bloberror.HasCode(err, bloberror.AuthenticationFailed) {
		t.Errorf("%v", err)
	}
}

// TestBlobCutOff: a body that breaks off leaves nothing, and what was sent before stays.
func TestBlobCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.begin(apple)
	w.put(b.URL, "whole").want(201)
	u, err := url.Parse(b.URL)
	w.must(err)
	c, err := net.Dial("tcp", w.server.Listener.Addr().String())
	w.must(err)
	fmt.Fprintf(c, "PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\npart", u.RequestURI())
	c.(*net.TCPConn).CloseWrite()
	answered, err := io.ReadAll(c)
	w.must(err)
	c.Close()
	if !bytes.HasPrefix(answered, []byte("HTTP/1.1 400 ")) {
		t.Errorf("%q", answered)
	}
	if w.content(b) != "whole" {
		t.Errorf("%q", w.content(b))
	}
	if n := w.uploads.Unfinished(); n != 5 {
		t.Errorf("%d bytes are counted", n)
	}
}
