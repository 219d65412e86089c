package person_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"lifeboat/internal/diag"
	"lifeboat/internal/person"
)

// TestSameAsBruteForce copies archives of records that try to be mistaken for others, and compares with a
// decoding of everything by encoding/json.
func TestSameAsBruteForce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		blobs := rapid.MapOfN(blobName(), arrayBody(), 0, 12).Draw(rt, "archive")
		ids := rapid.SliceOfNDistinct(rapid.SampledFrom([]diag.InstallID{mine, theirs, "device-7"}), 1, 3, rapid.ID).Draw(rt, "installs")
		want := bruteForce(rt, blobs, ids)
		o := request(t, memory(t, blobs))
		o.Installs = ids
		m, err := person.Copy(t.Context(), o)
		if len(want) == 0 {
			if person.ExitCode(m, err) != person.ExitNothing {
				rt.Fatalf("nothing is there, got %v", err)
			}
			return
		}
		if err != nil {
			rt.Fatal(err)
		}
		files := unzip(t, o.File)
		got := strings.SplitAfter(files["data/records.jsonl"], "\n")
		if got = got[:len(got)-1]; !cmp.Equal(want, got) {
			rt.Fatal(cmp.Diff(want, got))
		}
		if int(m.Counts.Records) != len(want) || strings.Count(files["data/provenance.jsonl"], "\n") != len(want) {
			rt.Fatalf("%d records, the manifest says %d", len(want), m.Counts.Records)
		}
		checkProvenance(rt, blobs, files, want)
	})
}

func blobName() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"", "app/", "any text/app/", "2026/13/45/99/99/"}).Draw(t, "root") +
			fmt.Sprintf("2017/12/09/04/%02d/", rapid.IntRange(0, 5).Draw(t, "minute")) +
			rapid.SampledFrom([]string{"logs.v1.data", "crashes/crashes.v1.data", "logs.2.logs.v1.data"}).Draw(t, "rest")
	})
}

func arrayBody() *rapid.Generator[string] {
	space := rapid.SampledFrom([]string{"", "", "", " ", "\n    ", "\r\n\t"})
	id := rapid.SampledFrom([]string{mine, mine, theirs, strings.ToUpper(mine), `\u0063` + mine[1:], "{" + mine + "}", " " + mine, "device-7", "DEVICE-7", "device-77", mine + "0", ""})
	return rapid.Custom(func(t *rapid.T) string {
		s := func() string { return space.Draw(t, "space") }
		var records []string
		for n := range rapid.IntRange(0, 6).Draw(t, "records") {
			members := []string{fmt.Sprintf(`"MessageId"%s:%s"%d"`, s(), s(), n), `"Text":"line\nbreak \" InstallId\":\"` + mine + `"`}
			for range rapid.IntRange(0, 2).Draw(t, "own ids") {
				members = append(members, rapid.SampledFrom([]string{`"InstallId"`, `"Install\u0049d"`}).Draw(t, "name")+s()+":"+s()+`"`+id.Draw(t, "id")+`"`)
			}
			if rapid.Bool().Draw(t, "mention") {
				members = append(members, `"X":`+s()+`[{`+s()+`"InstallId":"`+id.Draw(t, "mentioned")+`"}`+s()+`]`)
			}
			records = append(records, "{"+s()+strings.Join(rapid.Permutation(members).Draw(t, "order"), s()+","+s())+s()+"}")
		}
		return rapid.SampledFrom([]string{"", "\ufeff"}).Draw(t, "mark") + "[" + s() + strings.Join(records, s()+","+s()) + s() + "]" + s()
	})
}

// bruteForce is the lines that must come out, in the order of blobs and records.
func bruteForce(t *rapid.T, blobs map[string]string, ids []diag.InstallID) (lines []string) {
	names := make([]string, 0, len(blobs))
	for name := range blobs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		var records []json.RawMessage
		if err := json.Unmarshal([]byte(strings.TrimPrefix(blobs[name], "\ufeff")), &records); err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			var members map[string]any
			if err := json.Unmarshal(r, &members); err != nil {
				t.Fatal(err)
			}
			if id, ok := members["InstallId"].(string); ok && slices.Contains(ids, diag.ParseInstallID(id)) {
				line := strings.NewReplacer("\r\n\t", "", "\n    ", "").Replace(string(r))
				lines = append(lines, line+"\n")
			}
		}
	}
	return lines
}

// checkProvenance holds every line against the bytes that it is said to come from.
func checkProvenance(t *rapid.T, blobs, files map[string]string, lines []string) {
	d := json.NewDecoder(strings.NewReader(files["data/provenance.jsonl"]))
	for n, line := range lines {
		var p struct {
			Line, Offset, Length int
			Blob, SHA256         string
			Flattened            bool
		}
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		record := blobs[p.Blob][p.Offset : p.Offset+p.Length]
		flat := strings.NewReplacer("\r\n\t", "", "\n    ", "").Replace(record)
		if p.Line != n+1 || flat+"\n" != line || p.Flattened != (flat != record) || p.SHA256 != hashOf(record) {
			t.Fatalf("line %d: %+v of %q", n+1, p, record)
		}
	}
}
