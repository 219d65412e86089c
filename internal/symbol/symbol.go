// Package symbol turns addresses and obfuscated names into what the programmer wrote.
//
// No format is built in yet: a Stage says of every report whether symbols are needed and which images lack
// them, so that reports wait with their state known. Formats will stand in packages below this one.
package symbol

import (
	"context"
	"maps"
	"slices"
	"strings"

	"lifeboat/internal/diag"
)

// Result is what symbolication made of one report.
type Result struct {
	State   diag.SymbolicationState
	Missing []string // ids of images whose symbols are missing, sorted, each once
	Names   []string // of those images, in the same order
}

// Stage symbolicates reports. The zero Stage knows no symbols.
type Stage struct{}

// maxMissing bounds how many image ids one report can ask for.
const maxMissing = 64

// Apply replaces the frames of r that it has symbols for and says what is missing. The frames must be marked
// as code of the app or of the system: a system's own images are not asked for. Applying it twice changes
// nothing more.
func (Stage) Apply(_ context.Context, r *diag.Report) (Result, error) {
	n := need{images: imageIDs(r.Stack.Images)}
	if e := r.Stack.Exception; e != nil {
		n.exception(e)
	}
	for i := range r.Stack.Threads {
		t := &r.Stack.Threads[i]
		n.frames(t.Frames)
		if t.Exception != nil {
			n.exception(t.Exception)
		}
	}
	if !n.needed {
		return Result{State: diag.SymbolsNotNeeded}, nil
	}
	ids := slices.Sorted(maps.Keys(n.missing))
	found := Result{State: diag.SymbolsMissing, Missing: ids[:min(len(ids), maxMissing)]}
	for _, id := range found.Missing {
		found.Names = append(found.Names, n.missing[id])
	}
	return found, nil
}

func imageIDs(images []diag.Image) map[string]string {
	ids := make(map[string]string, len(images))
	for i := range images {
		ids[images[i].Name] = images[i].ID
	}
	return ids
}

// need collects what a stack lacks.
type need struct {
	images  map[string]string // name to id
	needed  bool
	missing map[string]string // id to name
}

func (n *need) exception(e *diag.Exception) {
	if e.Type == "minidump" && len(e.Frames) == 0 {
		n.needed = true // the dump, which comes as an attachment, names the images
	}
	n.frames(e.Frames)
	for i := range e.Inner {
		n.exception(&e.Inner[i])
	}
}

func (n *need) frames(frames []diag.Frame) {
	for i := range frames {
		f := &frames[i]
		switch {
		case !f.AppCode:
		case f.Address != 0 && f.Method == "" && f.Symbol == "":
			n.ask(n.images[f.Image], f.Image)
		case f.Language == diag.LanguageJavaScript && bundled(f.File):
			n.ask("", "")
		case strings.HasPrefix(f.File, mapIDPrefix):
			n.ask(strings.TrimPrefix(f.File, mapIDPrefix), mapName)
		}
	}
}

// ask notes that symbols are needed, and of which image if its id can be one.
func (n *need) ask(id, name string) {
	n.needed = true
	if id, ok := diag.ParseSymbolID(id); ok {
		if n.missing == nil {
			n.missing = map[string]string{}
		}
		if old, known := n.missing[id]; !known || name < old { // of several names always the same
			n.missing[id] = name
		}
	}
}

// mapIDPrefix is how R8 writes the id of the mapping that belongs to a build in place of the source file
// (https://r8.googlesource.com/r8, option -renamesourcefileattribute).
const mapIDPrefix = "r8-map-id-"

// mapName is what mappings are called where their files are made.
const mapName = "mapping.txt"

// bundled reports whether a JavaScript file is what Metro makes of many: lines in it say nothing.
func bundled(file string) bool {
	return strings.HasSuffix(file, ".bundle") || strings.HasSuffix(file, ".jsbundle") || strings.HasSuffix(file, ".hbc")
}
