package api_test

import (
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

type deleteCounter struct {
	AppID       string `json:"appId"`
	Group       string `json:"errorGroupId"`
	Error       string `json:"errorId"`
	Errors      int    `json:"errorsDeleted"`
	Attachments int    `json:"attachmentsDeleted"`
	Succeeded   int    `json:"blobsSucceeded"`
	Failed      int    `json:"blobsFailed"`
}

// TestDeleteError: an error goes with its attachments, its group counts without it, and what is sent again
// stays out, also after the index is made anew.
func TestDeleteError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sendTo(&w.app, "another install", spec{n: 1}.log(), attach(1, crashID(1), "text/plain", "a.txt", []byte("one")), attach(2, crashID(1), "text/plain", "b.txt", []byte("two")))
	w.send(spec{n: 2}.log())
	group := w.groups("").ErrorGroups[0].ID
	path := "/errors/errorGroups/" + group + "/errors/"
	for _, wrong := range []string{"1u/errors/" + (spec{n: 1}).reported(), group + "/errors/" + (spec{n: 3}).reported(), group + "/errors/nothing"} {
		w.call("DELETE", "~/errors/errorGroups/"+wrong).want(404)
	}
	var got deleteCounter
	w.call("DELETE", "~"+path+spec{n: 1}.reported()).want(200).into(&got)
	want := deleteCounter{AppID: w.app.ID.String(), Group: group, Error: spec{n: 1}.reported(), Errors: 1, Attachments: 2, Succeeded: 3}
	if got != want {
		t.Fatalf("answer %+v, want %+v", got, want)
	}
	w.call("DELETE", "~"+path+spec{n: 1}.reported()).want(404)
	w.call("GET", "~/errors/"+spec{n: 1}.reported()+"/attachments").want(404)
	if g := w.groups("").ErrorGroups[0]; g.Count != 1 || g.Devices != 1 || g.Message != "cart <2> is gone" {
		t.Fatalf("group afterwards: %+v", g)
	}
	if blanked := w.journal.Stats().Blanked; blanked != 3 {
		t.Fatalf("%d frames were blanked, want 3", blanked)
	}

	again := func(when string) {
		t.Helper()
		w.send(spec{n: 1}.log(), attach(3, crashID(1), "text/plain", "c.txt", []byte("three")))
		w.call("GET", "~/errors/"+spec{n: 1}.reported()+"/attachments").want(404)
		if g := w.groups("").ErrorGroups; len(g) != 1 || g[0].Count != 1 {
			t.Fatalf("%s: groups %+v", when, g)
		}
	}
	again("sent again")
	w.must(w.store.ResetIndex(t.Context()))
	var err error
	w.through, w.epoch, err = w.store.ClaimIndex(t.Context())
	w.must(err)
	w.index()
	again("made anew")

	w.call("DELETE", "/v0.1/apps/"+w.app.ID.String()+path+spec{n: 2}.reported()).want(200, `"errorsDeleted":1`, `"blobsSucceeded":1`)
	if g := w.groups("").ErrorGroups; len(g) != 0 {
		t.Fatalf("an empty group is listed: %+v", g)
	}
	if pending, err := w.store.Deletions(t.Context()); err != nil || len(pending) != 2 {
		t.Fatalf("pending deletions: %+v, %v", pending, err)
	}
	w.callAs(w.tokenOf(w.ann, 0, diag.ScopeViewer), "DELETE", "~"+path+spec{n: 2}.reported()).want(403)
}

// TestRetention: the original's two values, its aliases, and spans of ours (Q38).
func TestRetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"~/errors/retention_settings", "~/retention_settings"} {
		w.must(w.store.SetRetention(t.Context(), w.app.Num, diag.Retention{}))
		w.call("GET", path).want(200, `{"retention_in_days":90,"reports_in_days":365,"events_in_days":90}`)
		for _, body := range []string{``, `{}`, `{"retention_in_days":27}`, `{"retention_in_days":89}`, `{"retention_in_days":"28"}`, `{"retention_in_days":28.5}`,
			`{"retention_in_days":9e99}`, `{"retention_in_days":null}`, `{"reports_in_days":27}`, `{"events_in_days":-1}`, `{"reports_in_days":3651}`, `[]`, `28`} {
			w.call("PUT", path, body).want(400)
		}
		w.call("PUT", path, `{"retention_in_days":28,"more":1}`).want(200, `{"retention_in_days":28,"reports_in_days":28,"events_in_days":90}`)
		w.call("GET", path).want(200, `"retention_in_days":28`)
		w.call("PUT", path, `{"retention_in_days":90}`).want(200, `"retention_in_days":90`)
		w.call("PUT", path, `{"reports_in_days":60,"events_in_days":30}`).want(200, `{"retention_in_days":28,"reports_in_days":60,"events_in_days":30}`)
		w.call("GET", path).want(200, `"events_in_days":30`)
	}
	viewer := w.user("vic", false)
	w.must(w.store.SetMember(t.Context(), w.app.Num, viewer.Num, diag.RoleDeveloper))
	token := w.tokenOf(viewer, 0, diag.ScopeAll)
	w.callAs(token, "GET", "~/errors/retention_settings").want(200)
	w.callAs(token, "PUT", "~/errors/retention_settings", `{"retention_in_days":28}`).want(403)
}

// TestDeletionIsResumed: what a crash leaves between the steps of a deletion can be found and finished.
func TestDeletionIsResumed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1}.log())
	id, _ := diag.ParseID(crashID(1))
	if _, err := w.store.DeleteReport(t.Context(), w.app.Num, id, 1); err != nil {
		t.Fatal(err)
	}
	pending, err := w.store.Deletions(t.Context())
	w.must(err)
	if len(pending) != 1 || pending[0].ID != id || len(pending[0].Frames) != 1 || pending[0].Frames[0] != (store.FrameRef{Family: diag.FamilyError, Number: 1}) {
		t.Fatalf("pending: %+v", pending)
	}
	w.must(w.store.RepeatDeletion(t.Context(), &pending[0]))
	w.must(w.store.FinishDeletion(t.Context(), &pending[0]))
	if pending, err = w.store.Deletions(t.Context()); err != nil || len(pending) != 0 {
		t.Fatalf("pending afterwards: %+v, %v", pending, err)
	}
}
