package upload

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"lifeboat/internal/diag"
)

// draft is one upload as it lies on the disk.
//
// Every block is a file of its own, named by its place in the order of arrival and by its id. The file blob lists
// those that make up the blob. Blocks behind its horizon came later and wait for a list; others that it does not
// name are rubbish. So a list is a small file that is replaced in one step, and no block is copied.
type draft struct {
	s     *Store
	ref   Ref
	users int // guarded by Store.mu

	mu     sync.Mutex
	loaded bool
	kept   bool // finished
	gone   bool // removed
	last   uint64
	blocks map[string]piece // that wait for a list, by id
	blob   *manifest        // nil: nothing was put together
}

// piece is one file.
type piece struct {
	ID   string `json:"id"` // as in the file's name: hex digits
	N    uint64 `json:"n"`  // place in the order of arrival
	Size int64  `json:"size"`
}

func (p piece) name() string { return fmt.Sprintf("b-%016x-%s", p.N, p.ID) }

func parsePiece(name string) (p piece, ok bool) {
	rest, ok := strings.CutPrefix(name, "b-")
	if !ok || len(rest) < 17 || rest[16] != '-' {
		return p, false
	}
	n, err := strconv.ParseUint(rest[:16], 16, 64)
	return piece{ID: rest[17:], N: n}, err == nil
}

// manifest is the file blob.
type manifest struct {
	Version int     `json:"version"`
	Horizon uint64  `json:"horizon"` // the last block that came before the list
	ETag    string  `json:"etag"`
	Time    int64   `json:"time"`
	Pieces  []piece `json:"pieces"`
}

const manifestVersion = 1

func (m *manifest) size() (n int64) {
	for _, p := range m.Pieces {
		n += p.Size
	}
	return n
}

func (m *manifest) describe() Blob { return Blob{Size: m.size(), ETag: m.ETag, Time: m.Time} }

func (d *draft) dir() string {
	if d.kept {
		return d.s.dir(keptDir, d.ref)
	}
	return d.s.dir(draftDir, d.ref)
}

// load reads what lies on the disk and takes the rubbish away.
func (d *draft) load() error {
	d.blocks = map[string]piece{}
	if _, err := os.Stat(d.s.dir(keptDir, d.ref)); err == nil {
		d.kept = true
	}
	entries, err := os.ReadDir(d.dir())
	if errors.Is(err, fs.ErrNotExist) {
		d.loaded = true
		return nil
	}
	if err != nil {
		return err
	}
	if d.blob, err = readManifest(filepath.Join(d.dir(), blobFile)); err != nil {
		return err
	}
	needed := d.needed()
	for _, e := range entries {
		if err := d.meet(e, needed); err != nil {
			return err
		}
	}
	d.loaded = true
	return nil
}

func readManifest(path string) (*manifest, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := &manifest{}
	if err := json.Unmarshal(b, m); err != nil || m.Version != manifestVersion {
		return nil, fmt.Errorf("upload: %s is damaged or of a newer release", path)
	}
	return m, nil
}

// meet finds out what a file in the folder is.
func (d *draft) meet(e fs.DirEntry, needed map[uint64]bool) error {
	p, ok := parsePiece(e.Name())
	if !ok {
		return nil
	}
	info, err := e.Info()
	if err != nil {
		return err
	}
	p.Size = info.Size()
	d.last = max(d.last, p.N)
	switch older, again := d.blocks[p.ID]; {
	case needed[p.N]:
		return nil
	case d.blob != nil && p.N <= d.blob.Horizon, again && older.N > p.N:
		return os.Remove(filepath.Join(d.dir(), p.name()))
	case again:
		d.blocks[p.ID] = p
		return os.Remove(filepath.Join(d.dir(), older.name()))
	}
	d.blocks[p.ID] = p
	return nil
}

// needed are the pieces that make up the blob, by their place in the order of arrival.
func (d *draft) needed() map[uint64]bool {
	all := map[uint64]bool{}
	if d.blob != nil {
		for _, p := range d.blob.Pieces {
			all[p.N] = true
		}
	}
	return all
}

// onDisk is how many bytes the upload takes.
func (d *draft) onDisk() (n int64) {
	for _, p := range d.blocks {
		n += p.Size
	}
	if d.blob == nil {
		return n
	}
	counted := map[uint64]bool{}
	for _, p := range d.blob.Pieces {
		if !counted[p.N] {
			counted[p.N] = true
			n += p.Size
		}
	}
	return n
}

// writable says why nothing can be put any more.
func (d *draft) writable() error {
	if d.kept || d.gone {
		return diag.Wrap(diag.Conflict, ErrSealed, "This symbol upload is finished. Begin another one.")
	}
	return nil
}

// take has a file that was written elsewhere be the next piece. The caller holds mu.
func (d *draft) take(temp string, id string, size int64) (piece, error) {
	if err := makeDir(d.dir()); err != nil {
		return piece{}, err
	}
	p := piece{ID: id, N: d.last + 1, Size: size}
	d.last = p.N
	if err := os.Rename(temp, filepath.Join(d.dir(), p.name())); err != nil {
		return piece{}, err
	}
	return p, syncDir(d.dir())
}

// setBlob has the blob be made of pieces; those that are in no use any more go.
func (d *draft) setBlob(pieces []piece) error {
	m := &manifest{Version: manifestVersion, Horizon: d.last, ETag: newETag(), Time: d.s.o.Clock.Now().UnixMilli(), Pieces: pieces}
	if err := makeDir(d.dir()); err != nil {
		return err
	}
	if err := d.write(m); err != nil {
		return err
	}
	old, waiting := d.blob, d.blocks
	d.blob, d.blocks = m, map[string]piece{}
	needed := d.needed()
	var rubbish []piece
	if old != nil {
		rubbish = append(rubbish, old.Pieces...)
	}
	for _, p := range waiting {
		rubbish = append(rubbish, p)
	}
	for _, p := range rubbish {
		if !needed[p.N] {
			needed[p.N] = true // once
			d.drop(p)
		}
	}
	return nil
}

// write makes the file blob durable.
func (d *draft) write(m *manifest) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	temp, err := d.s.temp()
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // nothing once renamed
	_, err = temp.Write(b)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return full(err)
	}
	if err := os.Rename(temp.Name(), filepath.Join(d.dir(), blobFile)); err != nil {
		return err
	}
	return syncDir(d.dir())
}

// drop takes a piece away that nothing is made of. One that stays is found when the upload is read again.
func (d *draft) drop(p piece) {
	if os.Remove(filepath.Join(d.dir(), p.name())) == nil {
		d.s.add(d.ref, -p.Size)
	}
}

// dropBlocks takes the blocks away that wait for a list.
func (d *draft) dropBlocks() {
	for id, p := range d.blocks {
		d.drop(p)
		delete(d.blocks, id)
	}
}

// blockName is how a block's id stands in the names of files.
func blockName(id string) string { return hex.EncodeToString([]byte(id)) }
