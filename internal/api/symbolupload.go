package api

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
	"lifeboat/internal/upload"
)

// uploadLifetime is how long the URL of an upload is good.
const uploadLifetime = 24 * time.Hour

// symbolUploadRequest is the body of a new symbol upload. client_callback is read and not called: a server that
// fetches URLs of its users' choice is a danger to its neighbours.
type symbolUploadRequest struct {
	SymbolType     string `json:"symbol_type"`
	ClientCallback string `json:"client_callback,omitempty"`
	FileName       string `json:"file_name,omitempty"`
	Build          string `json:"build,omitempty"`
	Version        string `json:"version,omitempty"`
}

// The longest texts of a request, in bytes. Versions are as long as those of reports.
const (
	maxUploadName    = 256
	maxUploadVersion = 128
	maxCallback      = 2048
)

func (b *symbolUploadRequest) check() error {
	for _, field := range []struct {
		name, text string
		max        int
	}{{"file_name", b.FileName, maxUploadName}, {"build", b.Build, maxUploadVersion}, {"version", b.Version, maxUploadVersion}, {"client_callback", b.ClientCallback, maxCallback}} {
		if len(field.text) > field.max {
			return diag.Errorf(diag.Invalid, "%s is too long: at most %d bytes.", field.name, field.max)
		}
	}
	kind, ok := symbolKind(b.SymbolType)
	if !ok {
		return diag.Errorf(diag.Invalid, "symbol_type must be one of %s.", strings.Join(diag.SymbolKinds(), ", "))
	}
	b.SymbolType = kind
	if kind == diag.SymbolsProguard && (b.Version == "" || b.Build == "") {
		return diag.Errorf(diag.Invalid, "A mapping of AndroidProguard needs version (the versionName) and build (the versionCode): obfuscated names tell nothing else.")
	}
	return nil
}

// symbolKind reads a kind of symbols in any letter case.
func symbolKind(text string) (string, bool) {
	i := slices.IndexFunc(diag.SymbolKinds(), func(k string) bool { return strings.EqualFold(k, text) })
	if i < 0 {
		return "", false
	}
	return diag.SymbolKinds()[i], true
}

// createSymbolUpload begins an upload: it answers where the file goes.
func createSymbolUpload(q *request) error {
	var body symbolUploadRequest
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	if err := body.check(); err != nil {
		return err
	}
	now := q.o.Clock.Now()
	if body.FileName == "" {
		body.FileName = "upload-" + now.UTC().Format("20060102") + ".zip"
		if body.SymbolType == diag.SymbolsProguard {
			body.FileName = "mapping.txt"
		}
	}
	u := diag.SymbolUpload{
		ID: diag.RandomID(), App: q.app.Num, User: q.caller.User, Kind: body.SymbolType, FileName: body.FileName, Version: body.Version,
		Build: body.Build, CreatedAt: now.UnixMilli(),
	}
	if err := q.o.Store.CreateSymbolUpload(q.ctx(), u); err != nil {
		return err
	}
	expiry := now.Add(uploadLifetime).UTC().Truncate(time.Second)
	return q.json(http.StatusOK, contract.SymbolUploadBegun{
		SymbolUploadID: u.ID.String(), UploadURL: q.uploadURL(u.ID, expiry), ExpirationDate: diag.FormatMillis(expiry),
	})
}

// uploadURL is where the file of an upload goes: two segments of a path, for clients take them for a container and
// a blob, and a query that they may add to.
func (q *request) uploadURL(id diag.ID, expiry time.Time) string {
	base := strings.TrimRight(q.o.UploadURL, "/")
	if base == "" {
		base = q.o.BaseURL(q.r)
	}
	q.warnOfHost(base)
	se := diag.FormatTime(expiry)
	return base + "/" + symbolUploads + "/" + id.String() + "?se=" + url.QueryEscape(se) + signatureKey + q.uploadSignature(id, se)
}

// uploadSignature covers an upload and the text of its expiry, and not how a client writes them.
func (a *API) uploadSignature(id diag.ID, se string) string {
	return signatureText(a.mac("upload", id[:], []byte(se)))
}

