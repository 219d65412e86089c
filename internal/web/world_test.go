package web_test

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
	"lifeboat/internal/store/sqlite"
	"lifeboat/internal/web"
)

const (
	annToken = "0123456789abcdef0123456789abcdef01234567" // of a manager
	bobToken = "76543210fedcba9876543210fedcba9876543210" // of a viewer
)

// world is a server with a real store behind it, and a browser.
type world struct {
	t       testing.TB
	clock   *diag.StepClock
	db      *store.DB
	server  *httptest.Server
	browser *http.Client
	feed    uint64
	epoch   int64

	mu       sync.Mutex
	tokens   map[string]string // token -> user's name
	roles    map[string]diag.Role
	base     string // "" = of the server
	refused  []web.Refusal
	exports  []web.ExportLag
	lag      uint64
	diskFull bool
	password string    // of Ann
	limited  bool      // too many passwords were wrong
	expires  time.Time // every token
	readOnly bool      // every token
	broken   error     // of Apps
}

func newWorld(t testing.TB, change ...func(*web.Options)) *world {
	t.Helper()
	w := &world{t: t, clock: diag.NewStepClock(), password: annPassword,
		tokens: map[string]string{annToken: "Ann", bobToken: "Bob"},
		roles:  map[string]diag.Role{"Ann": diag.RoleManager, "Bob": diag.RoleViewer}}
	var err error
	w.db, err = sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{})
	w.ok(err)
	t.Cleanup(func() { w.db.Close() })
	_, w.epoch, err = w.db.ClaimIndex(t.Context())
	w.ok(err)
	o := web.Options{Store: w.db, Clock: w.clock, Key: [32]byte{1, 2, 3}, SignIn: w.signIn, Password: w.byPassword, Resume: w.resume, Apps: w.apps, BaseURL: w.baseURL,
		Refused: func() []web.Refusal { return w.refused }, Exports: func() []web.ExportLag { return w.exports },
		Pipeline: func() uint64 { return w.lag }, DiskFull: func() bool { return w.diskFull }}
	for _, c := range change {
		c(&o)
	}
	w.server = httptest.NewServer(web.New(o))
	t.Cleanup(w.server.Close)
	w.browser = w.newBrowser()
	return w
}

// newBrowser keeps cookies and follows nothing.
func (w *world) newBrowser() *http.Client {
	jar, err := cookiejar.New(nil)
	w.ok(err)
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) signIn(_ context.Context, token string) (web.Caller, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name, ok := w.tokens[token]
	if !ok {
		return web.Caller{}, diag.Errorf(diag.Unauthenticated, "Unauthorized.")
	}
	return web.Caller{User: diag.User{Num: 1, Name: strings.ToLower(name), DisplayName: name}, ReadOnly: w.readOnly, Expires: w.expires}, nil
}

const annPassword = "correct horse battery"

func (w *world) byPassword(_ context.Context, client, login, password string) (session string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.limited {
		return "", diag.LimitedFor(40 * time.Second)
	}
	if client == "" || login != "ann" || password != w.password {
		return "", diag.Errorf(diag.Unauthenticated, "Unauthorized.")
	}
	return "ann with " + w.password, nil
}

func (w *world) resume(_ context.Context, session string) (web.Caller, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if session != "ann with "+w.password {
		return web.Caller{}, diag.Errorf(diag.Unauthenticated, "Unauthorized.")
	}
	return web.Caller{User: diag.User{Num: 1, Name: "ann", DisplayName: "Ann"}}, nil
}

func (w *world) setPassword(password string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.password = password
}

func (w *world) revoke(token string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.tokens, token)
}

func (w *world) apps(ctx context.Context, c web.Caller) ([]web.App, error) {
	if w.broken != nil {
		return nil, w.broken
	}
	all, err := w.db.Apps(ctx)
	apps := make([]web.App, len(all))
	for i := range all {
		apps[i] = web.App{App: all[i], Role: w.roles[c.User.DisplayName]}
	}
	return apps, err
}

func (w *world) baseURL(r *http.Request) string {
	if w.base != "" {
		return w.base
	}
	return "http://" + r.Context().Value(http.LocalAddrContextKey).(interface{ String() string }).String()
}

// app makes an app; later ones are newer.
func (w *world) app(name, os, platform string) diag.App {
	w.t.Helper()
	w.feed++
	a, err := w.db.CreateApp(w.t.Context(), diag.App{ID: idOf("app " + name), Secret: idOf("secret " + name), Owner: "acme", Name: name, DisplayName: name,
		OS: os, Platform: platform, CreatedAt: int64(w.feed)})
	w.ok(err)
	return a
}

func idOf(name string) diag.ID { return diag.DerivedID([]byte(name)) }

