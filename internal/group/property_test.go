package group_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"lifeboat/internal/diag"
	"lifeboat/internal/group"
	"lifeboat/internal/wire"
)

// TestDecideTwice decides every sample again: nothing changes, neither the verdict nor the marks.
func TestDecideTwice(t *testing.T) {
	t.Parallel()
	for _, path := range samples(t) {
		for _, r := range sampleReports(t, path) {
			first := group.Decide(&r, nil)
			marked := deepCopy(&r)
			if diff := gocmp.Diff(first, group.Decide(&r, nil)); diff != "" {
				t.Errorf("%s: decided twice:\n%s", path, diff)
			}
			if diff := gocmp.Diff(marked, r); diff != "" {
				t.Errorf("%s: marked twice:\n%s", path, diff)
			}
		}
	}
}

// deepCopy copies what Decide may change.
func deepCopy(r *diag.Report) diag.Report {
	c := *r
	c.Stack.Threads = slices.Clone(r.Stack.Threads)
	for i := range c.Stack.Threads {
		t := &c.Stack.Threads[i]
		t.Frames, t.Exception = slices.Clone(t.Frames), copyException(t.Exception)
	}
	c.Stack.Exception = copyException(r.Stack.Exception)
	return c
}

func copyException(e *diag.Exception) *diag.Exception {
	if e == nil {
		return nil
	}
	c := *e
	c.Frames, c.Inner = slices.Clone(e.Frames), slices.Clone(e.Inner)
	for i := range c.Inner {
		c.Inner[i] = *copyException(&c.Inner[i])
	}
	return &c
}

// TestKeyKeeps changes reports in ways that are no other fault: threads in another order, more frames of the
// system at the bottom, another device, version, moment and address space.
func TestKeyKeeps(t *testing.T) {
	t.Parallel()
	var reports []diag.Report
	for _, path := range samples(t) {
		reports = append(reports, sampleReports(t, path)...)
	}
	rapid.Check(t, func(t *rapid.T) {
		r := deepCopy(&reports[rapid.IntRange(0, len(reports)-1).Draw(t, "report")])
		before := group.Decide(&r, nil)
		r.Stack.Threads = rapid.Permutation(r.Stack.Threads).Draw(t, "threads")
		more := rapid.IntRange(0, 5).Draw(t, "more")
		eachStackPointer(&r, func(frames *[]diag.Frame) {
			if len(*frames) == 0 {
				return // the first frame would be no more at the bottom
			}
			for range more {
				*frames = append(*frames, systemFrame(&(*frames)[0]))
			}
		})
		slide := rapid.Uint64Range(0, 1<<30).Draw(t, "slide") << 12
		eachStackPointer(&r, func(frames *[]diag.Frame) {
			for i := range *frames {
				f := &(*frames)[i]
				f.Line, f.Column = f.Line+more, f.Column+more
				if f.Address != 0 {
					f.Address += slide
				}
			}
		})
		r.Device.AppVersion, r.Device.Locale, r.Device.Model = "9.9", "xx_XX", rapid.String().Draw(t, "model")
		r.OSExceptionAddress = fmt.Sprintf("%#x", slide)
		r.Timestamp += diag.DeviceTime(slide)
		after := group.Decide(&r, nil)
		if diff := gocmp.Diff(before.KeyLines, after.KeyLines); diff != "" || before.Signature != after.Signature {
			t.Fatalf("the key has changed:\n%s", diff)
		}
		if before.Title != after.Title {
			t.Fatalf("title was %q, is %q", before.Title, after.Title)
		}
	})
}

// systemFrame is a frame of the system in the language of another.
func systemFrame(like *diag.Frame) diag.Frame {
	switch like.Language {
	case diag.LanguageJava:
		return diag.Frame{Class: "android.os.Looper", Method: "loop", Language: like.Language}
	case diag.LanguageCSharp:
		return diag.Frame{Class: "System.Threading.Thread", Method: "StartCallback", Language: like.Language}
	case diag.LanguageJavaScript:
		return diag.Frame{Method: "forEach", Native: true, Language: like.Language}
	}
	return diag.Frame{Method: "start_wqthread", Symbol: "start_wqthread", Image: "libsystem_pthread.dylib", Address: 1}
}

func eachStackPointer(r *diag.Report, do func(frames *[]diag.Frame)) {
	var each func(e *diag.Exception)
	each = func(e *diag.Exception) {
		do(&e.Frames)
		for i := range e.Inner {
			each(&e.Inner[i])
		}
	}
	if r.Stack.Exception != nil {
		each(r.Stack.Exception)
	}
	for i := range r.Stack.Threads {
		t := &r.Stack.Threads[i]
		do(&t.Frames)
		if t.Exception != nil {
			each(t.Exception)
		}
	}
}

