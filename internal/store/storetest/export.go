package storetest

import (
	"errors"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

func exportOf(app diag.App, name string, createdAt int64) store.Export {
	return store.Export{
		ID: idOf(name), App: app.Num, Type: "blob_storage_connection_string", Entities: []string{"crashes", "attachments"}, HandledErrors: true,
		PathKind: "WithAppId", Sealed: []byte("sealed"), SecretHash: []byte("hash"), Path: "a/b", SubscriptionID: "s", ResourceName: "n",
		ResourceGroup: "g", BlobEndpoint: "https://n.example", Container: "c", Prefix: "p/", Backfill: true, State: "Enabled", StateInfo: "fine",
		CreatedAt: createdAt, From: 70, LastRun: 5, Watermark: 69, Epoch: 2,
	}
}

func exports(t *testing.T, db *store.DB) {
	ctx, boat, raft := t.Context(), createApp(t, db, "boat"), createApp(t, db, "raft")
	newer, older, other := exportOf(boat, "newer", 20), exportOf(boat, "older", 10), exportOf(raft, "other", 15)
	older.Sealed, older.SecretHash, older.Entities = nil, nil, nil
	for _, e := range []store.Export{newer, older, other} {
		ok(t, db.CreateExport(ctx, e))
	}
	kind(t, db.CreateExport(ctx, newer), diag.Conflict)
	kind(t, db.CreateExport(ctx, store.Export{ID: idOf("x"), App: 99}), diag.NotFound)
	same(t, "one", newer, must(db.Export(ctx, boat.Num, newer.ID))(t))
	same(t, "of the app", []store.Export{older, newer}, must(db.Exports(ctx, boat.Num))(t))
	same(t, "of all", []store.Export{older, other, newer}, must(db.Exports(ctx, -1))(t))
	_, err := db.Export(ctx, raft.Num, newer.ID)
	kind(t, err, diag.NotFound)
	_, err = db.Exports(ctx, 99)
	kind(t, err, diag.NotFound)

	changed := store.Export{ID: newer.ID, App: boat.Num, Type: "directory", Entities: []string{"errors"}, State: "Disabled", From: 80}
	ok(t, db.UpdateExport(ctx, changed))
	changed.CreatedAt, changed.LastRun, changed.Watermark, changed.Epoch = newer.CreatedAt, newer.LastRun, newer.Watermark, newer.Epoch
	same(t, "changed", changed, must(db.Export(ctx, boat.Num, newer.ID))(t))
	changed.App = raft.Num
	kind(t, db.UpdateExport(ctx, changed), diag.NotFound)
	kind(t, db.DeleteExport(ctx, raft.Num, newer.ID), diag.NotFound)
	ok(t, db.DeleteExport(ctx, boat.Num, newer.ID))
	kind(t, db.DeleteExport(ctx, boat.Num, newer.ID), diag.NotFound)
	same(t, "left", []store.Export{older}, must(db.Exports(ctx, boat.Num))(t))
}

func exportCursor(t *testing.T, db *store.DB) {
	ctx, app := t.Context(), createApp(t, db, "boat")
	e := exportOf(app, "one", 1)
	ok(t, db.CreateExport(ctx, e))
	first := must(db.ClaimExport(ctx, e.ID))(t)
	second := must(db.ClaimExport(ctx, e.ID))(t)
	if first.Epoch != e.Epoch+1 || second.Epoch != first.Epoch+1 {
		t.Errorf("epochs %d and %d do not rise from %d", first.Epoch, second.Epoch, e.Epoch)
	}
	fenced(t, db.AdvanceExport(ctx, e.ID, first.Epoch, 90, 6))
	fenced(t, db.FailExport(ctx, e.ID, first.Epoch, "Invalid", "late"))
	same(t, "not touched", second, must(db.Export(ctx, app.Num, e.ID))(t))

	ok(t, db.AdvanceExport(ctx, e.ID, second.Epoch, 90, 6))
	ok(t, db.AdvanceExport(ctx, e.ID, second.Epoch, 90, 7)) // nothing new in that run
	fenced(t, db.AdvanceExport(ctx, e.ID, second.Epoch, 89, 8))
	ok(t, db.FailExport(ctx, e.ID, second.Epoch, "Invalid", "no such container"))
	want := second
	want.Watermark, want.LastRun, want.State, want.StateInfo = 90, 7, "Invalid", "no such container"
	same(t, "advanced and failed", want, must(db.Export(ctx, app.Num, e.ID))(t))

	ok(t, db.DeleteExport(ctx, app.Num, e.ID))
	fenced(t, db.AdvanceExport(ctx, e.ID, second.Epoch, 91, 9))
	fenced(t, db.FailExport(ctx, e.ID, second.Epoch, "Invalid", ""))
	_, err := db.ClaimExport(ctx, e.ID)
	kind(t, err, diag.NotFound)
}

func fenced(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrFenced) {
		t.Errorf("error %v, want ErrFenced", err)
	}
}
