package api_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// TestLegacyGroups: crash_groups and crashes show what errors/* shows, in their own spelling.
func TestLegacyGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1, user: "ada"}.log(), spec{n: 2}.log(), attach(1, crashID(1), "text/plain", "a.txt", []byte("hello")))
	var list struct {
		Groups []struct {
			ID      string `json:"crash_group_id"`
			Count   int
			Status  string
			Fatal   bool
			Build   string
			Display string `json:"display_id"`
		} `json:"crash_groups"`
		Token   string `json:"continuation_token"`
		Limited bool   `json:"limited_result_set"`
	}
	get := func(path string, v any) answer {
		t.Helper()
		a := w.call("GET", path).want(200)
		if v != nil {
			w.must(json.Unmarshal([]byte(a.body), v))
		}
		return a
	}
	get("~/crash_groups", &list)
	if len(list.Groups) != 1 || list.Groups[0].Count != 2 || list.Groups[0].Status != "open" || !list.Groups[0].Fatal || list.Limited || list.Token != "" {
		t.Fatalf("%+v", list)
	}
	id := list.Groups[0].ID
	for query, want := range map[string]int{
		"group_status=open": 1, "group_status=CLOSED": 0, "group_type=GroupType1": 1, "group_type=GroupType2": 0, "app_version=nope": 0,
		"last_occurrence_from=2099-01-01": 0, "last_occurrence_to=2099-01-01": 1, "last_occurrence_to=2001-01-01": 0,
		"$orderby=" + url.QueryEscape("display_id desc"): 1, "group_text_search=zzz": 0, "group_text_search=IS+gone": 1, "group_text_search=" + id: 1,
	} {
		if get("~/crash_groups?"+query, &list); len(list.Groups) != want {
			t.Errorf("%s: %d groups, want %d", query, len(list.Groups), want)
		}
	}
	for _, query := range []string{"group_status=x", "group_type=3", "$orderby=x", "$orderby=count+down", "continuation_token=x", "last_occurrence_from=soon"} {
		w.call("GET", "~/crash_groups?"+query).want(400)
	}
	group := "~/crash_groups/" + id
	w.call("PATCH", group, `{"status":"closed","annotation":"seen"}`).want(200, `"status":"closed"`, `"annotation":"seen"`)
	w.call("PATCH", group, `{"annotation":null}`).want(200, `"status":"closed"`, `"annotation":""`)
	w.call("PATCH", group, `{"status":"x"}`).want(400)
	get(group, nil).want(200, `"status":"closed"`, `"crash_reason":`, `"reason_frame":{`)
	get("~/errors/errorGroups/"+id, nil).want(200, `"state":"Closed"`)
	get(group+"/stacktrace?grouping_only=true", nil).want(200, `"threads":`)

	var crashes []struct {
		ID   string `json:"crash_id"`
		New  string `json:"new_crash_id"`
		User string `json:"user_name"`
	}
	if get(group+"/crashes?include_report=true&error_type=CrashingErrors", &crashes); len(crashes) != 2 || crashes[0].ID == "" {
		t.Fatalf("%+v", crashes)
	}
	if get(group+"/crashes?error_type=HandledErrors", &crashes); len(crashes) != 0 {
		t.Errorf("%+v", crashes)
	}
	crash := group + "/crashes/" + crashID(1)
	get(crash+"?include_details=true&include_stacktrace=true", nil).want(200, `"user_name":"ada"`, `"details":{`, `"stacktrace":{`)
	if a := get(crash, nil); strings.Contains(a.body, "stacktrace") {
		t.Errorf("not asked for: %s", a.body)
	}
	w.call("GET", crash+"?include_details=perhaps").want(400)
	get(crash+"/stacktrace", nil).want(200, `"threads":`)
	get(crash+"/raw/location", nil).want(200, `{"uri":"https://crashes.example/blobs/`)
	var text string
	if get(crash+"/native", &text); !strings.Contains(text, "\n") {
		t.Errorf("%q", text)
	}
	if a := get(crash+"/native/download", nil); a.body != text {
		t.Errorf("%q is not %q", a.body, text)
	}
	get("~/crashes/"+crashID(1)+"/attachments", nil).want(200, `"attachment_id":"`+attachmentID(1)+`"`, `"file_name":"a.txt"`)
	get("~/crashes/"+crashID(1)+"/attachments/"+attachmentID(1)+"/text", nil).want(200, `"hello"`)
	get("~/crashes/"+crashID(1)+"/attachments/"+attachmentID(1)+"/location", nil).want(200, `{"uri":"`)
	w.call("GET", "~/crash_groups/1u").want(404)
	w.call("GET", "~/crash_groups/"+id+"/crashes/"+crashID(9)).want(404)
	w.call("GET", "~/crashes/"+crashID(9)+"/attachments").want(404)
}

// TestPatchGroup: what people say of a group, one member or both at a time.
func TestPatchGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1}.log())
	var list struct {
		Groups []struct {
			ID string `json:"errorGroupId"`
		} `json:"errorGroups"`
	}
	w.must(json.Unmarshal([]byte(w.call("GET", "~/errors/errorGroups").want(200).body), &list))
	group := "~/errors/errorGroups/" + list.Groups[0].ID
	w.call("PATCH", group, `{"state":"CLOSED"}`).want(200, `"state":"Closed"`, `"reasonFrames":[`)
	w.call("PATCH", group, `{"annotation":"fixed in 3.2"}`).want(200, `"state":"Closed"`, `"annotation":"fixed in 3.2"`)
	w.call("PATCH", group, `{"state":"ignored","annotation":null}`).want(200, `"state":"Ignored"`)
	if a := w.call("GET", group).want(200); strings.Contains(a.body, "annotation") {
		t.Errorf("not cleared: %s", a.body)
	}
	w.call("PATCH", group, "").want(200, `"state":"Ignored"`)
	w.call("PATCH", group, `{"state":"gone"}`).want(400, "state must be one of Open, Closed, Ignored")
	w.call("PATCH", group, `{"annotation":{}}`).want(400)
	w.call("PATCH", group, `{"annotation":"`+strings.Repeat("x", 10_001)+`"}`).want(400)
	w.call("PATCH", "~/errors/errorGroups/1u", `{"state":"open"}`).want(404)
	w.call("GET", "~/errors/errorGroups?groupState=ignored").want(200, list.Groups[0].ID)
}

// TestManyCrashes: the old list knows no pages, and has all that a page of the new one can have.
func TestManyCrashes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	logs := make([]string, 150)
	for i := range logs {
		logs[i] = spec{n: i}.log()
	}
	w.send(logs...)
	var all []struct {
		ID string `json:"crash_id"`
	}
	w.call("GET", "~/crash_groups/"+w.theGroup()+"/crashes").want(200).into(&all)
	if len(all) != len(logs) {
		t.Errorf("%d crashes, want %d", len(all), len(logs))
	}
}
