package export

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// FuzzSpool reads files with a right checksum and any content. It stands inside the package because nothing
// of a spool can be reached from outside without a whole exporter.
func FuzzSpool(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed")
	w, err := createSpool(path, head{Configuration: "c", App: "a", Window: "w", Prefix: "p/"})
	if err != nil {
		f.Fatal(err)
	}
	for s := range stages {
		if err := w.add(entry{Stage: s, Name: "n", ContentType: "text/plain"}, []byte("body")); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.finish(path); err != nil {
		f.Fatal(err)
	}
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed[:len(seed)-8])
	f.Add([]byte(magic))
	f.Add([]byte(magic + "\x02\x00\x00\x00{}\x0d\x00\x00\x00{\"size\": -20}\x00\x00\x00\x00"))
	f.Add([]byte(magic + "\x02\x00\x00\x00{}\x12\x00\x00\x00{\"size\":123456789}\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "spool")
		if err := os.WriteFile(path, binary.LittleEndian.AppendUint64(bytes.Clone(content), xxhash.Sum64(content)), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := openSpool(path)
		if err != nil {
			return
		}
		defer s.Close()
		for of := range stages {
			for e, err := range s.all(of) {
				if err != nil {
					break
				}
				if body, err := s.body(&e); err == nil && int64(len(body)) != e.Size {
					t.Errorf("%d bytes, want %d", len(body), e.Size)
				}
			}
		}
	})
}

// FuzzRecords reads arrays that somebody else may have written.
func FuzzRecords(f *testing.F) {
	f.Add([]byte(`[{"MessageId":"a","Revision":"1"},{"MessageId":"b"}]`))
	f.Add([]byte(`[`))
	f.Add([]byte(`[1,null,{"MessageId":7}]`))
	f.Add([]byte("\xef\xbb\xbf[]"))
	f.Fuzz(func(t *testing.T, content []byte) {
		err := eachRecord(bytes.NewReader(content), func(_ recordKey, raw []byte) {
			if len(raw) == 0 {
				t.Error("an empty record")
			}
		})
		if err == nil && !bytes.Contains(content, []byte{']'}) {
			t.Errorf("%q passes as an array", content)
		}
	})
}
