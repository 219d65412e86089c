package wire

import (
	"cmp"
	"slices"
	"strings"

	"lifeboat/internal/diag"
)

// Mach-O processor types and subtypes, as <mach/machine.h> numbers them. The high byte of a subtype holds
// capability bits.
const (
	cpuARM         = 12
	cpuARM64       = 12 | cpu64
	cpuARM64_32    = 12 | 0x0200_0000
	cpuX86         = 7
	cpuX86_64      = 7 | cpu64
	cpu64          = 0x0100_0000
	subtypeMask    = 0x00ff_ffff
	subtypeARM64e  = 2
	subtypeX86_64h = 8
)

// cpuName is the name of a Mach-O architecture, "" if it is unknown.
func cpuName(cpu, subtype int64) string {
	subtype &= subtypeMask
	switch cpu {
	case cpuARM64:
		if subtype == subtypeARM64e {
			return "arm64e"
		}
		return "arm64"
	case cpuARM64_32:
		return "arm64_32"
	case cpuARM:
		switch subtype {
		case 6:
			return "armv6"
		case 9:
			return "armv7"
		case 11:
			return "armv7s"
		case 12:
			return "armv7k"
		}
		return "arm"
	case cpuX86_64:
		if subtype == subtypeX86_64h {
			return "x86_64h"
		}
		return "x86_64"
	case cpuX86:
		return "i386"
	}
	return ""
}

var braces = strings.NewReplacer("{", "", "}", "")

// imageID normalises the id of a binary: a UUID becomes 32 hexadecimal digits in lower case, the GUID and age
// of a Windows PDB such digits, a dash and the age. Anything else, like Apple's "???", is no id.
func imageID(s string) string {
	s = strings.ToLower(braces.Replace(strings.TrimSpace(s)))
	age := ""
	if strings.Count(s, "-")%4 == 1 {
		i := strings.LastIndexByte(s, '-')
		s, age = s[:i], s[i:]
	}
	id, ok := diag.ParseID(s)
	if !ok || strings.Trim(age, "-0123456789abcdef") != "" || age == "-" {
		return ""
	}
	return strings.ReplaceAll(id.String(), "-", "") + age
}

// settleImages completes the list of images. Apple's SDK sends the address of an image's last byte, others the
// one behind it.
func (r *errorLog) settleImages(base diag.Platform) {
	for i := range r.Stack.Images {
		image := &r.Stack.Images[i]
		if image.Architecture == "" {
			image.Architecture = cpuName(image.CPUType, image.CPUSubtype)
		}
		if base == diag.PlatformIOS && image.End > image.Start {
			image.End++
		}
	}
}

// imageIndex finds the image that holds an address.
type imageIndex []diag.Image // sorted by Start

func newImageIndex(images []diag.Image) imageIndex {
	sorted := slices.Clone(images)
	slices.SortStableFunc(sorted, func(a, b diag.Image) int { return cmp.Compare(a.Start, b.Start) })
	return sorted
}

// pointerMasks take a pointer's signature off (arm64e): as it is, then with the bits of an iOS address, then
// of a macOS one.
var pointerMasks = [...]uint64{^uint64(0), 1<<39 - 1, 1<<47 - 1}

// locate sets a frame's image and offset if an image holds its address, or its address if the frame names an
// image and an offset. The address itself stays as the device sent it.
func (x imageIndex) locate(f *diag.Frame) {
	if f.Address == 0 {
		x.place(f)
		return
	}
	for _, mask := range pointerMasks {
		address := f.Address & mask
		n, exact := slices.BinarySearchFunc(x, address, func(i diag.Image, a uint64) int { return cmp.Compare(i.Start, a) })
		if !exact {
			n--
		}
		if n >= 0 && address < x[n].End {
			f.Image, f.Offset = x[n].Name, address-x[n].Start
			return
		}
	}
}

func (x imageIndex) place(f *diag.Frame) {
	if f.Image == "" || f.Offset == 0 {
		return
	}
	for _, image := range x {
		if image.Name == f.Image {
			f.Address = image.Start + f.Offset
			return
		}
	}
}
