package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"lifeboat/internal/archive"
	"lifeboat/internal/blob"
	"lifeboat/internal/diag"
)

// putter puts one spool into a bucket. Doing it again, after any part of it was done, changes nothing more.
type putter struct {
	bucket   blob.Bucket
	spool    *spool
	parallel int

	blobs, bytes, conflicts atomic.Int64
}

// inFlight bounds the bytes of blobs that are put at a time, unless one alone has more.
const inFlight = 16 << 20

// Metadata of blobs, beside blob.HashKey.
const (
	appKey    = "app"
	windowKey = "window"
	partKey   = "part"
)

func (p *putter) all(ctx context.Context) error {
	for _, s := range []stage{putAttachments, putPayloads} {
		if err := p.named(ctx, s); err != nil {
			return err
		}
	}
	for _, s := range []stage{putArrays, putLogs} {
		if err := p.arrays(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// named puts the blobs of a stage, several at a time: what a store takes for each is mostly waiting.
func (p *putter) named(ctx context.Context, of stage) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(p.parallel)
	room := semaphore.NewWeighted(inFlight)
	read := func() error {
		for e, err := range p.spool.all(of) {
			if err != nil {
				return err
			}
			weight := min(e.Size, inFlight)
			if err := room.Acquire(ctx, weight); err != nil {
				return err
			}
			body, err := p.spool.body(&e)
			if err != nil {
				return err
			}
			group.Go(func() error {
				defer room.Release(weight)
				return p.one(ctx, &e, body)
			})
		}
		return nil
	}
	reading := read()
	if err := group.Wait(); err != nil {
		return err
	}
	return reading
}

// one puts a blob of its own name. What is there already stays: an earlier try, or an earlier export of the
// same report.
func (p *putter) one(ctx context.Context, e *entry, body []byte) error {
	_, err := p.bucket.Put(ctx, e.Name, body, p.options(e, e.Hash, 0))
	if errors.Is(err, blob.ErrExists) {
		return p.there(ctx, e)
	}
	if err != nil {
		return err
	}
	p.count(e.Size)
	return nil
}

func (p *putter) there(ctx context.Context, e *entry) error {
	info, err := p.bucket.Head(ctx, e.Name)
	if err != nil {
		return err
	}
	if info.Metadata[appKey] != p.spool.head.App {
		p.conflicts.Add(1)
		return nil
	}
	p.count(e.Size)
	return nil
}

func (p *putter) count(bytes int64) {
	p.blobs.Add(1)
	p.bytes.Add(bytes)
}

// options describe a blob; part is 0 for those that have none.
func (p *putter) options(e *entry, hash string, part int) blob.PutOptions {
	m := map[string]string{appKey: p.spool.head.App, windowKey: p.spool.head.Window, blob.HashKey: hash}
	if part > 0 {
		m[partKey] = strconv.Itoa(part)
	}
	return blob.PutOptions{IfAbsent: true, ContentType: e.ContentType, Disposition: e.Disposition, Metadata: m}
}

// arrays puts the arrays of a stage, each entity's parts in order.
func (p *putter) arrays(ctx context.Context, of stage) error {
	ours := map[string]bool{} // hashes of all parts
	for e, err := range p.spool.all(of) {
		if err != nil {
			return err
		}
		ours[e.Hash] = true
	}
	var at *arrayPlace
	for e, err := range p.spool.all(of) {
		if err != nil {
			return err
		}
		if at == nil || at.entity != e.Entity {
			at = &arrayPlace{putter: p, entity: e.Entity, ours: ours, part: 1}
		}
		if err := at.put(ctx, &e); err != nil {
			return err
		}
	}
	return nil
}

// maxParts is how many blobs one entity may have in one window.
const maxParts = 1000

var errParts = diag.Errorf(diag.Conflict, "One minute of the container holds %d arrays of one kind that are not this app's. Export with the app's id in the path, or into a container of its own.", maxParts)

// arrayPlace is where the next part of an entity's array goes.
type arrayPlace struct {
	*putter
	entity archive.Entity
	ours   map[string]bool
	part   int
	theirs []string // parts of this app and window that an earlier configuration put: their records count
}

// put puts one part under the first name that is free. Names that others have are passed over. If an earlier
// configuration has exported this window, only the records that it lacks are put.
func (a *arrayPlace) put(ctx context.Context, e *entry) error {
	body, err := a.spool.body(e)
	if err != nil {
		return err
	}
	rest, hash, err := a.lacking(ctx, body, e.Hash)
	for err == nil && rest != nil {
		if a.part > maxParts {
			return errParts
		}
		name := archive.ArrayName(a.spool.head.Prefix, a.entity, a.part)
		_, err = a.bucket.Put(ctx, name, rest, a.options(e, hash, a.part))
		if err == nil {
			a.part++
			a.count(int64(len(rest)))
			return nil
		}
		if !errors.Is(err, blob.ErrExists) {
			return err
		}
		var info blob.Info
		if info, err = a.bucket.Head(ctx, name); err != nil {
			return err
		}
		a.part++
		there := info.Metadata
		mine := there[appKey] == a.spool.head.App && there[windowKey] == a.spool.head.Window
		switch {
		case there[blob.HashKey] == e.Hash:
			a.count(e.Size)
			return nil
		case mine && !a.ours[there[blob.HashKey]]:
			a.theirs = append(a.theirs, name)
			rest, hash, err = a.lacking(ctx, body, e.Hash)
		}
	}
	return err
}

// lacking is the array without the records that an earlier configuration has put, and its hash; nil if it
// has put all.
func (a *arrayPlace) lacking(ctx context.Context, body []byte, hash string) ([]byte, string, error) {
	if len(a.theirs) == 0 {
		return body, hash, nil
	}
	lacking := map[recordKey]bool{}
	err := eachRecord(bytes.NewReader(body), func(k recordKey, _ []byte) { lacking[k] = true })
	if err != nil {
		return nil, "", err
	}
	for _, name := range a.theirs {
		if err := a.subtract(ctx, name, lacking); err != nil {
			return nil, "", err
		}
	}
	if len(lacking) == 0 {
		return nil, "", nil
	}
	rest := []byte{'['}
	err = eachRecord(bytes.NewReader(body), func(k recordKey, raw []byte) {
		if !lacking[k] {
			return
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		rest = append(rest, raw...)
	})
	rest = append(rest, ']')
	sum := sha256.Sum256(rest)
	return rest, hex.EncodeToString(sum[:]), err
}

// subtract takes the records of a blob out of a set. A blob that is no array proves nothing.
func (a *arrayPlace) subtract(ctx context.Context, name string, lacking map[recordKey]bool) error {
	body, _, err := a.bucket.Get(ctx, name, 0, -1)
	if err != nil {
		return err
	}
	defer body.Close()
	r := &watched{r: body}
	if err := eachRecord(r, func(k recordKey, _ []byte) { delete(lacking, k) }); err != nil && r.err != nil {
		return fmt.Errorf("export: read %q: %w", name, r.err)
	}
	return nil
}

// watched remembers how reading failed, so that a torn connection is told from a torn array.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// recordKey tells the records of one window and entity apart.
type recordKey struct {
	MessageID   string `json:"MessageId"`
	Revision    string
	MessageType string
	InstallID   string `json:"InstallId"`
}

var errNoArray = errors.New("export: not an array of records")

// eachRecord reads an array of records. raw is valid during the call.
func eachRecord(r io.Reader, fn func(key recordKey, raw []byte)) error {
	d := json.NewDecoder(r)
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errors.Join(errNoArray, err)
	}
	var raw json.RawMessage
	for d.More() {
		if err := d.Decode(&raw); err != nil {
			return err
		}
		var k recordKey
		if err := json.Unmarshal(raw, &k); err != nil {
			return err
		}
		fn(k, raw)
	}
	_, err := d.Token()
	return err
}
