package identity_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/symbol/identity"
)

// scratch is a file of the test's.
type scratch struct{ *os.File }

func (s scratch) Close() error { return errors.Join(s.File.Close(), os.Remove(s.Name())) }

func options(t testing.TB) identity.Options {
	dir := t.TempDir()
	return identity.Options{Scratch: func() (identity.Scratch, error) {
		f, err := os.CreateTemp(dir, "")
		return scratch{f}, err
	}}
}

func identify(t testing.TB, data []byte, name string) identity.Result {
	t.Helper()
	found, err := identity.Identify(t.Context(), bytes.NewReader(data), int64(len(data)), name, options(t))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// brief says what was found, a line each.
func brief(r identity.Result) string {
	var b strings.Builder
	for _, s := range r.Symbols {
		fmt.Fprintf(&b, "%s %s %s", s.Kind, s.ID, s.Name)
		for _, extra := range []string{s.Platform, s.Architecture, s.Path} {
			if extra != "" {
				b.WriteString(" " + extra)
			}
		}
		if len(s.Alternates) > 0 {
			fmt.Fprintf(&b, " %v", s.Alternates)
		}
		b.WriteString("\n")
	}
	for _, p := range r.Problems {
		b.WriteString("! " + p + "\n")
	}
	return b.String()
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

// TestFormats: every format by its bytes, under a name that says nothing.
func TestFormats(t *testing.T) {
	t.Parallel()
	xor := make([]byte, 4100)
	xor[0], xor[16], xor[4097] = 0x11, 0x22, 0x44 // the last lies behind the first page
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"Mach-O":           {machO(uuid(0x0d), 0), "Apple " + appleOne + " x iOS arm64\n"},
		"big-endian":       {machO32Big(uuid(0x0d)), "Apple " + appleOne + " x\n"},
		"fat":              {fat(machO(uuid(0x0d), 0), machO(uuid(0x1d), 2)), "Apple " + appleOne + " x iOS arm64 [" + appleTwo + "]\nApple " + appleTwo + " x iOS arm64e [" + appleOne + "]\n"},
		"fat of 64 bits":   {fat64(machO(uuid(0x0d), 0)), "Apple " + appleOne + " x iOS arm64\n"},
		"fat with damage":  {fat([]byte("!<arch>\nnothing"), machO(uuid(0x1d), 0)), "Apple " + appleTwo + " x iOS arm64\n"},
		"ELF":              {elf64(buildID), "Breakpad " + elfID + " x arm64 [04ce4d7a71e736bf2197af990102030405060708]\n"},
		"ELF of sections":  {elf32([]byte("code"), buildID[:8]), "Breakpad 7a4dce04e771bf360000000000000000 x arm [04ce4d7a71e736bf]\n"},
		"ELF without id":   {elf32(xor, nil), "Breakpad 00000033000000000000000000000000 x arm\n"},
		"Breakpad":         {[]byte(breakpad), "Breakpad 5a9832e5287241c1838ed98914e9b7ff libshop.so arm64 [e532985a7228c141838ed98914e9b7ff12345678]\n"},
		"Breakpad of PDB":  {[]byte("MODULE windows x86 5A9832E5287241C1838ED98914E9B7FFa C:\\build\\shop.pdb"), "Breakpad 5a9832e5287241c1838ed98914e9b7ff shop.pdb Windows x86 [5a9832e5287241c1838ed98914e9b7ff-10]\n"},
		"PDB":              {pdb(7, 2), "UWP " + pdbID + "-2 x Windows\n"},
		"portable PDB":     {portablePDB(), "UWP " + pdbID + " x Windows\n"},
		"PE":               {pe(), "UWP 5ab380779000 x Windows x86_64\n"},
		"mapping":          {[]byte(mapping), "AndroidProguard " + hashOf(mapping) + " x Android [7f3e9c0 " + mapHash + "]\n"},
		"old mapping":      {[]byte(oldMap), "AndroidProguard " + hashOf(oldMap) + " x Android\n"},
		"source map":       {[]byte(sourceMap), "JavaScript " + appleOne + " main.jsbundle\n"},
		"plain source map": {[]byte(plainMap), "JavaScript " + hashOf(plainMap) + " x\n"},
		"indexed map":      {[]byte(indexedMap), "JavaScript " + hashOf(indexedMap) + " x\n"},

		"a Java class":     {append(be32(0xcafebabe, 61), make([]byte, 100)...), "! There is no symbol file in it"},
		"nothing":          {nil, "! There is no symbol file in it"},
		"random bytes":     {bytes.Repeat([]byte{7, 200, 13}, 5000), "! There is no symbol file in it"},
		"JSON":             {[]byte(`{"version":"3","mappings":"x"}`), "! There is no symbol file in it"},
		"half a map":       {[]byte(sourceMap[:len(sourceMap)-5]), "! the source map cannot be read"},
		"an object file":   {append([]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x3e\x00"), make([]byte, 60)...), "! the ELF file cannot be read: it is neither a program nor a library"},
		"no UUID":          {machO(make([]byte, 16), 0), "! the Mach-O file cannot be read: it has no id"},
		"half a Mach-O":    {machO(uuid(1), 0)[:40], "! the Mach-O file cannot be read: it ends too early"},
		"half a PDB":       {pdb(1, 1)[:2000], "! the PDB file cannot be read: it ends too early"},
		"a bad MODULE":     {[]byte("MODULE Linux arm64 zz libshop.so\n"), "! the Breakpad file cannot be read: it has no id"},
		"an empty archive": {archive(t), "! There is no symbol file in it"},
	} {
		if got := brief(identify(t, c.data, "x")); got != c.want && !(strings.HasPrefix(c.want, "! ") && strings.HasPrefix(got, c.want)) {
			t.Errorf("%s: found\n%swant\n%s", name, got, c.want)
		}
	}
}

// TestArchives: symbol files in any folder, several of a kind and of several kinds.
func TestArchives(t *testing.T) {
	t.Parallel()
	appx := archive(t, file("Shop.pdb", pdb(1, 1)))
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"dSYM bundles": {archive(t,
			file("Shop.app.dSYM/", nil), file("Shop.app.dSYM/Contents/Info.plist", []byte("<plist/>")),
			file("Shop.app.dSYM/Contents/Resources/DWARF/Shop", machO(uuid(0x0d), 0)),
			file("Cart.framework.dSYM/Contents/Resources/DWARF/Cart", fat(machO(uuid(0x1d), 0))),
			file("main.map", []byte(plainMap)), file("__MACOSX/Shop.app.dSYM/._Shop", machO(uuid(0x2d), 0)), file("._Cart", []byte("x")), file("sub/.DS_Store", []byte("x"))),
			"Apple " + appleOne + " Shop iOS arm64 Shop.app.dSYM/Contents/Resources/DWARF/Shop\nApple " + appleTwo + " Cart iOS arm64 Cart.framework.dSYM/Contents/Resources/DWARF/Cart\n" +
				"JavaScript " + hashOf(plainMap) + " main.map main.map\n"},
		"stored": {archive(t, member{"a/libshop.so", elf64(buildID), stored}), "Breakpad " + elfID + " libshop.so arm64 a/libshop.so [04ce4d7a71e736bf2197af990102030405060708]\n"},
		"appxupload": {archive(t, file("Shop.appxsym", appx), member{"Stored.appxsym", appx, stored}),
			"UWP " + pdbID + "-1 Shop.pdb Windows Shop.appxsym/Shop.pdb\nUWP " + pdbID + "-1 Shop.pdb Windows Stored.appxsym/Shop.pdb\n"},
		"one that is damaged": {archive(t, file("bad", machO(uuid(1), 0)[:40]), file("mapping.txt", []byte(oldMap))),
			"AndroidProguard " + hashOf(oldMap) + " mapping.txt Android mapping.txt\n! bad: the Mach-O file cannot be read: it ends too early\n"},
		"names that lead out": {archive(t, file("../../etc/passwd", []byte(oldMap)), file("/etc/passwd", []byte(oldMap)), file(`a\..\..\b`, []byte(oldMap)), file("C:/x", []byte(oldMap)), file("ok/..a/m.txt", []byte(oldMap))),
			"AndroidProguard " + hashOf(oldMap) + " m.txt Android ok/..a/m.txt\n! ../../etc/passwd: the name leads out of the archive\n! /etc/passwd: the name leads out of the archive\n" +
				"! a\\..\\..\\b: the name leads out of the archive\n! C:/x: the name leads out of the archive\n"},
		"links": {archive(t, member{"link", []byte("/etc/passwd"), func(h *zip.FileHeader) { h.SetMode(fs.ModeSymlink | 0o777) }}, member{"pipe", []byte("x"), func(h *zip.FileHeader) { h.SetMode(fs.ModeNamedPipe) }}),
			"! link: it is a link or a device, not a file\n! pipe: it is a link or a device, not a file\n"},
		"names of all bytes": {archive(t, file("a\x00\n\xff"+long(2000)+"/m.txt", []byte(oldMap))), "AndroidProguard " + hashOf(oldMap) + " m.txt Android a  \uFFFDx"},
	} {
		got := brief(identify(t, c.data, "upload.zip"))
		if got != c.want && !(name == "names of all bytes" && strings.HasPrefix(got, c.want) && len(got) < 500) {
			t.Errorf("%s: found\n%swant\n%s", name, got, c.want)
		}
	}
}

// TestHostileArchives: what costs too much is refused as a whole, in words.
func TestHostileArchives(t *testing.T) {
	t.Parallel()
	deep := []byte(oldMap)
	for range 5 {
		deep = archive(t, file("deeper.zip", deep))
	}
	if got := brief(identify(t, deep, "x")); !strings.Contains(got, "archives lie too deep in each other") {
		t.Errorf("found %s", got)
	}
	few := options(t)
	few.MaxInflated = 40 << 20
	for name, c := range map[string]struct {
		data []byte
		o    identity.Options
		want string
	}{
		"a bomb":               {bomb(t, 300<<20), options(t), "so much out of so few bytes"},
		"larger than all":      {bomb(t, 41<<20), few, "too large when it is unpacked"},
		"too many files":       {many(t, 20_001), options(t), "too many files"},
		"a huge directory":     {many(t, 200_000), options(t), "too many files"},
		"too many symbols":     {archive(t, file("a", []byte(oldMap)), file("b", []byte(oldMap)), file("c", []byte(oldMap))), identity.Options{Scratch: few.Scratch, MaxSymbols: 2}, "too many symbol files"},
		"the same bytes often": {overlapping(t), few, "too large when it is unpacked"},
	} {
		_, err := identity.Identify(t.Context(), bytes.NewReader(c.data), int64(len(c.data)), "x", c.o)
		if err == nil || diag.KindOf(err) != diag.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	var all []member
	for i := range 150 {
		all = append(all, file(fmt.Sprint(i), []byte("MODULE x")))
	}
	if r := identify(t, archive(t, all...), "x"); len(r.Problems) != 101 || r.Problems[100] != "and 50 more" {
		t.Errorf("%d problems, the last %q", len(r.Problems), r.Problems[len(r.Problems)-1])
	}
}

// overlapping is an archive whose directory names the same mapping many times.
func overlapping(t testing.TB) []byte {
	one := archive(t, member{"m", append([]byte(oldMap), bytes.Repeat([]byte("    void run() -> a\r\n"), 50_000)...), stored})
	end := bytes.LastIndex(one, []byte("PK\x05\x06"))
	start := bytes.Index(one, []byte("PK\x01\x02"))
	entry := one[start:end]
	out := bytes.Clone(one[:start])
	const n = 100
	for range n {
		out = append(out, entry...)
	}
	tail := bytes.Clone(one[end:])
	tail[8], tail[10] = n, n
	copy(tail[12:], le32(uint32(n*len(entry))))
	return append(out, tail...)
}

var errDisk = errors.New("the disk is gone")

// breaking is a disk that fails behind its first bytes.
type breaking struct{ data []byte }

func (b breaking) ReadAt(p []byte, at int64) (int, error) {
	if at > 100 {
		return 0, errDisk
	}
	return bytes.NewReader(b.data).ReadAt(p, at)
}

// TestDisk: a disk that fails is not a fault of the file.
func TestDisk(t *testing.T) {
	t.Parallel()
	data := fat(machO(uuid(1), 0))
	if _, err := identity.Identify(t.Context(), breaking{data}, int64(len(data)), "x", options(t)); !errors.Is(err, errDisk) {
		t.Errorf("%v", err)
	}
	nested := archive(t, file("a.zip", archive(t, file("m", []byte(oldMap)))))
	o := identity.Options{Scratch: func() (identity.Scratch, error) { return fullDisk{}, nil }}
	if _, err := identity.Identify(t.Context(), bytes.NewReader(nested), int64(len(nested)), "x", o); !errors.Is(err, errDisk) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	zipped := archive(t, file("m", []byte(oldMap)))
	if _, err := identity.Identify(ctx, bytes.NewReader(zipped), int64(len(zipped)), "x", options(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error)         { return 0, errDisk }
func (fullDisk) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }
func (fullDisk) Close() error                      { return nil }

// TestEveryPrefix: files that end anywhere, and with any byte changed, are read or refused.
func TestEveryPrefix(t *testing.T) {
	t.Parallel()
	for name, data := range seeds(t) {
		for n := 0; n < len(data); n += 1 + len(data)/400 {
			identify(t, data[:n], name)
			changed := bytes.Clone(data)
			changed[n] ^= 0xff
			identify(t, changed, name)
		}
	}
}

func seeds(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"Mach-O": machO(uuid(1), 0), "fat": fat(machO(uuid(1), 0))[:4200], "fat64": fat64(machO(uuid(1), 0)), "ELF": elf64(buildID), "ELF 32": elf32([]byte("code"), nil), "Breakpad": []byte(breakpad), "PDB": pdb(1, 2),
		"portable": portablePDB(), "PE": pe(), "mapping": []byte(mapping), "map": []byte(sourceMap), "zip": archive(t, file("a", pe()), file("b.zip", archive(t, file("m", []byte(oldMap))))),
	}
}

func FuzzIdentify(f *testing.F) {
	for _, data := range seeds(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o := options(t)
		o.MaxInflated = 64 << 20
		found, err := identity.Identify(t.Context(), bytes.NewReader(data), int64(len(data)), "x", o)
		if err != nil && diag.KindOf(err) != diag.Invalid {
			t.Fatalf("%v", err)
		}
		for _, s := range found.Symbols {
			if id, ok := diag.ParseSymbolID(s.ID); !ok || id != s.ID || s.Kind == "" || len(s.Path) > 400 || len(s.Name) > 400 {
				t.Fatalf("%+v", s)
			}
		}
	})
}
