package group_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"lifeboat/internal/diag"
	"lifeboat/internal/group"
	"lifeboat/internal/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	app      = diag.DerivedID([]byte("app"))
	received = time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)
)

const install diag.InstallID = "0b5c7a52-2d1e-4e0f-8c37-55d6cf2c9b10"

// decode reads one error log that must be kept.
func decode(t testing.TB, raw string) diag.Report {
	t.Helper()
	l, reason := wire.Peek([]byte(raw), app, install, received)
	if reason != "" {
		t.Fatalf("dropped as %s", reason)
	}
	return wire.DecodeReport(l, install)
}

// sampleLogs are the error logs of a sample body.
func sampleLogs(t testing.TB, path string) []diag.Log {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	elements, err := wire.SplitContainer(body)
	if err != nil {
		t.Fatal(err)
	}
	var logs []diag.Log
	for _, raw := range elements {
		l, reason := wire.Peek(raw, app, install, received)
		if reason != "" {
			t.Fatalf("dropped as %s", reason)
		}
		if l.Kind.Family() == diag.FamilyError {
			logs = append(logs, l)
		}
	}
	return logs
}

func sampleReports(t testing.TB, path string) []diag.Report {
	t.Helper()
	var reports []diag.Report
	for _, l := range sampleLogs(t, path) {
		reports = append(reports, wire.DecodeReport(l, install))
	}
	return reports
}

