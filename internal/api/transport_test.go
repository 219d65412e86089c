package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestT8Lists: values of a list between raw bars, behind an encoded one, and under a key that repeats.
func TestT8Lists(t *testing.T) {
	t.Parallel()
	w := busy(t)
	const path = "~/analytics/versions?start=2024-05-09&end=2024-05-10&versions="
	both := w.call("GET", path+"2.0.0|2.1.0").want(200, `"version":"2.1.0"`, `"version":"2.0.0"`)
	for _, query := range []string{"2.0.0%7C2.1.0", "2.0.0%7c2.1.0", "2.0.0&versions=2.1.0", "%32.0.0|2.1%2E0", "|2.0.0||2.1.0|", "2.0.0|x%7Cy&%76ersions=2.1.0"} {
		if a := w.call("GET", path+query).want(200); a.body != both.body {
			t.Errorf("%s: %s, want %s", query, a.body, both.body)
		}
	}
	if a := w.call("GET", path+"2.0.0").want(200); strings.Contains(a.body, `"version":"2.1.0"`) {
		t.Error(a.body)
	}
}

// TestT9Keys: the dollar as it is and encoded; the first value of a repeated key counts, and unknown keys do not.
func TestT9Keys(t *testing.T) {
	t.Parallel()
	w := shop(t)
	for query, want := range map[string]int{
		"?$top=1": 1, "?%24top=1": 1, "?top=1": 1, "?$top=1&$top=3": 1, "?$top=&$top=2": 2, "?%24TOP=1": 4, "?$top=2&unknown=1&$version=": 2,
		"?version=2.0.0&version=2.1.0": 1, "?version=a;b": 0, "?x=a;b": 4, "?version=2.0.0;x": 0, "?;": 4, "?&&": 4, "?=": 4,
	} {
		if got := len(w.groups(query).ErrorGroups); got != want {
			t.Errorf("%s: %d groups, want %d", query, got, want)
		}
	}
	// A semicolon in a filter is kept through all pages.
	if ids := w.follow("~/errors/errorGroups?x=a;b&$top=1", same); len(ids) != 4 {
		t.Errorf("%d groups over all pages", len(ids))
	}
}

// TestT11Numbers: more than the greatest is the greatest; what is no number is 400, wherever a page has a size.
func TestT11Numbers(t *testing.T) {
	t.Parallel()
	w := busy(t)
	w.send(spec{n: 1}.log())
	group := "~/errors/errorGroups/" + w.theGroup()
	lists := []string{
		"~/errors/errorGroups", group + "/errors", group + "/models", group + "/operatingSystems", "~/errors/available_versions", "~/errors/availableAppBuilds?version=2.1.0",
		"~/errors/search", "~/errors/errorGroups/search", "~/symbol_uploads", "~/analytics/versions", "~/analytics/models", "~/analytics/places", "~/analytics/languages",
		"~/analytics/oses", "~/analytics/events", "~/analytics/events/tap/properties/color/counts",
	}
	for _, list := range lists {
		separator := "?"
		if strings.Contains(list, "?") {
			separator = "&"
		}
		for _, key := range []string{"$top", "top"} {
			all := w.call("GET", list+separator+key+"=1000000").want(200)
			for _, text := range []string{"0", "10000", "2147483647", "9223372036854775808", strings.Repeat("9", 400)} {
				if a := w.call("GET", list+separator+key+"="+text).want(200); a.body != all.body {
					t.Errorf("%s, %s=%.20s: %s, want %s", list, key, text, a.body, all.body)
				}
			}
			for _, text := range []string{"x", "1x", "1.5", "1e3", "0x10", "%D9%A1", "null", "all"} {
				w.call("GET", list+separator+key+"="+text).want(400, `"message":"`)
			}
		}
	}
}

// TestT13RequestID: a client's own id changes nothing; the server's is in the header and in the message.
func TestT13RequestID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := map[string]bool{}
	for n, id := range []string{"a3f1c0de-0000-4000-8000-000000000001", "a3f1c0de-0000-4000-8000-000000000001", "no GUID", strings.Repeat("x", 3000)} {
		for _, path := range []string{"/v0.1/user", "/v0.1/nothing"} {
			a := w.hosted("GET", apiHost+path, "", "x-ms-client-request-id", id, "X-Correlation-ID", id)
			own := a.header.Get("X-Correlation-ID")
			if own == id || seen[own] {
				t.Errorf("correlation id %q", own)
			}
			seen[own] = true
			if a.status == 404 {
				a.want(404, fmt.Sprintf(`"message":"Not found. Correlation ID: %s"`, own))
			} else {
				a.want(200)
			}
		}
		if n == 0 && strings.Contains(w.logs.String(), id) {
			t.Error("what a client calls its request is in the log")
		}
	}
}

