package archive

import "lifeboat/internal/diag"

// Installs is a set of install ids to look for. It does not change and may be shared.
type Installs struct {
	ids map[diag.InstallID]struct{}
	// starts holds the first two bytes, letter case folded, of every id: nearly all other ids are told apart
	// by them without being parsed.
	starts [1 << 16 / 64]uint64
}

// NewInstalls makes a set. The ids are as diag.ParseInstallID gives them.
func NewInstalls(ids ...diag.InstallID) *Installs {
	s := &Installs{ids: make(map[diag.InstallID]struct{}, len(ids))}
	for _, id := range ids {
		s.ids[id] = struct{}{}
		if len(id) >= 2 {
			k := startOf(id[0], id[1])
			s.starts[k>>6] |= 1 << (k & 63)
		}
	}
	return s
}

func startOf(a, b byte) uint16 { return uint16(a|0x20)<<8 | uint16(b|0x20) }

// find looks up an id as it is written in JSON, with its quotes.
func (s *Installs) find(value []byte) (diag.InstallID, bool) {
	if len(value) >= 4 && plain(value[1]) && plain(value[2]) {
		if k := startOf(value[1], value[2]); s.starts[k>>6]&(1<<(k&63)) == 0 {
			return "", false
		}
	}
	id := diag.ParseInstallID(Text(value))
	_, ok := s.ids[id]
	return id, ok
}

// plain bytes stand for themselves, but for letter case, at the start of every spelling of an id; white space
// and braces may stand around it, and the rest may begin an escape or a longer character.
func plain(x byte) bool { return x > ' ' && x < 0x7f && x != '\\' && x != '{' && x != '}' }