func samples(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/samples/*.json")
	if err != nil || len(paths) < 21 {
		t.Fatalf("%d samples, %v", len(paths), err)
	}
	return paths
}

// TestSamples decides every error among the sample bodies and compares with one golden file, which is to be
// read by people.
func TestSamples(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, path := range samples(t) {
		for _, r := range sampleReports(t, path) {
			fmt.Fprintf(&b, "%s\n", filepath.Base(path))
			v := group.Decide(&r, nil)
			describe(&b, &v)
			describeMarks(&b, &r)
			fmt.Fprintf(&b, "  signature  %x\n\n", v.Signature)
		}
	}
	golden(t, filepath.Join("testdata", "samples.golden"), b.String())
}

// describe writes a verdict for people.
func describe(b *strings.Builder, v *diag.Verdict) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "  %-10s %s\n", name, value)
		}
	}
	r := &v.Reason
	line("title", v.Title)
	for _, k := range v.KeyLines {
		line("key", k)
	}
	line("type", r.ExceptionType)
	line("signal", r.OSExceptionType)
	if r.ExceptionMessage != "" {
		line("message", fmt.Sprintf("%q", r.ExceptionMessage))
	}
	line("class", r.Frame.Class)
	line("method", r.Frame.Method)
	line("file", r.Frame.File)
	if r.Frame.Line > 0 {
		line("line", fmt.Sprint(r.Frame.Line))
	}
	line("image", r.Frame.Image)
	line("language", string(r.Frame.Language))
	line("raw", r.CodeRaw)
	if r.CodeFormatted != r.CodeRaw {
		line("formatted", r.CodeFormatted)
	}
	line("flags", flags(r.Frame))
}

func flags(f diag.Frame) string {
	var s []string
	if f.ClassMethod {
		s = append(s, "class method")
	}
	if f.AppCode {
		s = append(s, "app")
	}
	if f.Relevant {
		s = append(s, "relevant")
	}
	return strings.Join(s, ", ")
}

// describeMarks writes how the frames of a report are marked, a letter each: A of the app, a of the app but
// folded, S of the system but not folded, s of the system. Long rows are cut.
func describeMarks(b *strings.Builder, r *diag.Report) {
	eachStack(r, func(name string, frames []diag.Frame) {
		marks := ""
		for _, f := range frames {
			switch {
			case f.AppCode && f.Relevant:
				marks += "A"
			case f.AppCode:
				marks += "a"
			case f.Relevant:
				marks += "S"
			default:
				marks += "s"
			}
		}
		if len(marks) > 40 {
			marks = marks[:40] + "…"
		}
		if marks != "" {
			fmt.Fprintf(b, "  %-10s %s\n", name, marks)
		}
	})
}

func eachStack(r *diag.Report, do func(name string, frames []diag.Frame)) {
	var each func(e *diag.Exception)
	each = func(e *diag.Exception) {
		do("exception", e.Frames)
		for i := range e.Inner {
			each(&e.Inner[i])
		}
	}
	if r.Stack.Exception != nil {
		each(r.Stack.Exception)
	}
	for _, t := range r.Stack.Threads {
		do("thread", t.Frames)
		if t.Exception != nil {
			each(t.Exception)
		}
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update accepts):\n%s", path, diff)
	}
}

// TestMeet decides the reports of each archive in testdata/meet: they are of one fault.
func TestMeet(t *testing.T) {
	t.Parallel()
	eachArchive(t, "testdata/meet/*.txtar", func(t *testing.T, names []string, verdicts []diag.Verdict) {
		for i, v := range verdicts[1:] {
			if diff := gocmp.Diff(verdicts[0].KeyLines, v.KeyLines); diff != "" || v.Signature != verdicts[0].Signature {
				t.Errorf("%s and %s are of one fault:\n%s", names[0], names[i+1], diff)
			}
		}
	})
}

// TestDiffer decides the reports of each archive in testdata/differ: no two are of one fault.
func TestDiffer(t *testing.T) {
	t.Parallel()
	eachArchive(t, "testdata/differ/*.txtar", func(t *testing.T, names []string, verdicts []diag.Verdict) {
		seen := map[diag.Signature]string{}
		for i, v := range verdicts {
			if other, twice := seen[v.Signature]; twice {
				t.Errorf("%s and %s are two faults, but both %q", other, names[i], v.KeyLines)
			}
			seen[v.Signature] = names[i]
		}
	})
}

// eachArchive decides the reports of every archive and compares what is shown of them with the archive's last
// file. The other files are logs (.json) or stack texts behind settings, a blank line between them (.txt);
// settings of all texts stand in the archive's comment. Lines that begin with # say what an archive is about.
func eachArchive(t *testing.T, pattern string, check func(*testing.T, []string, []diag.Verdict)) {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d archives, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			var verdicts []diag.Verdict
			var shown strings.Builder
			for _, file := range archive.Files {
				if file.Name == verdictFile {
					continue
				}
				r := decode(t, log(archive.Comment, file))
				v := group.Decide(&r, strings.Fields(settings(archive.Comment)["prefixes"]))
				names, verdicts = append(names, file.Name), append(verdicts, v)
				fmt.Fprintf(&shown, "%s\n", file.Name)
				describe(&shown, &v)
				describeMarks(&shown, &r)
			}
			if len(verdicts) < 2 {
				t.Fatal("an archive holds two reports at least")
			}
			check(t, names, verdicts)
			compareArchive(t, path, archive, shown.String())
		})
	}
}

const verdictFile = "verdicts"

func compareArchive(t *testing.T, path string, archive *txtar.Archive, got string) {
	t.Helper()
	last := len(archive.Files) - 1
	if *update {
		if archive.Files[last].Name == verdictFile {
			archive.Files = archive.Files[:last]
		}
		archive.Files = append(archive.Files, txtar.File{Name: verdictFile, Data: []byte(got)})
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := gocmp.Diff(string(archive.Files[last].Data), got); diff != "" {
		t.Errorf("verdicts (-want +got; -update accepts):\n%s", diff)
	}
}

func settings(text []byte) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && key[0] != '#' {
			m[key] = value
		}
	}
	return m
}

// log is the error log that a file of an archive stands for.
func log(comment []byte, file txtar.File) string {
	if strings.HasSuffix(file.Name, ".json") {
		return string(file.Data)
	}
	own, stack, _ := strings.Cut("\n"+string(file.Data), "\n\n")
	s := settings(comment)
	for key, value := range settings([]byte(own)) {
		s[key] = value
	}
	quote := func(s string) string {
		b, _ := jsontext.AppendQuote(nil, s)
		return string(b)
	}
	return fmt.Sprintf(`{"type":%s,"device":{"sdkName":%s,"wrapperSdkName":%s,"appNamespace":%s,"appVersion":%s,"locale":%s},
		"exception":{"type":%s,"message":%s,"wrapperSdkName":%s,"stackTrace":%s}}`,
		quote(cmp.Or(s["log"], "managedError")), quote(s["sdk"]), quote(s["wrapper"]), quote(s["namespace"]), quote(s["version"]), quote(s["locale"]),
		quote(s["type"]), quote(strings.ReplaceAll(s["message"], `\n`, "\n")), quote(cmp.Or(s["exceptionWrapper"], s["wrapper"])), quote(stack))
}
