package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/api"
	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// config is a configuration as tests look at it.
type config struct {
	ID           string   `json:"id"`
	ExportType   string   `json:"export_type"`
	CreationTime string   `json:"creation_time"`
	LastRunTime  string   `json:"last_run_time"`
	State        string   `json:"state"`
	StateInfo    string   `json:"state_info"`
	ResourceName string   `json:"resource_name"`
	BlobEndpoint string   `json:"blob_endpoint"`
	Container    string   `json:"container"`
	Prefix       string   `json:"prefix"`
	Entities     []string `json:"export_entities"`
	Settings     struct {
		Type          string   `json:"type"`
		PathKind      string   `json:"blob_path_format_kind"`
		Path          string   `json:"path"`
		Entities      []string `json:"export_entities"`
		Backfill      bool     `json:"backfill"`
		HandledErrors *bool    `json:"handled_errors"`
	} `json:"export_configuration"`
}

const exports = "~/export_configurations"

// newExport is the body of a new configuration with more members.
func newExport(more ...string) string {
	return `{"type":"blob_storage_connection_string","connection_string":"` + goodSecret + `"` + strings.Join(append([]string{""}, more...), ",") + `}`
}

func (w *world) export(more ...string) config {
	w.Helper()
	var c config
	w.call("POST", exports, newExport(more...)).want(202).into(&c)
	return c
}

func (w *world) stored(c config) store.Export {
	w.Helper()
	id, _ := diag.ParseID(c.ID)
	e, err := w.store.Export(w.Context(), w.app.Num, id)
	w.must(err)
	return e
}

// TestMissionExport is the founding page to the letter, at both prefixes.
func TestMissionExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, prefix := range []string{"/v0.1", "/api/v0.1"} {
		path := prefix + "/apps/acme/Shop/export_configurations"
		w.call("POST", path, newExport(`"exportEntities":["crashes"]`)).want(202, `"export_entities":["crashes"]`)
		w.call("GET", path).want(200, `"export_entities":["crashes"]`, `"resource_name":"acmecrashes"`, `"container":"archive"`, fmt.Sprintf(`"total":%d`, i+1))
	}
	golden(w.call("GET", exports), "export_configurations")
	w.call("POST", exports, `{"type":"blob_storage_linked_subscription","subscription_id":"1330b91c-0000-4000-8000-5b3bd942c9de","exportEntities":["crashes"]}`).
		want(400, "No storage account is linked")
	if w.changes("exports") != 2 {
		t.Errorf("%d changes", w.changes("exports"))
	}
}

func TestExportSpellings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, key := range []string{"export_entities", "exportEntities", "ExportEntities", "entities", "Entities"} {
		c := w.export(`"` + key + `":["Crashes","no_logs","crashes"]`)
		if diff := cmp.Diff([]string{"crashes", "no_logs"}, c.Entities); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
	}
	for _, key := range []string{"blob_path_format_kind", "config"} {
		if c := w.export(`"` + key + `":"withappid"`); c.Settings.PathKind != "WithAppId" || c.Prefix != w.app.ID.String()+"/" {
			t.Errorf("%s: %+v", key, c)
		}
	}
}

func TestExportRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for body, message := range map[string]string{
		``:               "type is missing",
		`{}`:             "type is missing",
		`[]`:             "must be a JSON object",
		`{"type":1}`:     "type must be a text",
		`{"type":"ftp"}`: "type must be blob_storage_connection_string or directory",
		`{"type":"blob_storage_connection_string"}`:                                                                        "connection_string is missing",
		`{"type":"blob_storage_connection_string","connection_string":" "}`:                                                "connection_string is missing",
		`{"type":"blob_storage_connection_string","connection_string":"` + badSecret + `"}`:                                refusal,
		newExport(`"export_entities":"crashes"`):                                                                           "export_entities must be a list of texts",
		newExport(`"exportEntities":["events"]`):                                                                           "export_entities must be one of crashes, errors, attachments, no_logs",
		newExport(`"export_entities":["no_logs"]`):                                                                         "asks for nothing", // Q13
		newExport(`"blob_path_format_kind":"flat"`):                                                                        "blob_path_format_kind must be one of",
		newExport(`"backfill":"no"`):                                                                                       "backfill must be true or false",
		`{"type":"directory"}`:                                                                                             "path is missing",
		`{"type":"blob_storage_linked_subscription"}`:                                                                      "subscription_id is missing",
		`{"type":"blob_storage_linked_subscription","subscription_id":"x"}`:                                                "Subscription ID is in invalid format.",
		`{"type":"application_insights_linked_subscription","subscription_id":"1330b91c-0000-4000-8000-5b3bd942c9de"}`:     "no export to Application Insights",
		`{"type":"application_insights_instrumentation_key","instrumentation_key":"1330b91c-0000-4000-8000-5b3bd942c9de"}`: "no export to Application Insights",
		`{"type":"blob_storage_connection_string","connection_string":"` + strings.Repeat("x", 70_000) + `"}`:              "too large",
	} {
		status := 400
		if message == "too large" {
			status = 413
		}
		w.call("POST", exports, body).want(status, message)
	}
	w.call("GET", exports).want(200, `{"values":[],"total":0}`)
}

func TestQ13NoEntities(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, more := range []string{`"export_entities":[]`, `"export_entities":null`, `"x":0`} {
		if c := w.export(more); len(c.Entities) != 0 {
			t.Errorf("%s: %v", more, c.Entities)
		}
	}
}

func TestQ14HandledErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if c := w.export(`"export_entities":["crashes"]`); c.Settings.HandledErrors != nil || !w.stored(c).HandledErrors {
		t.Errorf("%+v", c)
	}
	c := w.export(`"export_entities":["crashes"],"handled_errors":false`)
	if c.Settings.HandledErrors == nil || *c.Settings.HandledErrors || w.stored(c).HandledErrors {
		t.Errorf("%+v", c)
	}
}

// TestQ15Secrets: no answer and no log holds a connection string or a part of it.
func TestQ15Secrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.export()
	var all strings.Builder
	for _, a := range []answer{
		w.call("GET", exports), w.call("GET", exports+"/"+c.ID), w.call("PATCH", exports+"/"+c.ID, newExport()),
		w.call("PATCH", exports+"/"+c.ID, `{"connection_string":"`+badSecret+`"}`), w.call("POST", exports, `{"type":"`+badSecret+`"}`),
		w.call("POST", exports, newExport(`"blob_path_format_kind":"`+badSecret+`"`)), w.call("POST", exports, `{"connection_string":["`+badSecret+`"]}`),
		w.call("POST", exports, `{"connection_string":"`+badSecret),
	} {
		all.WriteString(a.body)
	}
	for where, text := range map[string]string{"an answer": all.String(), "the log": w.logs.String()} {
		for _, secret := range []string{"AccountKey", "c2VjcmV0", "bm9ib2R5", "sealed"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q", where, secret)
			}
		}
	}
	if got := string(w.stored(c).Sealed); got != "sealed "+goodSecret {
		t.Errorf("sealed %q", got)
	}
}

func TestQ16List(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 40 {
		w.export()
	}
	a := w.call("GET", exports+"?$top=1").want(200, `"total":40`)
	if n := strings.Count(a.body, `"export_type"`); n != 40 || strings.Contains(a.body, "nextLink") {
		t.Errorf("%d listed", n)
	}
}

func TestQ17Create(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.export(`"export_entities":["errors"]`)
	if c.State != "Enabled" || c.ExportType != "BlobStorage" || c.ResourceName != "acmecrashes" || c.LastRunTime != "" || c.StateInfo != "" || c.CreationTime != "2024-05-10T12:00:30.000Z" {
		t.Errorf("%+v", c)
	}
	var again config
	w.call("GET", exports+"/"+strings.ToUpper(c.ID)).into(&again)
	if diff := cmp.Diff(c, again); diff != "" {
		t.Error(diff)
	}
	// A failure of ours is none of the caller's.
	w.targets.fail = fmt.Errorf("disk on fire: %s", goodSecret)
	w.call("POST", exports, newExport()).want(500, "Correlation ID")
}

