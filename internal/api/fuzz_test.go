package api_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"lifeboat/internal/api"
)

// FuzzRequests throws paths, queries and bodies at every method. Nothing may fail on the server's side.
func FuzzRequests(f *testing.F) {
	for _, r := range api.Routes() {
		f.Add(r.Method, fill(r.Path), "", "")
	}
	for _, query := range []string{
		"start=2024-05-01T00:00:00+02:00&end=9999-12-31&$top=0", "start=-1&end=%00", "$token=AAAAAAAAAAAAAAAAAAAAAAAQ", "$orderby=count%20desc,name", "groupState=|,|",
		"installId=%ff%fe&userId=%00&version=%27%20OR%201=1--", "a;b=c", "%", "$top=9223372036854775808", "start=0001-01-01&end=292277026596-01-01", "errorType=&os=%20%20&model=%20",
	} {
		f.Add("GET", "/v0.1/apps/acme/Shop/errors/errorGroups", query, "")
		f.Add("GET", "/v0.1/apps/acme/Shop/errors/errorGroups/1u/errors", query, "")
	}
	for _, query := range []string{
		"filter=exceptionMethod%20eq%20%27name%27&$top=100&$skip=0&order=desc&sort=timestamp", "filter=not%20(a%20eq%201)", "filter=timestamp%20ge%20datetime'2024-05-01'", "filter=%27",
		"q=%22%00%22%20*%20NEAR(a", "q=" + strings.Repeat("a+", 300), "q=-&sort=userId&order=asc&$skip=99999999999999999999", "filter=contains(userId,%27%ff%27)&q=;",
	} {
		f.Add("GET", "/v0.1/apps/acme/Shop/errors/search", query, "")
		f.Add("GET", "/v0.1/apps/acme/Shop/errors/errorGroups/search", query, "")
		f.Add("GET", "/v0.1/apps/acme/Shop/diagnostics/symbol_groups", query, "")
	}
	for _, path := range []string{
		"/", "", "*", "//", "/v0.1/apps/%00/%ff", "/v0.1/apps/acme/Shop/errors/%2e%2e/attachments", "/v0.1/apps/acme/Shop/errors/errorGroups/-1u", "/v0.1/apps/acme/Shop/errors/{00000000-0000-0000-0000-000000000000}/attachments",
		"/blobs/-9223372036854775809/x/log", "/v0.1/apps/" + strings.Repeat("a", 400) + "/b", strings.Repeat("/a", 50), "/v0.1/api_tokens/current", "/v0.1/apps/acme/%",
	} {
		f.Add("GET", path, "", "")
		f.Add("PUT", path, "", "{}")
	}
	for _, body := range []string{
		newExport(), `{"type":"directory","path":"../../etc"}`, `{"type":null}`, `[]`, `{"type":{"type":{}}}`, strings.Repeat(`{"a":`, 20000), `{"export_entities":[null]}`, "\xff", `{"display_name":"\u0000","os":"ios","platform":"wpf"}`,
		`{"scope":["viewer",null]}`,
	} {
		f.Add("POST", "/v0.1/apps/acme/Shop/export_configurations", "", body)
		f.Add("PATCH", "/v0.1/apps/acme/Shop/export_configurations/1", "", body)
		f.Add("POST", "/v0.1/apps", "", body)
		f.Add("POST", "/v0.1/api_tokens", "", body)
	}
	for _, body := range []string{
		`{"name":"..","display_name":"\u202e"}`, `{"user_email":"a@b.c","role":null,"permissions":["manager",null]}`, `{"role":7}`, `{"permissions":{}}`, `{"permissions":[]}`,
		`{"display_name":" ","name":""}`, `{"subscription_id":"00000000-0000-0000-0000-000000000000"}`, `{"tenant_id":"1330b91c-0000-4000-8000-5b3bd942c9de","subscription_name":"\u0000"}`,
		`{"icon_url":"http://%zz","description":null,"release_type":[]}`, `{"user_email":"` + strings.Repeat("é", 200) + `@x"}`,
	} {
		for _, path := range []string{"", "/users/olga", "/invitations", "/invitations/a@b.c", "/teams", "/teams/x", "/teams/x/users", "/teams/x/apps", "/apps"} {
			f.Add("POST", "/v0.1/orgs/acme"+path, "", body)
			f.Add("PATCH", "/v0.1/orgs/acme"+path, "", body)
			f.Add("DELETE", "/v0.1/orgs/acme"+path, "", body)
		}
		for _, path := range []string{"", "/users/ann@example.com", "/invitations", "/invitations/a@b.c", "/transfer_to_org", "/azure_subscriptions", "/avatar"} {
			f.Add("POST", "/v0.1/apps/acme/Shop"+path, "", body)
			f.Add("PATCH", "/v0.1/apps/acme/Shop"+path, "", body)
		}
		f.Add("PUT", "/v0.1/admin/azure_subscriptions/1330b91c-0000-4000-8000-5b3bd942c9de", "", body)
		f.Add("POST", "/v0.1/orgs", "", body)
	}
	w := newWorld(f, func(o *api.Options) { o.Log = nil })
	admin := w.tokenOf(w.admin, 0, "all")
	w.send(spec{n: 1}.log(), attach(1, crashID(1), "text/plain", "a", []byte("x")))
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		if path == "/v0.1/apps/acme/Shop" && method == "DELETE" {
			return
		}
		for _, token := range []string{w.token, admin} {
			r := &http.Request{
				Method: method, URL: &url.URL{RawPath: path, RawQuery: query}, Header: http.Header{"X-Api-Token": {token}}, Body: http.NoBody,
				Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			}
			r.URL.Path, _ = url.PathUnescape(path)
			if body != "" {
				r.Body = http.MaxBytesReader(nil, readCloser{strings.NewReader(body)}, 1<<20)
			}
			answer := httptest.NewRecorder()
			w.handler.ServeHTTP(answer, r.WithContext(t.Context()))
			if answer.Code >= 500 || answer.Code < 200 {
				t.Errorf("%s %s?%s: status %d %s", method, path, query, answer.Code, answer.Body)
			}
		}
	})
}

