package api_test

import (
	"testing"

	"lifeboat/internal/diag"
)

func TestIngestionLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const path = "~/ingestion_limits"
	w.call("GET", path).want(200, `{"crashes_per_minute":0,"handled_errors_per_minute":0}`)
	w.call("PUT", path, `{"crashes_per_minute":60}`).want(200, `{"crashes_per_minute":60,"handled_errors_per_minute":0}`)
	w.call("PUT", path, `{"handled_errors_per_minute":30,"more":1}`).want(200, `{"crashes_per_minute":60,"handled_errors_per_minute":30}`)
	w.call("PUT", path).want(200, `{"crashes_per_minute":60,"handled_errors_per_minute":30}`)
	for _, body := range []string{`{"crashes_per_minute":-1}`, `{"crashes_per_minute":1.5}`, `{"crashes_per_minute":"60"}`, `{"handled_errors_per_minute":1000001}`,
		`{"crashes_per_minute":9e99}`, `[]`, `60`, `{`} {
		w.call("PUT", path, body).want(400)
	}
	w.call("GET", path).want(200, `{"crashes_per_minute":60,"handled_errors_per_minute":30}`)
	if app, err := w.store.AppByNum(t.Context(), w.app.Num); err != nil || app.CrashesPerMinute != 60 || app.HandledPerMinute != 30 {
		t.Errorf("%+v, %v", app, err)
	}
	w.call("PUT", path, `{"crashes_per_minute":0,"handled_errors_per_minute":0}`).want(200, `{"crashes_per_minute":0,"handled_errors_per_minute":0}`)

	dev := w.user("dev", false)
	w.must(w.store.SetMember(t.Context(), w.app.Num, dev.Num, diag.RoleDeveloper))
	token := w.tokenOf(dev, 0, diag.ScopeAll)
	w.callAs(token, "GET", path).want(200)
	w.callAs(token, "PUT", path, `{"crashes_per_minute":1}`).want(403)
}

// TestAppSecret: an administrator may give a new app the secret that its devices send already (X13).
func TestAppSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const secret = "7E9F1C2D-0000-4000-8000-00000000ABCD"
	root := w.tokenOf(w.user("mover", true), 0, diag.ScopeAll)
	body := func(name, secret string) string {
		return `{"name":"` + name + `","display_name":"x","os":"iOS","platform":"Objective-C-Swift","app_secret":"` + secret + `"}`
	}
	w.callAs(root, "POST", "/v0.1/apps", body("moved", secret)).want(201, `"app_secret":"7e9f1c2d-0000-4000-8000-00000000abcd"`)
	w.callAs(root, "POST", "/v0.1/apps", body("again", secret)).want(409)
	for _, bad := range []string{"x", "00000000-0000-0000-0000-000000000000", "7e9f1c2d", `\u0000`} {
		w.callAs(root, "POST", "/v0.1/apps", body("bad", bad)).want(400)
	}
	dev := w.user("dev", false)
	w.callAs(w.tokenOf(dev, 0, diag.ScopeAll), "POST", "/v0.1/apps", body("stolen", "7e9f1c2d-0000-4000-8000-00000000abce")).want(403)
	w.callAs(w.tokenOf(dev, 0, diag.ScopeAll), "POST", "/v0.1/apps", body("own", "")).want(201)
}
