package person_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"lifeboat/internal/blob"
	"lifeboat/internal/blob/blobtest"
	"lifeboat/internal/blob/dir"
	"lifeboat/internal/diag"
	"lifeboat/internal/person"
)

var update = flag.Bool("update", false, "write what is there as what is wanted")

// stopped is a clock that stands.
type stopped struct{ diag.SystemClock }

func (stopped) Now() time.Time { return time.Date(2026, 11, 25, 9, 30, 0, 0, time.UTC) }

const (
	mine   = "c1f2a7b0-33b0-4d6e-9f10-a1b2c3d4e5f6"
	theirs = "c1f2a7b0-33b0-4d6e-9f10-a1b2c3d4e5f7"
)

// request is a copy of mine out of b into a file of a new folder.
func request(t testing.TB, b blob.Bucket) person.Options {
	t.Helper()
	return person.Options{Source: b, Installs: []diag.InstallID{mine}, File: filepath.Join(t.TempDir(), "copy.zip"), Clock: stopped{}, Version: "test"}
}

// memory is a bucket with these blobs.
func memory(t testing.TB, blobs map[string]string) *blobtest.Memory {
	t.Helper()
	b := &blobtest.Memory{}
	for name, body := range blobs {
		blobtest.MustPut(t, b, name, body)
	}
	return b
}

// unzip opens a ZIP as its reader does, checks every member's CRC, and returns all by name.
func unzip(t testing.TB, file string) map[string]string {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if _, twice := files[f.Name]; twice {
			t.Errorf("%s is there twice", f.Name)
		}
		files[f.Name] = string(body)
	}
	return files
}

// mustCopy makes a copy and opens it.
func mustCopy(t testing.TB, o person.Options) (*person.Manifest, map[string]string) {
	t.Helper()
	m, err := person.Copy(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	files := unzip(t, o.File)
	checkMembers(t, m, files)
	return m, files
}

// checkMembers holds the manifest against the files: nothing more, nothing less, sizes and hashes.
func checkMembers(t testing.TB, m *person.Manifest, files map[string]string) {
	t.Helper()
	var written person.Manifest
	if err := json.Unmarshal([]byte(files["manifest.json"]), &written); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(asJSON(t, m), asJSON(t, &written)); diff != "" {
		t.Errorf("manifest.json is not what Copy returned:\n%s", diff)
	}
	if len(files) != len(m.Members)+1 {
		t.Errorf("%d files, the manifest names %d", len(files)-1, len(m.Members))
	}
	for _, member := range m.Members {
		sum := sha256.Sum256([]byte(files[member.Path]))
		if member.SHA256 != hex.EncodeToString(sum[:]) || member.Size != int64(len(files[member.Path])) {
			t.Errorf("%s is not as the manifest says", member.Path)
		}
	}
}

func asJSON(t testing.TB, m *person.Manifest) string {
	t.Helper()
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// TestCases runs testdata/*.txtar. The comment holds lines "install ID", "since TIME", "until TIME"; files
// below archive/ are the blobs, in which ${MARK} stands for a byte order mark; want/ is what comes of it.
func TestCases(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			c, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			given, want := split(c)
			got := map[string]string{}
			for kind, b := range map[string]blob.Bucket{"folder": folder(t, given), "memory": memory(t, given)} {
				o := request(t, b)
				parseComment(t, string(c.Comment), &o)
				got = outcome(t, o)
				if diff := cmp.Diff(want, got); diff != "" && !*update {
					t.Errorf("%s:\n%s", kind, diff)
				}
			}
			if *update {
				rewrite(t, file, c, got)
			}
		})
	}
}

func split(c *txtar.Archive) (given, want map[string]string) {
	given, want = map[string]string{}, map[string]string{}
	for _, f := range c.Files {
		if name, ok := strings.CutPrefix(f.Name, "archive/"); ok {
			given[name] = strings.ReplaceAll(string(f.Data), "${MARK}", "\ufeff")
		} else if name, ok := strings.CutPrefix(f.Name, "want/"); ok {
			want[name] = string(f.Data)
		}
	}
	return given, want
}

