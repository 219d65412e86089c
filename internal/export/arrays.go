package export

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"slices"

	"lifeboat/internal/archive"
	"lifeboat/internal/diag"
)

// array gathers the records of one entity into parts, sorted by ingress time and message id. Records must be
// added in rising ingress time; those of one time wait in memory until a later one comes.
type array struct {
	entity archive.Entity
	limit  int // bytes of a part, unless one record alone has more

	at      diag.IngressTime
	pending []pending

	path  string
	file  *os.File // made for the first part; holds the parts one behind the other
	w     *bufio.Writer
	sum   hash.Hash
	size  int // of the part at hand
	parts []entry
}

type pending struct {
	id   diag.ID
	json []byte
}

// add takes a record with the id of its log.
func (a *array) add(t diag.IngressTime, id diag.ID, r archive.Record) error {
	if t != a.at {
		if err := a.flush(); err != nil {
			return err
		}
		a.at = t
	}
	a.pending = append(a.pending, pending{id, r.AppendJSON(nil)})
	return nil
}

// flush writes the records of one time.
func (a *array) flush() error {
	slices.SortStableFunc(a.pending, func(x, y pending) int { return bytes.Compare(x.id[:], y.id[:]) })
	for _, p := range a.pending {
		if err := a.write(p.json); err != nil {
			return err
		}
	}
	clear(a.pending)
	a.pending = a.pending[:0]
	return nil
}

func (a *array) write(record []byte) error {
	if a.size > 0 && a.size+len(record)+2 > a.limit {
		if err := a.cut(); err != nil {
			return err
		}
	}
	separator := byte(',')
	if a.size == 0 {
		if err := a.begin(); err != nil {
			return err
		}
		separator = '['
	}
	a.w.WriteByte(separator) // a failed write shows in every later one
	_, err := a.w.Write(record)
	a.size += 1 + len(record)
	return err
}

func (a *array) begin() error {
	if a.file == nil {
		f, err := os.OpenFile(a.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		a.file, a.sum = f, sha256.New()
		a.w = bufio.NewWriterSize(io.MultiWriter(f, a.sum), 64<<10)
	}
	a.sum.Reset()
	return nil
}

// cut ends the part at hand.
func (a *array) cut() error {
	if a.size == 0 {
		return nil
	}
	a.w.WriteByte(']')
	if err := a.w.Flush(); err != nil {
		return err
	}
	stage := putArrays
	if a.entity == archive.Logs {
		stage = putLogs
	}
	a.parts = append(a.parts, entry{
		Stage: stage, Entity: a.entity, ContentType: "application/json", Size: int64(a.size + 1), Hash: hex.EncodeToString(a.sum.Sum(nil)),
	})
	a.size = 0
	return nil
}

// finish moves the parts into the spool.
func (a *array) finish(out *spoolWriter) error {
	if err := cmp.Or(a.flush(), a.cut()); err != nil || a.file == nil {
		return err
	}
	if _, err := a.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r := bufio.NewReaderSize(a.file, 64<<10)
	for _, e := range a.parts {
		if err := out.copy(e, io.LimitReader(r, e.Size)); err != nil {
			return err
		}
	}
	return nil
}

// remove removes the file of the parts.
func (a *array) remove() {
	if a.file != nil {
		a.file.Close()
		os.Remove(a.path)
	}
}
