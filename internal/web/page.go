package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// What a page shows at most. It says what it leaves out.
const (
	maxApps    = 20  // in full
	maxNames   = 500 // that the search field offers
	maxGroups  = 10  // of one app
	maxExports = 10  // of one app
	maxReasons = 30
	maxSearch  = 200 // characters
)

const (
	dropDays   = 7
	lagWorried = 10_000          // frames that wait for the index
	exportLate = 5 * time.Minute // a minute is exported soon after its end
)

type homePage struct {
	frame
	ReadOnly bool // the token may only look
	Base     string
	Warnings []string // about Base
	DiskFull bool
	Lag      int64 // frames that wait for the index, 0 unless they are many
	Now      moment

	Search string   // what the apps were searched for
	Names  []string // of all apps, as far as they are offered
	All    int64    // apps that the user may see
	Found  int64    // apps that the search finds
	Apps   []appView
	Create string // command that makes an app, "" = the caller may not

	Unknown     traffic // of no known app
	WrongSecret bool    // somebody sends a secret that no app has
}

// Shown is how many apps the page shows in full.
func (p *homePage) Shown() int64 { return int64(len(p.Apps)) }

// Hidden reports whether the page leaves out apps that were found.
func (p *homePage) Hidden() bool { return p.Shown() < p.Found }

// home is the page, or the form to sign in.
func (w *Web) home(rw http.ResponseWriter, r *http.Request) error {
	caller, err := w.caller(r)
	if refused(err) {
		if _, stale := r.Cookie(w.cookieOf(r).Name); stale == nil {
			w.endSession(rw, r)
		}
		return w.showSignIn(rw, r, http.StatusOK, "")
	}
	if err != nil {
		return err
	}
	if secret := invitationOf(r); secret != "" {
		return see(rw, invitationPath+secret) // who had signed in before goes on there
	}
	p, err := w.gather(r, caller)
	if err != nil {
		return err
	}
	return w.render(rw, http.StatusOK, "home.html", p)
}

// shownName is the name of who is signed in.
func shownName(c Caller) string { return clip(cmp.Or(c.User.DisplayName, c.User.Name), 80) }

func (w *Web) gather(r *http.Request, c Caller) (*homePage, error) {
	ctx, base := r.Context(), w.o.BaseURL(r)
	apps, err := w.o.Apps(ctx, c)
	if err != nil {
		return nil, err
	}
	p := &homePage{
		frame:    frame{Title: "Apps", User: shownName(c), Script: true},
		ReadOnly: c.ReadOnly, Base: base, Warnings: urlWarnings(base), Now: newMoment(w.o.Clock.Now(), w.o.Clock.Now()),
		DiskFull: w.o.DiskFull != nil && w.o.DiskFull(), All: int64(len(apps)),
	}
	if !c.ReadOnly {
		p.Create = filled("create.sh", "url", base, "user", shellWord(c.User.Name))
	}
	if w.o.Pipeline != nil {
		if lag := w.o.Pipeline(); lag >= lagWorried {
			p.Lag = int64(lag)
		}
	}
	p.choose(apps, clip(strings.TrimSpace(r.URL.Query().Get("app")), maxSearch))
	if err := w.fill(ctx, p, base); err != nil {
		return nil, err
	}
	return p, nil
}

// choose picks the apps that are shown: those that the search finds, the newest first.
func (p *homePage) choose(apps []App, search string) {
	apps = slices.Clone(apps)
	slices.SortStableFunc(apps, func(a, b App) int { return cmp.Compare(b.CreatedAt, a.CreatedAt) })
	p.Search = search
	for i := range apps {
		a := &apps[i]
		name := a.Owner + "/" + a.Name
		if len(apps) > maxApps && len(p.Names) < maxNames {
			p.Names = append(p.Names, clip(name, maxSearch))
		}
		if !contains(name, search) && !contains(a.DisplayName, search) {
			continue
		}
		if p.Found++; len(p.Apps) < maxApps {
			p.Apps = append(p.Apps, appView{App: a, Page: p})
		}
	}
}

// contains looks for a part of a name in any letter case.
func contains(name, part string) bool {
	return strings.Contains(strings.ToLower(name), strings.ToLower(part))
}

// fill reads what the page says of its apps.
func (w *Web) fill(ctx context.Context, p *homePage, base string) (err error) {
	refusals, lags := w.refusals(), w.exportLags()
	for i := range p.Apps {
		v := &p.Apps[i]
		if err := w.fillApp(ctx, v, base, refusals, lags); err != nil {
			return err
		}
		p.Refresh = p.Refresh || v.Waiting
	}
	p.Unknown, err = w.traffic(ctx, 0, refusals)
	p.WrongSecret = slices.ContainsFunc(p.Unknown.Rows, func(r trafficRow) bool { return r.name == wrongSecret })
	return err
}

