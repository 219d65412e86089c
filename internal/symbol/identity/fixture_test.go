package identity_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"
)

// Symbol files made by hand, as small as they can be.

func le32(n ...uint32) (b []byte) {
	for _, v := range n {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func be32(n ...uint32) (b []byte) {
	for _, v := range n {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// uuid is a GUID that begins with a byte.
func uuid(first byte) []byte {
	return []byte{first, 0xe5, 0x1b, 0xc6, 0x37, 0xf3, 0x3d, 0x2f, 0xa3, 0xb1, 0x3a, 0x6b, 0x6a, 0x6b, 0x6a, 0x6b}
}

const (
	appleOne = "0de51bc637f33d2fa3b13a6b6a6b6a6b"
	appleTwo = "1de51bc637f33d2fa3b13a6b6a6b6a6b"
)

// machO is a 64-bit file with a UUID that runs on iOS.
func machO(id []byte, subtype uint32) []byte {
	build := le32(0x32, 24, 2, 0x0e0000, 0x110000, 0)
	loads := append(append(le32(0x1b, 24), id...), build...)
	return append(append(le32(0xfeedfacf, 0x0100000c, subtype, 10, 2, uint32(len(loads)), 0, 0), loads...), make([]byte, 64)...)
}

// machO32Big is one as PowerPC wrote them: big-endian, 32 bits.
func machO32Big(id []byte) []byte {
	loads := append(be32(0x1b, 24), id...)
	return append(be32(0xfeedface, 18, 0, 10, 1, uint32(len(loads)), 0), loads...)
}

func fat(slices ...[]byte) []byte {
	head, at := be32(0xcafebabe, uint32(len(slices))), 4096
	var body []byte
	for _, s := range slices {
		head = append(head, be32(0x0100000c, 0, uint32(at+len(body)), uint32(len(s)), 12)...)
		body = append(body, s...)
	}
	return append(append(head, make([]byte, at-len(head))...), body...)
}

func fat64(slices ...[]byte) []byte {
	head, at := be32(0xcafebabf, uint32(len(slices))), 4096
	var body []byte
	for _, s := range slices {
		head = append(head, be32(0x0100000c, 0, 0, uint32(at+len(body)), 0, uint32(len(s)), 12, 0)...)
		body = append(body, s...)
	}
	return append(append(head, make([]byte, at-len(head))...), body...)
}

var buildID = []byte{0x04, 0xce, 0x4d, 0x7a, 0x71, 0xe7, 0x36, 0xbf, 0x21, 0x97, 0xaf, 0x99, 1, 2, 3, 4, 5, 6, 7, 8}

const elfID = "7a4dce04e771bf362197af9901020304"

func note(id []byte) []byte {
	return append(append(le32(4, uint32(len(id)), 3), "GNU\x00"...), id...)
}

// elf64 is a library for arm64 whose program header names a note.
func elf64(id []byte) []byte {
	n := note(id)
	b := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 9)...)
	b = append(b, 3, 0, 183, 0)
	b = append(b, le32(1, 0, 0, 64, 0, 0, 0, 0)...)
	b = append(b, 64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0)
	b = append(b[:52], append(make([]byte, 0), b[52:]...)...)
	b = append(b, make([]byte, 64-len(b))...)
	binary.LittleEndian.PutUint16(b[54:], 56)
	binary.LittleEndian.PutUint16(b[56:], 1)
	binary.LittleEndian.PutUint64(b[32:], 64)
	ph := make([]byte, 56)
	binary.LittleEndian.PutUint32(ph, 4)
	binary.LittleEndian.PutUint64(ph[8:], 120)
	binary.LittleEndian.PutUint64(ph[32:], uint64(len(n)))
	return append(append(b, ph...), n...)
}

// elf32 is a library for arm whose sections alone are left: the code without a build id, or a note.
func elf32(code []byte, id []byte) []byte {
	names := []byte("\x00.text\x00.note\x00.shstrtab\x00")
	n := []byte{}
	if id != nil {
		n = note(id)
	}
	b := append([]byte("\x7fELF\x01\x01\x01"), make([]byte, 45)...)
	binary.LittleEndian.PutUint16(b[16:], 3)
	binary.LittleEndian.PutUint16(b[18:], 40)
	codeAt, noteAt := len(b), len(b)+len(code)
	namesAt := noteAt + len(n)
	b = append(append(append(b, code...), n...), names...)
	binary.LittleEndian.PutUint32(b[32:], uint32(len(b)))
	binary.LittleEndian.PutUint16(b[46:], 40)
	binary.LittleEndian.PutUint16(b[48:], 4)
	binary.LittleEndian.PutUint16(b[50:], 3)
	section := func(name, kind uint32, at, size int) []byte {
		return le32(name, kind, 0, 0, uint32(at), uint32(size), 0, 0, 0, 0)
	}
	b = append(b, make([]byte, 40)...)
	b = append(b, section(1, 1, codeAt, len(code))...)
	b = append(b, section(7, 7, noteAt, len(n))...)
	return append(b, section(13, 3, namesAt, len(names))...)
}

const breakpad = "MODULE Linux arm64 5A9832E5287241C1838ED98914E9B7FF0 libshop.so\r\nINFO CODE_ID E532985A7228C141838ED98914E9B7FF12345678\nFILE 0 a.c\nFUNC 1000 10 0 main\n"

// pdb is a file of blocks of 512 bytes: header, free maps, directory map, directory, info, debug information.
func pdb(infoAge, dbiAge uint32) []byte {
	const block = 512
	b := make([]byte, 8*block)
	copy(b, "Microsoft C/C++ MSF 7.00\r\n\x1aDS\x00\x00\x00")
	directory := le32(4, 0, 28, 0xffffffff, 64, 6, 7)
	copy(b[32:], le32(block, 1, 8, uint32(len(directory)), 0, 3))
	copy(b[3*block:], le32(4))
	copy(b[4*block:], directory)
	copy(b[6*block:], append(le32(20000404, 1, infoAge), uuid(0x0d)...))
	copy(b[7*block:], le32(0xffffffff, 19990903, dbiAge))
	return b
}

const pdbID = "c61be50df3372f3da3b13a6b6a6b6a6b"

func portablePDB() []byte {
	b := append([]byte("BSJB"), le32(0x10001, 0, 12)...)
	b = append(b, "PDB v1.0\x00\x00\x00\x00"...)
	b = append(b, 0, 0, 2, 0)
	b = append(append(b, le32(0, 0)...), "#~\x00\x00"...)
	b = append(append(b, le32(64, 32)...), "#Pdb\x00\x00\x00\x00"...)
	b = append(b, make([]byte, 64-len(b))...)
	return append(append(b, uuid(0x0d)...), make([]byte, 16)...)
}

func pe() []byte {
	b := make([]byte, 512)
	copy(b, "MZ")
	binary.LittleEndian.PutUint32(b[60:], 128)
	copy(b[128:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(b[132:], 0x8664)
	binary.LittleEndian.PutUint32(b[136:], 0x5ab38077)
	binary.LittleEndian.PutUint32(b[128+24+56:], 0x9000)
	return b
}

const (
	mapHash = "7f3e9c0a7f3e9c0a7f3e9c0a7f3e9c0a7f3e9c0a7f3e9c0a7f3e9c0a7f3e9c0a"
	mapping = "# compiler: R8\n# pg_map_id: 7f3e9c0\n# pg_map_hash: SHA-256 " + mapHash + "\ncom.example.Main -> a.a:\n    1:1:void run():10:10 -> a\n"
	oldMap  = "com.example.Main -> a.a:\r\n    void run() -> a\r\n"

	sourceMap  = `{"version":3,"file":"main.jsbundle","debugId":"0de51bc6-37f3-3d2f-a3b1-3a6b6a6b6a6b","sources":["a.js"],"sourcesContent":["{\"version\":2}"],"mappings":"AAAA"}`
	plainMap   = "\xef\xbb\xbf)]}'\n {\"mappings\":\"\", \"names\":[{\"debugId\":\"x\"}], \"version\" : 3}"
	indexedMap = `{"version":3,"sections":[{"offset":{"line":0,"column":0},"map":{"version":3,"mappings":""}}]}`
)

// member is a file of an archive.
type member struct {
	name string
	data []byte
	how  func(*zip.FileHeader)
}

func file(name string, data []byte) member { return member{name: name, data: data} }

func stored(h *zip.FileHeader) { h.Method = zip.Store }

func archive(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		if m.how != nil {
			m.how(h)
		}
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write(m.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bomb is an archive with one file of so many zeros.
func bomb(t testing.TB, size int64) []byte {
	t.Helper()
	var packed bytes.Buffer
	f, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	sum, zeros := crc32.NewIEEE(), make([]byte, 1<<20)
	copy(zeros, "a.b -> c:\n")
	for left := size; left > 0; left -= int64(len(zeros)) {
		f.Write(zeros)
		sum.Write(zeros)
		clear(zeros)
	}
	f.Close()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	raw, err := w.CreateRaw(&zip.FileHeader{
		Name: "mapping.txt", Method: zip.Deflate, CRC32: sum.Sum32(), CompressedSize64: uint64(packed.Len()), UncompressedSize64: uint64(size),
	})
	if err != nil {
		t.Fatal(err)
	}
	raw.Write(packed.Bytes())
	w.Close()
	return b.Bytes()
}

// many is an archive with so many empty files.
func many(t testing.TB, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for range n {
		if _, err := w.CreateRaw(&zip.FileHeader{Name: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	return b.Bytes()
}

func long(n int) string { return strings.Repeat("x", n) }
