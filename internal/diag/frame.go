package diag

import (
	"encoding/binary"
	"errors"
)

// Locator says where a log lies in the journal. Locators live only in the index: compaction rewrites them.
type Locator struct {
	Segment int64 // number of the segment, never reused
	Offset  int64 // of the frame's header in the segment
	Member  int   // of the log in a frame of several
}

// Envelope is what one journal frame holds: logs of one install, of one request.
type Envelope struct {
	Install     InstallID
	Correlation ID       // correlationId of the ingestion answer
	Received    int64    // Unix milliseconds on the server's wall clock: stands in for a missing timestamp
	Logs        [][]byte // raw JSON of each member
}

// envelopeVersion stands first in every encoded envelope.
const envelopeVersion = 1

// ErrEnvelope means that a frame's payload is not an envelope of a known version.
var ErrEnvelope = errors.New("diag: not a journal envelope")

// Append encodes the envelope behind dst: version byte, correlation id, receive time, then install and logs,
// each preceded by its length as uvarint.
func (e *Envelope) Append(dst []byte) []byte {
	dst = append(dst, envelopeVersion)
	dst = append(dst, e.Correlation[:]...)
	dst = binary.AppendVarint(dst, e.Received)
	dst = binary.AppendUvarint(dst, uint64(len(e.Install)))
	dst = append(dst, e.Install...)
	dst = binary.AppendUvarint(dst, uint64(len(e.Logs)))
	for _, l := range e.Logs {
		dst = binary.AppendUvarint(dst, uint64(len(l)))
		dst = append(dst, l...)
	}
	return dst
}

// ParseEnvelope decodes an envelope. Its logs are slices of b.
func ParseEnvelope(b []byte) (Envelope, error) {
	var e Envelope
	if len(b) < 17 || b[0] != envelopeVersion {
		return e, ErrEnvelope
	}
	copy(e.Correlation[:], b[1:17])
	b = b[17:]
	received, n := binary.Varint(b)
	if n <= 0 {
		return e, ErrEnvelope
	}
	e.Received, b = received, b[n:]
	next := func() []byte {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			b = nil
			return nil
		}
		part := b[n : n+int(size) : n+int(size)]
		b = b[n+int(size):]
		return part
	}
	install := next()
	if install == nil {
		return e, ErrEnvelope
	}
	e.Install = InstallID(install)
	count, n := binary.Uvarint(b)
	if n <= 0 || count > uint64(len(b)) {
		return e, ErrEnvelope
	}
	b = b[n:]
	e.Logs = make([][]byte, 0, count)
	for range count {
		l := next()
		if l == nil {
			return e, ErrEnvelope
		}
		e.Logs = append(e.Logs, l)
	}
	if len(b) != 0 {
		return e, ErrEnvelope
	}
	return e, nil
}
