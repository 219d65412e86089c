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