// azurePorts are those of storage emulators: the old client takes a host with one of them for such.
var azurePorts = []string{"10000", "10001", "10002", "10003", "10004", "10100", "10101", "10102", "10103", "10104", "11000", "11001", "11002", "11003", "11004",
	"11100", "11101", "11102", "11103", "11104"}

// warnOfHost tells once that the official client as it was released does not upload to such a host (Q9).
func (a *API) warnOfHost(base string) {
	u, err := url.Parse(base)
	if err != nil {
		return
	}
	host := u.Hostname()
	if host != "localhost" && net.ParseIP(host) == nil && !slices.Contains(azurePorts, u.Port()) && strings.Trim(u.Path, "/") == "" {
		return
	}
	a.hostWarning.Do(func() {
		a.o.Log.Warn("symbol uploads go to a host that the appcenter CLI 3.0.4 refuses: name one with --upload-url that is neither localhost nor an address, has no path, and no port of a storage emulator",
			"base", u.Scheme+"://"+u.Host)
	})
}

// statesOf are the states that the words of the query stand for.
func statesOf(word string) ([]string, bool) {
	switch strings.ToLower(word) {
	case "", "all":
		return nil, true
	case "uploaded":
		return []string{diag.UploadCommitted, diag.UploadProcessing, diag.UploadIndexed, diag.UploadFailed}, true
	case "processed":
		return []string{diag.UploadIndexed, diag.UploadFailed}, true
	}
	return nil, false
}

const maxUploads = 100 // in one list

func listSymbolUploads(q *request) error {
	p := q.params()
	ask := store.SymbolUploadQuery{App: q.app.Num, Limit: min(p.top(), maxUploads)}
	var ok bool
	if ask.States, ok = statesOf(p.text("status")); !ok {
		p.fail("status must be all, uploaded or processed.")
	}
	if text := p.text("symbol_type"); text != "" {
		if ask.Kind, ok = symbolKind(text); !ok {
			p.fail("symbol_type must be one of %s.", strings.Join(diag.SymbolKinds(), ", "))
		}
	}
	if p.err != nil {
		return p.err
	}
	uploads, err := q.o.Store.SymbolUploads(q.ctx(), ask)
	if err != nil {
		return err
	}
	all := make([]contract.SymbolUpload, len(uploads))
	for i := range uploads {
		if all[i], err = q.shownUpload(&uploads[i]); err != nil {
			return err
		}
	}
	return q.json(http.StatusOK, all)
}

// shownUpload is an upload with what was found in it.
func (q *request) shownUpload(u *diag.SymbolUpload) (contract.SymbolUpload, error) {
	var symbols []diag.Symbol
	if u.State == diag.UploadIndexed {
		var err error
		if symbols, err = q.o.Store.SymbolsOf(q.ctx(), q.app.Num, u.ID); err != nil {
			return contract.SymbolUpload{}, err
		}
	}
	return contract.NewSymbolUpload(&q.app, u, symbols), nil
}

func noSuchUpload() error { return diag.Errorf(diag.NotFound, "There is no such symbol upload.") }

// upload is the upload of the path. With orSymbol the path may name a symbol that is in it (Q10).
func (q *request) upload(orSymbol bool) (diag.SymbolUpload, error) {
	text := q.param("symbol_upload_id")
	if id, ok := diag.ParseID(text); ok {
		u, err := q.o.Store.SymbolUpload(q.ctx(), q.app.Num, id)
		if err == nil || !isNotFound(err) || !orSymbol {
			return u, err
		}
	}
	id, ok := diag.ParseSymbolID(text)
	if !ok || !orSymbol {
		return diag.SymbolUpload{}, noSuchUpload()
	}
	s, err := q.o.Store.Symbol(q.ctx(), q.app.Num, id)
	if err != nil {
		return diag.SymbolUpload{}, noSuchUpload()
	}
	return q.o.Store.SymbolUpload(q.ctx(), q.app.Num, s.Upload)
}

func getSymbolUpload(q *request) error {
	u, err := q.upload(false)
	if err != nil {
		return err
	}
	shown, err := q.shownUpload(&u)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, shown)
}

// symbolUploadChange is the body of a change.
type symbolUploadChange struct {
	Status string `json:"status"`
}

