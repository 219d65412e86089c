package journal

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"lifeboat/internal/diag"
)

// Register is what the journal must remember outside of itself. Every change is durable on return.
type Register interface {
	// Floor is the time that the last CloseUpTo closed, 0 if there was none.
	Floor(ctx context.Context) (diag.IngressTime, error)
	// RaiseFloor remembers t unless a later time is remembered.
	RaiseFloor(ctx context.Context, t diag.IngressTime) error
	// BlankIntents lists what Blank began and did not finish.
	BlankIntents(ctx context.Context) ([]diag.Locator, error)
	// PutBlankIntent and DropBlankIntent take all locators together, or none.
	PutBlankIntent(ctx context.Context, l ...diag.Locator) error
	DropBlankIntent(ctx context.Context, l ...diag.Locator) error
}

// Options of Open. Dir, Clock, Register and HashKey must be set.
type Options struct {
	Dir      string // made if missing
	FS       FS     // nil: the operating system's
	Clock    diag.Clock
	Register Register
	HashKey  [32]byte // of install hashes; the same as long as the journal lives
	Log      *slog.Logger
	OnFatal  func(error) // called once, on its own goroutine, when the files are in doubt: the process must stop

	MaxCommit   int   // bytes of one commit; 0: 8 MiB
	SegmentSize int64 // bytes at which a segment is sealed; 0: 64 MiB
}

const (
	defaultMaxCommit   = 8 << 20
	defaultSegmentSize = 64 << 20
	maxSegmentSize     = 1 << 30 // offsets in a footer have 32 bits
)

func (o *Options) setDefaults() {
	if o.FS == nil {
		o.FS = OS{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OnFatal == nil {
		o.OnFatal = func(error) {}
	}
	if o.MaxCommit <= 0 {
		o.MaxCommit = defaultMaxCommit
	}
	if o.SegmentSize <= 0 {
		o.SegmentSize = defaultSegmentSize
	}
	o.SegmentSize = min(o.SegmentSize, maxSegmentSize)
}

// ErrClosed is returned for reading after Close.
var ErrClosed = errors.New("journal: closed")

// Journal is an open journal. All methods may be called at any time by any number of goroutines.
type Journal struct {
	o     Options
	codec *codec
	clock stamper

	pool pool

	// commit is held by whoever writes segments or moves the floor, for the whole of a commit.
	commit  sync.Mutex
	next    uint64 // number of the next frame
	nextSeg int64
	writers [classCount]writer

	mu       sync.RWMutex // guards what readers see
	segments [classCount][]*segment
	bySeg    map[int64]*segment // by id
	old      []*segment         // older generations that locators may still name; in bySeg too
	horizon  uint64
	floor    diag.IngressTime
	changed  chan struct{} // closed when the horizon rises or the journal stops; nil if nobody waits

	// blank is held for reading while frames are read, for writing while some are blanked and while files are
	// put in the place of others.
	blank   sync.RWMutex
	blanks  atomic.Uint64 // how often that happened: followers drop what they have read ahead
	compact sync.Mutex    // held while a segment is written anew
	damage  damage
	counts  counts
	closed  atomic.Bool
}

// Horizon is the last number of the last whole commit, 0 if there is none.
func (j *Journal) Horizon() uint64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.horizon
}

// WaitBeyond returns when the horizon is above n, with ctx's error, or with an error when nothing will ever
// be committed again.
func (j *Journal) WaitBeyond(ctx context.Context, n uint64) error {
	for {
		j.mu.Lock()
		if j.horizon > n {
			j.mu.Unlock()
			return nil
		}
		if j.changed == nil {
			j.changed = make(chan struct{})
		}
		changed := j.changed
		j.mu.Unlock()
		if err := j.pool.refusal(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// wake lets all WaitBeyond look again. j.mu must be held.
func (j *Journal) wake() {
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

// Now is the journal's clock: the wall clock, but never behind the last stamp.
func (j *Journal) Now() diag.IngressTime { return j.clock.now() }

// Skew is how far the journal's clock is ahead of the wall clock: more than zero after the wall clock was
// set back. Export labels are ahead by as much.
func (j *Journal) Skew() time.Duration { return j.clock.skew() }

// HashInstall is the keyed hash that frame headers hold in place of the install id.
func (j *Journal) HashInstall(i diag.InstallID) uint64 {
	return j.keyed("install", []byte(i))
}

// saltOf is the salt of a segment. It follows from key and number, so that a segment with a damaged header
// can still be read; it stands in the header too, so that the journal can be read without the key.
func (j *Journal) saltOf(c Class, number int64) uint64 {
	var b [9]byte
	binary.LittleEndian.PutUint64(b[:], uint64(number))
	b[8] = byte(c)
	return j.keyed("segment", b[:])
}

// keyed is a hash that only the holder of the key can compute. SHA-256 over key and text would let others
// extend the text, were its result not cut.
func (j *Journal) keyed(purpose string, text []byte) uint64 {
	var room [256]byte
	b := append(room[:0], j.o.HashKey[:]...)
	b = append(b, purpose...)
	b = append(b, 0)
	sum := sha256.Sum256(append(b, text...))
	return binary.LittleEndian.Uint64(sum[:])
}

// Stats is what the journal knows of itself.
type Stats struct {
	Segments int   // files
	Frames   int64 // in them, blanked ones too
	Bytes    int64 // of them

	Damaged      int64 // places found damaged since Open
	DamagedBytes int64
	TornBytes    int64 // cut behind the last whole frame by Open

	Appended int64 // frames since Open
	Commits  int64
	Syncs    int64 // of files and folders
	Blanked  int64

	Compacted int64 // segments written anew since Open
	Dropped   int64 // segments removed whole since Open
	Freed     int64 // bytes of files that were removed since Open
}

type counts struct {
	torn, appended, commits, syncs, blanked, compacted, dropped, freed atomic.Int64
}

// Stats counts.
func (j *Journal) Stats() Stats {
	s := Stats{
		TornBytes: j.counts.torn.Load(), Appended: j.counts.appended.Load(), Commits: j.counts.commits.Load(),
		Syncs: j.counts.syncs.Load(), Blanked: j.counts.blanked.Load(),
		Compacted: j.counts.compacted.Load(), Dropped: j.counts.dropped.Load(), Freed: j.counts.freed.Load(),
	}
	s.Damaged, s.DamagedBytes = j.damage.totals()
	j.mu.RLock()
	defer j.mu.RUnlock()
	for _, list := range j.segments {
		s.Segments += len(list)
		for _, g := range list {
			s.Frames += int64(g.count)
			s.Bytes += g.size()
		}
	}
	return s
}

// size of the file. Journal.mu must be held.
func (s *segment) size() int64 {
	if s.state == sealed {
		return s.end + skipSize + int64(s.count)*listed + trailerSize
	}
	return s.end
}

// Close waits for the commits in flight and refuses new requests. The open segments stay unsealed: the next
// Open goes on with them.
func (j *Journal) Close() error {
	if !j.closed.CompareAndSwap(false, true) {
		return nil
	}
	j.pool.shut()
	j.commit.Lock()
	defer j.commit.Unlock()
	var errs []error
	for c := range j.writers {
		errs = append(errs, j.writers[c].close())
	}
	j.mu.Lock()
	j.wake()
	j.mu.Unlock()
	j.codec.close()
	return errors.Join(errs...)
}

// sync makes a file durable and counts it.
func (j *Journal) sync(f File) error {
	j.counts.syncs.Add(1)
	return f.Sync()
}

func (j *Journal) classDir(c Class) string { return filepath.Join(j.o.Dir, c.String()) }
