package backup_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"lifeboat/internal/backup"
	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/store/sqlite"
)

var layout = backup.Layout{Marker: "VERSION", Secrets: []string{"key", "admin.token"}, Journal: "journal", Folders: []string{"spool", "symbols/kept"}}

// folder makes a data folder with some of everything and takes a backup of it.
func folder(t testing.TB, withKey bool) (dir string, file []byte) {
	t.Helper()
	dir = t.TempDir()
	write(t, dir, map[string]string{
		"VERSION": "1\n", "key": "secret key", "admin.token": "secret token", "other": "x", "spool/a/1.spool": "a spool", "spool/a/2.tmp": "half of one",
		"symbols/kept/cd": strings.Repeat("symbol ", 100_000), "symbols/kept/.hidden": "x", "symbols/kept/x.new-1": "half of one", "symbols/open/1": "not whole yet",
	})
	db, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	j, err := journal.Open(t.Context(), journal.Options{Dir: filepath.Join(dir, "journal"), Clock: diag.SystemClock{}, Register: db})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for i := range 20 {
		if _, err := j.Append(t.Context(), []journal.Frame{{Kind: journal.Error, App: 1, Log: diag.ID{byte(i)}, Payload: bytes.Repeat([]byte("payload "), i)}}); err != nil {
			t.Fatal(err)
		}
	}
	taking, err := backup.Take(t.Context(), backup.Source{
		Dir: dir, Layout: layout, Store: db, Journal: j, Clock: diag.SystemClock{}, Head: backup.Head{Layout: 1, WithKey: withKey, KeyCheck: "check"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	m, err := taking.Write(t.Context(), &b, nil)
	if err != nil || m.Frames != 20 || m.Horizon != 20 {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := taking.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*backup*")); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
	return dir, b.Bytes()
}

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// contents reads all files below a folder.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[filepath.ToSlash(name)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func options() backup.Options { return backup.Options{Layout: layout, Newest: 1} }

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, withKey := range []bool{false, true} {
		dir, file := folder(t, withKey)
		before := contents(t, dir)
		o := options()
		o.Into = filepath.Join(t.TempDir(), "new")
		var read int64
		o.Advance = func(n int64) { read += n }
		if err := os.Mkdir(o.Into, 0o700); err != nil {
			t.Fatal(err)
		}
		var head backup.Head
		o.Begin = func(h backup.Head) error { head = h; return nil }
		o.Before = func() error {
			if _, err := os.Stat(filepath.Join(o.Into, "VERSION")); err == nil {
				t.Error("the folder is one before all of it is there")
			}
			return nil
		}
		m, err := backup.Read(t.Context(), bytes.NewReader(file), o)
		if err != nil {
			t.Fatal(err)
		}
		if head != m.Head || head.WithKey != withKey || read == 0 {
			t.Errorf("head %+v, manifest %+v, %d bytes", head, m, read)
		}
		after := contents(t, o.Into)
		want := []string{"VERSION", "spool/a/1.spool", "symbols/kept/cd"}
		if withKey {
			want = append(want, "key", "admin.token")
		}
		for _, name := range want {
			if after[name] != before[name] {
				t.Errorf("%s differs", name)
			}
		}
		for name := range after {
			if !slices.Contains(want, name) && name != "register.db" && !strings.HasPrefix(name, "journal/reports/") {
				t.Errorf("%s is in it", name)
			}
		}
		db, err := sqlite.Open(t.Context(), o.Into, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		j, err := journal.Open(t.Context(), journal.Options{Dir: filepath.Join(o.Into, "journal"), Clock: diag.SystemClock{}, Register: db})
		if err != nil {
			t.Fatal(err)
		}
		if s := j.Stats(); s.Frames != 20 || s.Damaged != 0 || s.TornBytes != 0 {
			t.Errorf("the journal: %+v", s)
		}
		j.Close()
		db.Close()
	}
}

// TestDamaged: whatever is cut off or changed in a file, it is refused.
func TestDamaged(t *testing.T) {
	t.Parallel()
	_, file := folder(t, true)
	read := func(b []byte) error {
		_, err := backup.Read(t.Context(), bytes.NewReader(b), options())
		return err
	}
	if err := read(file); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(file); n += 1 + len(file)/300 {
		if err := read(file[:n]); diag.KindOf(err) != diag.Invalid {
			t.Errorf("cut off at %d: %v", n, err)
		}
		changed := bytes.Clone(file)
		changed[n] ^= 0x10
		if err := read(changed); diag.KindOf(err) != diag.Invalid && !sameContent(t, file, changed) {
			t.Errorf("changed at %d: %v", n, err)
		}
	}
	for what, b := range map[string][]byte{
		"nothing": nil, "text": []byte("this is no backup"), "zeros": make([]byte, 4096), "twice": append(bytes.Clone(file), file...),
		"something behind": append(bytes.Clone(file), packed(t, nil, "rest")...), "a tar": packed(t, []entry{{name: "a", body: "b"}}, ""),
	} {
		if err := read(b); diag.KindOf(err) != diag.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// sameContent: some bits of a zstd header change nothing.
func sameContent(t *testing.T, a, b []byte) bool {
	t.Helper()
	unpack := func(b []byte) []byte {
		z, err := zstd.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil
		}
		defer z.Close()
		out, _ := io.ReadAll(z)
		return out
	}
	return bytes.Equal(unpack(a), unpack(b))
}

// entry is one member of an archive that nobody of ours has made.
type entry struct {
	name, body string
	typ        byte
	link       string
}

func packed(t testing.TB, all []entry, rest string) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, e := range all {
		h := &tar.Header{Name: e.name, Size: int64(len(e.body)), Mode: 0o600, Typeflag: tar.TypeReg}
		if e.typ != 0 {
			h.Typeflag, h.Linkname = e.typ, e.link
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if len(all) > 0 {
		w.Close()
	}
	io.WriteString(z, rest)
	z.Close()
	return b.Bytes()
}

// honest unpacks a backup into entries.
func honest(t testing.TB, file []byte) (all []entry) {
	t.Helper()
	z, err := zstd.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	r := tar.NewReader(z)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entry{name: h.Name, body: string(b)})
	}
}

// TestHostile: nothing is written outside of the new folder, and nothing is taken that does not belong there.
func TestHostile(t *testing.T) {
	t.Parallel()
	_, file := folder(t, false)
	whole := honest(t, file)
	with := func(extra ...entry) []entry { // in front of the register
		i := slices.IndexFunc(whole, func(e entry) bool { return e.name == "register.db" })
		return slices.Concat(whole[:i], extra, whole[i:])
	}
	cases := map[string][]entry{
		"no head":        whole[1:],
		"no manifest":    whole[:len(whole)-1],
		"no register":    slices.DeleteFunc(slices.Clone(whole), func(e entry) bool { return e.name == "register.db" }),
		"no marker":      slices.DeleteFunc(slices.Clone(whole), func(e entry) bool { return e.name == "VERSION" }),
		"an unasked key": with(entry{name: "key", body: "x"}),
		"twice":          with(whole[1]),
		"unlisted":       with(entry{name: "symbols/kept/more", body: "x"}),
		"changed":        with()[:0:0],
		"a bomb":         with(entry{name: "VERSION", body: strings.Repeat("\x00", 1<<20)}),
		"a long head":    append([]entry{{name: "BACKUP.json", body: `{"format":"lifeboat backup","version":1}` + strings.Repeat(" ", 1<<20)}}, whole[1:]...),
		"another head":   append([]entry{{name: "BACKUP.json", body: `{"format":"zoo"}`}}, whole[1:]...),
		"a newer form":   append([]entry{{name: "BACKUP.json", body: strings.Replace(whole[0].body, `"version": 1`, `"version": 2`, 1)}}, whole[1:]...),
		"newer layout":   append([]entry{{name: "BACKUP.json", body: strings.Replace(whole[0].body, `"layout": 1`, `"layout": 2`, 1)}}, whole[1:]...),
	}
	changed := slices.Clone(whole)
	for i := range changed {
		if changed[i].name == "symbols/kept/cd" {
			changed[i].body = strings.ToUpper(changed[i].body)
		}
	}
	cases["changed"] = changed
	for _, name := range []string{
		"../evil", "symbols/kept/../../evil", "/etc/evil", "symbols/kept//evil", "symbols/kept/./evil", `symbols\..\..\evil`, "C:/evil", "symbols/kept/c:evil", "LOCK", "index.db",
		"register.db-wal", "register.db/x", "symbols", "symbols/kept", "symbols/evil", "symbols/kept/.evil", "symbols/kept/evil.", "symbols/kept/e\nvil", "unknown/evil", "symbols/kept/" + strings.Repeat("a", 300),
		"symbols/kept" + strings.Repeat("/a", 20), "symbols/kept/\xff", "key/x", "VERSION/x", "control", "restored",
	} {
		cases[fmt.Sprintf("name %.30q", name)] = with(entry{name: name, body: "evil"})
	}
	for what, typ := range map[string]byte{"link": tar.TypeLink, "symlink": tar.TypeSymlink, "folder": tar.TypeDir, "device": tar.TypeChar, "fifo": tar.TypeFifo} {
		e := entry{name: "symbols/kept/evil", typ: typ}
		if typ == tar.TypeLink || typ == tar.TypeSymlink {
			e.link = "/etc/passwd"
		}
		cases[what] = with(e)
	}
	for what, entries := range cases {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			o := options()
			around := t.TempDir()
			o.Into = filepath.Join(around, "new")
			if err := os.Mkdir(o.Into, 0o700); err != nil {
				t.Fatal(err)
			}
			_, err := backup.Read(t.Context(), bytes.NewReader(packed(t, entries, "")), o)
			if diag.KindOf(err) != diag.Invalid {
				t.Errorf("got %v", err)
			}
			for name := range contents(t, around) {
				if name == "new/VERSION" || !strings.HasPrefix(name, "new/") || strings.Contains(name, "evil") {
					t.Errorf("%s was written", name)
				}
			}
		})
	}
}

// TestNoRoom: what does not fit is refused before it is written, also when the archive is a small one.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	_, file := folder(t, false)
	o := options()
	o.Into = t.TempDir()
	o.Space = func(string) (uint64, uint64, error) { return 64<<20 + 600_000, 1 << 40, nil } // the symbol file has 700,000
	_, err := backup.Read(t.Context(), bytes.NewReader(file), o)
	if diag.KindOf(err) != diag.Busy || !strings.Contains(err.Error(), "no room for symbols/kept/cd") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(o.Into, "symbols", "kept", "cd")); err == nil {
		t.Error("it was written")
	}
}

