package keeper_test

import (
	"archive/zip"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal/journaltest"
	"lifeboat/internal/keeper"
	"lifeboat/internal/store"
	"lifeboat/internal/store/sqlite"
	"lifeboat/internal/upload"
)

const mapping = "com.example.Main -> a.a:\n    void run() -> a\n"

// world is an app with uploads and their keeper.
type world struct {
	testing.TB
	clock   *journaltest.Clock
	dir     string
	store   *store.DB
	uploads *upload.Store
	keeper  *keeper.Keeper
	app     diag.App
	begun   byte
}

func newWorld(t testing.TB) *world {
	w := &world{TB: t, clock: journaltest.NewClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), dir: t.TempDir()}
	db, err := sqlite.Open(context.Background(), t.TempDir(), sqlite.Options{})
	w.ok(err)
	w.store = db
	t.Cleanup(func() { w.store.Close() })
	w.app, err = w.store.CreateApp(context.Background(), diag.App{ID: diag.ID{1}, Secret: diag.ID{2}, Owner: "acme", Name: "Shop", OS: "Android"})
	w.ok(err)
	w.open()
	return w
}

// open opens the files anew, as after a crash.
func (w *world) open() {
	w.Helper()
	var err error
	w.uploads, err = upload.Open(upload.Options{Dir: w.dir, Clock: w.clock})
	w.ok(err)
	w.keeper = keeper.New(keeper.Options{Store: w.store, Uploads: w.uploads, Clock: w.clock})
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// begin begins an upload and puts its file.
func (w *world) begin(file string) upload.Ref {
	w.Helper()
	w.begun++
	r := upload.Ref{App: w.app.Num, ID: diag.ID{9, w.begun}}
	w.ok(w.store.CreateSymbolUpload(context.Background(), diag.SymbolUpload{ID: r.ID, App: r.App, Kind: "Apple", FileName: "mapping.txt", CreatedAt: w.now()}))
	if file != "" {
		_, err := w.uploads.PutBlob(r, upload.Body{Reader: strings.NewReader(file), Size: int64(len(file))}, false)
		w.ok(err)
	}
	return r
}

func (w *world) now() int64 { return w.clock.Now().UnixMilli() }

func (w *world) commit(file string) upload.Ref {
	w.Helper()
	r := w.begin(file)
	_, _, err := w.store.EndSymbolUpload(context.Background(), r.App, r.ID, diag.UploadCommitted, w.now())
	w.ok(err)
	return r
}

// state is that of an upload, "" if there is none.
func (w *world) state(r upload.Ref) string {
	w.Helper()
	u, err := w.store.SymbolUpload(context.Background(), r.App, r.ID)
	if diag.KindOf(err) == diag.NotFound && err != nil {
		return ""
	}
	w.ok(err)
	return u.State
}

func (w *world) hasFile(r upload.Ref) bool {
	w.Helper()
	_, err := w.uploads.Stat(r)
	return err == nil
}

func packed(t testing.TB, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	z.Close()
	return b.String()
}

func TestWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good, bad := w.commit(packed(t, map[string]string{"a/mapping.txt": mapping, "broken.sym": "MODULE x"})), w.commit("no symbols")
	gone, lost, begun := w.commit("x"), w.commit(""), w.begin(mapping)
	_, err := w.store.DeleteSymbolUpload(t.Context(), gone.App, gone.ID)
	w.ok(err)
	w.ok(w.keeper.Work(t.Context()))
	w.ok(w.keeper.Work(t.Context()))
	for r, want := range map[upload.Ref]string{good: "indexed", bad: "failed", gone: "", lost: "failed", begun: "created"} {
		if got := w.state(r); got != want {
			t.Errorf("upload %d is %q, want %q", r.ID[1], got, want)
		}
	}
	u, err := w.store.SymbolUpload(t.Context(), good.App, good.ID)
	w.ok(err)
	if len(u.Problems) != 1 || !strings.HasPrefix(u.Problems[0], "broken.sym: ") || u.Size == 0 {
		t.Errorf("%+v", u)
	}
	symbols, err := w.store.SymbolsOf(t.Context(), good.App, good.ID)
	w.ok(err)
	if len(symbols) != 1 || symbols[0].Kind != "AndroidProguard" || symbols[0].Path != "a/mapping.txt" {
		t.Errorf("%+v", symbols)
	}
	for _, r := range []upload.Ref{bad, lost} {
		if u, err = w.store.SymbolUpload(t.Context(), r.App, r.ID); err != nil || len(u.Problems) != 1 {
			t.Errorf("%+v, %v", u, err)
		}
	}
	if s := w.keeper.Stats(); s != (keeper.Stats{Indexed: 1, Failed: 2}) {
		t.Errorf("%+v", s)
	}
}

