package identity

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"

	"lifeboat/internal/diag"
)

// ELF files, as the System V ABI has them.
const (
	programNote  = 4
	sectionNote  = 7
	sectionEmpty = 8 // SHT_NOBITS
	noteBuildID  = 3 // of the owner GNU
	typeExec     = 2
	typeDyn      = 3
	maxNotes     = 1 << 20
	maxBuildID   = 64
	textPage     = 4096
)

func isELF(head []byte) bool { return bytes.HasPrefix(head, []byte("\x7fELF")) && len(head) > 5 }

// elf is the header of a file.
type elf struct {
	view
	order    binary.ByteOrder
	wide     bool
	kind     uint16
	machine  uint16
	programs table
	sections table
	names    uint16 // index of the section with the names
}

// table is where headers stand.
type table struct {
	offset int64
	size   int64 // of one
	n      int64
}

func (e *elf) word(b []byte) int64 {
	if e.wide {
		return int64(e.order.Uint64(b))
	}
	return int64(e.order.Uint32(b))
}

func readELF(w *walk, v view, name string) ([]diag.Symbol, error) {
	e, err := openELF(v)
	if err != nil {
		return nil, err
	}
	id, err := e.buildID()
	if err != nil {
		return nil, err
	}
	s := diag.Symbol{Kind: diag.SymbolsBreakpad, Architecture: machineName(e.machine)}
	if id == nil {
		if id, err = e.textID(); err != nil {
			return nil, err
		}
	} else {
		s.Alternates = []string{hex.EncodeToString(id)}
	}
	s.ID = e.debugID(id)
	if zeroID(s.ID) {
		return nil, errNoID
	}
	return []diag.Symbol{s}, nil
}

func openELF(v view) (*elf, error) {
	head, err := v.at(0, min(64, v.size))
	if err != nil || len(head) < 52 {
		return nil, errShort
	}
	e := &elf{view: v, wide: head[4] == 2, order: binary.LittleEndian}
	if head[5] == 2 {
		e.order = binary.BigEndian
	}
	e.kind, e.machine = e.order.Uint16(head[16:]), e.order.Uint16(head[18:])
	if e.kind != typeExec && e.kind != typeDyn {
		return nil, errors.New("it is neither a program nor a library")
	}
	counts := head[42:]
	if e.wide {
		if len(head) < 64 {
			return nil, errShort
		}
		counts = head[54:]
		e.programs.offset, e.sections.offset = e.word(head[32:]), e.word(head[40:])
	} else {
		e.programs.offset, e.sections.offset = e.word(head[28:]), e.word(head[32:])
	}
	e.programs.size, e.programs.n = int64(e.order.Uint16(counts)), int64(e.order.Uint16(counts[2:]))
	e.sections.size, e.sections.n = int64(e.order.Uint16(counts[4:])), int64(e.order.Uint16(counts[6:]))
	e.names = e.order.Uint16(counts[8:])
	return e, nil
}

// rows reads a table of headers that are at least so large.
func (e *elf) rows(t table, least int64) ([][]byte, error) {
	if t.n == 0 || t.size < least {
		return nil, nil
	}
	b, err := e.at(t.offset, t.size*t.n)
	if err != nil {
		return nil, err
	}
	all := make([][]byte, t.n)
	for i := range all {
		all[i] = b[int64(i)*t.size : int64(i+1)*t.size]
	}
	return all, nil
}

// buildID is the GNU build id, nil if there is none. Program headers name the note, and where those were left
// behind, sections do.
func (e *elf) buildID() ([]byte, error) {
	programs, err := e.rows(e.programs, e.pick(56, 32))
	if err != nil {
		return nil, err
	}
	for _, p := range programs {
		if e.order.Uint32(p) != programNote {
			continue
		}
		offset, size := e.word(p[4:]), e.word(p[16:])
		if e.wide {
			offset, size = e.word(p[8:]), e.word(p[32:])
		}
		if id := e.note(offset, size); id != nil {
			return id, nil
		}
	}
	sections, err := e.rows(e.sections, e.pick(64, 40))
	if err != nil {
		return nil, err
	}
	for _, s := range sections {
		if e.order.Uint32(s[4:]) != sectionNote {
			continue
		}
		offset, size := e.extent(s)
		if id := e.note(offset, size); id != nil {
			return id, nil
		}
	}
	return nil, nil
}

func (e *elf) pick(wide, narrow int64) int64 {
	if e.wide {
		return wide
	}
	return narrow
}

// extent is where a section lies in the file.
func (e *elf) extent(s []byte) (offset, size int64) {
	if e.wide {
		return e.word(s[24:]), e.word(s[32:])
	}
	return e.word(s[16:]), e.word(s[20:])
}

// note looks for the build id in a run of notes. What is damaged has none.
func (e *elf) note(offset, size int64) []byte {
	if size <= 0 || size > maxNotes {
		return nil
	}
	b, err := e.at(offset, size)
	if err != nil {
		return nil
	}
	for len(b) >= 12 {
		name, length, kind := int64(e.order.Uint32(b)), int64(e.order.Uint32(b[4:])), e.order.Uint32(b[8:])
		b = b[12:]
		body, end := align(name), align(name)+align(length)
		if end > int64(len(b)) {
			end = int64(len(b))
		}
		if body+length > int64(len(b)) {
			return nil
		}
		if kind == noteBuildID && name == 4 && string(b[:4]) == "GNU\x00" && length > 0 && length <= maxBuildID {
			return b[body : body+length]
		}
		b = b[end:]
	}
	return nil
}

func align(n int64) int64 { return (n + 3) &^ 3 }

// textID stands in for a build id: what Breakpad makes of the first page of the code.
func (e *elf) textID() ([]byte, error) {
	sections, err := e.rows(e.sections, e.pick(64, 40))
	if err != nil {
		return nil, err
	}
	if int(e.names) >= len(sections) {
		return nil, errNoID
	}
	offset, size := e.extent(sections[e.names])
	names, err := e.at(offset, size)
	if err != nil {
		return nil, err
	}
	for _, s := range sections {
		if at := e.order.Uint32(s); uint64(at) >= uint64(len(names)) || !bytes.HasPrefix(names[at:], []byte(".text\x00")) || e.order.Uint32(s[4:]) == sectionEmpty {
			continue
		}
		offset, size := e.extent(s)
		code, err := e.at(offset, min(size, textPage))
		if err != nil {
			return nil, err
		}
		id := make([]byte, 16)
		for i, c := range code {
			id[i%16] ^= c
		}
		return id, nil
	}
	return nil, errNoID
}

// debugID is Breakpad's form of a build id: its first 16 bytes as a GUID.
func (e *elf) debugID(build []byte) string {
	var b [16]byte
	copy(b[:], build)
	if e.order == binary.BigEndian {
		return diag.ID(b).Hex()
	}
	return guid(b[:])
}

func machineName(n uint16) string {
	return map[uint16]string{3: "x86", 8: "mips", 40: "arm", 62: "x86_64", 183: "arm64", 243: "riscv"}[n]
}
