package diag

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// ID is a 16-byte identifier: a GUID that a device sent, or one that we made. Devices disagree about letter
// case and braces, so ids are compared as bytes, never as text.
type ID [16]byte

// ParseID reads a GUID with or without dashes and braces, in any letter case. Text around it may be blank.
func ParseID(s string) (ID, bool) {
	var id ID
	s = strings.TrimSpace(s)
	if len(s) >= 2 && s[0] == '{' && s[len(s)-1] == '}' {
		s = s[1 : len(s)-1]
	}
	n, high := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '-' {
			// Dashes stand only where the canonical form has them.
			if len(s) != 36 || (i != 8 && i != 13 && i != 18 && i != 23) {
				return ID{}, false
			}
			continue
		}
		v, ok := unhex(c)
		if !ok || n >= len(id) {
			return ID{}, false
		}
		if !high {
			id[n] = v << 4
		} else {
			id[n] |= v
			n++
		}
		high = !high
	}
	return id, n == len(id) && !high && (len(s) == 36 || len(s) == 32)
}

func unhex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// String is the canonical form: lower case with dashes.
func (id ID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], id[0:4])
	b[8] = '-'
	hex.Encode(b[9:13], id[4:6])
	b[13] = '-'
	hex.Encode(b[14:18], id[6:8])
	b[18] = '-'
	hex.Encode(b[19:23], id[8:10])
	b[23] = '-'
	hex.Encode(b[24:36], id[10:16])
	return string(b[:])
}

// IsZero reports whether the id is all zero, which stands for "none" everywhere but in install ids.
func (id ID) IsZero() bool { return id == ID{} }

// NewID makes a version 7 id: ordered by time, random below the millisecond.
func NewID(now time.Time) ID {
	var id ID
	rand.Read(id[:])
	ms := uint64(now.UnixMilli())
	var t [8]byte
	binary.BigEndian.PutUint64(t[:], ms)
	copy(id[0:6], t[2:8])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// RandomID makes a version 4 id, for secrets that must not tell when they were made.
func RandomID() ID {
	var id ID
	rand.Read(id[:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// DerivedID is the id of something that came without one: the first 16 bytes of SHA-256 over the parts, each
// preceded by its length, so that the same thing sent twice gets the same id.
func DerivedID(parts ...[]byte) ID {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	var id ID
	copy(id[:], h.Sum(nil))
	return id
}

// InstallID names one installation of an app on one device. A GUID stands in canonical lower-case form, so
// that Apple's upper-case spelling meets Android's; anything else is kept trimmed and compared exactly.
type InstallID string

// MaxInstallID is the longest install id kept, in bytes. Longer ones are cut.
const MaxInstallID = 128

// ParseInstallID brings an Install-ID header, or what a person typed, into the form that is compared.
func ParseInstallID(s string) InstallID {
	s = strings.TrimSpace(s)
	if id, ok := ParseID(s); ok {
		return InstallID(id.String())
	}
	if len(s) > MaxInstallID {
		s = strings.ToValidUTF8(s[:MaxInstallID], "")
	}
	return InstallID(s)
}

// Shards is the number of parts that keys are spread over; see ShardOf.
const Shards = 256

// ShardOf is the shard of an app: it stands first in every key and is the distribution column on a
// distributed engine.
func ShardOf(app ID) uint8 {
	sum := sha256.Sum256(app[:])
	return sum[0]
}

// HashInstall names an install without telling its id: a keyed hash, so that lists of blocked or erased
// installs are no lists of people.
func HashInstall(key [32]byte, app ID, install InstallID) (hash [16]byte) {
	mac := hmac.New(sha256.New, key[:])
	mac.Write(app[:])
	mac.Write([]byte(install))
	copy(hash[:], mac.Sum(nil))
	return hash
}

// HashLog names a log without telling its id: a keyed hash, so that lists of deleted logs tell nothing of who
// sent them.
func HashLog(key [32]byte, app int64, family Family, id ID) (hash [16]byte) {
	mac := hmac.New(sha256.New, key[:])
	var head [9]byte
	binary.LittleEndian.PutUint64(head[:], uint64(app))
	head[8] = byte(family)
	mac.Write(head[:])
	mac.Write(id[:])
	copy(hash[:], mac.Sum(nil))
	return hash
}
