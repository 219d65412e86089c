package upload_test

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal/journaltest"
	"lifeboat/internal/upload"
)

// world is a folder of uploads. crash opens it anew, as after kill -9: nothing is closed before.
type world struct {
	testing.TB
	*upload.Store
	o upload.Options
}

func newWorld(t testing.TB, change ...func(*upload.Options)) *world {
	w := &world{TB: t, o: upload.Options{Dir: filepath.Join(t.TempDir(), "symbols"), Clock: journaltest.NewClock(time.UnixMilli(5000))}}
	for _, c := range change {
		c(&w.o)
	}
	w.crash()
	return w
}

func (w *world) crash() {
	w.Helper()
	s, err := upload.Open(w.o)
	w.ok(err)
	w.Store = s
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// fails checks an error's kind and, if there is one, what it wraps.
func (w *world) fails(err error, kind diag.ErrorKind, is error) {
	w.Helper()
	if err == nil || diag.KindOf(err) != kind || is != nil && !errors.Is(err, is) {
		w.Errorf("%v, want kind %v, %v", err, kind, is)
	}
}

func ref(n byte) upload.Ref { return upload.Ref{App: 7, ID: diag.ID{n}} }

func body(s string) upload.Body {
	return upload.Body{Reader: iotest.HalfReader(strings.NewReader(s)), Size: int64(len(s))}
}

func list(ids ...string) (all []upload.Part) {
	for _, id := range ids {
		all = append(all, upload.Part{ID: id})
	}
	return all
}

func (w *world) content(r upload.Ref) string {
	w.Helper()
	f, err := w.Open(r)
	w.ok(err)
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size))
	w.ok(err)
	return string(b)
}

// files are all that lie in the folder.
func (w *world) files() (all []string) {
	w.Helper()
	w.ok(filepath.WalkDir(w.o.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, strings.TrimPrefix(path, w.o.Dir+"/"))
		}
		return err
	}))
	return all
}

// TestCrash: after every step the process is killed, and the upload goes on where it was.
func TestCrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 5 {
		w.ok(w.PutBlock(ref(1), fmt.Sprint("b", 4-i), body(fmt.Sprint(4-i))))
		w.crash()
	}
	w.ok(w.PutBlock(ref(1), "b2", body("two")))
	w.crash()
	_, err := w.Stat(ref(1))
	w.fails(err, diag.NotFound, nil)
	_, err = w.Seal(ref(1))
	w.fails(err, diag.NotFound, nil)
	if n := w.Unfinished(); n != 7 {
		t.Errorf("%d bytes are unfinished", n)
	}
	blob, err := w.PutList(ref(1), list("b0", "b1", "b2", "b4"))
	w.ok(err)
	w.crash()
	if got, err := w.Stat(ref(1)); got != blob || blob.Size != 6 || blob.Time != 5000 || err != nil {
		t.Errorf("%+v, %+v, %v", got, blob, err)
	}
	w.ok(w.PutBlock(ref(1), "b0", body("zero")))
	w.crash()
	if got := w.content(ref(1)); got != "01two4" {
		t.Errorf("%q", got)
	}
	_, err = w.PutList(ref(1), []upload.Part{{Where: upload.Uncommitted, ID: "b0"}, {Where: upload.Committed, ID: "b0"}, {ID: "b4"}})
	w.ok(err)
	w.crash()
	if got := w.content(ref(1)); got != "zero04" {
		t.Errorf("%q", got)
	}
	w.ok(w.PutBlock(ref(1), "more", body("waits for nothing")))
	_, err = w.Seal(ref(1))
	w.ok(err)
	w.crash()
	if got := w.content(ref(1)); got != "zero04" || w.Unfinished() != 0 {
		t.Errorf("%q, %d unfinished", got, w.Unfinished())
	}
	_, err = w.Seal(ref(1))
	w.ok(err)
	w.fails(w.PutBlock(ref(1), "b0", body("late")), diag.Conflict, upload.ErrSealed)
	_, err = w.PutBlob(ref(1), body("late"), false)
	w.fails(err, diag.Conflict, upload.ErrSealed)
	_, err = w.PutList(ref(1), nil)
	w.fails(err, diag.Conflict, upload.ErrSealed)
	w.ok(w.Remove(ref(1)))
	w.ok(w.Remove(ref(1)))
	_, err = w.Open(ref(1))
	w.fails(err, diag.NotFound, nil)
	if all := w.files(); len(all) != 0 {
		t.Errorf("left: %v", all)
	}
}

