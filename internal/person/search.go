package person

import (
	"context"
	"io"

	"golang.org/x/sync/errgroup"

	"lifeboat/internal/archive"
	"lifeboat/internal/blob"
)

// What one worker holds in memory.
const (
	bufferSize = 512 << 10 // records of one blob that wait while earlier blobs are still being read
	heldRecord = 512 << 10 // the largest record; a larger one goes through a temporary file
)

// job is one blob to scan. Blobs are scanned at the same time but written in the order of their names, so
// that two copies of one archive are alike: a worker writes only when before is closed, and closes after.
type job struct {
	info   blob.Info
	place  archive.Place
	before <-chan struct{}
	after  chan<- struct{}
}

// search scans every array of records in the source and hands what it finds to records.
func (c *copier) search(ctx context.Context, records *records) error {
	group, ctx := errgroup.WithContext(ctx)
	jobs := make(chan job)
	group.Go(func() error {
		defer close(jobs)
		return c.list(ctx, jobs)
	})
	installs := archive.NewInstalls(c.Installs...)
	for range c.Workers {
		group.Go(func() error {
			scanner := archive.NewScanner(installs)
			scanner.Hold(heldRecord)
			for j := range jobs {
				if err := c.scan(ctx, scanner, j, records); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// list makes the jobs. A listing that breaks off is an error if nothing came of it, else the copy is
// incomplete: what was found is handed over all the same.
func (c *copier) list(ctx context.Context, jobs chan<- job) error {
	before := make(chan struct{})
	close(before)
	some := false
	err := c.Source.List(ctx, "", "", func(info blob.Info) error {
		place, ok := archive.ParseArrayName(info.Name)
		if !ok || !c.inRange(place.Minute) {
			return nil
		}
		some = true
		after := make(chan struct{})
		select {
		case <-ctx.Done():
			return ctx.Err()
		case jobs <- job{info, place, before, after}:
		}
		before = after
		return nil
	})
	if err == nil || !some || ctx.Err() != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-before:
	}
	c.manifest.unreadable("", "the list of blobs broke off: "+reason(err))
	return nil
}

// scan reads one blob. That it cannot be read makes the copy incomplete and is no error; the error it
// returns is one of writing, or the end of ctx.
func (c *copier) scan(ctx context.Context, scanner *archive.Scanner, j job, records *records) error {
	waiting, size, turn := []found(nil), 0, false
	flush := func() error {
		if !turn {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-j.before:
			}
			turn = true
		}
		for _, f := range waiting {
			if err := c.keep(records, j, f); err != nil {
				return err
			}
		}
		clear(waiting)
		waiting, size = waiting[:0], 0
		return nil
	}
	var writing error
	stats, reading := c.read(ctx, scanner, j, func(f found) error {
		if f.large != nil && f.large.failed != nil {
			writing = f.large.failed
			return writing
		}
		waiting = append(waiting, f)
		if size += len(f.bytes) + 512; size > bufferSize {
			writing = flush()
		}
		return writing
	})
	if writing != nil {
		return writing
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := flush(); err != nil {
		return err
	}
	c.scanned(j, stats, reading)
	close(j.after)
	return nil
}

func (c *copier) read(ctx context.Context, scanner *archive.Scanner, j job, fn func(found) error) (archive.Stats, error) {
	r, info, err := c.Source.Get(ctx, j.info.Name, 0, -1)
	if err != nil {
		return archive.Stats{}, err
	}
	defer r.Close()
	return scanner.Scan(r, func(m *archive.Match) error {
		f := newFound(m)
		if m.Bytes == nil {
			if err := c.readLarge(ctx, info, &f); err != nil && f.large.failed == nil {
				return err
			}
		} else if !recordsOnly(c.File) {
			f.read(c.known)
		}
		return fn(f)
	})
}

// readLarge reads a record again, into a temporary file. It must still be the one that was scanned.
func (c *copier) readLarge(ctx context.Context, scanned blob.Info, f *found) error {
	f.large = &spooled{out: c.out}
	r, info, err := c.Source.Get(ctx, scanned.Name, f.offset, f.size)
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(f.large, r)
	if err == nil && (n != f.size || info.ETag != scanned.ETag) {
		err = &blob.Error{Op: "get", Name: scanned.Name, Cause: blob.Changed}
	}
	return err
}

// keep writes one record. The worker has its turn.
func (c *copier) keep(records *records, j job, f found) error {
	line, err := records.write(j.info.Name, f)
	if err != nil {
		return err
	}
	if f.large != nil {
		f.large.remove()
	}
	c.manifest.count(f)
	c.progress.Records++
	at := f.facts.time
	if at.IsZero() {
		at = plausible(j.place.Minute.Time())
	}
	if err := c.tally.add(f.id, at, classOf(f.kind)); err != nil {
		return err
	}
	if !recordsOnly(c.File) {
		entry := ""
		if f.pointer != "" {
			entry = c.seen.add(j.place, f)
		}
		c.page.add(shown{at: at, minute: j.place.Minute, line: line, entry: entry, found: f})
	}
	return nil
}

// scanned counts a blob that was read, wholly or not. The worker has its turn.
func (c *copier) scanned(j job, stats archive.Stats, err error) {
	c.manifest.scanned(j.info.Name, stats, err)
	c.progress.Blobs++
	c.progress.Bytes += stats.Bytes
	c.progress.Named = len(c.seen.order)
	c.Progress(c.progress)
}