// FuzzCredentials throws headers at a route that asks who calls. Only the token itself lets one in.
func FuzzCredentials(f *testing.F) {
	w := newWorld(f, func(o *api.Options) { o.Log = nil })
	for _, header := range []string{"", "x", w.token[1:], w.token + "0", strings.ToUpper(w.token), "Bearer " + w.token[2:], "Basic YW5uOg==", "Basic YW5u", "Basic " + strings.Repeat("A", 9000), "\x00", "'--"} {
		f.Add(header, "")
		f.Add("", header)
	}
	f.Fuzz(func(t *testing.T, key, authorization string) {
		r := &http.Request{
			Method: "GET", URL: &url.URL{Path: "/v0.1/user"}, Header: http.Header{"X-Api-Token": {key}, "Authorization": {authorization}}, Body: http.NoBody,
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		}
		answer := httptest.NewRecorder()
		w.handler.ServeHTTP(answer, r.WithContext(t.Context()))
		known := strings.Contains(strings.ToLower(key+authorization), w.token)
		if answer.Code != 401 && answer.Code != 429 && !known {
			t.Errorf("%q, %q: status %d", key, authorization, answer.Code)
		}
	})
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// serve answers a call of ann's without a network in between.
func (w *world) serve(t *testing.T, method, path, query string) answer {
	r := &http.Request{
		Method: method, URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{"X-Api-Token": {w.token}}, Body: http.NoBody,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	a := httptest.NewRecorder()
	w.handler.ServeHTTP(a, r.WithContext(t.Context()))
	return answer{t, a.Code, a.Header(), a.Body.String()}
}