func (w *Web) refusals() []Refusal {
	if w.o.Refused == nil {
		return nil
	}
	return w.o.Refused()
}

func (w *Web) exportLags() []ExportLag {
	if w.o.Exports == nil {
		return nil
	}
	return w.o.Exports()
}

// traffic is what was not taken of one app.
type traffic struct {
	Rows []trafficRow
	Left int64 // more reasons than are shown
	Days int64
}

type trafficRow struct {
	name          string // of the reason
	Title, Advice string
	Final         bool
	Week          int64 // in the last days; of what is final
	Since         int64 // since the server started
	Last          *moment
}

// traffic joins what is stored of the last days with what happened since the start: the former outlives a
// restart, the latter knows of devices that will come back.
func (w *Web) traffic(ctx context.Context, app int64, refusals []Refusal) (traffic, error) {
	now := w.o.Clock.Now()
	drops, err := w.o.Store.Drops(ctx, app, now.Unix()/86400-dropDays+1)
	if err != nil {
		return traffic{}, err
	}
	rows := map[string]*trafficRow{}
	row := func(name string) *trafficRow {
		if rows[name] == nil {
			say := words(name)
			rows[name] = &trafficRow{name: name, Title: say.title, Advice: say.advice}
		}
		return rows[name]
	}
	for _, d := range drops {
		r := row(d.Reason)
		r.Final, r.Week = true, r.Week+d.Count
	}
	for _, f := range refusals {
		if f.App != app {
			continue
		}
		r := row(f.Reason)
		r.Final, r.Since = r.Final || f.Final, r.Since+f.Count
		last := newMoment(f.Last, now)
		r.Last = &last
	}
	return newTraffic(rows), nil
}

func newTraffic(rows map[string]*trafficRow) traffic {
	t := traffic{Days: dropDays}
	for _, r := range rows {
		t.Rows = append(t.Rows, *r)
	}
	slices.SortFunc(t.Rows, func(a, b trafficRow) int {
		return cmp.Or(cmp.Compare(max(b.Week, b.Since), max(a.Week, a.Since)), cmp.Compare(a.Title, b.Title))
	})
	if len(t.Rows) > maxReasons {
		t.Left = int64(len(t.Rows) - maxReasons)
		t.Rows = t.Rows[:maxReasons]
	}
	return t
}

// appView is one app on the page.
type appView struct {
	*App
	Page     *homePage
	Title    string
	FullName string // owner/name
	System   string
	Toolkit  string // the app's platform, for people
	Mark     string // changes when the page would show something else of the app
	Waiting  bool   // for the first log
	Logs     int64
	Crashes  int64
	Handled  int64
	Problems int64 // logs that cannot be read, kept
	Why      []string

	Snippets []snippet
	Crash    string // command that sends a test crash
	CrashLog string // its body, for the script; {{time}} is the time
	Read     string // command that reads the groups
	Groups   []groupView
	GroupsOf int64 // groups that there are

	Traffic  traffic
	Exports  []exportView
	Left     int64  // exports that are not shown
	SetUp    string // command that sets an export up
	CanTest  bool
	CanSetUp bool
}

// Shown is how many groups of the app the page shows.
func (v *appView) Shown() int64 { return int64(len(v.Groups)) }

func (w *Web) fillApp(ctx context.Context, v *appView, base string, refusals []Refusal, lags []ExportLag) (err error) {
	stats, err := w.o.Store.IndexStats(ctx, v.Num)
	if err != nil {
		return err
	}
	v.count(&stats)
	v.Mark = mark(&stats, v.Num, refusals)
	v.Title, v.FullName = clip(cmp.Or(v.DisplayName, v.Name), 80), clip(v.Owner+"/"+v.Name, maxSearch)
	v.System, v.Toolkit = clip(v.OS, maxWord), clip(v.Platform, maxWord)
	v.connect(base)
	if v.Groups, err = w.groups(ctx, v.Num); err != nil {
		return err
	}
	if v.Problems > 0 {
		if v.Why, err = w.problems(ctx, v.Num); err != nil {
			return err
		}
	}
	if v.Traffic, err = w.traffic(ctx, v.Num, refusals); err != nil {
		return err
	}
	return w.exports(ctx, v, lags)
}

func (v *appView) count(s *store.IndexStats) {
	for kind, n := range s.Logs {
		v.Logs += n
		switch kind {
		case diag.KindManagedError, diag.KindAppleError:
			v.Crashes += n
		case diag.KindHandledError:
			v.Handled += n
		}
	}
	v.Problems, v.GroupsOf = s.Problems, s.Groups
	v.Waiting = v.Logs == 0 && v.Problems == 0
}

