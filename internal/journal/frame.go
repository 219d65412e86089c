package journal

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"lifeboat/internal/diag"
)

// Class is a kind of segment. Classes are kept for different times, so each has its own files.
type Class uint8

// The classes.
const (
	Events Class = iota
	Reports
	Attachments
	classCount
)

var classNames = [classCount]string{"events", "reports", "attachments"}

// String is the name of the class's folder.
func (c Class) String() string { return classNames[c] }

// FrameKind says what a frame holds. The numbers are stored: never renumber.
type FrameKind uint8

// The kinds of frame.
const (
	Logs       FrameKind = iota + 1 // all logs of a request that are neither error nor attachment
	Error                           // one error
	Attachment                      // one attachment
	Derived                         // what symbolication made of one error
)

// Class is where frames of the kind are kept.
func (k FrameKind) Class() Class {
	switch k {
	case Error, Derived:
		return Reports
	case Attachment:
		return Attachments
	}
	return Events
}

func (k FrameKind) valid() bool { return k >= Logs && k <= Derived }

// Frame is what a caller appends. The payload is not kept after Append has returned.
type Frame struct {
	Kind    FrameKind
	App     int64   // diag.App.Num
	Log     diag.ID // id of the log, zero for Logs
	Install diag.InstallID
	Payload []byte // at most MaxPayload bytes
}

// Header is what a frame says in clear.
type Header struct {
	Number  uint64
	Time    diag.IngressTime
	Kind    FrameKind
	App     int64
	Log     diag.ID
	Install uint64 // Journal.HashInstall of the install id
}

// Receipt tells what a commit made of a request: frame i has number First+i, all have the same time.
type Receipt struct {
	First uint64
	Time  diag.IngressTime
}

// MaxPayload is the largest payload of one frame, in bytes. A request of ingestion is smaller when inflated.
const MaxPayload = 64 << 20

// maxStored is the largest zstd frame that a payload of MaxPayload can become.
const maxStored = MaxPayload + MaxPayload>>8 + 64

// Skippable frames: RFC 8878, section 3.1.2 leaves 16 magic numbers to users. skipSize is the length of the
// magic number and of the size that follows it.
const (
	magicSegment = 0x184D2A50 + iota
	magicFrame
	magicBlank
	magicFooter

	skipSize = 8
)

const (
	headerSize = 80 // of a frame's header
	blankSize  = 32 // of the part of a blanked frame that is not zero
)

// record is a frame's header with what only the journal needs of it.
type record struct {
	Header
	stored  int    // bytes of the zstd frame
	raw     int    // bytes of the payload
	sum     uint64 // xxhash of the zstd frame
	blanked bool
	length  int64 // of header and zstd frame
}

// put writes the header of a frame.
//
//	0 magic  4 size  8 number  16 time  24 app (4)  28 kind (1) and 3 zeros  32 log id (16)  48 install
//	56 stored (4)  60 raw (4)  64 checksum of the zstd frame  72 checksum of the header
//
// The checksum covers the segment's salt in its own place. The salt is secret, so that no payload can hold
// bytes that would pass for a frame when a reader looks for the next whole one behind damage.
func (r *record) put(b []byte, salt uint64) {
	b = b[:headerSize]
	le := binary.LittleEndian
	le.PutUint32(b, magicFrame)
	le.PutUint32(b[4:], headerSize-skipSize)
	le.PutUint64(b[8:], r.Number)
	le.PutUint64(b[16:], uint64(r.Time))
	le.PutUint32(b[24:], uint32(r.App))
	le.PutUint32(b[28:], uint32(r.Kind))
	copy(b[32:48], r.Log[:])
	le.PutUint64(b[48:], r.Install)
	le.PutUint32(b[56:], uint32(r.stored))
	le.PutUint32(b[60:], uint32(r.raw))
	le.PutUint64(b[64:], r.sum)
	le.PutUint64(b[72:], salt)
	le.PutUint64(b[72:], xxhash.Sum64(b))
}

// parseFrame reads the header of a frame. Every length it returns is within bounds.
func parseFrame(b []byte, salt uint64) (record, bool) {
	le := binary.LittleEndian
	if len(b) < headerSize || le.Uint32(b) != magicFrame || le.Uint32(b[4:]) != headerSize-skipSize {
		return record{}, false
	}
	if !checkSum(b[:headerSize], salt) {
		return record{}, false
	}
	r := record{
		Header: Header{
			Number:  le.Uint64(b[8:]),
			Time:    diag.IngressTime(le.Uint64(b[16:])),
			Kind:    FrameKind(b[28]),
			App:     int64(le.Uint32(b[24:])),
			Log:     diag.ID(b[32:48]),
			Install: le.Uint64(b[48:]),
		},
		stored: int(le.Uint32(b[56:])),
		raw:    int(le.Uint32(b[60:])),
		sum:    le.Uint64(b[64:]),
	}
	r.length = headerSize + int64(r.stored)
	return r, r.Kind.valid() && validTime(r.Time) && r.stored <= maxStored && r.raw <= MaxPayload
}

// putBlank writes what stays of a blanked frame: where it ends, its number and its time, so that numbers go
// on rising also when the last frame of the journal is blanked. The rest of the frame is zeros.
func putBlank(b []byte, r *record, salt uint64) {
	b = b[:blankSize]
	le := binary.LittleEndian
	le.PutUint32(b, magicBlank)
	le.PutUint32(b[4:], uint32(r.length-skipSize))
	le.PutUint64(b[8:], r.Number)
	le.PutUint64(b[16:], uint64(r.Time))
	le.PutUint64(b[24:], salt)
	le.PutUint64(b[24:], xxhash.Sum64(b))
}

func parseBlank(b []byte, salt uint64) (record, bool) {
	le := binary.LittleEndian
	if len(b) < blankSize || le.Uint32(b) != magicBlank || !checkSum(b[:blankSize], salt) {
		return record{}, false
	}
	r := record{blanked: true, length: skipSize + int64(le.Uint32(b[4:]))}
	r.Number = le.Uint64(b[8:])
	r.Time = diag.IngressTime(le.Uint64(b[16:]))
	return r, validTime(r.Time) && r.length >= headerSize && r.length <= headerSize+maxStored
}

// parseRecord reads the header of a frame, blanked or not.
func parseRecord(b []byte, salt uint64) (record, bool) {
	if len(b) >= 4 && binary.LittleEndian.Uint32(b) == magicBlank {
		return parseBlank(b, salt)
	}
	return parseFrame(b, salt)
}

// checkSum compares the checksum in the last 8 bytes of b, which was taken with the salt in its place.
func checkSum(b []byte, salt uint64) bool {
	var salted [headerSize]byte
	n := copy(salted[:], b) - 8
	binary.LittleEndian.PutUint64(salted[n:], salt)
	return xxhash.Sum64(salted[:n+8]) == binary.LittleEndian.Uint64(b[n:])
}

// Entry is a frame that was read.
type Entry struct {
	Header
	Locator diag.Locator // Member is 0

	raw    int
	stored []byte
	codec  *codec
}

// Size is the length of the payload in bytes.
func (e *Entry) Size() int { return e.raw }

// Payload appends the payload to dst. The bytes were checked when the entry was read, so an error means that
// the frame was written damaged.
func (e *Entry) Payload(dst []byte) ([]byte, error) { return e.codec.decode(dst, e.stored, e.raw) }

// Stored is how many bytes the frame takes in its segment.
func (e *Entry) Stored() int { return headerSize + len(e.stored) }
