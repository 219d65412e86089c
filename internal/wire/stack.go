package wire

import (
	"math"

	"github.com/go-json-experiment/json/jsontext"

	"lifeboat/internal/diag"
)

// exception reads an exception and its causes. Its Platform is the one that its wrapper's name claims, "" if
// none made it; settle decides.
func (d *decoder) exception(level int) *diag.Exception {
	if d.kind() != jsontext.KindBeginObject || !d.limit.exception(level) {
		d.skip()
		return nil
	}
	e := new(diag.Exception)
	for name := range d.members() {
		switch name {
		case "type":
			e.Type = d.text()
		case "message":
			e.Message = d.text()
		case "stackTrace":
			e.Text = d.text()
		case "frames":
			e.Frames = d.frames()
		case "innerExceptions":
			e.Inner = d.inner(level + 1)
		case "wrapperSdkName":
			e.Platform = wrapperPlatform(d.text())
		default:
			d.skip()
		}
	}
	return e
}

func (d *decoder) inner(level int) []diag.Exception {
	var list []diag.Exception
	for range d.elements() {
		if e := d.exception(level); e != nil {
			list = append(list, *e)
		}
	}
	return list
}

func (d *decoder) frames() []diag.Frame {
	var list []diag.Frame
	for range d.elements() {
		if !d.limit.frame(len(list)) {
			d.skip()
			continue
		}
		if f := d.frame(); f != (diag.Frame{}) {
			list = append(list, f)
		}
	}
	return list
}

func (d *decoder) frame() diag.Frame {
	var f diag.Frame
	for name := range d.members() {
		switch name {
		case "className":
			f.Class = d.text()
		case "methodName":
			f.Method = d.text()
		case "fileName":
			f.File = d.text()
		case "lineNumber":
			f.Line, f.Native = d.line()
		case "address":
			f.Address = d.address()
		case "code":
			f.Code = d.text()
		default:
			d.skip()
		}
	}
	return f
}

// line reads a line number: Java says -1 for unknown and -2 for a native method.
func (d *decoder) line() (line int, native bool) {
	n, _ := d.integer()
	if n < 0 || n > math.MaxInt32 {
		return 0, n == -2
	}
	return int(n), false
}

func (d *decoder) threads() []diag.Thread {
	var list []diag.Thread
	for range d.elements() {
		if !d.limit.room(len(list) < maxThreads, cutThreads) {
			d.skip()
			continue
		}
		list = append(list, d.thread())
	}
	return list
}

func (d *decoder) thread() diag.Thread {
	var t diag.Thread
	for name := range d.members() {
		switch name {
		case "id":
			t.ID, _ = d.integer()
		case "name":
			t.Name = d.text()
		case "frames":
			t.Frames = d.frames()
		case "exception":
			t.Exception = d.exception(1)
		default:
			d.skip()
		}
	}
	return t
}

func (d *decoder) images() []diag.Image {
	var list []diag.Image
	for range d.elements() {
		if !d.limit.room(len(list) < maxImages, cutImages) {
			d.skip()
			continue
		}
		list = append(list, d.image())
	}
	return list
}

func (d *decoder) image() diag.Image {
	var i diag.Image
	for name := range d.members() {
		switch name {
		case "id":
			i.ID = imageID(d.text())
		case "name":
			i.Name = d.text()
		case "path":
			i.Path = d.text()
		case "startAddress":
			i.Start = d.address()
		case "endAddress":
			i.End = d.address()
		case "architecture":
			i.Architecture = d.text()
		case "primaryArchitectureId":
			i.CPUType, _ = d.integer()
		case "architectureVariantId":
			i.CPUSubtype, _ = d.integer()
		default:
			d.skip()
		}
	}
	return i
}
