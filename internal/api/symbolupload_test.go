package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/api"
	"lifeboat/internal/auth"
	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// begun is an upload that was begun.
type begun struct {
	ID  string `json:"symbol_upload_id"`
	URL string `json:"upload_url"`
}

// begin begins an upload; the URL is that of the test's server.
func (w *world) begin(body string) begun {
	w.Helper()
	var b begun
	w.call("POST", "~/symbol_uploads", body).want(200).into(&b)
	b.URL = strings.Replace(b.URL, "https://crashes.example", w.server.URL, 1)
	return b
}

// put sends a request to the address of an upload.
func (w *world) put(address, body string, headers ...string) answer {
	w.Helper()
	r, err := http.NewRequest("PUT", address, strings.NewReader(body))
	w.must(err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return w.blob(r)
}

// upload begins an upload and puts its file.
func (w *world) upload(begin, file string) begun {
	w.Helper()
	b := w.begin(begin)
	w.put(b.URL, file, "x-ms-blob-type", "BlockBlob").want(201)
	return b
}

func (w *world) shownUpload(id string) (u contract.SymbolUpload) {
	w.Helper()
	w.call("GET", "~/symbol_uploads/"+id).want(200).into(&u)
	return u
}

const apple = `{"symbol_type":"Apple"}`

func TestSymbolUpload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var b contract.SymbolUploadBegun
	w.call("POST", "~/symbol_uploads", `{"symbol_type":"Apple","build":"","version":"","client_callback":"https://ci.example/x"}`).want(200).into(&b)
	u, err := url.Parse(b.UploadURL)
	w.must(err)
	// Clients keep two segments of the path, and a query that is not empty.
	if u.Scheme != "https" || u.Host != "crashes.example" || !regexp.MustCompile(`^/symbol-uploads/[0-9a-f-]{36}$`).MatchString(u.EscapedPath()) || u.RawQuery == "" {
		t.Errorf("upload_url %s", b.UploadURL)
	}
	if b.ExpirationDate != "2024-05-11T12:00:30.000Z" || !strings.HasSuffix(u.Path, b.SymbolUploadID) {
		t.Errorf("%+v", b)
	}
	created := w.shownUpload(b.SymbolUploadID)
	if created.Status != "created" || created.User != (contract.SymbolUser{Email: "ann@example.com", DisplayName: "Ann Example"}) || created.FileName != "upload-20240510.zip" ||
		created.FileSize != 0 || created.Origin != "User" || len(created.SymbolsUploaded) != 0 || created.Timestamp != "2024-05-10T12:00:30.000Z" {
		t.Errorf("%+v", created)
	}
	if !strings.Contains(w.call("GET", "~/symbol_uploads/"+b.SymbolUploadID).body, `"symbols_uploaded":[]`) {
		t.Error("no list where nothing was uploaded")
	}
	w.call("GET", "~/symbol_uploads/"+b.SymbolUploadID+"/location").want(404)
	w.put(w.server.URL+u.RequestURI(), "the symbols").want(201)
	w.clock.Pass(time.Minute)
	a := w.call("PATCH", "~/symbol_uploads/"+b.SymbolUploadID, `{"status":"committed"}`).want(200, `"status":"committed"`, `"file_size":0`, `"symbols_uploaded":[]`, `"timestamp":"2024-05-10T12:01:30.000Z"`)
	if w.changes("symbols") != 1 {
		t.Error("nobody was told")
	}
	// Q7
	w.clock.Pass(time.Minute)
	if again := w.call("PATCH", "~/symbol_uploads/"+b.SymbolUploadID, `{"status":"Committed"}`).want(200); again.body != a.body {
		t.Errorf("%s, before %s", again.body, a.body)
	}
	w.call("PATCH", "~/symbol_uploads/"+b.SymbolUploadID, `{"status":"aborted"}`).want(409)
	var at struct {
		URI string `json:"uri"`
	}
	w.call("GET", "~/symbol_uploads/"+b.SymbolUploadID+"/location").want(200).into(&at)
	at.URI = strings.Replace(at.URI, "https://crashes.example", w.server.URL, 1)
	r, err := http.NewRequest("GET", at.URI, nil)
	w.must(err)
	r.Header.Set("Range", "bytes=4-6")
	if a := w.do(r).want(206); a.body != "sym" || a.header.Get("Content-Disposition") != "attachment; filename=upload-20240510.zip" {
		t.Errorf("%q %v", a.body, a.header)
	}
	w.clock.Pass(16 * time.Minute)
	r.Header.Del("Range")
	w.do(r).want(403)
}

func TestSymbolUploadRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for body, status := range map[string]int{
		``: 400, `{}`: 400, `[]`: 400, `{"symbol_type":"Swift"}`: 400, `{"symbol_type":7}`: 400, `{"symbol_type":""}`: 400,
		`{"symbol_type":"apple"}`: 200, `{"symbol_type":"UWP","more":[]}`: 200, `{"symbol_type":"JavaScript"}`: 200, `{"symbol_type":"Breakpad"}`: 200,
		`{"symbol_type":"AndroidProguard"}`:                                                       400,
		`{"symbol_type":"AndroidProguard","version":"1.0","build":""}`:                            400,
		`{"symbol_type":"AndroidProguard","version":"1.0","build":"7"}`:                           200,
		`{"symbol_type":"AndroidProguard","version":"1.0","build":"7","file_name":"../../m.txt"}`: 200,
		`{"symbol_type":"Apple","file_name":"` + strings.Repeat("x", 257) + `"}`:                  400,
		`{"symbol_type":"Apple","version":"` + strings.Repeat("x", 129) + `"}`:                    400,
	} {
		if a := w.call("POST", "~/symbol_uploads", body); a.status != status {
			t.Errorf("%s: status %d, want %d: %s", body, a.status, status, a.body)
		}
	}
	w.call("PATCH", "~/symbol_uploads/"+w.begin(apple).ID, `{"status":"done"}`).want(400)
	w.call("PATCH", "~/symbol_uploads/"+w.begin(apple).ID, `{}`).want(400)
}

// TestQ5: without a blob there is nothing to commit, also if the client thinks so.
func TestQ5CommitWithoutBlob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.begin(apple)
	w.call("PATCH", "~/symbol_uploads/"+b.ID, `{"status":"committed"}`).want(409, `"code":"Conflict"`)
	w.put(b.URL+"&comp=block&blockid=QUFBQQ==", "not in a list").want(201)
	w.call("PATCH", "~/symbol_uploads/"+b.ID, `{"status":"committed"}`).want(409)
	w.call("PATCH", "~/symbol_uploads/"+b.ID, `{"status":"aborted"}`).want(200, `"status":"aborted"`)
	w.call("PATCH", "~/symbol_uploads/"+b.ID, `{"status":"aborted"}`).want(200)
	w.call("PATCH", "~/symbol_uploads/"+b.ID, `{"status":"committed"}`).want(409)
	w.put(b.URL, "late").want(409)
	if refs, err := w.uploads.Uploads(); len(refs) != 0 || err != nil {
		t.Errorf("files %v of an aborted upload, %v", refs, err)
	}
}

func TestSymbolUploadList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ids []string
	for i := range 5 {
		w.clock.Pass(time.Second)
		kind := apple
		if i%2 == 1 {
			kind = `{"symbol_type":"Breakpad"}`
		}
		ids = append(ids, w.upload(kind, "x").ID)
	}
	w.call("PATCH", "~/symbol_uploads/"+ids[1], `{"status":"committed"}`).want(200)
	w.call("PATCH", "~/symbol_uploads/"+ids[2], `{"status":"committed"}`).want(200)
	w.call("PATCH", "~/symbol_uploads/"+ids[3], `{"status":"aborted"}`).want(200)
	w.finish(ids[2], diag.UploadIndexed)
	for query, want := range map[string][]int{
		"": {4, 3, 2, 1, 0}, "?top=2": {4, 3}, "?top=0": {4, 3, 2, 1, 0}, "?top=100000": {4, 3, 2, 1, 0}, "?$top=1": {4}, "?status=all": {4, 3, 2, 1, 0},
		"?status=uploaded": {2, 1}, "?status=Processed": {2}, "?symbol_type=breakpad": {3, 1}, "?symbol_type=UWP&status=uploaded": {}, "?nothing=1": {4, 3, 2, 1, 0},
	} {
		var list []contract.SymbolUpload
		w.call("GET", "~/symbol_uploads"+query).want(200).into(&list)
		var got []string
		for _, u := range list {
			got = append(got, u.SymbolUploadID)
		}
		var wanted []string
		for _, i := range want {
			wanted = append(wanted, ids[i])
		}
		if strings.Join(got, " ") != strings.Join(wanted, " ") {
			t.Errorf("%q: %v, want %v", query, got, wanted)
		}
	}
	for _, query := range []string{"?top=x", "?top=-1", "?status=late", "?symbol_type=Swift"} {
		w.call("GET", "~/symbol_uploads"+query).want(400)
	}
	w.call("GET", "~/symbol_uploads/nothing").want(404)
	w.call("GET", "~/symbol_uploads/"+strings.Repeat("0", 32)).want(404)
	if a := w.call("GET", "/v0.1/apps/acme/shop/symbol_uploads?status=processed"); !json.Valid([]byte(a.body)) || !strings.HasPrefix(a.body, "[") {
		t.Errorf("%s is no list", a.body)
	}
}