// TestExportStates walks through what people can do to a configuration.
func TestExportStates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.export()
	one := exports + "/" + c.ID
	state := func(want, info string) {
		t.Helper()
		var now config
		w.call("GET", one).into(&now)
		if now.State != want || now.StateInfo != info {
			t.Errorf("state %s %q, want %s %q", now.State, now.StateInfo, want, info)
		}
	}
	empty := func(a answer) {
		t.Helper()
		if a.status != 200 || a.body != "" || a.header.Get("Content-Type") != "" {
			t.Errorf("%d %q %v", a.status, a.body, a.header)
		}
	}
	for range 2 { // both are idempotent
		empty(w.call("POST", one+"/disable"))
		state("Disabled", "")
	}
	for range 2 {
		empty(w.call("POST", one+"/enable/"))
		state("Enabled", "")
	}
	// Given up by the exporter, then enabled again.
	e, err := w.store.ClaimExport(t.Context(), w.stored(c).ID)
	w.must(err)
	last := diag.MinuteOf(diag.IngressTimeOf(today)) + 9
	w.must(w.store.AdvanceExport(t.Context(), e.ID, e.Epoch, last, int64(last.End())))
	w.must(w.store.FailExport(t.Context(), e.ID, e.Epoch, "Disabled", "AutoDisabled: denied"))
	state("Disabled", "AutoDisabled: denied")
	w.targets.fail = diag.Errorf(diag.Invalid, refusal)
	w.call("POST", one+"/enable").want(400, refusal)
	state("Disabled", "AutoDisabled: denied")
	w.targets.fail = nil
	empty(w.call("POST", one+"/enable"))
	state("Enabled", "")
	if got := w.stored(c).Watermark; got != last {
		t.Errorf("it goes on at %d", got)
	}
	w.call("GET", one).want(200, `"last_run_time":"2024-05-10T12:10:00Z"`)
	empty(w.call("DELETE", one))
	w.call("GET", one).want(404)
	w.call("DELETE", one).want(404)
	w.call("POST", one+"/enable").want(404)
	w.call("POST", one+"/disable").want(404)
	w.call("PATCH", one, "{}").want(404)
	w.call("GET", exports).want(200, `"total":0`)
	if got := w.changes("exports"); got != 6 {
		t.Errorf("%d changes", got)
	}
}

func TestQ18Patch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.export(`"export_entities":["crashes"],"backfill":false`)
	one := exports + "/" + c.ID
	patch := func(body string) (now config) {
		t.Helper()
		w.call("PATCH", one, body).want(200).into(&now)
		return now
	}
	if diff := cmp.Diff(c, patch(``)); diff != "" {
		t.Errorf("an empty change changes:\n%s", diff)
	}
	want := c
	want.Entities, want.Settings.Entities = []string{"errors", "attachments"}, []string{"errors", "attachments"}
	if diff := cmp.Diff(want, patch(`{"exportEntities":["errors","attachments"],"resource_name":"x","resource_group":"y","backfill":true,"id":"z","state":"Invalid"}`)); diff != "" {
		t.Error(diff)
	}
	want.Settings.PathKind, want.Prefix = "WithAppId", w.app.ID.String()+"/"
	if diff := cmp.Diff(want, patch(`{"type":"blob_storage_connection_string","config":"WithAppId"}`)); diff != "" {
		t.Error(diff)
	}
	want.Entities, want.Settings.Entities = nil, nil
	if diff := cmp.Diff(want, patch(newExport(`"export_entities":[]`))); diff != "" {
		t.Error(diff)
	}
	for body, message := range map[string]string{
		`{"type":"directory"}`:                      "type cannot be changed",
		`{"connection_string":""}`:                  "connection_string is empty",
		`{"connection_string":"` + badSecret + `"}`: refusal,
		`{"export_entities":["no_logs"]}`:           "asks for nothing",
		`{"export_entities":{}}`:                    "list of texts",
		`{"blob_path_format_kind":"x"}`:             "must be one of",
	} {
		w.call("PATCH", one, body).want(400, message)
	}
	if diff := cmp.Diff(want, patch(`{}`)); diff != "" {
		t.Errorf("a refused change changes:\n%s", diff)
	}
	// A disabled one stays so; an unreachable target refuses every change, as the original did.
	w.call("POST", one+"/disable").want(200)
	if now := patch(`{"export_entities":["crashes"]}`); now.State != "Disabled" {
		t.Errorf("state %s", now.State)
	}
	w.targets.fail = diag.Errorf(diag.Invalid, refusal)
	w.call("PATCH", one, `{"export_entities":["errors"]}`).want(400, refusal)
}

