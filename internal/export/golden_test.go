package export_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"lifeboat/internal/archive"
	"lifeboat/internal/blob"
	"lifeboat/internal/blob/blobtest"
	"lifeboat/internal/contract"
	"lifeboat/internal/report"
	"lifeboat/internal/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The whole tree of two minutes: names, descriptions and bytes.
func TestTree(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		from := w.story()
		w.send(`{"type":"startService","timestamp":"1999-12-31T23:58:00Z","services":["Crashes","Analytics"],`+session+`,`+device+`}`,
			`{"type":"startSession","id":"5e551011-0000-4000-8000-00000000000a","timestamp":"1999-12-31T23:58:01Z",`+session+`,`+device+`}`,
			`{"type":"page","id":"5e551011-0000-4000-8000-00000000000b","timestamp":"1999-12-31T23:58:02Z","name":"Cart","properties":{"from":"<home> & \u00e5"},`+session+`,`+device+`}`,
			`{"type":"errorAttachment","id":"5e551011-0000-4000-8000-00000000000c","errorId":"`+crashID(1)+`","timestamp":"1999-12-31T23:59:59Z","contentType":"text/html; charset=\"utf-8\"\r\nX: y","fileName":"..\\secret/näme \"1\".html","data":"",`+device+`}`)
		w.index()
		w.configureAs(store.Export{From: from}, &b)
		w.export(2)
		golden(t, "tree.txtar", w.tree(&b))
	})
}

// masked are members that grouping and the API's shapes decide; they have tests of their own.
var masked = regexp.MustCompile(`"(ErrorGroupId|CodeRaw)":"[^"]*"`)

// tree writes a bucket as an archive of texts: the first line of each says how the blob is described.
func (w *world) tree(b blob.Bucket) []byte {
	w.Helper()
	var a txtar.Archive
	blobs := contents(w, b)
	for _, name := range slices.Sorted(maps.Keys(blobs)) {
		info, err := b.Head(context.Background(), name)
		w.must(err)
		body := blobs[name]
		if sum := sha256.Sum256([]byte(body)); info.Metadata[blob.HashKey] != hex.EncodeToString(sum[:]) {
			w.Errorf("%s: the hash in the metadata is wrong", name)
		}
		delete(info.Metadata, blob.HashKey)
		head := fmt.Sprintln(info.ContentType, info.Disposition, info.Metadata)
		_, array := archive.ParseArrayName(name)
		switch {
		case array:
			body = strings.ReplaceAll(body, `},{"AppId"`, "},\n{\"AppId\"")
		case strings.HasSuffix(name, ".json"):
			body = w.shortened(body)
		}
		a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(head + masked.ReplaceAllString(body, `"$1":"..."`) + "\n")})
	}
	return txtar.Format(&a)
}

// shortened leaves out of a payload what package contract makes.
func (w *world) shortened(body string) string {
	w.Helper()
	var members map[string]json.RawMessage
	w.must(json.Unmarshal([]byte(body), &members))
	for _, name := range []string{"ErrorDetails", "StackTrace", "SessionLogs"} {
		value := string(members[name])
		if !strings.Contains(body, value) || len(value) < 10 {
			w.Errorf("%s: %q", name, value)
		}
		body = strings.Replace(body, value, "...", 1)
	}
	return strings.NewReplacer(`,"ErrorDetails"`, "\n,\"ErrorDetails\"", `,"RawLog"`, "\n,\"RawLog\"", `,"Attachments"`, "\n,\"Attachments\"").Replace(body)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, string(want), string(got))
}

// A payload is the record, then what the API answers, then the log to the byte.
func TestPayload(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		w.configure(&b)
		w.send(event(1), crash(1), attach(1, crashID(1)))
		w.index()
		w.export(2)
		blobs := contents(t, &b)
		records := readArray(t, "crashes", blobs["2000/01/01/00/01/crashes/crashes.v1.data"])
		body := blobs[records[0]["Properties"]]
		var all map[string]json.RawMessage
		w.must(json.Unmarshal([]byte(body), &all))
		for name, value := range records[0] {
			var got string
			if err := json.Unmarshal(all[name], &got); err != nil || got != value {
				t.Errorf("%s is %s in the payload, %q in the record", name, all[name], value)
			}
		}
		if string(all["RawLog"]) != crash(1) {
			t.Errorf("RawLog: %s", all["RawLog"])
		}
		full, session := w.read(crashID(1))
		for name, v := range map[string]any{
			"ErrorDetails": contract.NewReportDetails(&full.Report, &full.Verdict, true, true),
			"StackTrace":   contract.NewStackTrace(&full.Report, &full.Verdict),
			"SessionLogs":  session.Logs,
		} {
			var want strings.Builder
			w.must(contract.Encode(&want, v))
			diff(t, strings.TrimSpace(want.String()), string(all[name]))
		}
		var attachments []map[string]any
		w.must(json.Unmarshal(all["Attachments"], &attachments))
		if len(attachments) != 1 || blobs[attachments[0]["blobName"].(string)] != "attachment 1" || attachments[0]["fileName"] != "log 1.txt" {
			t.Errorf("%v", attachments)
		}
	})
}

// read reads a report as the API does.
func (w *world) read(guid string) (*report.Full, contract.SessionLogs) {
	w.Helper()
	r := &report.Reader{Journal: w.journal, Store: w.store}
	rows, _, err := w.store.Reports(context.Background(), store.ReportQuery{App: w.app.Num})
	w.must(err)
	for i := range rows {
		if rows[i].ID.String() != guid {
			continue
		}
		full, err := r.Report(context.Background(), &w.app, &rows[i])
		w.must(err)
		logs, exceeded, err := r.SessionLogs(context.Background(), &w.app, &full.Report)
		w.must(err)
		return full, contract.NewSessionLogs(logs, rows[i].Install, exceeded)
	}
	w.Fatalf("no report %s", guid)
	return nil, contract.SessionLogs{}
}

// A log that is no clean JSON is kept to the byte all the same, and one that is no report is exported with
// its problem.
func TestOddPayloads(t *testing.T) {
	for name, test := range map[string]struct{ member, raw string }{
		"not UTF-8":  {"RawLogBase64", strings.Replace(crash(1), "cart <1>", "cart \xff\xfe", 1)},
		"no report":  {"RawLog", `{"type":"managedError","id":"` + crashID(1) + `","timestamp":"1999-12-31T23:59:59Z","exception":7}`},
		"white room": {"RawLog", " \n" + strings.Replace(crash(1), ",", " ,\n", 3)},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				var b blobtest.Memory
				w.configure(&b)
				w.send(test.raw)
				w.index()
				w.export(2)
				blobs := contents(t, &b)
				records := readArray(t, "crashes", blobs["2000/01/01/00/01/crashes/crashes.v1.data"])
				var all map[string]json.RawMessage
				w.must(json.Unmarshal([]byte(blobs[records[0]["Properties"]]), &all))
				got := string(all[test.member])
				if test.member == "RawLogBase64" {
					raw, err := base64.StdEncoding.DecodeString(strings.Trim(got, `"`))
					w.must(err)
					got = string(raw)
				}
				diff(t, strings.TrimSpace(test.raw), strings.TrimSpace(got))
			})
		})
	}
}
