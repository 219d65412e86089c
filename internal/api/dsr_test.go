package api_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/diag"
)

const dsr = "/v0.1/user/dsr/"

// ask makes a request about ann's account and returns its token.
func (w *world) ask(path string) string {
	w.Helper()
	var receipt struct{ Token, CreatedAt string }
	a := w.call("POST", path).want(202)
	a.into(&receipt)
	if want := "https://crashes.example" + strings.TrimSuffix(path, "/") + "/" + receipt.Token; a.header.Get("Location") != want && !strings.Contains(path, "cancel") {
		w.Errorf("Location %q, want %q", a.header.Get("Location"), want)
	}
	if receipt.CreatedAt == "" {
		w.Error("no time")
	}
	return receipt.Token
}

type dsrStatus struct {
	Status, Message string
	SASURL          string `json:"sasUrl"`
	SASURLExpired   bool   `json:"sasUrlExpired"`
}

func (w *world) dsrStatus(path string) (s dsrStatus) {
	w.Helper()
	w.call("GET", path).want(200).into(&s)
	return s
}

func (w *world) work() {
	w.Helper()
	w.must(w.api.Work(w.Context()))
}

// TestQ34Export: the copy holds the account's own data and no secret, at a URL that is good for a quarter of an hour.
func TestQ34Export(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.password(w.ann, annPassword)
	w.send(spec{n: 1, user: "ada@example.com"}.log())
	w.call("POST", "/v0.1/orgs", `{"display_name":"Sea","name":"sea"}`).want(201)
	w.call("POST", "/v0.1/orgs/sea/invitations", `{"user_email":"new@example.com"}`).want(204)
	id := w.ask(dsr + "export")
	if again := w.ask(dsr + "export"); again != id {
		t.Error("a second request was made beside one that waits")
	}
	if s := w.dsrStatus(dsr + "export/" + id); s.Status != "Created" || s.SASURL != "" || s.SASURLExpired {
		t.Errorf("%+v", s)
	}
	w.work()
	s := w.dsrStatus(dsr + "export/" + id)
	if s.Status != "Completed" || s.SASURLExpired || s.Message == "" {
		t.Errorf("%+v", s)
	}
	uri, ok := strings.CutPrefix(s.SASURL, "https://crashes.example")
	if !ok || !strings.HasPrefix(uri, "/blobs/dsr/"+id+".zip?") {
		t.Fatalf("URL %q", s.SASURL)
	}
	a := w.callAs("", "GET", uri).want(200)
	if a.header.Get("Content-Type") != "application/zip" || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("headers %v", a.header)
	}
	files := unzip(t, a.body)
	for name, texts := range map[string][]string{
		"profile.json": {`"name":"ann"`, `"email":"ann@example.com"`}, "api_tokens.json": {`"scope":["all"]`},
		"apps.json": {`"owner":"acme","name":"Shop"`, `"role":"manager"`}, "requests.json": {id},
		"orgs.json": {`"name":"sea"`, `"role":"admin"`}, "invitations_sent.json": {`"email":"new@example.com"`, `"organization":"sea"`},
	} {
		if !json.Valid([]byte(files[name])) {
			t.Errorf("%s is no JSON", name)
		}
		for _, text := range texts {
			if !strings.Contains(files[name], text) {
				t.Errorf("%s lacks %s: %s", name, text, files[name])
			}
		}
		for _, secret := range []string{w.token, "argon2", w.app.Secret.String(), "ada@example.com"} {
			if strings.Contains(files[name], secret) {
				t.Errorf("%s holds %s", name, secret)
			}
		}
	}
	for _, bad := range []string{"/blobs/dsr/" + id + ".zip", uri[:len(uri)-1] + "!", strings.Replace(uri, id, diag.RandomID().String(), 1)} {
		w.callAs("", "GET", bad).want(403)
	}
	w.clock.Pass(15*time.Minute + time.Second)
	w.callAs("", "GET", uri).want(403, "expired")
	fresh := w.dsrStatus(dsr + "export/" + id)
	w.callAs("", "GET", strings.TrimPrefix(fresh.SASURL, "https://crashes.example")).want(200)
	w.call("POST", dsr+"export/"+id+"/cancel").want(503)
	w.clock.Pass(7 * 24 * time.Hour)
	if s := w.dsrStatus(dsr + "export/" + id); s.Status != "Completed" || !s.SASURLExpired || s.SASURL != "" {
		t.Errorf("a week later: %+v", s)
	}
	w.clock.Pass(91 * 24 * time.Hour)
	w.work()
	w.call("GET", dsr+"export/"+id).want(404)
}

