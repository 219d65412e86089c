package journal

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"lifeboat/internal/diag"
)

// version is the segment format that is written. Older versions stay readable; a newer one is refused.
const version = 1

// embeddedLane is the only lane: replicas will have one per shard.
const embeddedLane = 0

const (
	segmentHeaderSize = 64
	trailerSize       = 72
	listed            = 12 // bytes of one frame in a footer's list
)

var (
	segmentMagic = [8]byte{'L', 'B', 'J', 'O', 'U', 'R', 'N', 'L'}
	trailerMagic = [8]byte{'L', 'B', 'F', 'O', 'O', 'T', 'E', 'R'}
)

// segmentHeader stands first in every segment.
//
//	0 magic  4 size  8 "LBJOURNL"  16 version (2)  18 class (1), generation (1)  20 lane (4)  24 number
//	32 day (4)  36 dictionary id (4)  40 dictionary hash  48 salt  56 checksum
//
// A header of any version ends in the checksum of what stands before it, so that a newer version is told
// from damage.
type segmentHeader struct {
	version  uint16
	class    Class
	lane     uint32
	gen      uint8
	number   int64
	day      int64
	dict     uint32
	dictHash uint64
	salt     uint64
}

func (h *segmentHeader) encode() []byte {
	b := make([]byte, segmentHeaderSize)
	le := binary.LittleEndian
	le.PutUint32(b, magicSegment)
	le.PutUint32(b[4:], segmentHeaderSize-skipSize)
	copy(b[8:], segmentMagic[:])
	le.PutUint16(b[16:], h.version)
	b[18], b[19] = byte(h.class), h.gen
	le.PutUint32(b[20:], h.lane)
	le.PutUint64(b[24:], uint64(h.number))
	le.PutUint32(b[32:], uint32(h.day))
	le.PutUint32(b[36:], h.dict)
	le.PutUint64(b[40:], h.dictHash)
	le.PutUint64(b[48:], h.salt)
	le.PutUint64(b[56:], xxhash.Sum64(b[:56]))
	return b
}

// maxSegmentHeader bounds the header of a version to come.
const maxSegmentHeader = 4096

// errNewer means that a segment was written by a later release.
type errNewer struct{ version uint16 }

func (e *errNewer) Error() string {
	return fmt.Sprintf("segment has format version %d, this release reads up to %d: start the release that wrote it, or a later one", e.version, version)
}

// parseSegmentHeader reads a header; b may hold more than it. ok is false for damage.
func parseSegmentHeader(b []byte) (h segmentHeader, ok bool, err error) {
	le := binary.LittleEndian
	if len(b) < segmentHeaderSize || le.Uint32(b) != magicSegment || [8]byte(b[8:16]) != segmentMagic {
		return h, false, nil
	}
	size := int64(le.Uint32(b[4:])) + skipSize
	if size < segmentHeaderSize || size > int64(len(b)) || xxhash.Sum64(b[:size-8]) != le.Uint64(b[size-8:]) {
		return h, false, nil
	}
	if v := le.Uint16(b[16:]); v > version {
		return h, false, &errNewer{v}
	}
	h = segmentHeader{
		version:  le.Uint16(b[16:]),
		class:    Class(b[18]),
		gen:      b[19],
		lane:     le.Uint32(b[20:]),
		number:   int64(le.Uint64(b[24:])),
		day:      int64(int32(le.Uint32(b[32:]))),
		dict:     le.Uint32(b[36:]),
		dictHash: le.Uint64(b[40:]),
		salt:     le.Uint64(b[48:]),
	}
	return h, size == segmentHeaderSize && h.version == version && h.class < classCount, nil
}

// extent is what is known of a segment's frames without reading them. Numbers and times rise inside a
// segment, and from one segment of a class to the next.
type extent struct {
	count               int // frames, blanked ones too
	first, last         uint64
	firstTime, lastTime diag.IngressTime
	end                 int64 // offset behind the last frame
}

func (e *extent) add(r *record, offset int64) {
	if e.count == 0 {
		e.first, e.firstTime = r.Number, r.Time
	}
	e.count++
	e.last, e.lastTime = r.Number, r.Time
	e.end = offset + r.length
}

// appendListed adds a frame to a footer's list: number and time since the first frame's, offset.
func (e *extent) appendListed(list []byte, r *record, offset int64) []byte {
	le := binary.LittleEndian
	list = le.AppendUint32(list, uint32(r.Number-e.first))
	list = le.AppendUint32(list, uint32(r.Time-e.firstTime))
	return le.AppendUint32(list, uint32(offset))
}

// place is one frame in a footer's list.
type place struct {
	number uint64
	time   diag.IngressTime
	offset int64
}

func (e *extent) parseListed(b []byte) place {
	le := binary.LittleEndian
	return place{
		number: e.first + uint64(le.Uint32(b)),
		time:   e.firstTime + diag.IngressTime(le.Uint32(b[4:])),
		offset: int64(le.Uint32(b[8:])),
	}
}

