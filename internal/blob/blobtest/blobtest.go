// Package blobtest holds the suite that every bucket must pass whole, a bucket in memory, and a decorator
// that makes any bucket fail before, after and half-way through a call.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/blob"
)

// Run checks the contract of blob.Bucket. open returns a new, empty bucket each time.
func Run(t *testing.T, open func(t *testing.T) blob.Bucket) {
	for name, test := range map[string]func(*testing.T, blob.Bucket){
		"put and get":           putAndGet,
		"described":             described,
		"absent":                absent,
		"create only":           createOnly,
		"create only, again":    createOnlyAgain,
		"create only, racing":   createOnlyRacing,
		"overwrite":             overwrite,
		"if match":              ifMatch,
		"ranges":                ranges,
		"list":                  list,
		"list stops":            listStops,
		"delete":                deletes,
		"names that are none":   badNames,
		"names that are unlike": oddNames,
		"cancelled":             cancelled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// ReadAll reads a whole blob and fails the test if it cannot.
func ReadAll(t testing.TB, b blob.Bucket, name string) []byte {
	t.Helper()
	r, _, err := b.Get(context.Background(), name, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// MustPut stores a blob and fails the test if it cannot.
func MustPut(t testing.TB, b blob.Bucket, name, body string) string {
	t.Helper()
	etag, err := b.Put(context.Background(), name, []byte(body), blob.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return etag
}

func putAndGet(t *testing.T, b blob.Bucket) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for name, body := range map[string][]byte{"empty": {}, "2017/12/09/04/03/logs.v1.data": []byte("[]"), "big": big} {
		etag, err := b.Put(t.Context(), name, body, blob.PutOptions{IfAbsent: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := ReadAll(t, b, name); !bytes.Equal(got, body) {
			t.Errorf("%s: got %d bytes, want %d", name, len(got), len(body))
		}
		info, err := b.Head(t.Context(), name)
		if err != nil || info.Size != int64(len(body)) || info.ETag != etag || info.Name != name || info.Modified.IsZero() {
			t.Errorf("%s: head says %+v, %v; put said %q", name, info, err, etag)
		}
	}
}

func described(t *testing.T, b blob.Bucket) {
	want := map[string]string{"app": "a1", "sha256": "00ff", "window_end": "2026-11-24T08:06Z"}
	o := blob.PutOptions{ContentType: "text/plain; charset=utf-8", Disposition: `attachment; filename="a b.txt"`, Metadata: want}
	if _, err := b.Put(t.Context(), "d/e", []byte("text"), o); err != nil {
		t.Fatal(err)
	}
	info, err := b.Head(t.Context(), "d/e")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, info.Metadata); diff != "" {
		t.Error(diff)
	}
	if info.ContentType != o.ContentType || info.Disposition != o.Disposition {
		t.Errorf("got %q, %q", info.ContentType, info.Disposition)
	}
	MustPut(t, b, "d/e", "other")
	if info, err = b.Head(t.Context(), "d/e"); err != nil || len(info.Metadata) != 0 || info.Disposition != "" {
		t.Errorf("the old description outlived its body: %+v, %v", info, err)
	}
}

func absent(t *testing.T, b blob.Bucket) {
	MustPut(t, b, "a/b", "x")
	for _, name := range []string{"nothing", "a", "a/b/c", "a/c"} {
		_, _, err := b.Get(t.Context(), name, 0, -1)
		wantErr(t, "get "+name, err, blob.Absent, blob.ErrAbsent)
		_, err = b.Head(t.Context(), name)
		wantErr(t, "head "+name, err, blob.Absent, blob.ErrAbsent)
	}
}

func createOnly(t *testing.T, b blob.Bucket) {
	MustPut(t, b, "x", "first")
	_, err := b.Put(t.Context(), "x", []byte("second"), blob.PutOptions{IfAbsent: true})
	wantErr(t, "second", err, blob.Exists, blob.ErrExists)
	_, err = b.Put(t.Context(), "x", []byte("first"), blob.PutOptions{IfAbsent: true})
	wantErr(t, "the same without a hash", err, blob.Exists, blob.ErrExists)
	if got := ReadAll(t, b, "x"); string(got) != "first" {
		t.Errorf("overwritten: %q", got)
	}
}

func hashed(body, app string) blob.PutOptions {
	sum := sha256.Sum256([]byte(body))
	return blob.PutOptions{IfAbsent: true, Metadata: map[string]string{blob.HashKey: hex.EncodeToString(sum[:]), "app": app}}
}

func createOnlyAgain(t *testing.T, b blob.Bucket) {
	first, err := b.Put(t.Context(), "x", []byte("body"), hashed("body", "one"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Put(t.Context(), "x", []byte("body"), hashed("body", "one"))
	if err != nil || again != first {
		t.Errorf("the same put again: %q, %v; want %q", again, err, first)
	}
	_, err = b.Put(t.Context(), "x", []byte("bodz"), hashed("bodz", "one"))
	wantErr(t, "other content", err, blob.Exists, blob.ErrExists)
	_, err = b.Put(t.Context(), "x", []byte("body"), hashed("body", "two"))
	wantErr(t, "another app", err, blob.Exists, blob.ErrExists)
}

func createOnlyRacing(t *testing.T, b blob.Bucket) {
	var won atomic.Int64
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			body := fmt.Sprint("writer ", i)
			_, err := b.Put(t.Context(), "race/x", []byte(body), hashed(body, "one"))
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, blob.ErrExists) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if won.Load() != 1 {
		t.Errorf("%d writers think they made the blob", won.Load())
	}
	info, err := b.Head(t.Context(), "race/x")
	sum := sha256.Sum256(ReadAll(t, b, "race/x"))
	if err != nil || info.Metadata[blob.HashKey] != hex.EncodeToString(sum[:]) {
		t.Errorf("body and metadata are of two writers: %+v, %v", info, err)
	}
}

func overwrite(t *testing.T, b blob.Bucket) {
	seen := map[string]bool{}
	for _, body := range []string{"aaa", "bbb", "ccc", "bbb"} {
		etag := MustPut(t, b, "x", body)
		if seen[etag] {
			t.Errorf("ETag %q came back for another state", etag)
		}
		seen[etag] = true
		if got := ReadAll(t, b, "x"); string(got) != body {
			t.Errorf("got %q, want %q", got, body)
		}
	}
}

func ifMatch(t *testing.T, b blob.Bucket) {
	first := MustPut(t, b, "x", "one")
	second, err := b.Put(t.Context(), "x", []byte("two"), blob.PutOptions{IfMatch: first})
	if err != nil || second == first {
		t.Fatalf("%q after %q, %v", second, first, err)
	}
	_, err = b.Put(t.Context(), "x", []byte("three"), blob.PutOptions{IfMatch: first})
	wantErr(t, "stale", err, blob.Changed, blob.ErrChanged)
	_, err = b.Put(t.Context(), "y", []byte("new"), blob.PutOptions{IfMatch: first})
	wantErr(t, "nothing there", err, blob.Changed, blob.ErrChanged)
	if got := ReadAll(t, b, "x"); string(got) != "two" {
		t.Errorf("got %q", got)
	}
}

func ranges(t *testing.T, b blob.Bucket) {
	MustPut(t, b, "x", "0123456789")
	MustPut(t, b, "empty", "")
	for _, c := range []struct {
		offset, length int64
		want           string
	}{{0, -1, "0123456789"}, {3, -1, "3456789"}, {3, 4, "3456"}, {9, 1, "9"}, {8, 100, "89"}} {
		r, info, err := b.Get(t.Context(), "x", c.offset, c.length)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || string(got) != c.want || info.Size != 10 {
			t.Errorf("%+v: got %q, %v; size %d", c, got, err, info.Size)
		}
	}
	if got := ReadAll(t, b, "empty"); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	for _, offset := range []int64{10, 11} {
		_, _, err := b.Get(t.Context(), "x", offset, 1)
		wantErr(t, "behind the end", err, blob.OutOfRange, nil)
	}
}

func list(t *testing.T, b blob.Bucket) {
	all := []string{"a-b/x", "a.b", "a/a/a", "a/b", "a0", "b", "c/2026/11/24/08/06/crashes/crashes.v1.data", "c/2026/11/24/08/06/logs.v1.data"}
	for _, name := range []string{all[3], all[0], all[7], all[5], all[6], all[1], all[4], all[2]} {
		MustPut(t, b, name, name)
	}
	for _, c := range []struct {
		prefix, after string
		want          []string
	}{
		{"", "", all}, {"a", "", all[:5]}, {"a/", "", all[2:4]}, {"", "a/b", all[4:]}, {"a/", "a/a/a", all[3:4]},
		{"", "a/a", all[2:]}, {"c/2026/11", "", all[6:]}, {"c/2026/1", "c/2026/11/24/08/06/d", all[7:]}, {"zzz", "", nil}, {"a/b/", "", nil}, {"", "zzz", nil},
	} {
		var got []string
		err := b.List(t.Context(), c.prefix, c.after, func(i blob.Info) error {
			if i.Size != int64(len(i.Name)) || i.ETag == "" || i.Modified.IsZero() {
				t.Errorf("listed as %+v", i)
			}
			got = append(got, i.Name)
			return nil
		})
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("prefix %q after %q: %v\n%s", c.prefix, c.after, err, diff)
		}
	}
}

func listStops(t *testing.T, b blob.Bucket) {
	MustPut(t, b, "a", "")
	MustPut(t, b, "b", "")
	stop, calls := errors.New("enough"), 0
	err := b.List(t.Context(), "", "", func(blob.Info) error { calls++; return stop })
	if err != stop || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

func deletes(t *testing.T, b blob.Bucket) {
	if _, err := b.Put(t.Context(), "a/x", []byte("body"), hashed("body", "one")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Delete(t.Context(), "a/x"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := b.Head(t.Context(), "a/x")
	wantErr(t, "head", err, blob.Absent, blob.ErrAbsent)
	if _, err := b.Put(t.Context(), "a/x", []byte("body"), blob.PutOptions{IfAbsent: true}); err != nil {
		t.Fatal(err)
	}
	if info, err := b.Head(t.Context(), "a/x"); err != nil || len(info.Metadata) != 0 {
		t.Errorf("metadata outlived the blob: %+v, %v", info, err)
	}
}

func badNames(t *testing.T, b blob.Bucket) {
	for _, name := range []string{"", ".", "..", "/a", "a/", "a//b", "a/../b", "../a", "a/./b", `a\b`, "a\nb", strings.Repeat("n/", 600) + "n"} {
		_, err := b.Put(t.Context(), name, nil, blob.PutOptions{})
		wantErr(t, "put "+name, err, blob.Fatal, nil)
		_, _, err = b.Get(t.Context(), name, 0, -1)
		wantErr(t, "get "+name, err, blob.Fatal, nil)
		_, err = b.Head(t.Context(), name)
		wantErr(t, "head "+name, err, blob.Fatal, nil)
		wantErr(t, "delete "+name, b.Delete(t.Context(), name), blob.Fatal, nil)
	}
}

func oddNames(t *testing.T, b blob.Bucket) {
	for _, name := range []string{"a b", "a%2Fb", "a?b=c", "a#b", "ä/Ω 💥", "a+b&c", "...", "a:b", "x/" + strings.Repeat("n", 200)} {
		MustPut(t, b, name, name)
		if got := ReadAll(t, b, name); string(got) != name {
			t.Errorf("%q: got %q", name, got)
		}
		found := 0
		err := b.List(t.Context(), name, "", func(i blob.Info) error {
			if i.Name == name {
				found++
			}
			return nil
		})
		if err != nil || found != 1 {
			t.Errorf("%q: listed %d times, %v", name, found, err)
		}
	}
}

func cancelled(t *testing.T, b blob.Bucket) {
	MustPut(t, b, "x", "body")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Put(ctx, "y", []byte("body"), blob.PutOptions{})
	wantErr(t, "put", err, blob.Transient, context.Canceled)
	_, _, err = b.Get(ctx, "x", 0, -1)
	wantErr(t, "get", err, blob.Transient, context.Canceled)
	err = b.List(ctx, "", "", func(blob.Info) error { return nil })
	wantErr(t, "list", err, blob.Transient, context.Canceled)
	if _, err := b.Head(t.Context(), "y"); !errors.Is(err, blob.ErrAbsent) {
		t.Errorf("stored all the same: %v", err)
	}
}

func wantErr(t *testing.T, what string, err error, cause blob.Cause, is error) {
	t.Helper()
	if blob.Classify(err) != cause || is != nil && !errors.Is(err, is) {
		t.Errorf("%s: got %v (%v), want %v", what, err, blob.Classify(err), cause)
	}
}