// report is a crash of an app whose group has a reason.
func (w *world) report(a diag.App, group diag.GroupID, reason store.Reason) store.ReportRow {
	w.feed++
	return store.ReportRow{Feed: w.feed, Time: diag.DeviceTimeOf(w.clock.Now().Add(-5 * time.Minute)), Ingress: diag.IngressTimeOf(w.clock.Now()), App: a.Num,
		Kind: diag.KindManagedError, ID: idOf("report " + strconv.FormatUint(w.feed, 10)), Install: diag.InstallID("install " + strconv.FormatUint(w.feed, 10)),
		AppVersion: "1.2.0", AppBuild: "120", Group: group, Signature: diag.Signature{byte(group)}, Reason: reason, State: diag.SymbolsNotNeeded}
}

func (w *world) apply(b store.Batch) {
	w.t.Helper()
	through, _, err := w.db.IndexCursor(w.t.Context())
	w.ok(err)
	w.feed++
	b.After, b.Through, b.Epoch = through, w.feed, w.epoch
	_, err = w.db.ApplyBatch(w.t.Context(), b)
	w.ok(err)
}

// answer is a response that was read.
type answer struct {
	*http.Response
	text string
}

func (w *world) send(r *http.Request) answer {
	w.t.Helper()
	resp, err := w.browser.Do(r)
	w.ok(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	w.ok(err)
	return answer{resp, string(body)}
}

func (w *world) get(path string) answer {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodGet, w.server.URL+path, nil)
	w.ok(err)
	return w.send(r)
}

func (w *world) post(path string, form url.Values, header ...string) answer {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodPost, w.server.URL+path, strings.NewReader(form.Encode()))
	w.ok(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return w.send(r)
}

// enter signs in, and fails the test if that does not work.
func (w *world) enter(token string) {
	w.t.Helper()
	a := w.post("/sign-in", url.Values{"token": {token}})
	if a.StatusCode != http.StatusSeeOther {
		w.t.Fatalf("signing in is answered %d", a.StatusCode)
	}
	c := a.Cookies()[0]
	w.setCookie(c.Name, c.Value) // also one that is for TLS only
}

// home is the page of somebody who is signed in.
func (w *world) home(path string) *element {
	w.t.Helper()
	a := w.get(path)
	if a.StatusCode != http.StatusOK {
		w.t.Fatalf("the page is answered %d: %s", a.StatusCode, a.text)
	}
	root := w.parse(a)
	if len(root.named("footer")) == 0 {
		w.t.Fatal("the page is the form to sign in")
	}
	return root
}

// element is a part of a page.
type element struct {
	name     string
	attr     map[string]string
	children []*element
	pieces   []string // text and children's text in order
}

// parse reads a page, which must be well formed, and holds it against its own policy.
func (w *world) parse(a answer) *element {
	w.t.Helper()
	if got := a.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		w.t.Fatalf("Content-Type %q", got)
	}
	root, err := parseHTML(a.text)
	w.ok(err)
	checkPolicy(w.t, a, root)
	return root
}

func parseHTML(text string) (*element, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	root := &element{name: "#page"}
	open := []*element{root}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && len(open) == 1 {
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		top := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, attr: map[string]string{}}
			for _, at := range token.Attr {
				if _, twice := e.attr[at.Name.Local]; twice {
					return nil, errors.New("attribute " + at.Name.Local + " stands twice in " + e.name)
				}
				e.attr[at.Name.Local] = at.Value
			}
			top.children = append(top.children, e)
			open = append(open, e)
		case xml.EndElement:
			if top.name != token.Name.Local {
				return nil, errors.New("</" + token.Name.Local + "> closes <" + top.name + ">")
			}
			open = open[:len(open)-1]
			open[len(open)-1].pieces = append(open[len(open)-1].pieces, strings.Join(top.pieces, ""))
		case xml.CharData:
			top.pieces = append(top.pieces, string(token))
		}
	}
}

// text is all text inside, with single spaces.
func (e *element) text() string { return strings.Join(strings.Fields(strings.Join(e.pieces, "")), " ") }

// all returns the elements inside for which ok holds.
func (e *element) all(ok func(*element) bool) (found []*element) {
	for _, c := range e.children {
		if ok(c) {
			found = append(found, c)
		}
		found = append(found, c.all(ok)...)
	}
	return found
}

func (e *element) named(names ...string) []*element {
	return e.all(func(e *element) bool {
		for _, n := range names {
			if e.name == n {
				return true
			}
		}
		return false
	})
}

func (e *element) class(class string) []*element {
	return e.all(func(e *element) bool { return strings.Contains(" "+e.attr["class"]+" ", " "+class+" ") })
}

// id returns the element with that id, an empty one if there is none.
func (e *element) id(id string) *element {
	if found := e.all(func(e *element) bool { return e.attr["id"] == id }); len(found) == 1 {
		return found[0]
	}
	return &element{}
}

// rows are the texts of a table's cells.
func (e *element) rows() (rows [][]string) {
	for _, tr := range e.named("tr") {
		var cells []string
		for _, c := range tr.named("th", "td") {
			cells = append(cells, c.text())
		}
		rows = append(rows, cells)
	}
	return rows
}

// texts are the texts of elements.
func texts(all []*element) (s []string) {
	for _, e := range all {
		s = append(s, e.text())
	}
	return s
}
