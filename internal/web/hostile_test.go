package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
	"lifeboat/internal/web"
)

// hostile are texts as bad devices and people would choose them.
var hostile = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`' autofocus onfocus='alert(1)`,
	`javascript:alert(1)`,
	`{{.Secret}}`,
	`</pre></code><style>*{display:none}</style>`,
	"\x00\x01\x1b[31m\u202egnp.exe\u2066",
	"\xff\xfe\xc0\x80 no UTF-8",
	strings.Repeat("W", 100_000),
	strings.Repeat("\u0300", 5000),
	"&lt;b&gt; &amp;amp;",
	"$(rm -rf /) `id` '; reboot '",
	"-->]]><!--",
}

// everywhere puts a text wherever a page shows one that somebody else chose.
func (w *world) everywhere(text string) *element {
	w.t.Helper()
	a := w.app("shop", "Android", "Java")
	r := w.report(a, 7, store.Reason{Type: text, Class: text, Method: text, File: text, Line: 1, CodeRaw: text, Framework: text})
	r.AppVersion, r.AppBuild = text, text
	other := w.report(a, 8, store.Reason{OSExceptionType: text, CodeRaw: text})
	w.apply(store.Batch{Reports: []store.ReportRow{r, other}, Problems: []store.ProblemRow{{Feed: w.feed, App: a.Num, What: text}}})
	w.ok(w.db.CreateExport(w.t.Context(), store.Export{ID: idOf("x"), App: a.Num, State: text, StateInfo: text, ResourceName: text, Container: text, Prefix: text}))
	w.exports = []web.ExportLag{{App: a.Num, ID: idOf("x"), State: text, Error: text, Failing: true}}
	w.refused = []web.Refusal{{App: a.Num, Reason: text, Count: 1, Last: w.clock.Now()}, {Reason: text, Count: 1, Last: w.clock.Now()}}
	return w.home("/")
}

func TestHostileTexts(t *testing.T) {
	t.Parallel()
	for _, text := range hostile {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *web.Options) {
				real := o.Apps
				o.Apps = func(ctx context.Context, u web.Caller) ([]web.App, error) {
					apps, err := real(ctx, u)
					for i := range apps {
						a := &apps[i]
						a.DisplayName, a.OS, a.Platform, a.Owner, a.Name = text, text, text, text[:min(len(text), 200)], text[:min(len(text), 200)]
					}
					return apps, err
				}
			})
			w.enter(annToken)
			root := w.everywhere(text) // parsed and held against the policy
			if n := len(root.named("script")); n != 1 {
				t.Errorf("%d scripts", n)
			}
			if n := len(root.text()); n > 40_000 {
				t.Errorf("the page has %d bytes of text", n)
			}
			class := root.class("class")[0].text()
			if want := strings.Join(strings.Fields(text), " "); len(text) < 100 && utf8.ValidString(text) && !strings.ContainsRune(text, 0) && class != want {
				t.Errorf("%q is shown as %q", want, class)
			}
			if strings.ContainsAny(class, "\x00\x1b\u202e\u2066") {
				t.Errorf("invisible characters are shown: %q", class)
			}
		})
	}
}

// TestHostileCommand: what people paste into a shell has no other meaning there.
func TestHostileCommand(t *testing.T) {
	t.Parallel()
	for _, text := range hostile {
		w := newWorld(t, func(o *web.Options) {
			o.SignIn = func(context.Context, string) (web.Caller, error) { return web.Caller{User: diag.User{Name: text}}, nil }
			o.Apps = func(context.Context, web.Caller) ([]web.App, error) {
				return []web.App{{App: diag.App{ID: idOf("a"), Num: 1, Owner: text, Name: text, OS: text}, Role: diag.RoleManager}}, nil
			}
		})
		w.app("shop", "Android", "Java")
		w.enter(annToken)
		root := w.home("/")
		for _, e := range root.named("pre") {
			if !strings.Contains(e.text(), "curl") && !strings.Contains(e.text(), "lifeboat") {
				continue
			}
			if left := unquoted(strings.ReplaceAll(e.text(), `"$(date -u +%Y-%m-%dT%H:%M:%SZ)"`, "")); strings.ContainsAny(left, "`(;&|<>#") {
				t.Errorf("the command %.300s has bare %.100q", e.text(), left)
			}
		}
	}
}

// unquoted is what a shell does not find between single quotes.
func unquoted(command string) (left string) {
	for i, piece := range strings.Split(command, "'") {
		if i%2 == 0 {
			left += piece
		}
	}
	return left
}

func FuzzPage(f *testing.F) {
	for _, text := range hostile {
		f.Add(text[:min(len(text), 300)]) // long ones are slow to mutate
	}
	w := newWorld(f)
	app := w.app("shop", "Android", "Java")
	text := ""
	h := web.New(web.Options{Store: w.db, Clock: w.clock, BaseURL: func(*http.Request) string { return "https://crash.example.com" },
		SignIn: func(context.Context, string) (web.Caller, error) {
			return web.Caller{User: diag.User{Name: text, DisplayName: text}}, nil
		},
		Apps: func(context.Context, web.Caller) ([]web.App, error) {
			a := app
			a.Owner, a.Name, a.DisplayName, a.OS, a.Platform = text, text, text, text, text
			return []web.App{{App: a, Role: diag.RoleManager}}, nil
		},
		Refused: func() []web.Refusal { return []web.Refusal{{App: app.Num, Reason: text, Last: time.Unix(0, 0)}} },
	})
	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/sign-in", strings.NewReader("token=x"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	h.ServeHTTP(rec, r)
	cookie := rec.Result().Cookies()[0]
	f.Fuzz(func(t *testing.T, s string) {
		text = s
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(cookie)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		body := rec.Body.String()
		root, err := parseHTML(body)
		if err != nil || rec.Code != http.StatusOK || !utf8.ValidString(body) {
			t.Fatalf("answered %d, %v", rec.Code, err)
		}
		checkPolicy(t, answer{rec.Result(), body}, root)
	})
}
