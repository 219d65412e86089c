// Package person hands a person what is held about them: it searches an exported archive for the records of
// their installs and copies these, with the payloads and attachments they point to, into one file.
//
// It promises that the copy is exact (whose record it is follows from the record's own InstallId, see
// archive.Scanner), faithful (records with their original bytes), and honest: a manifest names every source,
// what could not be read and what was pointed to but is gone, and a copy that lacks anything says so. It needs
// no server, takes constant memory whatever the sizes of the archive, of a record and of an attachment (and
// about a kilobyte for each payload and attachment), and leaves no file behind when it fails.
package person

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"lifeboat/internal/blob"
	"lifeboat/internal/diag"
)

// Options say whose data to copy, from where, into which file.
type Options struct {
	Source   blob.Bucket
	Installs []diag.InstallID // as diag.ParseInstallID gives them
	// Since and Until bound the labels of the minutes that are searched, both inclusive, to the minute. A
	// label is the end of its minute. Zero is no bound.
	Since, Until time.Time
	// File is the file to make: records only if its name ends in ".jsonl", else a ZIP.
	File  string
	Force bool // replace an existing File
	// Workers is how many blobs are read at once; 0 means 8, which hides the latency of a remote store.
	Workers  int
	Clock    diag.Clock     // nil means the system's
	Version  string         // of the program, for the manifest
	Progress func(Progress) // called often, by one goroutine at a time; may be nil
}

// Progress is how far a copy is.
type Progress struct {
	Blobs    int   // scanned so far
	Bytes    int64 // scanned so far
	Records  int64 // found so far
	Payloads int   // payloads and attachments copied so far
	Named    int   // payloads and attachments that the records name
}

// ErrNothing means that everything could be read and holds no record of these installs. No file is made. Copy
// returns it inside a *diag.Error of kind NotFound that says what was searched.
var ErrNothing = errors.New("no record of these installs was found")

// Copy makes the file. A Manifest with Complete false is a copy that lacks something, not an error; an error
// means that there is no file. An existing file without Force is a *diag.Error of kind Conflict, options that
// cannot be meant are of kind Invalid.
func Copy(ctx context.Context, o Options) (*Manifest, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	out, err := create(o.File, o.Force, o.Clock.Now())
	if err != nil {
		return nil, err
	}
	defer out.discard()
	c := &copier{Options: o, out: out, manifest: newManifest(o), seen: newOnce(), known: knownTerms()}
	c.page.init()
	if err := c.run(ctx); err != nil {
		return nil, err
	}
	return c.manifest, out.publish()
}

func (o *Options) check() error {
	if len(o.Installs) == 0 {
		return diag.Errorf(diag.Invalid, "name at least one install id")
	}
	for _, id := range o.Installs {
		if id == "" {
			return diag.Errorf(diag.Invalid, "an install id is empty")
		}
	}
	if o.File == "" {
		return diag.Errorf(diag.Invalid, "name the file to make")
	}
	if !o.Since.IsZero() && !o.Until.IsZero() && o.Until.Before(o.Since) {
		return diag.Errorf(diag.Invalid, "the end of the time range lies before its start")
	}
	o.Workers = cmp.Or(o.Workers, 8)
	if o.Clock == nil {
		o.Clock = diag.SystemClock{}
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return nil
}

// recordsOnly: without payloads, page and manifest there is nothing to pack.
func recordsOnly(file string) bool { return strings.HasSuffix(strings.ToLower(file), ".jsonl") }

// inRange reports whether a minute is asked for.
func (o *Options) inRange(m diag.Minute) bool {
	label := m.Time()
	return (o.Since.IsZero() || !label.Before(o.Since.Truncate(time.Minute))) && (o.Until.IsZero() || !label.After(o.Until))
}

// copier is one run of Copy.
type copier struct {
	Options
	out      *output
	manifest *Manifest
	progress Progress
	seen     *once // payloads and attachments that the records name
	known    map[string]string
	tally    *tally
	page     page
}

func (c *copier) run(ctx context.Context) error {
	var err error
	if c.tally, err = newTally(c.out); err != nil {
		return err
	}
	records, err := c.newRecords()
	if err != nil {
		return err
	}
	if err := c.search(ctx, records); err != nil {
		return err
	}
	if err := records.close(c.manifest); err != nil {
		return err
	}
	if err := c.manifest.nothing(); err != nil {
		return err
	}
	if c.page.logs, err = c.tally.count(); err != nil {
		return err
	}
	c.manifest.Counts.MessageIDs = c.page.logs.ids
	if recordsOnly(c.File) {
		c.finish()
		return nil
	}
	if err := c.fetch(ctx); err != nil {
		return err
	}
	return c.pack()
}

func (c *copier) finish() {
	c.manifest.Finished = c.Clock.Now().UTC()
	c.manifest.Complete = c.manifest.allRead() && c.manifest.Counts.Missing == 0
}

// pack adds what tells of the copy: the page for people, the manifest for programs, which comes last because
// it names everything else.
func (c *copier) pack() error {
	c.finish()
	w, err := c.out.member("index.html")
	if err != nil {
		return err
	}
	if err := c.page.render(w, c.manifest, c.known); err != nil {
		return err
	}
	if err := w.close(c.manifest); err != nil {
		return err
	}
	return c.out.last("manifest.json", c.manifest)
}
