package person

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
)

// records writes the records, one a line, and where each came from. In a ZIP the records go straight into
// their member while the provenance waits in a temporary file: a ZIP is written member by member.
type records struct {
	data       *member
	provenance *bufio.Writer // nil in a file of records only
	wait       *tempFile
	out        *output
	line       int64
}

// provenance is one line of data/provenance.jsonl.
type provenance struct {
	Line      int64  `json:"line"` // in data/records.jsonl, from 1
	Blob      string `json:"blob"`
	Offset    int64  `json:"offset"` // of the record's first byte in the blob
	Length    int64  `json:"length"` // of the original bytes
	SHA256    string `json:"sha256"` // of the original bytes
	MessageID string `json:"messageId,omitempty"`
	Flattened bool   `json:"flattened,omitempty"` // line breaks and indentation between texts were removed
}

func (c *copier) newRecords() (*records, error) {
	if recordsOnly(c.File) {
		return &records{data: c.out.whole(), out: c.out}, nil
	}
	data, err := c.out.member("data/records.jsonl")
	if err != nil {
		return nil, err
	}
	wait, err := c.out.temp()
	if err != nil {
		return nil, err
	}
	return &records{data: data, provenance: bufio.NewWriterSize(wait, 64<<10), wait: wait, out: c.out}, nil
}

// write adds one record and returns its line.
func (r *records) write(blobName string, f found) (int64, error) {
	r.line++
	line, hash := flattener{w: r.data}, sha256.New()
	var err error
	if both := io.MultiWriter(&line, hash); f.large != nil {
		err = f.large.writeTo(both)
	} else {
		_, err = both.Write(f.bytes)
	}
	if err != nil {
		return 0, err
	}
	if _, err := r.data.Write([]byte{'\n'}); err != nil || r.provenance == nil {
		return r.line, err
	}
	text, err := json.Marshal(provenance{r.line, blobName, f.offset, f.size, hex.EncodeToString(hash.Sum(nil)), f.id, line.changed})
	if err != nil {
		return 0, err
	}
	_, err = r.provenance.Write(append(text, '\n'))
	return r.line, err
}

// close ends the member of the records and adds that of the provenance.
func (r *records) close(m *Manifest) error {
	if err := r.data.close(m); err != nil || r.provenance == nil {
		return err
	}
	defer r.wait.remove()
	if err := r.provenance.Flush(); err != nil {
		return err
	}
	if _, err := r.wait.Seek(0, io.SeekStart); err != nil {
		return err
	}
	w, err := r.out.member("data/provenance.jsonl")
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r.wait); err != nil {
		return err
	}
	return w.close(m)
}

// flattener removes line breaks and the white space that follows them, which in valid JSON stand between texts
// only. A record without line breaks passes as it is.
type flattener struct {
	w         io.Writer
	indenting bool // what came last was a line break and white space
	changed   bool
}

func (f *flattener) Write(p []byte) (int, error) {
	size := len(p)
	for len(p) > 0 {
		if f.indenting {
			p = bytes.TrimLeft(p, " \t\r\n")
			f.indenting = len(p) == 0
			continue
		}
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			end = len(p)
		}
		if cr := bytes.IndexByte(p[:end], '\r'); cr >= 0 {
			end = cr
		}
		if f.indenting = end < len(p); f.indenting {
			f.changed = true
		}
		if _, err := f.w.Write(p[:end]); err != nil {
			return 0, err
		}
		p = p[end:]
	}
	return size, nil
}