// connect says how to connect the app, and what the user may do with it.
func (v *appView) connect(base string) {
	v.CanTest, v.CanSetUp = v.Role >= diag.RoleDeveloper, v.Role >= diag.RoleManager
	v.Snippets = snippets(&v.App.App, base)
	v.Read = filled("groups.sh", "url", base, "app", appPath(&v.App.App))
	if v.CanTest {
		v.Crash, v.CrashLog = crashCommand(&v.App.App, base), testCrash(&v.App.App, "{{time}}")
	}
	if v.CanSetUp {
		v.SetUp = filled("export.sh", "url", base, "app", appPath(&v.App.App))
	}
}

// groupView is one row of the list of groups.
type groupView struct {
	Crash         bool
	Class, Method string // colours tell them apart
	Other         string // the title where there is neither
	Place         string // file and line
	Type          string // of the exception
	ID            string
	Count, Users  int64
	Version       string
	Build         string
	State         string
	Last          moment
}

// groups are the newest groups of an app.
func (w *Web) groups(ctx context.Context, app int64) ([]groupView, error) {
	found, _, err := w.o.Store.Groups(ctx, store.GroupQuery{App: app, OrderBy: []store.Order{{Column: store.ByLast, Desc: true}}, Limit: maxGroups})
	if err != nil {
		return nil, err
	}
	now := w.o.Clock.Now()
	views := make([]groupView, len(found))
	for i := range found {
		views[i] = newGroupView(&found[i], now)
	}
	return views, nil
}

const (
	maxName = 160 // characters of a name on the page
	maxWord = 40
)

func newGroupView(g *store.GroupSummary, now time.Time) groupView {
	r := &g.Reason
	v := groupView{
		Crash: !g.Handled, Class: clip(r.Class, maxName), Method: clip(r.Method, maxName), Type: clip(cmp.Or(r.Type, r.OSExceptionType), maxName),
		ID: g.ID.Format(g.Handled), Count: g.Count, Users: g.Devices, Version: clip(g.AppVersion, maxWord), Build: clip(g.AppBuild, maxWord),
		State: clip(g.State, maxWord), Last: newMoment(g.Last.Time(), now),
	}
	if v.Class == "" && v.Method == "" {
		v.Other = cmp.Or(clip(r.CodeRaw, maxName), clip(r.Framework, maxName), v.Type, "Unknown error")
	}
	if r.File != "" {
		v.Place = clip(r.File[strings.LastIndexAny(r.File, `/\`)+1:], maxName)
		if r.Line > 0 {
			v.Place += ":" + strconv.Itoa(r.Line)
		}
	}
	return v
}

const maxProblems = 3

// problems says what is wrong with the newest logs that cannot be read.
func (w *Web) problems(ctx context.Context, app int64) (texts []string, err error) {
	found, err := w.o.Store.Problems(ctx, app, maxProblems)
	for _, p := range found {
		if text := clip(p.What, maxName); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return texts, err
}

// exportView is one export configuration.
type exportView struct {
	Target, State string
	Good, Bad     bool    // neither: idle
	Window        *moment // end of the last minute that is exported
	Lag           string
	Late          bool
	Note          string
}

// exports joins what is configured with how it is doing.
func (w *Web) exports(ctx context.Context, v *appView, lags []ExportLag) error {
	configured, err := w.o.Store.Exports(ctx, v.Num)
	if err != nil {
		return err
	}
	if len(configured) > maxExports {
		v.Left, configured = int64(len(configured)-maxExports), configured[:maxExports]
	}
	now := w.o.Clock.Now()
	for i := range configured {
		e := &configured[i]
		lag := ExportLag{State: e.State, Error: e.StateInfo}
		if at := slices.IndexFunc(lags, func(l ExportLag) bool { return l.ID == e.ID }); at >= 0 {
			lag = lags[at]
		}
		v.Exports = append(v.Exports, newExportView(e, &lag, now))
	}
	return nil
}

func newExportView(e *store.Export, lag *ExportLag, now time.Time) exportView {
	v := exportView{Target: target(e), State: exportWords(lag.State), Note: clip(cmp.Or(lag.Error, e.StateInfo), 300)}
	v.Bad = lag.Failing || e.State == "Invalid" || lag.State == "retrying"
	v.Good = !v.Bad && e.State == "Enabled"
	if lag.Window.After(time.Unix(0, 0)) {
		last := newMoment(lag.Window, now)
		v.Window, v.Lag, v.Late = &last, length(lag.Lag), e.State == "Enabled" && lag.Lag > exportLate
	}
	return v
}

// target names where an export goes, without anything secret.
func target(e *store.Export) string {
	parts := []string{e.ResourceName, e.Container, e.Prefix}
	if e.Container == "" && e.Path != "" {
		parts = []string{"folder " + e.Path}
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return clip(cmp.Or(strings.Join(parts, "/"), e.Type), maxName)
}
