package server

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"lifeboat/internal/api"
	"lifeboat/internal/auth"
	"lifeboat/internal/diag"
	"lifeboat/internal/ingest"
	"lifeboat/internal/report"
	"lifeboat/internal/respond"
	"lifeboat/internal/web"
)

// assembleDoors makes the API and the pages.
func (s *Server) assembleDoors(t *targets, reports *report.Reader, installKey [32]byte) error {
	urls := derive(s.folder.key, forURLs)
	gate := auth.New(s.store, s.config.Clock, s.log)
	s.api = api.New(api.Options{
		Admit: s.rate.Admit,
		Store: s.store, Reports: reports, Clock: s.config.Clock, Key: urls, InstallKey: installKey, Targets: t,
		JournalNow: s.journal.Now, Oldest: s.oldest, Version: s.config.Version,
		Gate: gate, Log: s.log, BaseURL: s.baseURL, AppsChanged: s.appsChanged, AccountGone: s.accountGone, ExportsChanged: s.export.Wake,
		Uploads: s.uploads, UploadURL: s.config.UploadURL, SymbolsChanged: s.keeper.Wake,
	})
	s.web = web.New(web.Options{
		Store: s.store, Clock: s.config.Clock, Log: s.log, Key: derive(s.folder.key, forCookies), BaseURL: s.baseURL,
		SignIn: func(ctx context.Context, token string) (web.Caller, error) { return signIn(ctx, gate, token) },
		Password: func(ctx context.Context, client, login, password string) (string, error) {
			_, session, err := gate.Session(ctx, client, login, password)
			return session, err
		},
		Resume: func(ctx context.Context, session string) (web.Caller, error) {
			caller, err := gate.BySession(ctx, session)
			return web.Caller{User: caller.User}, err
		},
		HashPassword: gate.HashPassword,
		Apps:         s.appsOf,
		Refused:      s.refused, Exports: s.exportLags, Pipeline: s.lag, DiskFull: s.disk.full.Load,
		Operations: operations(),
	})
	s.apiDoor, s.webDoor = s.origins.Share(respond.Compress(s.api)), respond.Compress(s.web)
	return nil
}

// operations are the calls of the API for the page that lists them.
func operations() []web.Operation {
	var all []web.Operation
	for _, r := range api.Routes() {
		all = append(all, web.Operation{
			Method: r.Method, Path: r.Path, Summary: r.Summary, Needs: r.Need, Query: r.Query, Body: r.Body, Status: r.Status, Extension: r.Extra,
		})
	}
	return all
}

// oldest is the time of the first log that the journal holds, 0 if there is none.
func (s *Server) oldest() diag.IngressTime {
	t, ok, err := s.journal.NextTime(0)
	if err != nil || !ok {
		return 0
	}
	return t
}

// baseURL is how the client of a request reaches this server: what a trusted proxy says, never what its Host header
// says.
func (s *Server) baseURL(r *http.Request) string {
	if s.config.PublicURL != "" {
		return s.config.PublicURL
	}
	scheme, host := respond.Origin(r)
	scheme = cmp.Or(scheme, "http") + "://"
	if host != "" {
		return scheme + host
	}
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		return scheme + a.String()
	}
	return scheme + "localhost"
}

// signIn lets in whoever has a user's token.
func signIn(ctx context.Context, gate *auth.Gate, token string) (web.Caller, error) {
	caller, err := gate.ByToken(ctx, token)
	if err == nil {
		err = auth.RequireUser(&caller, false)
	}
	c := web.Caller{User: caller.User, ReadOnly: caller.ReadOnly()}
	if at := caller.Token.ExpiresAt; at != 0 {
		c.Expires = time.UnixMilli(at)
	}
	return c, err
}

// appsOf are the apps that a caller may see, with what the token lets through of the user's role (auth.Gate.Role).
func (s *Server) appsOf(ctx context.Context, c web.Caller) ([]web.App, error) {
	all, err := s.store.Apps(ctx)
	if err != nil {
		return nil, err
	}
	roles, err := s.store.RolesOf(ctx, c.User.Num)
	if err != nil {
		return nil, err
	}
	var seen []web.App
	for _, a := range all {
		role := roles[a.Num]
		if c.User.Admin {
			role = diag.RoleManager
		}
		if c.ReadOnly {
			role = min(role, diag.RoleViewer)
		}
		if role != diag.RoleNone {
			seen = append(seen, web.App{App: a, Role: role})
		}
	}
	return seen, nil
}

func (s *Server) refused() []web.Refusal {
	var all []web.Refusal
	for _, r := range s.ingest.Refused() {
		all = append(all, web.Refusal{App: r.App, Reason: r.Reason, Final: r.Final, Count: r.Count, Last: r.Last})
	}
	return all
}

func (s *Server) exportLags() []web.ExportLag {
	var all []web.ExportLag
	for _, e := range s.export.Stats() {
		l := web.ExportLag{App: e.App, ID: e.ID, State: e.State, Lag: e.Lag, Failing: e.Failing, Error: e.Error}
		if e.Window != 0 {
			l.Window = e.Window.Time()
		}
		all = append(all, l)
	}
	return all
}

func (s *Server) lag() uint64 {
	horizon := s.journal.Horizon()
	return horizon - min(horizon, s.pipeline.Stats().Through)
}

// The time that requests other than those of devices may take.
const (
	readTime  = 30 * time.Second // bodies
	writeTime = 10 * time.Minute // downloads over slow lines
)

// front is what everybody can reach. Devices come first: the mux of the standard library would redirect what
// SDKs send, and they would lose it (docs/compatibility.md).
func (s *Server) front() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.panicked(w)
		limit := http.NewResponseController(w)
		limit.SetWriteDeadline(time.Now().Add(writeTime)) // it stays with the connection: set anew for each request
		switch path := r.URL.Path; {
		case ingest.Match(path) && (!api.Match(path) || r.Header.Get("App-Secret") != ""):
			s.ingest.ServeHTTP(w, r)
			return
		case ingest.IsOneCollector(r) && !api.Match(path):
			s.ingest.OneCollector(w, r)
			return
		}
		s.requests.Add(1)
		r = s.proxies.Believe(r)
		if r.ContentLength != 0 { // a deadline without a body would end the request itself: net/http reads ahead
			limit.SetReadDeadline(time.Now().Add(readTime))
		}
		switch path := r.URL.Path; {
		case api.Match(path):
			s.apiDoor.ServeHTTP(w, r)
		case path == "/healthz":
			s.healthz(w, r)
		case path == "/readyz":
			s.readyz(w, r)
		default:
			s.webDoor.ServeHTTP(w, r)
		}
	})
}

// panicked tells of a handler that panicked: where, and the kind of the value, which may hold anything itself.
// Answers of the API and the pages are not lost to it, since they recover by themselves.
func (s *Server) panicked(w http.ResponseWriter) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	s.log.Error("a handler panicked", "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	io.WriteString(w, `{"status":"InternalServerError"}`)
}
