package person

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"lifeboat/internal/blob"
)

// once gives every blob that the records name one entry of the ZIP, in the order in which they are named.
type once struct {
	order   []named
	entries map[string]string // by blob
	taken   map[string]kind   // paths in lower case: some systems do not tell letter cases apart
}

type named struct {
	blob, entry string
	attachment  bool
}

// kind is what stands at a path of the ZIP.
type kind uint8

const (
	aFile kind = iota + 1
	aFolder
)

func newOnce() *once { return &once{entries: map[string]string{}, taken: map[string]kind{}} }

// add returns the entry for what the record points to: the blob's own name made safe, or a numbered one where
// that is taken.
func (o *once) add(f found) string {
	if entry, ok := o.entries[f.pointer]; ok {
		return entry
	}
	n := named{blob: f.pointer, attachment: f.kind == "ErrorAttachmentLog"}
	folder := "payloads/"
	if n.attachment {
		folder = "attachments/"
	}
	n.entry = folder + safeName(f.pointer)
	for i := 2; !o.take(strings.ToLower(n.entry)); i++ {
		n.entry = fmt.Sprintf("%s%d-%s", folder, i, path.Base(safeName(f.pointer)))
	}
	o.entries[n.blob] = n.entry
	o.order = append(o.order, n)
	return n.entry
}

// take claims a path as a file and those above it as folders.
func (o *once) take(entry string) bool {
	if o.taken[entry] != 0 {
		return false
	}
	for up := path.Dir(entry); up != "."; up = path.Dir(up) {
		if o.taken[up] == aFile {
			return false
		}
	}
	o.taken[entry] = aFile
	for up := path.Dir(entry); up != "."; up = path.Dir(up) {
		o.taken[up] = aFolder
	}
	return true
}

// The bounds of a safe name: parts as long as file systems take them with room to spare, and few of them.
const (
	maxPart  = 100
	maxParts = 16
)

// safeName makes a blob's name a relative path that every system unpacks inside its folder: parts of letters,
// digits, dots, dashes and underscores that are no special names.
func safeName(name string) string {
	parts := strings.Split(name, "/")
	if len(parts) > maxParts {
		parts = append(parts[:maxParts-1], strings.Join(parts[maxParts-1:], "_"))
	}
	for i, p := range parts {
		parts[i] = safePart(p)
	}
	return strings.Join(parts, "/")
}

func safePart(p string) string {
	p = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '_'
	}, p)
	if len(p) > maxPart {
		p = p[:maxPart/2] + "_" + p[len(p)-maxPart/2+1:]
	}
	if strings.Trim(p, ".") != p || p == "" || reserved(p) {
		p = "_" + strings.Trim(p, ".") + "_"
	}
	return p
}

// reserved are the names of devices on Windows, also with an ending.
func reserved(p string) bool {
	stem, _, _ := strings.Cut(strings.ToUpper(p), ".")
	switch stem {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	return len(stem) == 4 && (strings.HasPrefix(stem, "COM") || strings.HasPrefix(stem, "LPT")) && stem[3] >= '0' && stem[3] <= '9'
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
	body spooled
	err  error
}

func (c *copier) download(ctx context.Context, n named) (f fetched) {
	f = fetched{named: n, body: spooled{out: c.out}}
	if strings.HasSuffix(n.blob, ".v1.data") {
		f.err = errors.New("the record points to an array of records, which may be other people's")
		return f
	}
	r, _, err := c.Source.Get(ctx, n.blob, 0, -1)
	if err != nil {
		f.err = err
		return f
	}
	defer r.Close()
	_, f.err = io.Copy(&f.body, r)
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
		c.manifest.Missing = append(c.manifest.Missing, Problem{f.blob, why})
		return nil
	}
	w, err := c.out.member(f.entry, f.blob)
	if err != nil {
		return err
	}
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