// patchSymbolUpload commits or aborts an upload.
func patchSymbolUpload(q *request) error {
	var body symbolUploadChange
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	state := strings.ToLower(body.Status)
	if state != diag.UploadCommitted && state != diag.UploadAborted {
		return diag.Errorf(diag.Invalid, "status must be committed or aborted.")
	}
	u, err := q.upload(false)
	if err != nil {
		return err
	}
	if u, err = q.end(&u, state); err != nil {
		return err
	}
	u.State, u.Size, u.Problems = state, 0, nil // whatever has become of it since (Q6)
	return q.json(http.StatusOK, contract.NewSymbolUpload(&q.app, &u, nil))
}

// end has an upload be committed or aborted. To ask for the same again is harmless, for the other a Conflict (Q7).
func (q *request) end(u *diag.SymbolUpload, state string) (diag.SymbolUpload, error) {
	ref := upload.Ref{App: u.App, ID: u.ID}
	if state == diag.UploadCommitted && u.State == diag.UploadCreated {
		if _, err := q.o.Uploads.Seal(ref); isNotFound(err) {
			return *u, diag.Errorf(diag.Conflict, "Nothing was uploaded to upload_url, so there is nothing to commit. Upload the file first.") // Q5
		} else if err != nil {
			return *u, err
		}
	}
	ended, changed, err := q.o.Store.EndSymbolUpload(q.ctx(), u.App, u.ID, state, q.o.Clock.Now().UnixMilli())
	if err != nil {
		return *u, err
	}
	if wasAborted := ended.State == diag.UploadAborted; !changed && wasAborted != (state == diag.UploadAborted) {
		if wasAborted {
			return ended, diag.Errorf(diag.Conflict, "This symbol upload was aborted. Begin another one.")
		}
		return ended, diag.Errorf(diag.Conflict, "This symbol upload was committed. Delete it if it is not wanted.")
	}
	if changed {
		q.o.SymbolsChanged()
	}
	if state == diag.UploadAborted {
		err = q.o.Uploads.Remove(ref)
	}
	return ended, err
}

// deleteSymbolUpload removes an upload, its file and its symbols.
func deleteSymbolUpload(q *request) error {
	u, err := q.upload(true)
	if err != nil {
		return err
	}
	shown, err := q.shownUpload(&u)
	if err != nil {
		return err
	}
	if _, err := q.o.Store.DeleteSymbolUpload(q.ctx(), q.app.Num, u.ID); err != nil {
		return err
	}
	if err := q.o.Uploads.Remove(upload.Ref{App: u.App, ID: u.ID}); err != nil {
		return err
	}
	q.o.SymbolsChanged()
	return q.json(http.StatusOK, shown)
}

// locateSymbolUpload gives an address of the file as it was sent.
func locateSymbolUpload(q *request) error {
	u, err := q.upload(false)
	if err != nil {
		return err
	}
	return q.locateUpload(&u)
}

func (q *request) locateUpload(u *diag.SymbolUpload) error {
	if u.State == diag.UploadCreated || u.State == diag.UploadAborted {
		return diag.Errorf(diag.NotFound, "This symbol upload has no file: it is not committed.")
	}
	if _, err := q.o.Uploads.Stat(upload.Ref{App: u.App, ID: u.ID}); err != nil {
		return err
	}
	return q.location("symbol_uploads", u.ID.String())
}

// serveSymbolUpload answers a signed URL with the file as it was sent.
func serveSymbolUpload(q *request) error {
	if err := q.admitSigned(); err != nil {
		return err
	}
	u, err := q.upload(false)
	if err != nil {
		return err
	}
	f, err := q.o.Uploads.Open(upload.Ref{App: u.App, ID: u.ID})
	if err != nil {
		return err
	}
	defer f.Close()
	h := q.w.Header()
	h.Set("Content-Type", anyBytes)
	h.Set("Content-Disposition", respond.Disposition(u.FileName))
	h.Set("ETag", strconv.Quote(f.ETag))
	http.ServeContent(q.w, q.r, "", time.UnixMilli(f.Time), io.NewSectionReader(f, 0, f.Size))
	return nil
}

// isNotFound reports whether an error says that something is not there.
func isNotFound(err error) bool {
	e, ok := errors.AsType[*diag.Error](err)
	return ok && e.Kind == diag.NotFound
}
