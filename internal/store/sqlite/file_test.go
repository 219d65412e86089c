package sqlite_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
	"lifeboat/internal/store/sqlite"
)

// change opens a database beside the store and runs a statement on it.
func change(t *testing.T, file, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file)
	if err == nil {
		_, err = db.ExecContext(t.Context(), statement)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// refused opens a folder that cannot be opened and checks kind and words of the error.
func refused(t *testing.T, dir string, kind diag.ErrorKind, words string) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err == nil {
		db.Close()
		t.Fatalf("the folder was opened, want an error that says %q", words)
	}
	var e *diag.Error
	if !errors.As(err, &e) || e.Kind != kind || !strings.Contains(e.Message, words) {
		t.Errorf("error %v, want one of kind %q that says %q", err, kind, words)
	}
}

// closed makes a folder with one app and n reports and closes it.
func closed(t *testing.T, n int) (dir string, app diag.App) {
	t.Helper()
	dir = t.TempDir()
	db, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	app = createApp(t, db, "boat")
	epoch := claim(t, db)
	apply(t, db, store.Batch{Epoch: epoch, Through: uint64(n), Reports: reports(app, 1, n)})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, app
}

func createApp(t testing.TB, db *store.DB, name string) diag.App {
	t.Helper()
	app, err := db.CreateApp(t.Context(), diag.App{ID: diag.DerivedID([]byte(name)), Secret: diag.DerivedID([]byte("secret of " + name)), Owner: "acme",
		Name: name, DisplayName: "The " + name})
	if err != nil {
		t.Fatal(err)
	}
	return app
}

