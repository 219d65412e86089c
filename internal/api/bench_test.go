package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"lifeboat/internal/api"
)

// BenchmarkCalls measures whole calls without the network: 300 groups of 10 reports each.
func BenchmarkCalls(b *testing.B) {
	w := newWorld(b, func(o *api.Options) { o.Log = nil })
	for i := range 10 {
		var logs []string
		for j := range 300 {
			logs = append(logs, spec{n: 1000*i + j, method: fmt.Sprintf("m%c%c", 'a'+j/26, 'a'+j%26)}.log())
		}
		w.send(logs...)
	}
	w.send(event(1, spec{n: 1}.time()))
	group := w.groups("?$top=1").ErrorGroups[0].ID
	var reports reportList
	w.call("GET", "~/errors/errorGroups/"+group+"/errors").into(&reports)
	report := reports.Errors[0].ID
	for name, path := range map[string]string{
		"groups=30":     "errorGroups",
		"groups=300":    "errorGroups?$top=0",
		"groups chosen": "errorGroups?start=2024-05-09T19:37:30Z",
		"group":         "errorGroups/" + group,
		"reports=10":    "errorGroups/" + group + "/errors",
		"report":        "errorGroups/" + group + "/errors/" + report,
		"stacktrace":    "errorGroups/" + group + "/errors/" + report + "/stacktrace",
		"session logs":  report + "/session_logs",
		"attachments":   report + "/attachments",
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/v0.1/apps/acme/Shop/errors/"+path, nil)
			r.Header.Set("X-API-Token", w.token)
			for b.Loop() {
				a := httptest.NewRecorder()
				w.handler.ServeHTTP(a, r)
				if a.Code != http.StatusOK {
					b.Fatal(a.Code, a.Body)
				}
			}
		})
	}
}