// TestQ19Linked: what this version cannot do, it says.
func TestQ19Linked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"", "x", "1330b91c"} {
		w.call("POST", exports, `{"type":"blob_storage_linked_subscription","subscription_id":"`+id+`"}`).want(400, `"message":"Subscription ID is in invalid format."`)
	}
	w.call("POST", exports, `{"type":"blob_storage_linked_subscription","subscription_id":"1330b91c-0000-4000-8000-5b3bd942c9de"}`).want(400, "connection_string")
	if len(w.targets.checked) != 0 {
		t.Error("a target was tried")
	}
}

func TestDirectoryExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var c config
	w.call("POST", exports, `{"type":"directory","path":"shop/archive","exportEntities":["crashes"]}`).want(202).into(&c)
	if c.Settings.Path != "shop/archive" || c.ResourceName != "shop/archive" || c.ExportType != "BlobStorage" || c.Settings.Type != "directory" {
		t.Errorf("%+v", c)
	}
	w.call("PATCH", exports+"/"+c.ID, `{"path":"shop/other"}`).want(200, `"path":"shop/other"`, `"resource_name":"shop/other"`)
	if diff := cmp.Diff([]string{"directory WithoutAppId shop/archive ", "directory WithoutAppId shop/other "}, w.targets.checked); diff != "" {
		t.Error(diff)
	}
}

// TestBackfill: a new export begins with the oldest log that is not too old, or with the minute of its making.
func TestBackfill(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Backfill = 28 * 24 * time.Hour })
	begins := func(more string) string {
		t.Helper()
		e := w.stored(w.export(more))
		if e.Watermark != e.From-1 {
			t.Errorf("watermark %d of %d", e.Watermark, e.From)
		}
		return diag.FormatTime(e.From.Time())
	}
	const now = "2024-05-10T12:01:00Z"
	if got := begins(`"x":0`); got != now {
		t.Errorf("an empty journal: %s", got)
	}
	w.send(spec{n: 1}.log())
	w.clock.Pass(48 * time.Hour)
	if got := begins(`"backfill":true`); got != now {
		t.Errorf("two days later: %s", got)
	}
	if got := begins(`"backfill":false`); got != "2024-05-12T12:01:00Z" {
		t.Errorf("without backfill: %s", got)
	}
	w.clock.Pass(30 * 24 * time.Hour)
	if got := begins(`"backfill":true`); got != "2024-05-14T12:01:00Z" {
		t.Errorf("a month later: %s", got)
	}
}

// TestOtherApp: a configuration is found in its own app only.
func TestOtherApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.newApp("acme", "Other", 9)
	w.must(w.store.SetMember(t.Context(), other.Num, w.ann.Num, diag.RoleManager))
	c := w.export()
	for _, method := range []string{http.MethodGet, http.MethodPatch, http.MethodDelete} {
		w.call(method, "/v0.1/apps/acme/Other/export_configurations/"+c.ID).want(404)
	}
	w.call("GET", exports+"/"+c.ID).want(200)
}
