package identity

import (
	"encoding/binary"
	"errors"
	"fmt"

	"lifeboat/internal/diag"
)

// Mach-O files, as <mach-o/loader.h> and <mach-o/fat.h> have them.
const (
	machO32    = 0xfeedface
	machO64    = 0xfeedfacf
	fat32      = 0xcafebabe
	fat64      = 0xcafebabf
	maxSlices  = 44 // a Java class begins with the number of a fat file, and its version is greater
	maxLoads   = 4 << 20
	loadUUID   = 0x1b
	loadBuild  = 0x32
	loadMacOS  = 0x24
	loadIOS    = 0x25
	loadTVOS   = 0x2f
	loadWatch  = 0x30
	cpu64      = 0x0100_0000
	cpu64On32  = 0x0200_0000
	subtypeAll = 0x00ff_ffff
)

// order is how a Mach-O file writes its numbers, nil if it is none.
func machOrder(head []byte) (order binary.ByteOrder, wide bool) {
	if len(head) < 4 {
		return nil, false
	}
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch o.Uint32(head) {
		case machO32:
			return o, false
		case machO64:
			return o, true
		}
	}
	return nil, false
}

func isMachO(head []byte) bool {
	order, _ := machOrder(head)
	return order != nil
}

func isFat(head []byte) bool {
	if len(head) < 8 {
		return false
	}
	magic, n := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
	return (magic == fat32 || magic == fat64) && n > 0 && n <= maxSlices
}

func readMachO(w *walk, v view, name string) ([]diag.Symbol, error) {
	s, err := slice(v)
	return []diag.Symbol{s}, err
}

// readFat reads every architecture. One that is damaged does not hide the others.
func readFat(w *walk, v view, name string) ([]diag.Symbol, error) {
	head, err := v.at(0, 8)
	if err != nil {
		return nil, err
	}
	entry := int64(20)
	if binary.BigEndian.Uint32(head) == fat64 {
		entry = 32
	}
	table, err := v.at(8, entry*int64(binary.BigEndian.Uint32(head[4:])))
	if err != nil {
		return nil, err
	}
	var all []diag.Symbol
	var failed error
	for ; len(table) > 0; table = table[entry:] {
		offset, size := uint64(binary.BigEndian.Uint32(table[8:])), uint64(binary.BigEndian.Uint32(table[12:]))
		if entry == 32 {
			offset, size = binary.BigEndian.Uint64(table[8:]), binary.BigEndian.Uint64(table[16:])
		}
		s, err := fatSlice(v, offset, size)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, failed
	}
	return alternate(all), nil
}

func fatSlice(v view, offset, size uint64) (diag.Symbol, error) {
	if offset > uint64(v.size) || size > uint64(v.size) {
		return diag.Symbol{}, errShort
	}
	part, err := v.part(int64(offset), int64(size))
	if err != nil {
		return diag.Symbol{}, err
	}
	return slice(part)
}

// slice reads one architecture: its UUID and what it runs on stand among the load commands.
func slice(v view) (s diag.Symbol, err error) {
	head, err := v.at(0, 28)
	if err != nil {
		return s, err
	}
	order, wide := machOrder(head)
	if order == nil {
		return s, errors.New("an architecture in it is no Mach-O file")
	}
	start := int64(28)
	if wide {
		start = 32
	}
	size := int64(order.Uint32(head[20:]))
	if size > maxLoads {
		return s, fmt.Errorf("its load commands take %d bytes", size)
	}
	loads, err := v.at(start, size)
	if err != nil {
		return s, err
	}
	s.Kind, s.Architecture = diag.SymbolsApple, cpuName(order.Uint32(head[4:]), order.Uint32(head[8:]))
	for n := order.Uint32(head[16:]); n > 0 && len(loads) >= 8; n-- {
		length := order.Uint32(loads[4:])
		if length < 8 || uint64(length) > uint64(len(loads)) {
			break
		}
		meetLoad(&s, order, loads[:length])
		loads = loads[length:]
	}
	if s.ID == "" || zeroID(s.ID) {
		return s, errNoID
	}
	return s, nil
}

func meetLoad(s *diag.Symbol, order binary.ByteOrder, load []byte) {
	switch command := order.Uint32(load); {
	case command == loadUUID && len(load) >= 24:
		s.ID = diag.ID(load[8:24]).Hex()
	case command == loadBuild && len(load) >= 12:
		s.Platform = applePlatform(order.Uint32(load[8:]))
	case command == loadMacOS:
		s.Platform = "macOS"
	case command == loadIOS:
		s.Platform = "iOS"
	case command == loadTVOS:
		s.Platform = "tvOS"
	case command == loadWatch:
		s.Platform = "watchOS"
	}
}

func applePlatform(n uint32) string {
	switch n {
	case 1, 6: // with Mac Catalyst
		return "macOS"
	case 2, 7: // with the simulators
		return "iOS"
	case 3, 8:
		return "tvOS"
	case 4, 9:
		return "watchOS"
	case 11, 12:
		return "visionOS"
	}
	return ""
}

// cpuName is the name of an architecture as <mach/machine.h> numbers it.
func cpuName(cpu, subtype uint32) string {
	subtype &= subtypeAll
	switch cpu {
	case 12 | cpu64:
		if subtype == 2 {
			return "arm64e"
		}
		return "arm64"
	case 12 | cpu64On32:
		return "arm64_32"
	case 12:
		return map[uint32]string{6: "armv6", 9: "armv7", 11: "armv7s", 12: "armv7k"}[subtype]
	case 7 | cpu64:
		if subtype == 8 {
			return "x86_64h"
		}
		return "x86_64"
	case 7:
		return "i386"
	}
	return ""
}
