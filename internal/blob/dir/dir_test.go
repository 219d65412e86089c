package dir_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/blob"
	"lifeboat/internal/blob/blobtest"
	"lifeboat/internal/blob/dir"
)

func open(t *testing.T, folder string) *dir.Bucket {
	t.Helper()
	b, err := dir.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, b blob.Bucket) (got []string, err error) {
	t.Helper()
	err = b.List(t.Context(), "", "", func(i blob.Info) error { got = append(got, i.Name); return nil })
	return got, err
}

func TestSuite(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blob.Bucket { return open(t, t.TempDir()) })
}

// Two configurations may export into one folder through two values.
func TestTwoBucketsOneFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	a, b := open(t, folder), open(t, folder)
	o := func(app string) blob.PutOptions {
		return blob.PutOptions{IfAbsent: true, Metadata: map[string]string{"app": app, blob.HashKey: app}}
	}
	if _, err := a.Put(t.Context(), "x", []byte("of a"), o("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), "x", []byte("of b"), o("b")); !errors.Is(err, blob.ErrExists) {
		t.Fatal(err)
	}
	info, err := b.Head(t.Context(), "x")
	if err != nil || info.Metadata["app"] != "a" {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestForeignFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, folder+"/2017/12/09/04/03/logs.v1.data", "[]")
	write(t, folder+"/readme.txt", "hello")
	if err := os.Chmod(folder, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(folder, 0o755) })
	b := open(t, folder)
	got, err := names(t, b)
	if diff := cmp.Diff([]string{"2017/12/09/04/03/logs.v1.data", "readme.txt"}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if info, err := b.Head(t.Context(), "readme.txt"); err != nil || info.Size != 5 || info.Metadata != nil {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := os.Stat(folder + "/.lifeboat"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading left something behind: %v", err)
	}
}

func TestOwnFolderIsHidden(t *testing.T) {
	t.Parallel()
	b := open(t, t.TempDir())
	if _, err := b.Put(t.Context(), "x", []byte("y"), blob.PutOptions{Metadata: map[string]string{"a": "b"}}); err != nil {
		t.Fatal(err)
	}
	if got, err := names(t, b); err != nil || len(got) != 1 {
		t.Errorf("%q, %v", got, err)
	}
	err := b.List(t.Context(), ".lifeboat/", "", func(i blob.Info) error { t.Errorf("listed %q", i.Name); return nil })
	if err != nil {
		t.Error(err)
	}
	if _, err := b.Put(t.Context(), ".lifeboat/meta/x", nil, blob.PutOptions{}); blob.Classify(err) != blob.Fatal {
		t.Errorf("own folder written: %v", err)
	}
}

func TestMissingFolder(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "gone")
	if _, err := dir.Open(folder); blob.Classify(err) != blob.NoSuchContainer {
		t.Errorf("open: %v", err)
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	b := open(t, folder)
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), "a/b", nil, blob.PutOptions{}); blob.Classify(err) != blob.NoSuchContainer {
		t.Errorf("put: %v", err)
	}
}

func TestNameThroughABlob(t *testing.T) {
	t.Parallel()
	b := open(t, t.TempDir())
	blobtest.MustPut(t, b, "a/b", "x")
	for _, ifAbsent := range []bool{false, true} {
		if _, err := b.Put(t.Context(), "a/b/c", nil, blob.PutOptions{IfAbsent: ifAbsent}); blob.Classify(err) != blob.Fatal {
			t.Errorf("IfAbsent %v: %v", ifAbsent, err)
		}
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	write(t, outside+"/secret", "secret")
	folder := t.TempDir()
	write(t, folder+"/real", "inside")
	for name, target := range map[string]string{"alias": "real", "leak": outside + "/secret", "nowhere": "gone"} {
		if err := os.Symlink(target, folder+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	b := open(t, folder)
	got, err := names(t, b)
	if diff := cmp.Diff([]string{"alias", "leak", "nowhere", "real"}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if got := blobtest.ReadAll(t, b, "alias"); string(got) != "inside" {
		t.Errorf("alias reads %q", got)
	}
	for _, name := range []string{"leak", "nowhere"} {
		if _, _, err := b.Get(t.Context(), name, 0, -1); err == nil {
			t.Errorf("%s could be read", name)
		}
	}
	if err := os.Symlink(".", folder+"/loop"); err != nil {
		t.Fatal(err)
	}
	if _, err := names(t, b); blob.Classify(err) != blob.Fatal || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("a linked folder was passed over: %v", err)
	}
}

func TestChangedWhileRead(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, change := range map[string]string{"shorter": "x", "longer": "0123456789x"} {
		write(t, folder+"/"+name, "0123456789")
		r, _, err := open(t, folder).Get(t.Context(), name, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		write(t, folder+"/"+name, change)
		if _, err := io.ReadAll(r); !errors.Is(err, blob.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDebrisIsSwept(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	old, fresh := folder+"/.lifeboat/tmp/old", folder+"/.lifeboat/tmp/fresh"
	write(t, old, "half a bo")
	write(t, fresh, "being written")
	past := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	blobtest.MustPut(t, open(t, folder), "x", "y")
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("debris stays: %v", err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("another's file was taken: %v", err)
	}
}