// TestHandledApart: whether an error was handled is always part of the signature.
func TestHandledApart(t *testing.T) {
	t.Parallel()
	for _, path := range samples(t) {
		for _, r := range sampleReports(t, path) {
			one := group.Decide(&r, nil)
			r.Handled = !r.Handled
			other := group.Decide(&r, nil)
			if one.Signature == other.Signature {
				t.Errorf("%s: handled and unhandled are one", path)
			}
			if diff := gocmp.Diff(one.KeyLines, other.KeyLines); diff != "" {
				t.Errorf("%s: key lines:\n%s", path, diff)
			}
		}
	}
}

// TestHugeReports decides the largest reports that a log can hold, with the worst of names, in a time that only
// a linear walk can keep.
func TestHugeReports(t *testing.T) {
	t.Parallel()
	frames := func(n int, like func(i int) diag.Frame) []diag.Frame {
		list := make([]diag.Frame, n)
		for i := range list {
			list[i] = like(i)
		}
		return list
	}
	images := make([]diag.Image, 4096)
	for i := range images {
		images[i] = diag.Image{Name: fmt.Sprint("image", i), Path: fmt.Sprint("/usr/lib/image", i)}
	}
	long := strings.Repeat("<(a$1`'\"", 1<<17)
	cases := map[string][]diag.Frame{
		"one name": frames(65_536, func(int) diag.Frame {
			return diag.Frame{Class: "com.acme.A$1", Method: "a", Language: diag.LanguageJava}
		}),
		"two names": frames(65_536, func(i int) diag.Frame {
			return diag.Frame{Class: "A+<>c", Method: fmt.Sprintf("<a%d>b__0", i%2), Language: diag.LanguageCSharp}
		}),
		"images": frames(65_536, func(i int) diag.Frame { return diag.Frame{Image: fmt.Sprint("other", i), Address: 1} }),
		"long names": frames(8, func(int) diag.Frame {
			return diag.Frame{Class: long, Method: long, File: long, Language: diag.LanguageCSharp}
		}),
		"long symbol": frames(8, func(int) diag.Frame { return diag.Frame{Symbol: long, Image: "a", Address: 1} }),
		"long script": frames(8, func(int) diag.Frame { return diag.Frame{File: long, Language: diag.LanguageJavaScript} }),
		"long java":   frames(8, func(int) diag.Frame { return diag.Frame{Class: long, Method: long, Language: diag.LanguageJava} }),
		"nothing":     frames(65_536, func(int) diag.Frame { return diag.Frame{} }),
	}
	for name, list := range cases {
		for _, platform := range []diag.Platform{diag.PlatformIOS, diag.PlatformOther} {
			e := &diag.Exception{Type: "E", Message: long, Platform: platform, Frames: list}
			r := diag.Report{Stack: diag.Stack{Platform: platform, Exception: e, Images: images}}
			start := time.Now()
			v := group.Decide(&r, []string{"com.other.", "x"})
			if d := time.Since(start); d > 2*time.Second {
				t.Errorf("%s on %s took %v", name, platform, d)
			}
			for _, line := range append(v.KeyLines, v.Title) {
				if len(line) > 1024 {
					t.Errorf("%s on %s: a line of %d bytes", name, platform, len(line))
				}
			}
		}
	}
}

// FuzzDecide decodes any log and decides it, twice.
func FuzzDecide(f *testing.F) {
	for _, path := range samples(f) {
		body, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		elements, err := wire.SplitContainer(body)
		if err != nil {
			f.Fatal(err)
		}
		for _, raw := range elements {
			f.Add(bytes.Clone(raw), "com.acme.")
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, prefix string) {
		for _, kind := range []diag.LogKind{diag.KindManagedError, diag.KindAppleError, diag.KindHandledError} {
			r := wire.DecodeReport(diag.Log{Kind: kind, Raw: raw}, install)
			first := group.Decide(&r, []string{prefix})
			if diff := gocmp.Diff(first, group.Decide(&r, []string{prefix})); diff != "" {
				t.Fatalf("decided twice:\n%s", diff)
			}
			if first.Title == "" || len(first.KeyLines) == 0 || first.KeyLines[0] == "" {
				t.Fatalf("title %q, key %q", first.Title, first.KeyLines)
			}
		}
	})
}

// FuzzNames gives any names to frames of any language.
func FuzzNames(f *testing.F) {
	text, err := os.ReadFile("testdata/names.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, " => ")
		if fields := strings.Split(line, " | "); len(fields) == 4 {
			f.Add(fields[0], fields[1], fields[2], fields[3])
		}
	}
	f.Fuzz(func(t *testing.T, language, class, method, file string) {
		for _, image := range []string{"", "libacme.so"} {
			frame := diag.Frame{Language: diag.Language(language), Class: class, Method: method, File: file, Image: image, Address: uint64(len(image))}
			e := &diag.Exception{Type: class, Message: method, Frames: []diag.Frame{frame, frame}}
			r := diag.Report{Stack: diag.Stack{Exception: e}}
			v := group.Decide(&r, nil)
			if v.Title == "" || len(v.KeyLines) == 0 || v.KeyLines[0] == "" {
				t.Fatalf("title %q, key %q", v.Title, v.KeyLines)
			}
		}
	})
}