// finish does to a committed upload what the worker does.
func (w *world) finish(id, state string, symbols ...diag.Symbol) {
	w.Helper()
	upload, _ := diag.ParseID(id)
	w.must(w.store.StartSymbolUpload(w.Context(), w.app.Num, upload, 1))
	u := diag.SymbolUpload{ID: upload, App: w.app.Num, State: state, Size: 1<<20 + 1}
	w.must(w.store.FinishSymbolUpload(w.Context(), u, symbols, 2))
}

// TestQ10: symbols are deleted by the id of the upload or of a symbol.
func TestQ10DeleteSymbols(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, bySymbol := range []bool{false, true} {
		b := w.upload(apple, "x")
		w.call("PATCH", "~/symbol_uploads/"+b.ID, `{"status":"committed"}`).want(200)
		w.finish(b.ID, diag.UploadIndexed, diag.Symbol{ID: "0de51bc637f33d2fa3b13a6b6a6b6a6b", Kind: "Apple", Platform: "iOS"})
		if u := w.shownUpload(b.ID); u.FileSize != 2 || u.Status != "indexed" { // Q8
			t.Errorf("%+v", u)
		}
		id := b.ID
		if bySymbol {
			id = "0DE51BC6-37F3-3D2F-A3B1-3A6B6A6B6A6B"
		}
		w.call("DELETE", "~/symbol_uploads/"+id).want(200, `"symbols_uploaded":[{"symbol_id":"0de51bc637f33d2fa3b13a6b6a6b6a6b","platform":"iOS"}]`, b.ID)
		w.call("DELETE", "~/symbol_uploads/"+id).want(404)
		w.call("GET", "~/symbol_uploads/"+b.ID).want(404)
		if refs, err := w.uploads.Uploads(); len(refs) != 0 || err != nil {
			t.Errorf("files %v of a deleted upload, %v", refs, err)
		}
	}
}

// TestSymbolUploadOfApp: an upload is seen through its own app only.
func TestSymbolUploadOfApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.newApp("acme", "Other", 9)
	w.must(w.store.SetMember(t.Context(), other.Num, w.ann.Num, diag.RoleManager))
	b := w.upload(apple, "x")
	for _, call := range [][2]string{{"GET", ""}, {"GET", "/location"}, {"DELETE", ""}} {
		w.call(call[0], "/v0.1/apps/acme/Other/symbol_uploads/"+b.ID+call[1]).want(404)
	}
	w.call("PATCH", "/v0.1/apps/acme/Other/symbol_uploads/"+b.ID, `{"status":"committed"}`).want(404)
	viewer := w.user("vic", false)
	w.must(w.store.SetMember(t.Context(), w.app.Num, viewer.Num, diag.RoleViewer))
	w.callAs(w.tokenOf(viewer, 0, "all"), "POST", "~/symbol_uploads", apple).want(403)
	text, hash := auth.NewToken()
	w.must(w.store.CreateToken(t.Context(), diag.Token{ID: diag.RandomID(), User: w.ann.Num, App: w.app.Num, Scope: "all", CreatedAt: 1}, hash))
	w.callAs(text, "POST", "~/symbol_uploads", apple).want(200)
}

// TestQ9: a host that the official client refuses is told of once.
func TestQ9UploadHost(t *testing.T) {
	t.Parallel()
	for base, warned := range map[string]bool{
		"http://localhost:8080": true, "http://127.0.0.1": true, "https://[::1]:8443": true, "https://crash.example.com": false, "https://crash.example.com:10000": true,
		"https://crash.example.com:8443": false, "https://proxy.example.com/crash": true,
	} {
		w := newWorld(t, func(o *api.Options) { o.UploadURL = base })
		for range 2 {
			if u := w.begin(apple).URL; !strings.HasPrefix(u, base+"/symbol-uploads/") {
				t.Errorf("%s: %s", base, u)
			}
		}
		want := 0
		if warned {
			want = 1
		}
		if n := strings.Count(w.logs.String(), "--upload-url"); n != want {
			t.Errorf("%s: %d warnings, want %d", base, n, want)
		}
	}
}

func TestSymbolUploadsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range store.MaxOpenUploads {
		w.must(w.store.CreateSymbolUpload(t.Context(), diag.SymbolUpload{ID: diag.RandomID(), App: w.app.Num, Kind: "Apple", CreatedAt: 1}))
	}
	w.call("POST", "~/symbol_uploads", apple).want(409)
}
