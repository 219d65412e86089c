package person

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// distinct counts how many different texts it was given, in constant memory: their hashes go to a temporary
// file, which is read as often as it has partitions.
type distinct struct {
	file  *tempFile
	w     *bufio.Writer
	added int64
}

// partition is how many hashes are held at once.
const partition = 1 << 19

func newDistinct(o *output) (*distinct, error) {
	f, err := o.temp()
	if err != nil {
		return nil, err
	}
	return &distinct{file: f, w: bufio.NewWriter(f)}, nil
}

// add takes one more text; "" is none.
func (d *distinct) add(s string) error {
	if s == "" {
		return nil
	}
	d.added++
	sum := sha256.Sum256([]byte(s))
	_, err := d.w.Write(sum[:8])
	return err
}

// count ends the counting and removes the file.
func (d *distinct) count() (int64, error) {
	defer d.file.remove()
	if err := d.w.Flush(); err != nil {
		return 0, err
	}
	parts, total := uint64(d.added/partition+1), int64(0)
	for part := range parts {
		n, err := d.countPart(part, parts)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func (d *distinct) countPart(part, parts uint64) (int64, error) {
	if _, err := d.file.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	r := bufio.NewReaderSize(d.file, 64<<10)
	var hashes []uint64
	for {
		var b [8]byte
		if _, err := io.ReadFull(r, b[:]); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return 0, err
		}
		if h := binary.LittleEndian.Uint64(b[:]); h%parts == part {
			hashes = append(hashes, h)
		}
	}
	slices.Sort(hashes)
	return int64(len(slices.Compact(hashes))), nil
}
