package person

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"lifeboat/internal/archive"
	"lifeboat/internal/blob"
)

// once gives every blob that the records name one entry of the ZIP, in the order in which they are named.
type once struct {
	order   []named
	entries map[string]string // by the likeliest name of the blob
}

// named is a blob that a record names.
type named struct {
	place                 archive.Place // of the record's array
	pointer, entry        string
	attachment            bool
	fileName, contentType string
}

func newOnce() *once { return &once{entries: map[string]string{}} }

// add returns the entry for what the record points to.
func (o *once) add(place archive.Place, f found) string {
	key := place.Resolve(f.pointer)[0]
	if entry, ok := o.entries[key]; ok {
		return entry
	}
	n := named{place: place, pointer: f.pointer, attachment: classOf(f.kind) == attachment, fileName: f.facts.fileName, contentType: f.facts.contentType}
	folder, name := "payloads", path.Base(f.pointer)
	if n.attachment {
		folder, name = "attachments", cmp.Or(f.facts.fileName, name)
	}
	n.entry = fmt.Sprintf("%s/%04d-%s", folder, len(o.order)+1, safeName(name))
	o.entries[key] = n.entry
	o.order = append(o.order, n)
	return n.entry
}

// maxName is as long as file systems take names, with room to spare.
const maxName = 80

// safeName makes a name one that, behind a number, every system unpacks inside its folder: letters, digits,
// dashes, underscores and dots, no dot at the end. A long name keeps its ending.
func safeName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '_'
	}, name)
	name = strings.TrimRight(name, ".")
	if len(name) > maxName {
		ending := path.Ext(name)
		ending = ending[:min(len(ending), 10)]
		name = name[:maxName-len(ending)] + ending
	}
	return cmp.Or(strings.TrimRight(name, "."), "file")
}

// fetch copies the blobs that the records name: several are read at once, one after the other is written.
func (c *copier) fetch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	window := make(chan chan fetched, c.Workers) // results in the order of the names
	go func() {
		defer close(window)
		for _, n := range c.seen.order {
			result := make(chan fetched, 1)
			select {
			case <-ctx.Done():
				return
			case window <- result:
				go func() { result <- c.download(ctx, n) }()
			}
		}
	}()
	err := c.storeAll(ctx, window)
	cancel()
	for result := range window { // left after an error
		f := <-result
		f.body.remove()
	}
	return err
}

func (c *copier) storeAll(ctx context.Context, window <-chan chan fetched) error {
	for result := range window {
		f := <-result
		if err := c.store(ctx, f); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// fetched is a blob on its way into the ZIP: wholly here, or an error.
type fetched struct {
	named
	blob string // where it was found
	body spooled
	err  error
}

func (c *copier) download(ctx context.Context, n named) fetched {
	f := fetched{named: n, body: spooled{out: c.out}}
	if strings.HasSuffix(n.pointer, ".v1.data") {
		f.err = errors.New("the record points to an array of records, which may be other people's")
		return f
	}
	for _, f.blob = range n.place.Resolve(n.pointer) {
		var r io.ReadCloser
		if r, _, f.err = c.Source.Get(ctx, f.blob, 0, -1); f.err == nil {
			_, f.err = io.Copy(&f.body, r)
			r.Close()
			return f
		}
		if !errors.Is(f.err, blob.ErrAbsent) {
			return f
		}
	}
	return f
}

// store writes one blob into the ZIP, or notes that it is missing. A disk that cannot take the temporary
// copy ends the run: nothing more could be written anyway.
func (c *copier) store(ctx context.Context, f fetched) error {
	defer f.body.remove()
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.body.failed != nil {
		return f.body.failed
	}
	if f.err != nil {
		why := reason(f.err)
		if errors.Is(f.err, blob.ErrAbsent) {
			why = "the archive holds no blob of this name"
		}
		c.manifest.missing(f.pointer, why)
		return nil
	}
	w, err := c.out.member(f.entry)
	if err != nil {
		return err
	}
	w.info.Blob, w.info.FileName, w.info.ContentType = f.blob, f.fileName, f.contentType
	if err := f.body.writeTo(w); err != nil {
		return err
	}
	if f.attachment {
		c.manifest.Counts.Attachments++
	} else {
		c.manifest.Counts.Payloads++
	}
	c.progress.Payloads++
	c.Progress(c.progress)
	return w.close(c.manifest)
}

// spooled holds a blob in memory if it is small, in a temporary file if not.
type spooled struct {
	out    *output
	small  bytes.Buffer
	large  *tempFile
	failed error // of the temporary file
}

func (s *spooled) Write(p []byte) (int, error) {
	if s.large == nil && s.small.Len()+len(p) <= bufferSize {
		return s.small.Write(p)
	}
	if s.large == nil {
		if s.large, s.failed = s.out.temp(); s.failed != nil {
			return 0, s.failed
		}
		if _, s.failed = s.large.Write(s.small.Bytes()); s.failed != nil {
			return 0, s.failed
		}
		s.small = bytes.Buffer{}
	}
	n, err := s.large.Write(p)
	s.failed = err
	return n, err
}

func (s *spooled) writeTo(w io.Writer) error {
	if s.large == nil {
		_, err := w.Write(s.small.Bytes())
		return err
	}
	if _, err := s.large.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, s.large)
	return err
}

func (s *spooled) remove() {
	if s.large != nil {
		s.large.remove()
	}
}