// footer makes the skippable frame that ends a sealed segment: the list of its frames, then a trailer of
// fixed length that is read from the end of the file.
//
//	0 "LBFOOTER"  8 first number  16 last number  24 first time  32 last time  40 count (4) and 4 zeros
//	48 offset of the footer  56 checksum of the list  64 checksum of the trailer, salted as a frame's
func (e *extent) footer(list []byte, salt uint64) []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, skipSize+len(list)+trailerSize)
	b = le.AppendUint32(b, magicFooter)
	b = le.AppendUint32(b, uint32(len(list)+trailerSize))
	b = append(b, list...)
	start := len(b)
	b = append(b, trailerMagic[:]...)
	b = le.AppendUint64(b, e.first)
	b = le.AppendUint64(b, e.last)
	b = le.AppendUint64(b, uint64(e.firstTime))
	b = le.AppendUint64(b, uint64(e.lastTime))
	b = le.AppendUint64(b, uint64(e.count))
	b = le.AppendUint64(b, uint64(e.end))
	b = le.AppendUint64(b, xxhash.Sum64(list))
	b = le.AppendUint64(b, salt)
	le.PutUint64(b[start+64:], xxhash.Sum64(b[start:]))
	return b
}

// parseTrailer reads the last bytes of a file of the given size. ok is false if the segment is not sealed.
func parseTrailer(b []byte, size int64, salt uint64) (e extent, listSum uint64, ok bool) {
	if len(b) != trailerSize || [8]byte(b[:8]) != trailerMagic || !checkSum(b, salt) {
		return e, 0, false
	}
	le := binary.LittleEndian
	e = extent{
		first:     le.Uint64(b[8:]),
		last:      le.Uint64(b[16:]),
		firstTime: diag.IngressTime(le.Uint64(b[24:])),
		lastTime:  diag.IngressTime(le.Uint64(b[32:])),
		count:     int(le.Uint32(b[40:])),
		end:       int64(le.Uint64(b[48:])),
	}
	fits := e.end >= segmentHeaderSize && e.end <= size && size-e.end == skipSize+int64(e.count)*listed+trailerSize
	inOrder := e.first <= e.last && e.firstTime <= e.lastTime && validTime(e.firstTime) && validTime(e.lastTime)
	return e, le.Uint64(b[56:]), fits && inOrder
}

// maxTime keeps ingress times inside what nanoseconds can hold.
const maxTime = 9_000_000_000_000

func validTime(t diag.IngressTime) bool { return t >= 0 && t <= maxTime }

// segmentState says how the frames of a segment are found.
type segmentState uint8

const (
	open   segmentState = iota // being written; its list is in memory
	sealed                     // its list is in its footer
	bare                       // neither: header or footer is damaged, so frames are found by reading
)

// segment is one file. What stands under "guarded" is protected by Journal.mu and published only when it is
// durable; the rest never changes.
type segment struct {
	class  Class
	number int64
	gen    uint8 // how often it was written anew
	day    int64
	salt   uint64
	path   string

	// guarded
	extent
	state   segmentState
	list    []byte // of an open segment
	listSum uint64 // of a sealed one
	blanks  uint64 // how often frames of it were blanked since Open

	trusted *atomic.Int32 // what reading the list of a sealed segment has shown; see Journal.places
}

func newSegment(c Class, number, day int64, gen uint8, dir string) *segment {
	s := &segment{class: c, number: number, day: day, gen: gen, trusted: new(atomic.Int32)}
	s.path = filepath.Join(dir, c.String(), segmentName(day, number, gen))
	s.end = segmentHeaderSize
	return s
}

// genShift is where the generation stands in an id. Numbers stay far below.
const genShift = 48

// id is what locators name: the generation above the number, so that a frame's place in the file before and
// the one in the file after are two.
func (s *segment) id() int64 { return s.number | int64(s.gen)<<genShift }

const segmentSuffix = ".seg"

func segmentName(day, number int64, gen uint8) string {
	date := time.Unix(day*24*60*60, 0).UTC().Format(time.DateOnly)
	if gen == 0 {
		return fmt.Sprintf("%s-%06d%s", date, number, segmentSuffix)
	}
	return fmt.Sprintf("%s-%06d.%d%s", date, number, gen, segmentSuffix)
}

// parseSegmentName reads day, number and generation from a file's name.
func parseSegmentName(name string) (day, number int64, gen uint8, ok bool) {
	text, ok := strings.CutSuffix(name, segmentSuffix)
	if text, again, is := strings.Cut(text, "."); ok && is {
		g, err := strconv.ParseUint(again, 10, 8)
		day, number, _, ok = parseSegmentName(text + segmentSuffix)
		gen = uint8(g)
		return day, number, gen, ok && err == nil && segmentName(day, number, gen) == name
	}
	if !ok || len(text) < len(time.DateOnly)+2 || text[len(time.DateOnly)] != '-' {
		return 0, 0, 0, false
	}
	date, err := time.Parse(time.DateOnly, text[:len(time.DateOnly)])
	if err != nil {
		return 0, 0, 0, false
	}
	number, err = strconv.ParseInt(text[len(time.DateOnly)+1:], 10, 64)
	day = date.Unix() / (24 * 60 * 60)
	return day, number, 0, err == nil && number > 0 && number < 1<<genShift && segmentName(day, number, 0) == name
}