// TestCanceled: whoever loses patience gets the reason back.
func TestCanceled(t *testing.T) {
	t.Parallel()
	_, file := folder(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := backup.Read(ctx, bytes.NewReader(file), options()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	broken := errors.New("the line broke")
	_, err := backup.Read(t.Context(), io.MultiReader(bytes.NewReader(file[:len(file)/2]), failing{broken}), options())
	if !errors.Is(err, broken) || diag.KindOf(err) != diag.Internal {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestSweep: what a crash has left goes.
func TestSweep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"register.db": "a", "register.db.backup-0198": "b", "register.db.backup-0198-journal": "c"})
	if err := backup.Sweep(dir); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"register.db": "a"}, contents(t, dir)); d != "" {
		t.Error(d)
	}
}

// FuzzRead reads archives, compressed and as they are.
func FuzzRead(f *testing.F) {
	f.Add(packed(f, nil, "x"))
	for _, all := range [][]entry{
		{{name: "BACKUP.json", body: `{"format":"lifeboat backup","version":1}`}, {name: "MANIFEST.json", body: `{"format":"lifeboat backup","version":1}`}},
		{{name: "BACKUP.json", body: `{"format":"lifeboat backup","version":1}`}, {name: "VERSION", body: "1"}, {name: "register.db", body: "x"}, {name: "symbols/kept/a", body: "x"}},
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, e := range all {
			w.WriteHeader(&tar.Header{Name: e.name, Size: int64(len(e.body)), Mode: 0o600, Typeflag: tar.TypeReg})
			io.WriteString(w, e.body)
		}
		w.Close()
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, file := range [][]byte{b, packed(t, nil, string(b))} {
			if _, err := backup.Read(t.Context(), bytes.NewReader(file), options()); diag.KindOf(err) != diag.Invalid {
				t.Errorf("%d bytes: %v", len(b), err)
			}
		}
	})
}
