package identity

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"lifeboat/internal/diag"
)

// Windows files: PDB (https://llvm.org/docs/PDB/MsfFile.html), portable PDB
// (https://github.com/dotnet/runtime/blob/main/docs/design/specs/PortablePdb-Metadata.md) and PE
// (https://learn.microsoft.com/windows/win32/debug/pe-format). All numbers are little-endian.

const (
	pdbMagic   = "Microsoft C/C++ MSF 7.00\r\n\x1aDS\x00\x00\x00"
	noStream   = 0xffffffff
	infoStream = 1
	dbiStream  = 3
	maxStreams = 1 << 16
)

func isPDB(head []byte) bool { return bytes.HasPrefix(head, []byte(pdbMagic)) }

// msf reads the streams of a PDB, which lie in blocks all over the file.
type msf struct {
	view
	block     int64
	directory []uint32 // its blocks
	length    int64    // of the directory
}

func openMSF(v view) (*msf, error) {
	head, err := v.at(int64(len(pdbMagic)), 24)
	if err != nil {
		return nil, err
	}
	m := &msf{view: v, block: int64(binary.LittleEndian.Uint32(head)), length: int64(binary.LittleEndian.Uint32(head[12:]))}
	if m.block < 512 || m.block > 1<<16 || m.block&(m.block-1) != 0 || m.length > v.size {
		return nil, errors.New("its header is damaged")
	}
	blocks, err := v.at(int64(binary.LittleEndian.Uint32(head[20:]))*m.block, 4*((m.length+m.block-1)/m.block))
	if err != nil {
		return nil, err
	}
	m.directory = numbers(blocks)
	return m, nil
}

func numbers(b []byte) []uint32 {
	all := make([]uint32, len(b)/4)
	for i := range all {
		all[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return all
}

// read reads bytes that lie in a list of blocks.
func (m *msf) read(blocks []uint32, offset, n int64) ([]byte, error) {
	if n > maxPiece {
		return nil, errShort
	}
	b := make([]byte, 0, n)
	for n > 0 {
		i := offset / m.block
		if i >= int64(len(blocks)) {
			return nil, errShort
		}
		within := offset % m.block
		part, err := m.at(int64(blocks[i])*m.block+within, min(n, m.block-within))
		if err != nil {
			return nil, err
		}
		b = append(b, part...)
		offset, n = offset+int64(len(part)), n-int64(len(part))
	}
	return b, nil
}

// stream reads the beginning of a stream, nil if there is none.
func (m *msf) stream(number int, n int64) ([]byte, error) {
	head, err := m.read(m.directory, 0, 4)
	if err != nil {
		return nil, err
	}
	count := int64(binary.LittleEndian.Uint32(head))
	if count > maxStreams {
		return nil, fmt.Errorf("it has %d streams", count)
	}
	if int64(number) >= count {
		return nil, nil
	}
	sizes, err := m.read(m.directory, 4, 4*int64(number+1))
	if err != nil {
		return nil, err
	}
	at, size := 4+4*count, int64(0)
	for i, s := range numbers(sizes) {
		if size = int64(s); s == noStream {
			size = 0
		}
		if i < number {
			at += 4 * ((size + m.block - 1) / m.block)
		}
	}
	if size < n {
		return nil, nil
	}
	blocks, err := m.read(m.directory, at, 4*((n+m.block-1)/m.block))
	if err != nil {
		return nil, err
	}
	return m.read(numbers(blocks), 0, n)
}

// readPDB reads GUID and age. The age is that of the debug information, which programs record; the one of the
// info stream differs after incremental links.
func readPDB(w *walk, v view, name string) ([]diag.Symbol, error) {
	m, err := openMSF(v)
	if err != nil {
		return nil, err
	}
	info, err := m.stream(infoStream, 28)
	if err != nil {
		return nil, err
	}
	if info == nil {
		return nil, errNoID
	}
	age := binary.LittleEndian.Uint32(info[8:])
	dbi, err := m.stream(dbiStream, 64)
	if err != nil {
		return nil, err
	}
	if dbi != nil {
		age = binary.LittleEndian.Uint32(dbi[8:])
	}
	return windowsSymbol(guid(info[12:28]), age)
}

func windowsSymbol(id string, age uint32) ([]diag.Symbol, error) {
	if zeroID(id) {
		return nil, errNoID
	}
	return []diag.Symbol{{ID: fmt.Sprintf("%s-%d", id, age), Kind: diag.SymbolsUWP, Platform: "Windows"}}, nil
}

func isPortablePDB(head []byte) bool { return bytes.HasPrefix(head, []byte("BSJB")) }

const maxMetadataStreams = 64

func readPortablePDB(w *walk, v view, name string) ([]diag.Symbol, error) {
	head, err := v.head(4096)
	if err != nil || len(head) < 20 {
		return nil, errShort
	}
	length := int64(binary.LittleEndian.Uint32(head[12:]))
	if length > 256 || 16+length+4 > int64(len(head)) {
		return nil, errShort
	}
	streams := int(binary.LittleEndian.Uint16(head[16+length+2:]))
	at := 16 + length + 4
	for range min(streams, maxMetadataStreams) {
		if at+8 > int64(len(head)) {
			return nil, errShort
		}
		offset := int64(binary.LittleEndian.Uint32(head[at:]))
		end := bytes.IndexByte(head[at+8:], 0)
		if end < 0 {
			return nil, errShort
		}
		if string(head[at+8:at+8+int64(end)]) == "#Pdb" {
			id, err := v.at(offset, 20)
			if err != nil {
				return nil, err
			}
			s := diag.Symbol{ID: guid(id[:16]), Kind: diag.SymbolsUWP, Platform: "Windows"}
			if zeroID(s.ID) {
				return nil, errNoID
			}
			return []diag.Symbol{s}, nil
		}
		at += 8 + align(int64(end)+1)
	}
	return nil, errNoID
}

func isPE(head []byte) bool {
	if len(head) < 64 || head[0] != 'M' || head[1] != 'Z' {
		return false
	}
	at := int64(binary.LittleEndian.Uint32(head[60:]))
	return at+4 > int64(len(head)) || string(head[at:at+4]) == "PE\x00\x00"
}

// readPE reads what names a program: when it was linked, and its size in memory. The id of its PDB is not said to
// be there: a program has no symbols.
func readPE(w *walk, v view, name string) ([]diag.Symbol, error) {
	dos, err := v.at(0, 64)
	if err != nil {
		return nil, err
	}
	at := int64(binary.LittleEndian.Uint32(dos[60:]))
	head, err := v.at(at, 24+60)
	if err != nil {
		return nil, err
	}
	if string(head[:4]) != "PE\x00\x00" {
		return nil, errors.New("its header is damaged")
	}
	stamp, size := binary.LittleEndian.Uint32(head[8:]), binary.LittleEndian.Uint32(head[24+56:])
	if stamp == 0 && size == 0 {
		return nil, errNoID
	}
	machine := map[uint16]string{0x14c: "x86", 0x8664: "x86_64", 0x1c4: "arm", 0xaa64: "arm64"}[binary.LittleEndian.Uint16(head[4:])]
	return []diag.Symbol{{ID: fmt.Sprintf("%08x%x", stamp, size), Kind: diag.SymbolsUWP, Platform: "Windows", Architecture: machine}}, nil
}