func claim(t testing.TB, db *store.DB) int64 {
	t.Helper()
	_, epoch, err := db.ClaimIndex(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return epoch
}

func apply(t testing.TB, db *store.DB, b store.Batch) {
	t.Helper()
	if _, err := db.ApplyBatch(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// reports makes n of them, beginning with that feed number, with texts that are easily found again.
func reports(app diag.App, feed uint64, n int) (rows []store.ReportRow) {
	for range n {
		rows = append(rows, store.ReportRow{Feed: feed, Time: diag.DeviceTime(feed * 7919 % 1000), App: app.Num, Kind: diag.KindManagedError,
			ID: diag.DerivedID([]byte(app.Name), []byte{byte(feed), byte(feed >> 8)}), Install: diag.InstallID(fmt.Sprintf("an install of %s, number %d", app.Name, feed%97)),
			UserID: fmt.Sprintf("a user of %s, number %d", app.Name, feed%89), AppVersion: "1.0", Group: diag.GroupID(feed%50 + 1), Problem: "odd in " + app.Name})
		feed++
	}
	return rows
}

func TestNewerSchema(t *testing.T) {
	t.Parallel()
	for _, half := range []string{"register", "index"} {
		dir, _ := closed(t, 1)
		change(t, filepath.Join(dir, half+".db"), "INSERT INTO migrated (version, release) VALUES (99, '9.8.7')")
		refused(t, dir, diag.Invalid, "The "+half+" in this data folder has schema 99 and needs Lifeboat 9.8.7 or newer")
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	junk := bytes.Repeat([]byte("junk"), 1024)
	for _, c := range []struct {
		file   string
		offset int64
		want   string
	}{
		{"register.db", 0, "The register is damaged: restore it from a backup."},
		{"register.db", 4096, "The register is damaged: restore it from a backup."},
		{"index.db", 0, "The index is damaged: rebuild it with `lifeboat reindex`."},
	} {
		dir, _ := closed(t, 100)
		overwrite(t, filepath.Join(dir, c.file), c.offset, junk)
		refused(t, dir, diag.Internal, c.want)
		if c.file == "index.db" {
			open(t, dir, sqlite.Options{Rebuild: true})
		}
	}
}

// TestDamageWithin: an index is too large to be read whole when it is opened; whoever meets the damage says so.
func TestDamageWithin(t *testing.T) {
	t.Parallel()
	dir, app := closed(t, 2000)
	file := filepath.Join(dir, "index.db")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	for page := int64(40); page*4096 < info.Size(); page++ {
		overwrite(t, file, page*4096, bytes.Repeat([]byte{0xa5}, 4096))
	}
	db := open(t, dir, sqlite.Options{})
	_, _, err = db.Reports(t.Context(), store.ReportQuery{App: app.Num})
	var e *diag.Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, "lifeboat reindex") {
		t.Errorf("error %v, want one that says what to do", err)
	}
}

func overwrite(t *testing.T, file string, offset int64, with []byte) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(with, offset)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestCrash copies the files of an open store, as a killed process would leave them, whole and with the end
// of the logs torn off.
func TestCrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := open(t, dir, sqlite.Options{})
	app, epoch := createApp(t, db, "boat"), claim(t, db)
	for n := range 15 {
		if err := db.RaiseFloor(t.Context(), diag.IngressTime(n+1)); err != nil {
			t.Fatal(err)
		}
		apply(t, db, store.Batch{After: uint64(n * 10), Through: uint64(n*10 + 10), Epoch: epoch, Reports: reports(app, uint64(n*10+1), 10)})
		floor, through := reopened(t, dir, 0)
		if floor != n+1 || through != n*10+10 {
			t.Fatalf("after a crash the floor is %d and the cursor %d, want %d and %d", floor, through, n+1, n*10+10)
		}
		if floor, through = reopened(t, dir, 1+n*n*11); floor > n+1 || through > n*10+10 {
			t.Fatalf("after a crash that tore the logs the floor is %d and the cursor %d", floor, through)
		}
	}
}

// reopened opens a copy of a store whose logs lack so many bytes at their end. The rows must be those of the
// cursor.
func reopened(t *testing.T, dir string, torn int) (floor, through int) {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{"register.db", "register.db-wal", "index.db", "index.db-wal"} {
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "-wal") {
			body = body[:max(0, len(body)-torn)]
		}
		if err := os.WriteFile(filepath.Join(to, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sqlite.Open(t.Context(), to, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	at, err := db.Floor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cursor, _, err := db.IndexCursor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if cursor > 0 && torn == 0 {
		stats, err := db.IndexStats(t.Context(), 1)
		if err != nil || stats.Logs[diag.KindManagedError] != int64(cursor) {
			t.Errorf("%d reports at cursor %d, error %v", stats.Logs[diag.KindManagedError], cursor, err)
		}
	}
	return int(at), int(cursor)
}

// TestDeletedIsGone looks for texts of a deleted app in all files.
func TestDeletedIsGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := open(t, dir, sqlite.Options{})
	gone, kept, epoch := createApp(t, db, "raft"), createApp(t, db, "boat"), claim(t, db)
	feed := uint64(0)
	for range 20 {
		var b store.Batch
		for _, app := range []diag.App{gone, kept} {
			b.Reports = append(b.Reports, reports(app, feed+uint64(len(b.Reports))+1, 60)...)
			b.Attachments = append(b.Attachments, store.AttachmentRow{Feed: feed + 1, App: app.Num, ID: b.Reports[len(b.Reports)-1].ID,
				Install: b.Reports[len(b.Reports)-1].Install, FileName: "a file of " + app.Name})
			b.Events = append(b.Events, store.EventRow{Feed: feed + 1, App: app.Num, Kind: diag.KindEvent, ID: b.Reports[len(b.Reports)-1].ID,
				Install: b.Reports[len(b.Reports)-1].Install})
		}
		b.After, b.Through, b.Epoch = feed, feed+120, epoch
		apply(t, db, b)
		feed += 120
	}
	for _, app := range []diag.App{gone, kept} {
		if err := db.SetGroupWords(t.Context(), app.Num, 1, store.GroupWords{State: store.StateClosed, Annotation: "words on " + app.Name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.DeleteApp(t.Context(), gone.Num); err != nil {
		t.Fatal(err)
	}
	if err := db.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	intact(t, filepath.Join(dir, "register.db"))
	intact(t, filepath.Join(dir, "index.db"))
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var whole []byte
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, body...)
	}
	for _, text := range []string{"an install of %s,", "a user of %s,", "odd in %s", "a file of %s", "words on %s", "The %s"} {
		if n := bytes.Count(whole, fmt.Appendf(nil, text, "raft")); n > 0 {
			t.Errorf("%q of a deleted app stands in the files %d times", text, n)
		}
		if !bytes.Contains(whole, fmt.Appendf(nil, text, "boat")) {
			t.Errorf("%q of the other app is not in the files", text)
		}
	}
}

// intact has SQLite check a whole file.
func intact(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("%s: %s, error %v", filepath.Base(file), verdict, err)
	}
}

// TestModes: nobody else on the machine reads the files.
func TestModes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := open(t, dir, sqlite.Options{})
	createApp(t, db, "boat")
	claim(t, db)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 6 {
		t.Fatalf("files %v, error %v; want both halves with their logs", files, err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(file), info.Mode())
		}
	}
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	const first, second = "-- release 0.1.0\nCREATE TABLE a (x BIGINT);\nCREATE TABLE b (x BIGINT);\n", "-- release 0.2.0\nALTER TABLE a ADD COLUMN y BIGINT;\n"
	files := func(more map[string]string) fstest.MapFS {
		all := fstest.MapFS{"migrations/register/0001_start.sql": {Data: []byte(first)}, "migrations/index/0001_start.sql": {Data: []byte(first)}}
		for name, text := range more {
			all["migrations/"+name] = &fstest.MapFile{Data: []byte(text)}
		}
		return all
	}
	dir := t.TempDir()
	for _, step := range []struct {
		more    map[string]string
		columns string
		words   string // of the error
	}{
		{nil, "[x]", ""},
		{map[string]string{"index/0003_late.sql": second}, "", "is not number 2"},
		{map[string]string{"index/0002_next.sql": "ALTER TABLE a ADD COLUMN z BIGINT;\n"}, "", "names no release"},
		{map[string]string{"index/0002_next.sql": second + "nonsense;\n"}, "", "nonsense"},
		{nil, "[x]", ""}, // the failed one left nothing
		{map[string]string{"index/0002_next.sql": second}, "[x y]", ""},
		{map[string]string{"index/0002_next.sql": second}, "[x y]", ""},
		{nil, "", "needs Lifeboat 0.2.0 or newer"},
	} {
		db, err := sqlite.OpenMigrations(t.Context(), dir, files(step.more))
		if step.words != "" {
			if err == nil || !strings.Contains(err.Error(), step.words) {
				t.Errorf("error %v, want one that says %q", err, step.words)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		_, index, err := db.Schemas(t.Context())
		if err != nil || fmt.Sprint(index[0].Columns) != step.columns {
			t.Errorf("table %+v, want columns %s; error %v", index[0], step.columns, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOwnersAdopted: names that owned apps before there were organisations have become some after a start. Nobody
// gains rights by it.
func TestOwnersAdopted(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := sqlite.Open(ctx, dir, sqlite.Options{})
	must(err)
	ann, err := db.CreateUser(ctx, diag.User{ID: diag.RandomID(), Name: "ann"})
	must(err)
	for n, owner := range []string{"Acme", "ACME", "ann", "other"} {
		app, err := db.CreateApp(ctx, diag.App{ID: diag.RandomID(), Secret: diag.RandomID(), Owner: owner, Name: fmt.Sprint("app", n), CreatedAt: int64(100 - n)})
		must(err)
		if owner == "Acme" {
			must(db.SetMember(ctx, app.Num, ann.Num, diag.RoleViewer))
		}
	}
	for range 2 {
		must(db.Close())
		db, err = sqlite.Open(ctx, dir, sqlite.Options{})
		must(err)
	}
	t.Cleanup(func() { db.Close() })
	orgs, err := db.Orgs(ctx)
	must(err)
	if len(orgs) != 2 || !strings.EqualFold(orgs[0].Name, "acme") || orgs[0].CreatedAt != 99 || orgs[1].Name != "other" {
		t.Errorf("organisations %+v", orgs)
	}
	apps, owners, err := db.OwnedApps(ctx)
	must(err)
	for _, a := range apps {
		if o, ok := owners[strings.ToLower(a.Owner)]; !ok || o.IsOrg() == (a.Owner == "ann") {
			t.Errorf("%s/%s is owned by %+v", a.Owner, a.Name, o)
		}
	}
	users, err := db.OrgUsers(ctx, orgs[0].Num)
	must(err)
	role, err := db.RoleOf(ctx, apps[0].Num, ann.Num)
	must(err)
	if len(users) != 1 || users[0].Role != diag.OrgMember || role != diag.RoleViewer {
		t.Errorf("users %+v; ann is %s", users, role)
	}
}