func unzip(t *testing.T, body string) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader([]byte(body)), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files
}

func TestCancelExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.ask(dsr + "export")
	for range 2 {
		w.call("POST", dsr+"export/"+id+"/cancel").want(202, id)
	}
	w.work()
	if s := w.dsrStatus(dsr + "export/" + id); s.Status != "Failed" || !strings.Contains(s.Message, "cancelled") || s.SASURL != "" {
		t.Errorf("%+v", s)
	}
	if w.ask(dsr+"export") == id {
		t.Error("a cancelled request is taken up again")
	}
}

// TestDeletion: an account goes a week after it was asked for, and that can be asked about when it is gone.
func TestDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.ask(dsr + "delete")
	if again := w.ask(dsr + "delete"); again != id {
		t.Error("a second request was made beside one that waits")
	}
	w.clock.Pass(7*24*time.Hour - time.Second)
	w.work()
	s := w.dsrStatus(dsr + "delete/" + id + "?email=ann@example.com")
	if s.Status != "Queued" || !strings.Contains(s.Message, "2024-05-17T12:00:30Z") {
		t.Errorf("%+v", s)
	}
	w.call("GET", "/v0.1/user").want(200)
	w.clock.Pass(time.Second)
	w.work()
	w.call("GET", "/v0.1/user").want(401)
	if w.changes("accounts") != 1 {
		t.Error("nobody was told")
	}
	_, err := w.store.UserByName(t.Context(), "ann")
	if diag.KindOf(err) != diag.NotFound {
		t.Errorf("the account: %v", err)
	}
	for _, path := range []string{dsr + "delete/" + id + "?email=ANN%40example.com", dsr + "delete?email=ann@example.com&token=" + id} {
		w.callAs("", "GET", path).want(200, `"status":"Completed"`, `"message":"The account is deleted."`)
	}
	w.clock.Pass(91 * 24 * time.Hour)
	w.work()
	w.callAs("", "GET", dsr+"delete/"+id+"?email=ann@example.com").want(404)
}

// TestD15Anonymous: token and address together are enough to ask about a deletion, one of them is not.
func TestD15Anonymous(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, export := w.ask(dsr+"delete"), w.ask(dsr+"export")
	sam := w.tokenOf(w.user("sam", false), 0, "all")
	for path, status := range map[string]int{
		"delete/" + id + "?email=ann@example.com":       200,
		"delete/" + id + "/?email=Ann@Example.com":      200,
		"delete?token=" + id + "&email=ann@example.com": 200,
		"delete/" + id + "?email=sam@example.com":       404,
		"delete/" + id:                                400,
		"delete/" + id + "?email=":                    400,
		"delete?email=ann@example.com":                404,
		"delete":                                      404,
		"delete/x?email=ann@example.com":              404,
		"delete/" + export + "?email=ann@example.com": 404,
		"delete/" + diag.RandomID().String() + "?email=ann@example.com": 404,
		"export/" + export + "?email=ann@example.com":                   401,
	} {
		w.callAs("", "GET", dsr+path).want(status)
	}
	w.call("GET", dsr+"delete/"+id).want(200)
	w.callAs(sam, "GET", dsr+"delete/"+id).want(404)
	w.callAs(w.tokenOf(w.ann, w.app.Num, "all"), "GET", dsr+"delete/"+id).want(404)
	w.callAs(sam, "GET", dsr+"export/"+export).want(404)
	w.callAs(sam, "POST", dsr+"export/"+export+"/cancel").want(404)
	w.callAs(sam, "POST", dsr+"delete/"+id+"/cancel").want(404)
	w.call("GET", dsr+"export/"+id).want(404)
}

func TestCancelDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.ask(dsr + "delete")
	w.call("POST", dsr+"delete/"+id+"/cancel", `{"email":"sam@example.com"}`).want(404)
	w.call("POST", dsr+"delete/"+id+"/cancel", `{"email":1}`).want(400)
	w.call("POST", dsr+"delete/"+id+"/cancel", `{"email":"ann@example.com"}`).want(202, id)
	w.call("POST", dsr+"delete/"+id+"/cancel").want(202, id)
	w.clock.Pass(8 * 24 * time.Hour)
	w.work()
	w.call("GET", "/v0.1/user").want(200)
	if s := w.dsrStatus(dsr + "delete/" + id); s.Status != "Failed" || !strings.Contains(s.Message, "cancelled") {
		t.Errorf("%+v", s)
	}
}

// TestDeletionRefused: what keeps an account from going is said at once, or when its time has come.
func TestDeletionRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.tokenOf(w.admin, 0, "all")
	var receipt struct{ Token string }
	w.callAs(root, "POST", dsr+"delete").want(202).into(&receipt)
	w.callAs(root, "GET", dsr+"delete/"+receipt.Token).want(200, `"status":"Failed"`, "last administrator")
	w.callAs(root, "POST", dsr+"delete/"+receipt.Token+"/cancel").want(503)

	id := w.ask(dsr + "delete")
	w.call("POST", "/v0.1/apps", `{"display_name":"own","os":"iOS","platform":"Unity"}`).want(201)
	w.clock.Pass(8 * 24 * time.Hour)
	w.work()
	w.call("GET", "/v0.1/user").want(200)
	w.call("GET", dsr+"delete/"+id).want(200, `"status":"Failed"`, "Apps belong to this account")
	w.call("DELETE", "/v0.1/apps/ann/own").want(204)

	// An administrator may be quicker.
	id = w.ask(dsr + "delete")
	w.callAs(root, "DELETE", "/v0.1/admin/users/ann").want(204)
	w.clock.Pass(8 * 24 * time.Hour)
	w.work()
	w.callAs("", "GET", dsr+"delete/"+id+"?email=ann@example.com").want(200, `"status":"Completed"`)
}

// TestManyRequests: what is kept of them is bounded, and the newest are kept.
func TestManyRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ids []string
	for range 25 {
		w.clock.Pass(time.Second)
		id := w.ask(dsr + "export")
		w.call("POST", dsr+"export/"+id+"/cancel").want(202)
		ids = append(ids, id)
	}
	kept, err := w.store.Requests(t.Context(), w.ann.Num)
	w.must(err)
	if len(kept) != 20 || kept[0].Token.String() != ids[24] || slices.ContainsFunc(kept, func(r diag.AccountRequest) bool { return r.Token.String() == ids[4] }) {
		t.Errorf("%d requests are kept", len(kept))
	}
}

// TestRun: the work is done when it is asked for, and on the clock.
func TestRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		w.api.Run(ctx)
		close(ended)
	}()
	done := func(token diag.ID, pass time.Duration) {
		t.Helper()
		for giveUp := time.Now().Add(20 * time.Second); time.Now().Before(giveUp); w.clock.Pass(pass) {
			r, err := w.store.Request(ctx, token)
			w.must(err)
			if r.State == diag.RequestCompleted {
				return
			}
		}
		t.Error("the request is not done")
	}
	asked, _ := diag.ParseID(w.ask(dsr + "export"))
	done(asked, 0)
	// One that another process noted, of which this one was not told.
	silent := diag.AccountRequest{Token: diag.RandomID(), User: w.ann.Num, Kind: diag.RequestExport, State: diag.RequestCreated, CreatedAt: 1, DueAt: 1}
	_, err := w.store.CreateRequest(ctx, silent)
	w.must(err)
	done(silent.Token, time.Minute)
	stop()
	<-ended
}

// TestD15Query: the token stands in the path or in the query, for a copy as well as for a deletion.
func TestD15Query(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.ask(dsr + "export")
	inPath := w.call("GET", dsr+"export/"+token).want(200)
	if inQuery := w.call("GET", dsr+"export?token="+token+"&email=ann@example.com").want(200); inQuery.body != inPath.body {
		t.Errorf("%s, in the path %s", inQuery.body, inPath.body)
	}
	w.call("GET", dsr+"export").want(404)
	w.call("GET", dsr+"export?token=x").want(404)
	w.callAs("", "GET", dsr+"export?token="+token).want(401)
	token = w.ask(dsr + "delete")
	w.callAs("", "GET", dsr+"delete?email=ann@example.com&token="+token).want(200)
}