// TestT1EverySlash: every call that reads takes a slash at its end, a doubled one in front, and the prefix /api.
func TestT1EverySlash(t *testing.T) {
	t.Parallel()
	w := shop(t)
	for _, r := range routesOf(t) {
		if r.Method != http.MethodGet || !strings.HasPrefix(r.Path, "/v0.1/") {
			continue
		}
		path := fill(r.Path)
		plain := w.call("GET", path)
		for _, odd := range []string{path + "/", "/" + path, "/api" + path, "//api" + path + "/"} {
			a := w.call("GET", odd)
			if a.status != plain.status || a.header.Get("Content-Type") != plain.header.Get("Content-Type") {
				t.Errorf("%s: %d, %s: %d", path, plain.status, odd, a.status)
			}
		}
	}
}

// TestT1LongSegments: the longest names that can be meant are read out of a path, in any script.
func TestT1LongSegments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n, name := range []string{strings.Repeat("x", 256), strings.Repeat("購", 85), strings.Repeat(" /%", 85), "a+b c?d#e;f", "..", "properties"} {
		w.send(logged{n: n, name: name, at: may(9, 1, 0), properties: `[{"type":"string","name":"color","value":"red"}]`}.log())
		path := "~/analytics/events/" + url.PathEscape(name)
		w.call("GET", path+"/properties").want(200, `["color"]`)
		w.call("GET", path+"/properties/color/counts?start=2024-05-01").want(200, `"name":"red"`)
		w.call("DELETE", path).want(200)
		w.call("GET", path+"/properties").want(404)
	}
	w.call("GET", "~/analytics/events/"+strings.Repeat("x", 800)+"/properties").want(404)
}

// queryParameter is one of the description.
type queryParameter struct {
	Name, In, Type, Format string
	Enum                   []string
}

// queryParameters are those of the published calls, by method and path.
func queryParameters(t *testing.T) map[string][]queryParameter {
	t.Helper()
	var raw struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(publishedText(t), &raw); err != nil {
		t.Fatal(err)
	}
	all := map[string][]queryParameter{}
	for path, members := range raw.Paths {
		for method, member := range members {
			var o struct{ Parameters []queryParameter }
			if method == "parameters" {
				continue
			}
			if err := json.Unmarshal(member, &o); err != nil {
				t.Fatal(err)
			}
			for _, p := range o.Parameters {
				if p.In == "query" {
					all[strings.ToUpper(method)+" "+path] = append(all[strings.ToUpper(method)+" "+path], p)
				}
			}
		}
	}
	return all
}

// TestQ39Everywhere: whatever a published call takes as a date, a number or one of a few words is refused if it is none
// of them, before the call looks for what the path names (T19); the words are read in any letter case.
func TestQ39Everywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1}.log(), logged{n: 1, at: may(9, 1, 0)}.log())
	checked := 0
	for call, parameters := range queryParameters(t) {
		method, path, _ := strings.Cut(call, " ")
		for _, p := range parameters {
			var right []string
			switch {
			case p.Enum != nil:
				for _, word := range p.Enum {
					right = append(right, word, strings.ToUpper(word), strings.ToLower(word))
				}
			case p.Format == "date-time":
				right = []string{"2024-05-01", "2024-05-01T00:00:00"}
			case p.Name == "$skip":
				right = []string{"0", "1", "10000"} // T28
			case p.Type == "integer":
				right = []string{"0", "1", "99999999999999999999"}
			case p.Type == "boolean":
				right = []string{"true", "False"}
			default:
				continue
			}
			checked++
			at := fill(path) + "?" + url.QueryEscape(p.Name) + "="
			if a := w.call(method, at+"nonsense"); a.status != 400 || !strings.Contains(a.body, p.Name) {
				t.Errorf("%s: nonsense in %s: %d %s", call, p.Name, a.status, a.body)
			}
			for _, text := range right {
				if a := w.call(method, at+url.QueryEscape(text)); a.status == 400 {
					t.Errorf("%s: %q in %s: %s", call, text, p.Name, a.body)
				}
			}
		}
	}
	if checked < 100 {
		t.Errorf("%d parameters", checked)
	}
}