// TestCutOff: what a crash has cut off is done anew.
func TestCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.commit(mapping)
	w.ok(w.store.StartSymbolUpload(t.Context(), r.App, r.ID, w.now()))
	w.open()
	w.ok(w.keeper.Work(t.Context()))
	if got := w.state(r); got != "indexed" {
		t.Errorf("it is %q", got)
	}
}

// TestBrokenDisk: an upload that cannot be read stays, and keeps no other from its turn.
func TestBrokenDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broken := w.commit(mapping)
	_, err := w.uploads.Seal(broken)
	w.ok(err)
	files, err := filepath.Glob(filepath.Join(w.dir, "kept", "*", broken.ID.String(), "b-*"))
	w.ok(err)
	w.ok(os.Truncate(files[0], 3))
	good := w.commit(mapping)
	if err := w.keeper.Work(t.Context()); err == nil {
		t.Error("no error")
	}
	if w.state(broken) != "processing" || w.state(good) != "indexed" {
		t.Errorf("%q and %q", w.state(broken), w.state(good))
	}
	w.ok(os.WriteFile(files[0], []byte(mapping), 0o600))
	w.ok(w.keeper.Work(t.Context()))
	if w.state(broken) != "indexed" {
		t.Errorf("it is %q", w.state(broken))
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun, failed, indexed, used := w.begin(mapping), w.commit("no symbols"), w.commit(mapping), w.commit(mapping+"com.example.B -> b:\n")
	w.ok(w.keeper.Work(t.Context()))
	sweep := func(after time.Duration) {
		t.Helper()
		w.clock.Pass(after)
		w.ok(w.keeper.Sweep(t.Context()))
	}
	states := func(want ...string) {
		t.Helper()
		for i, r := range []upload.Ref{begun, failed, indexed, used} {
			if got := w.state(r); got != want[i] || w.hasFile(r) != (got == "created" || got == "failed" || got == "indexed") {
				t.Errorf("upload %d is %q, file %v; want %q", i, got, w.hasFile(r), want[i])
			}
		}
	}
	const day = 24 * time.Hour
	sweep(day)
	states("created", "failed", "indexed", "indexed")
	sweep(2 * time.Hour)
	states("aborted", "failed", "indexed", "indexed")
	sweep(29 * day)
	states("aborted", "", "indexed", "indexed")
	sweep(300 * day)
	states("", "", "indexed", "indexed")
	symbols, err := w.store.SymbolsOf(t.Context(), used.App, used.ID)
	w.ok(err)
	w.ok(w.store.UseSymbols(t.Context(), used.App, []string{symbols[0].ID}, w.now()))
	sweep(40 * day)
	states("", "", "", "indexed")
	sweep(330 * day)
	states("", "", "", "")
}

// TestSweepFiles: files of deleted apps and of uploads that nobody knows go.
func TestSweepFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	of := w.commit(mapping)
	w.ok(w.keeper.Work(t.Context()))
	stray := upload.Ref{App: w.app.Num, ID: diag.ID{77}}
	_, err := w.uploads.PutBlob(stray, upload.Body{Reader: strings.NewReader("x"), Size: 1}, false)
	w.ok(err)
	w.ok(w.keeper.Sweep(t.Context()))
	if w.hasFile(stray) || !w.hasFile(of) {
		t.Errorf("stray %v, known %v", w.hasFile(stray), w.hasFile(of))
	}
	w.ok(w.store.DeleteApp(t.Context(), w.app.Num))
	w.ok(w.keeper.Sweep(t.Context()))
	if all, err := w.uploads.Uploads(); len(all) != 0 || err != nil {
		t.Errorf("left: %v, %v", all, err)
	}
}

// TestRun: an upload is looked into when Wake is called, and in the end without it.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.keeper = keeper.New(keeper.Options{Store: w.store, Uploads: w.uploads, Clock: diag.SystemClock{}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { w.keeper.Run(ctx); close(done) }()
		synctest.Wait()
		first := w.commit(mapping)
		w.keeper.Wake()
		synctest.Wait()
		if got := w.state(first); got != "indexed" {
			t.Errorf("behind Wake it is %q", got)
		}
		second := w.commit(mapping)
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if got := w.state(second); got != "indexed" {
			t.Errorf("after a minute it is %q", got)
		}
		w.ok(w.store.DeleteApp(t.Context(), w.app.Num))
		w.keeper.SweepSoon()
		synctest.Wait()
		if w.hasFile(first) || w.hasFile(second) {
			t.Error("files of a deleted app are left")
		}
		cancel()
		<-done
		w.store.Close()
	})
}
