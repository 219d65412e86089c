package store

import (
	"encoding/base64"
	"encoding/binary"

	"lifeboat/internal/diag"
)

// Page is a position in a list: behind which row the next page begins. The zero Page is the beginning; a
// method that returns the zero Page has no more rows. It is good only for the query that it came from.
type Page struct {
	Through uint64          // groups: no report with a higher feed number counts, so that groups keep their places
	Values  []SortValue     // groups: sort values of the last row
	Group   diag.GroupID    // groups: the last row
	Time    diag.DeviceTime // reports: sort value of the last row
	ID      diag.ID         // reports: the last row
}

// SortValue is the value of one sort column: a number or a text.
type SortValue struct {
	Int  int64
	Text string
}

// IsZero reports whether p is the beginning, or as a result: whether there is no more.
func (p Page) IsZero() bool { return p.Group == 0 && p.ID.IsZero() }

// pageVersion stands first in every token.
const pageVersion = 1

// Token writes the position as a text of letters, digits, '-' and '_'. It is neither sealed nor bound to a
// query: who hands it out has to see to that.
func (p Page) Token() string {
	b := []byte{pageVersion}
	b = binary.AppendUvarint(b, p.Through)
	b = binary.AppendUvarint(b, uint64(p.Group))
	b = binary.AppendVarint(b, int64(p.Time))
	b = append(b, p.ID[:]...)
	for _, v := range p.Values {
		b = binary.AppendVarint(b, v.Int)
		b = binary.AppendUvarint(b, uint64(len(v.Text)))
		b = append(b, v.Text...)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParsePage reads what Token wrote.
func ParsePage(token string) (Page, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) == 0 || b[0] != pageVersion {
		return Page{}, false
	}
	r := pageReader{b: b[1:], ok: true}
	p := Page{Through: r.uvarint(), Group: diag.GroupID(r.uvarint()), Time: diag.DeviceTime(r.varint())}
	copy(p.ID[:], r.bytes(uint64(len(p.ID))))
	for r.ok && len(r.b) > 0 {
		p.Values = append(p.Values, SortValue{Int: r.varint(), Text: string(r.bytes(r.uvarint()))})
	}
	if !r.ok || p.IsZero() || p.Token() != token {
		return Page{}, false
	}
	return p, true
}

// pageReader reads the parts of a token until one is missing.
type pageReader struct {
	b  []byte
	ok bool
}

func (r *pageReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

func (r *pageReader) varint() int64 {
	v, n := binary.Varint(r.b)
	r.skip(n)
	return v
}

func (r *pageReader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.ok = false
		return nil
	}
	part := r.b[:n]
	r.b = r.b[n:]
	return part
}

// skip leaves a number of n bytes behind; n <= 0 means that there was none.
func (r *pageReader) skip(n int) {
	if n <= 0 {
		r.ok, r.b = false, nil
		return
	}
	r.b = r.b[n:]
}