func folder(t testing.TB, blobs map[string]string) *dir.Bucket {
	t.Helper()
	root := t.TempDir()
	for name, body := range blobs {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(body), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := dir.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func parseComment(t *testing.T, comment string, o *person.Options) {
	t.Helper()
	var installs []diag.InstallID
	for line := range strings.Lines(comment) {
		word, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		var err error
		switch word {
		case "install":
			var id diag.InstallID
			id, err = person.ParseInstall(value)
			installs = append(installs, id)
		case "since":
			o.Since, err = person.ParseSince(value)
		case "until":
			o.Until, err = person.ParseUntil(value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if installs != nil {
		o.Installs = installs
	}
}

// outcome is what came of a copy: all files but the page and the hashes, or the error.
func outcome(t *testing.T, o person.Options) map[string]string {
	t.Helper()
	m, err := person.Copy(t.Context(), o)
	if err != nil {
		if _, there := os.Lstat(o.File); there == nil {
			t.Error("a file is there in spite of the error")
		}
		return map[string]string{"exit": fmt.Sprintln(person.ExitCode(m, err), strings.ReplaceAll(err.Error(), o.Source.String(), "SOURCE"))}
	}
	files := unzip(t, o.File)
	checkMembers(t, m, files)
	m.Source.Archive = "SOURCE"
	for i := range m.Members {
		if m.Members[i].SHA256 = "..."; m.Members[i].Path == "index.html" {
			m.Members[i].Size = 0
		}
	}
	files["manifest.json"] = asJSON(t, m)
	delete(files, "index.html")
	files["exit"] = fmt.Sprintln(person.ExitCode(m, nil))
	return files
}

func rewrite(t *testing.T, file string, c *txtar.Archive, got map[string]string) {
	t.Helper()
	c.Files = slices.DeleteFunc(c.Files, func(f txtar.File) bool { return strings.HasPrefix(f.Name, "want/") })
	names := make([]string, 0, len(got))
	for name := range got {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		c.Files = append(c.Files, txtar.File{Name: "want/" + name, Data: []byte(got[name])})
	}
	if err := os.WriteFile(file, txtar.Format(c), 0o644); err != nil {
		t.Fatal(err)
	}
}

func array(records ...string) string { return "[" + strings.Join(records, ",") + "]" }

func record(install, id, kind string, more ...string) string {
	return fmt.Sprintf(`{"InstallId":%q,"MessageId":%q,"MessageType":%q,"Timestamp":"2017-12-09T04:02:53.618Z"%s}`, install, id, kind, strings.Join(append([]string{""}, more...), ","))
}

const logsName = "2017/12/09/04/03/logs.v1.data"

// folderIsEmpty fails the test if a copy left anything beside its file.
func folderIsEmpty(t *testing.T, o person.Options, but ...string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(o.File))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(but, e.Name()) {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	blobs := map[string]string{}
	for i := range 50 {
		blobs[fmt.Sprintf("2017/12/09/04/%02d/logs.v1.data", i)] = array(record(mine, fmt.Sprint(i), "ErrorLog", fmt.Sprintf(`"Properties":"p/%d"`, i)))
		blobs[fmt.Sprintf("p/%d", i)] = "{}"
	}
	for name, when := range map[string]func(person.Progress) bool{
		"while it searches": func(p person.Progress) bool { return p.Blobs == 20 },
		"while it fetches":  func(p person.Progress) bool { return p.Payloads == 20 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o := request(t, memory(t, blobs))
			o.Progress = func(p person.Progress) {
				if when(p) {
					cancel()
				}
			}
			if m, err := person.Copy(ctx, o); !errors.Is(err, context.Canceled) || person.ExitCode(m, err) != person.ExitIncomplete {
				t.Errorf("got %v", err)
			}
			folderIsEmpty(t, o)
		})
	}
}

func TestExistingFile(t *testing.T) {
	t.Parallel()
	o := request(t, memory(t, map[string]string{logsName: array(record(mine, "1", "EventLog"))}))
	if err := os.WriteFile(o.File, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := person.Copy(t.Context(), o)
	if diag.KindOf(err) != diag.Conflict || person.ExitCode(m, err) != person.ExitUsage {
		t.Errorf("got %v", err)
	}
	if got, _ := os.ReadFile(o.File); string(got) != "precious" {
		t.Errorf("overwritten: %q", got)
	}
	folderIsEmpty(t, o, "copy.zip")
	o.Force = true
	mustCopy(t, o)
	folderIsEmpty(t, o, "copy.zip")

	o.Source = memory(t, map[string]string{logsName: "[]"}) // nothing there: the old copy stays
	if _, err := person.Copy(t.Context(), o); !errors.Is(err, person.ErrNothing) {
		t.Errorf("got %v", err)
	}
	unzip(t, o.File)
}

// A file that comes while the copy is made is somebody's.
func TestFileThatCameMeanwhile(t *testing.T) {
	t.Parallel()
	o := request(t, memory(t, map[string]string{logsName: array(record(mine, "1", "EventLog"))}))
	o.Progress = func(person.Progress) { os.WriteFile(o.File, []byte("precious"), 0o600) }
	if _, err := person.Copy(t.Context(), o); diag.KindOf(err) != diag.Conflict {
		t.Errorf("got %v", err)
	}
	if got, _ := os.ReadFile(o.File); string(got) != "precious" {
		t.Errorf("overwritten: %q", got)
	}
	folderIsEmpty(t, o, "copy.zip")
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*person.Options){
		"no install":    func(o *person.Options) { o.Installs = nil },
		"empty install": func(o *person.Options) { o.Installs = append(o.Installs, "") },
		"no file":       func(o *person.Options) { o.File = "" },
		"folder":        func(o *person.Options) { o.File = filepath.Dir(o.File) },
		"no folder":     func(o *person.Options) { o.File = filepath.Join(o.File, "x", "y.zip") },
		"range":         func(o *person.Options) { o.Since, o.Until = stopped{}.Now(), stopped{}.Now().Add(-1) },
	} {
		o := request(t, memory(t, map[string]string{logsName: array(record(mine, "1", "EventLog"))}))
		change(&o)
		if m, err := person.Copy(t.Context(), o); diag.KindOf(err) != diag.Invalid || person.ExitCode(m, err) != person.ExitUsage {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestRecordsOnly(t *testing.T) {
	t.Parallel()
	one, two := record(mine, "1", "ErrorLog", `"Properties":"gone"`), "{\n  \"InstallId\" : \""+mine+"\"\n}"
	o := request(t, memory(t, map[string]string{logsName: array(one, record(theirs, "2", "EventLog"), two)}))
	o.File = filepath.Join(filepath.Dir(o.File), "Records.JSONL")
	m, err := person.Copy(t.Context(), o)
	if err != nil || !m.Complete || m.Counts.Records != 2 {
		t.Errorf("%+v, %v", m, err)
	}
	got, err := os.ReadFile(o.File)
	if want := one + "\n{\"InstallId\" : \"" + mine + "\"}\n"; string(got) != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	folderIsEmpty(t, o, "Records.JSONL")
}

// Two runs over the same data give the same bytes, however many workers race.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	blobs := map[string]string{}
	for i := range 60 {
		var records []string
		for k := range i % 7 {
			records = append(records, record(mine, fmt.Sprint(i, k), "ErrorLog", fmt.Sprintf(`"Properties":"p/%d"`, k)))
		}
		blobs[fmt.Sprintf("app/2017/12/09/04/%02d/logs.v1.data", i)] = array(records...)
		blobs[fmt.Sprintf("p/%d", i)] = strings.Repeat("x", i*1000)
	}
	var first []byte
	for _, workers := range []int{1, 2, 8, 8} {
		o := request(t, memory(t, blobs))
		o.Workers = workers
		mustCopy(t, o)
		got, err := os.ReadFile(o.File)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		}
		if !bytes.Equal(first, got) {
			t.Errorf("%d workers make another file", workers)
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	blobs := map[string]string{
		"2017/12/09/04/03/logs.v1.data": array(record(mine, "1", "ErrorLog", `"Properties":"p/1"`), record(mine, "2", "ErrorAttachmentLog", `"Properties":"p/2"`)),
		"2017/12/09/04/04/logs.v1.data": array(record(mine, "3", "EventLog", `"X":"`+strings.Repeat("x", 2000)+`"`)),
		"p/1":                           "{}", "p/2": "bytes",
	}
	for name, c := range map[string]struct {
		op, blob             string
		fault                blobtest.Fault
		records, out, failed int
	}{
		"an array cannot be opened":   {"get", "2017/12/09/04/04/logs.v1.data", blobtest.Before, 2, 2, 1},
		"an array breaks off":         {"get", "2017/12/09/04/04/logs.v1.data", blobtest.HalfWay, 2, 2, 1},
		"an array fails at its end":   {"get", "2017/12/09/04/04/logs.v1.data", blobtest.After, 3, 2, 1},
		"a payload cannot be opened":  {"get", "p/1", blobtest.Before, 3, 1, 0},
		"an attachment breaks off":    {"get", "p/2", blobtest.HalfWay, 3, 1, 0},
		"the list breaks off":         {"list", "", blobtest.HalfWay, 2, 2, 1},
		"the list fails at its end":   {"list", "", blobtest.After, 3, 2, 1},
		"nothing fails":               {"", "", blobtest.NoFault, 3, 2, 0},
		"what is not asked for fails": {"get", "other", blobtest.Before, 3, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := request(t, &blobtest.Faulty{Bucket: memory(t, blobs), Next: func(op, name string) blobtest.Fault {
				if op == c.op && name == c.blob {
					return c.fault
				}
				return blobtest.NoFault
			}})
			m, _ := mustCopy(t, o)
			if int(m.Counts.Records) != c.records || m.Counts.Payloads+m.Counts.Attachments != c.out || len(m.Source.Unreadable) != c.failed || int(m.Source.Failed) != c.failed {
				t.Errorf("%s", asJSON(t, m))
			}
			if whole := c.failed == 0 && c.out == 2; m.Complete != whole || person.ExitCode(m, nil) == person.ExitComplete != whole {
				t.Errorf("complete: %v", m.Complete)
			}
		})
	}
}

func TestNothingButUnreadable(t *testing.T) {
	t.Parallel()
	m, _ := mustCopy(t, request(t, memory(t, map[string]string{logsName: "oops"})))
	if m.Complete || m.Counts.Records != 0 || person.ExitCode(m, nil) != person.ExitIncomplete {
		t.Errorf("%s", asJSON(t, m))
	}
	o := request(t, &blobtest.Faulty{Bucket: memory(t, nil), Next: func(string, string) blobtest.Fault { return blobtest.Before }})
	if m, err := person.Copy(t.Context(), o); err == nil || errors.Is(err, person.ErrNothing) || person.ExitCode(m, err) != person.ExitIncomplete {
		t.Errorf("an archive that cannot be listed: %v", err)
	}
	folderIsEmpty(t, o)
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