// TestRubbish: what a crash leaves half done is taken away.
func TestRubbish(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(w.PutBlock(ref(1), "a", body("first")))
	_, err := w.PutList(ref(1), list("a"))
	w.ok(err)
	w.ok(w.PutBlock(ref(1), "a", body("second")))
	dir := filepath.Join(w.o.Dir, "open", "7", ref(1).ID.String())
	for name, content := range map[string]string{
		"b-0000000000000000-62": "before the list and not in it", "b-0000000000000009-61": "third", "b-nonsense": "", "other": "",
	} {
		w.ok(os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	w.ok(os.WriteFile(filepath.Join(w.o.Dir, "temp", "t-1"), []byte("half"), 0o600))
	w.crash()
	if n := w.Unfinished(); n != 10 {
		t.Errorf("%d bytes are counted", n)
	}
	committed, waiting, err := w.Blocks(ref(1))
	if len(committed) != 1 || len(waiting) != 1 || waiting[0] != (upload.Block{ID: "a", Size: 5}) || err != nil {
		t.Errorf("%v %v %v", committed, waiting, err)
	}
	w.ok(os.WriteFile(filepath.Join(dir, "blob"), []byte("{"), 0o600))
	if _, err := upload.Open(w.o); err == nil {
		t.Error("a damaged list is accepted")
	}
}

// TestRefused: what is refused leaves neither bytes nor counts.
func TestRefused(t *testing.T) {
	t.Parallel()
	left := int64(1 << 40)
	w := newWorld(t, func(o *upload.Options) {
		o.MaxBlob, o.MaxApp, o.MaxServer, o.MaxBlocks = 4<<20, 8<<20, 12<<20, 3
		o.Room = func() (int64, error) { return left, nil }
	})
	large := strings.Repeat("x", 4<<20+1)
	_, err := w.PutBlob(ref(1), body(large), false)
	w.fails(err, diag.TooLarge, upload.ErrBlockSize)
	_, err = w.PutBlob(ref(1), upload.Body{Reader: strings.NewReader(large), Size: -1}, false)
	w.fails(err, diag.TooLarge, upload.ErrBlockSize)
	_, err = w.PutBlob(ref(1), upload.Body{Reader: iotest.ErrReader(io.ErrUnexpectedEOF), Size: 9}, false)
	w.fails(err, diag.Invalid, io.ErrUnexpectedEOF)
	sum := md5.Sum([]byte("x"))
	_, err = w.PutBlob(ref(1), upload.Body{Reader: strings.NewReader("y"), Size: 1, MD5: sum[:]}, false)
	w.fails(err, diag.Invalid, upload.ErrDigest)
	_, err = w.PutBlob(ref(1), upload.Body{Reader: strings.NewReader("x"), Size: 1, CRC64: make([]byte, 8)}, false)
	w.fails(err, diag.Invalid, upload.ErrDigest)
	w.fails(w.PutBlock(ref(1), "", body("x")), diag.Invalid, nil)
	w.fails(w.PutBlock(ref(1), strings.Repeat("x", 65), body("x")), diag.Invalid, nil)
	_, err = w.PutList(ref(1), list("nowhere"))
	w.fails(err, diag.Invalid, upload.ErrNoBlock)
	_, err = w.PutList(ref(1), list("a", "a", "a", "a"))
	w.fails(err, diag.Invalid, upload.ErrBlockSize)
	left = 10
	w.fails(w.PutBlock(ref(1), "a", body("eleven bytes")), diag.Busy, upload.ErrNoRoom)
	left = 1 << 40
	if n := w.Unfinished(); n != 0 || len(w.files()) != 0 {
		t.Errorf("%d bytes, files %v", n, w.files())
	}
	for _, id := range []string{"a", "b", "c", "a"} {
		w.ok(w.PutBlock(ref(1), id, body(strings.Repeat("x", 2<<20))))
	}
	w.fails(w.PutBlock(ref(1), "d", body("x")), diag.Conflict, upload.ErrBlockSize)
	_, err = w.PutList(ref(1), list("a", "b", "c"))
	w.fails(err, diag.TooLarge, upload.ErrBlockSize)
	w.fails(w.PutBlock(ref(2), "a", body(strings.Repeat("x", 3<<20))), diag.Busy, upload.ErrNoRoom) // of the app
	w.ok(w.PutBlock(upload.Ref{App: 8, ID: diag.ID{3}}, "a", body(strings.Repeat("x", 4<<20))))
	w.fails(w.PutBlock(upload.Ref{App: 9, ID: diag.ID{3}}, "a", body(strings.Repeat("x", 4<<20))), diag.Busy, upload.ErrNoRoom) // of all
	_, err = w.PutList(ref(1), list("a", "b"))
	w.ok(err)
	if n := w.Unfinished(); n != 8<<20 {
		t.Errorf("%d bytes are counted", n)
	}
	_, err = w.PutBlob(ref(1), body("x"), true)
	w.fails(err, diag.Conflict, nil)
	_, err = w.PutBlob(ref(1), body("x"), false)
	w.ok(err)
	if n := w.Unfinished(); n != 4<<20+1 || w.content(ref(1)) != "x" {
		t.Errorf("%d bytes are counted", n)
	}
}

// TestLikeMaps compares uploads with what maps would hold, through crashes.
func TestLikeMaps(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		w, c := newWorld(t), rand.New(rand.NewPCG(seed, 1))
		waiting, committed := map[string]string{}, map[string]string{}
		blob, there := "", false
		for step := range 150 {
			id := fmt.Sprint(c.IntN(6))
			switch c.IntN(8) {
			case 0:
				w.crash()
			case 1:
				text := fmt.Sprint("whole ", step)
				_, err := w.PutBlob(ref(1), body(text), false)
				w.ok(err)
				blob, there, waiting, committed = text, true, map[string]string{}, map[string]string{}
			case 2, 3:
				text, named, known := "", map[string]string{}, true
				var parts []upload.Part
				for range c.IntN(5) {
					p := upload.Part{Where: upload.Where(c.IntN(3)), ID: fmt.Sprint(c.IntN(6))}
					content, ok := waiting[p.ID]
					if p.Where == upload.Committed || p.Where == upload.Latest && !ok {
						content, ok = committed[p.ID]
					}
					parts, known = append(parts, p), known && ok
					text += content
					named[p.ID] = content
				}
				_, err := w.PutList(ref(1), parts)
				if known != (err == nil) {
					t.Fatalf("list %v: %v", parts, err)
				}
				if known {
					blob, there, waiting, committed = text, true, map[string]string{}, named
				}
			default:
				waiting[id] = strings.Repeat(fmt.Sprint(step), c.IntN(4))
				w.ok(w.PutBlock(ref(1), id, body(waiting[id])))
			}
			_, err := w.Stat(ref(1))
			if there != (err == nil) || there && w.content(ref(1)) != blob {
				t.Fatalf("seed %d, step %d: want %q, %v", seed, step, blob, err)
			}
		}
	}
}

func TestAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var wait sync.WaitGroup
	for i := range 40 {
		wait.Go(func() {
			if err := w.PutBlock(ref(1), fmt.Sprint(i%20), body(fmt.Sprintf("%02d", i%20))); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	var ids []string
	want := ""
	for i := range 20 {
		ids = append(ids, fmt.Sprint(i))
		want += fmt.Sprintf("%02d", i)
	}
	_, err := w.PutList(ref(1), list(ids...))
	w.ok(err)
	for range 4 {
		wait.Go(func() { w.PutBlock(ref(1), "late", body("x")) })
		wait.Go(func() {
			if _, err := w.Seal(ref(1)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	f, err := w.Open(ref(1))
	w.ok(err)
	defer f.Close()
	for range 4 {
		wait.Go(func() {
			for at := range want {
				b := make([]byte, len(want)-at)
				if n, err := f.ReadAt(b, int64(at)); n != len(b) || string(b) != want[at:] || err != nil && err != io.EOF {
					t.Errorf("at %d: %q, %v", at, b[:n], err)
				}
			}
		})
	}
	wait.Wait()
	if n, err := f.ReadAt(make([]byte, 3), int64(len(want)-1)); n != 1 || err != io.EOF {
		t.Errorf("%d, %v behind the end", n, err)
	}
	if n := w.Unfinished(); n != 0 {
		t.Errorf("%d bytes are unfinished", n)
	}
}

func TestUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range byte(3) {
		_, err := w.PutBlob(ref(i), body("x"), false)
		w.ok(err)
	}
	_, err := w.Seal(ref(1))
	w.ok(err)
	w.crash()
	all, err := w.Uploads()
	if len(all) != 3 || err != nil {
		t.Errorf("%v, %v", all, err)
	}
	s, err := w.Scratch()
	w.ok(err)
	s.Write([]byte("x"))
	w.ok(s.Close())
	if all := w.files(); len(all) != 6 { // a blob and its list each
		t.Errorf("%v", all)
	}
}

// BenchmarkPutBlob writes blobs of 64 MiB, synced, and says how much the heap grows.
func BenchmarkPutBlob(b *testing.B) {
	w := newWorld(b)
	piece := bytes.Repeat([]byte("0123456789abcdef"), 4<<20)
	b.SetBytes(int64(len(piece)))
	for b.Loop() {
		_, err := w.PutBlob(ref(1), upload.Body{Reader: bytes.NewReader(piece), Size: int64(len(piece))}, false)
		w.ok(err)
	}
}
