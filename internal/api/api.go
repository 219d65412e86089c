// Package api answers App Center's REST API, version 0.1: error groups and reports, their stacks, session logs
// and attachments, export configurations, apps, accounts and tokens. docs/compatibility.md lists the decisions
// cited as Q and T numbers.
//
// It promises the documented status and shape for every call; that a caller learns nothing of an app without a
// role in it, and changes nothing beyond the role; that pages neither lose nor double an item while others
// write; and that no answer, error or log holds a secret again that was given to it. Paths, queries and bodies
// may be anything: what cannot be meant is 400 or 404.
package api

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"lifeboat/internal/auth"
	"lifeboat/internal/diag"
	"lifeboat/internal/report"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
	"lifeboat/internal/upload"
)

// Targets knows where exports may go.
type Targets interface {
	// Check tries the target of a configuration: its settings are in e, the connection string is secret, "" for
	// the one that is sealed in e already. It fills in e's Sealed, SecretHash, ResourceName, BlobEndpoint and
	// Container. A target that cannot be used is an error of kind Invalid whose message may be shown.
	Check(ctx context.Context, e *store.Export, secret string) error
}

// Options of New. Those above the empty line must be set.
type Options struct {
	Store      *store.DB
	Reports    *report.Reader
	Clock      diag.Clock
	Key        [32]byte // signs URLs and binds page tokens to their query
	InstallKey [32]byte // of diag.HashInstall: names blocked installs
	Targets    Targets
	JournalNow func() diag.IngressTime // the journal's clock
	Oldest     func() diag.IngressTime // of the first log in the journal, 0 if there is none
	Uploads    *upload.Store           // files of symbol uploads

	Admit          func(*http.Request) error  // asked before anything else, but not for blobs; nil: everybody is let in
	Gate           *auth.Gate                 // nil: one on Store. Pages share it, so that deleted tokens are void there too
	Log            *slog.Logger               // nil: none
	Version        string                     // of the program, for the description
	PublicURL      string                     // URLs in answers begin with it; "": with BaseURL
	BaseURL        func(*http.Request) string // nil: the address that the request came in on, never its Host header
	UploadURL      string                     // where clients put symbol files; "": as PublicURL and BaseURL
	SymbolsChanged func()                     // called when a symbol upload was committed, aborted or deleted
	AppsChanged    func()                     // called when an app was made, changed or deleted, or an install blocked
	AccountGone    func()                     // called when an account was deleted
	ExportsChanged func()                     // called when an export configuration was made, changed or deleted
	LowerStates    bool                       // write the states of groups as the published description has them, not as recorded (Q1)
	Backfill       time.Duration              // how far a new export reaches back at most; 0: as long as reports are kept by default
}

// defaultBackfill is how long reports are kept by default. It is more than the 28 days of the original (D22).
const defaultBackfill = 365 * 24 * time.Hour

func (o *Options) setDefaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Gate == nil {
		o.Gate = auth.New(o.Store, o.Clock, o.Log)
	}
	if o.BaseURL == nil {
		o.BaseURL = localURL
	}
	if o.PublicURL != "" {
		base := strings.TrimRight(o.PublicURL, "/")
		o.BaseURL = func(*http.Request) string { return base }
	}
	if o.SymbolsChanged == nil {
		o.SymbolsChanged = func() {}
	}
	if o.Admit == nil {
		o.Admit = func(*http.Request) error { return nil }
	}
	if o.AppsChanged == nil {
		o.AppsChanged = func() {}
	}
	if o.AccountGone == nil {
		o.AccountGone = func() {}
	}
	if o.ExportsChanged == nil {
		o.ExportsChanged = func() {}
	}
	if o.Backfill <= 0 {
		o.Backfill = defaultBackfill
	}
}

// localURL is the listener that a request came in on.
func localURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	host := "localhost"
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		host = a.String()
	}
	return scheme + "://" + host
}

// API answers the calls. Make it with New.
type API struct {
	o           Options
	tree        *node
	handler     http.Handler
	blobs       http.Handler  // of files that come as blobs
	wake        chan struct{} // has room for one: there is work for Run
	hostWarning sync.Once
	exports     sync.Mutex // held while a configuration is read, changed and written back
}

// New makes the handler of all paths that Match. Its Run must run beside it.
func New(o Options) *API {
	o.setDefaults()
	a := &API{o: o, tree: plant(routes()), wake: make(chan struct{}, 1)}
	a.handler = respond.Wrap(respond.Options{Clock: o.Clock, Log: o.Log}, a.serve)
	a.blobs = respond.Wrap(respond.Options{Clock: o.Clock, Log: o.Log, MaxBody: maxUpload, ShowError: showBlobError}, a.serveBlob)
	return a
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if root, _ := rootOf(r.URL.Path); root == symbolUploads {
		a.blobs.ServeHTTP(w, r)
		return
	}
	a.handler.ServeHTTP(w, r)
}

// Match reports whether a path is the API's: it begins with /v0.1, /api/v0.1, /blobs or /symbol-uploads, or is
// /openapi.json.
func Match(path string) bool {
	root, rest := rootOf(path)
	return root == version || root == blobs || root == symbolUploads || root == description && rest == ""
}

// rootOf is the first segment of a path that tells what it is of, and what follows.
func rootOf(path string) (root, rest string) {
	root, rest, _ = strings.Cut(strings.TrimPrefix(strings.TrimLeft(path, "/"), "api/"), "/")
	return root, rest
}

// serve finds the route of a request and the caller's right to it, in the order of T19.
func (a *API) serve(w http.ResponseWriter, r *http.Request) error {
	if err := a.o.Admit(r); err != nil {
		return err
	}
	segments, ok := split(r.URL.EscapedPath())
	n, values := a.tree.find(segments)
	if n == nil || len(n.routes) == 0 {
		return notFound()
	}
	to := n.route(r.Method)
	respond.SetRoute(r, n.routes[0].path)
	respond.SetErrorForm(r, n.routes[0].errors)
	if !ok {
		return notFound()
	}
	if to == nil {
		return respond.MethodNotAllowed(n.methods()...)
	}
	q := &request{API: a, w: w, r: r, names: to.names, values: values}
	if err := q.admit(to.need); err != nil {
		return err
	}
	if err := q.parseQuery(); err != nil {
		return err
	}
	return to.serve(q)
}

func notFound() error { return diag.Errorf(diag.NotFound, "Not found.") }

// state is a group's state as it is written (Q1).
func (a *API) state(s string) string {
	if a.o.LowerStates {
		return strings.ToLower(s)
	}
	return s
}
