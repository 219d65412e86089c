package contract_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/group"
	"lifeboat/internal/wire"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	app      = diag.ID{0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x42, 0x22, 0x82, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22}
	install  = diag.InstallID("0b5c7a52-2d1e-4e0f-8c37-55d6cf2c9b10")
	received = time.Date(2026, 11, 20, 18, 30, 5, 120e6, time.UTC)
)

// logs reads the logs of one request.
func logs(t testing.TB, body []byte) []diag.Log {
	t.Helper()
	elements, err := wire.SplitContainer(body)
	if err != nil {
		t.Fatal(err)
	}
	var list []diag.Log
	for _, e := range elements {
		l, why := wire.Peek(e, app, install, received)
		if why != "" {
			t.Fatalf("dropped: %s", why)
		}
		list = append(list, l)
	}
	return list
}

// encode is v as the API sends it, then indented for people.
func encode(t testing.TB, v any) []byte {
	t.Helper()
	var b, pretty bytes.Buffer
	if err := contract.Encode(&b, v); err != nil {
		t.Fatal(err)
	}
	if err := json.Indent(&pretty, b.Bytes(), "", "  "); err != nil {
		t.Fatal(err)
	}
	return pretty.Bytes()
}

// shapes writes everything that the API can answer about the logs of one request.
func shapes(t testing.TB, body []byte) []byte {
	var a txtar.Archive
	add := func(name string, data []byte) { a.Files = append(a.Files, txtar.File{Name: name, Data: data}) }
	var events []diag.Event
	var attachments []contract.Attachment
	for i, l := range logs(t, body) {
		switch l.Kind.Family() {
		case diag.FamilyError:
			r := wire.DecodeReport(l, install)
			v := decide(&r)
			add(fmt.Sprintf("%d.error.json", i), encode(t, contract.NewReport(&r, true, false)))
			add(fmt.Sprintf("%d.details.json", i), encode(t, contract.NewReportDetails(&r, v, true, false)))
			add(fmt.Sprintf("%d.stacktrace.json", i), encode(t, contract.NewStackTrace(&r, v)))
			add(fmt.Sprintf("%d.download.txt", i), contract.Text(&r, v))
		case diag.FamilyAttachment:
			at := wire.DecodeAttachment(l, false)
			attachments = append(attachments, contract.NewAttachment(app, &at, "attachments/"+at.ID.String(), received))
		default:
			events = append(events, wire.DecodeEvent(l))
		}
	}
	if attachments != nil {
		add("attachments.json", encode(t, attachments))
	}
	if events != nil {
		add("sessionLogs.json", encode(t, contract.NewSessionLogs(events, install, false)))
	}
	return txtar.Format(&a)
}

func decide(r *diag.Report) *diag.Verdict {
	v := group.Decide(r, nil)
	return &v
}

// TestSamples compares what the API says of each sample with testdata/golden.
func TestSamples(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/samples/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatal("no samples", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/golden/"+name+".txtar", shapes(t, body))
		})
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}
