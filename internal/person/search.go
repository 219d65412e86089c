package person

import (
	"context"

	"golang.org/x/sync/errgroup"

	"lifeboat/internal/archive"
	"lifeboat/internal/blob"
)

// bufferSize is how much of one blob's records waits in memory while earlier blobs are still being read.
const bufferSize = 1 << 20

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
	c.manifest.Source.Unreadable = append(c.manifest.Source.Unreadable, Problem{"", "the list of blobs broke off: " + reason(err)})
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
	stats, reading := c.read(ctx, scanner, j, func(m *archive.Match) error {
		waiting = append(waiting, newFound(m))
		if size += len(m.Bytes); size > bufferSize {
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

func (c *copier) read(ctx context.Context, scanner *archive.Scanner, j job, fn func(*archive.Match) error) (archive.Stats, error) {
	r, _, err := c.Source.Get(ctx, j.info.Name, 0, -1)
	if err != nil {
		return archive.Stats{}, err
	}
	defer r.Close()
	return scanner.Scan(r, fn)
}

// keep writes one record. The worker has its turn.
func (c *copier) keep(records *records, j job, f found) error {
	line, err := records.write(j.info.Name, f)
	if err != nil {
		return err
	}
	c.manifest.count(f)
	c.progress.Records++
	if err := c.ids.add(f.id); err != nil {
		return err
	}
	if !recordsOnly(c.File) {
		entry := ""
		if f.pointer != "" {
			entry = c.seen.add(f)
		}
		c.page.add(j.place, j.info.Name, line, entry, f)
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
