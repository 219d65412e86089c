package wire

import (
	"strings"

	"lifeboat/internal/diag"
)

// framesOfText reads the frames out of an exception's text, those of its cause not among them. Lines that are
// no frames are passed over.
func framesOfText(e *diag.Exception, l *limit) []diag.Frame {
	text, _, _ := cutCause(withoutHeader(e))
	for _, read := range frameReaders(e.Platform) {
		var list []diag.Frame
		for line := range strings.Lines(text) {
			f, ok := read(line)
			if !ok {
				continue
			}
			if !l.frame(len(list)) {
				break
			}
			list = append(list, f)
		}
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

// frameReaders are what may read a line of a platform's text, most likely first.
func frameReaders(p diag.Platform) []func(string) (diag.Frame, bool) {
	switch p {
	case diag.PlatformIOS:
		return []func(string) (diag.Frame, bool){appleFrame}
	case diag.PlatformReactNative:
		return []func(string) (diag.Frame, bool){jsFrame}
	case diag.PlatformOther:
		return []func(string) (diag.Frame, bool){managedFrame, jsFrame, appleFrame}
	}
	return []func(string) (diag.Frame, bool){managedFrame}
}

// withoutHeader is the text without the type and message that JavaScript puts before the frames: a message may
// look like a frame.
func withoutHeader(e *diag.Exception) string {
	text := strings.TrimPrefix(e.Text, e.Type)
	text = strings.TrimPrefix(text, ": ")
	return strings.TrimPrefix(text, e.Message)
}

// causeOfText is the cause that an exception's text tells of, nil if it tells of none. Its Text is the rest.
func causeOfText(e *diag.Exception) *diag.Exception {
	_, text, ok := cutCause(withoutHeader(e))
	if !ok {
		return nil
	}
	header, _, _ := strings.Cut(text, "\n")
	header, _, _ = strings.Cut(header, arrow)
	class, message, _ := strings.Cut(strings.TrimSpace(header), ": ")
	return &diag.Exception{Type: class, Message: message, Text: text}
}

const (
	causedBy = "Caused by: "                                // Java, before the cause
	arrow    = "---> "                                      // .NET, before the cause
	innerEnd = "--- End of inner exception stack trace ---" // .NET, between the cause's frames and the outer ones
)

// cutCause splits the text of an exception that was printed with its cause. Java prints the cause behind the
// frames, .NET between the message and the frames.
func cutCause(text string) (own, cause string, ok bool) {
	if own, cause, ok = strings.Cut(text, "\n"+causedBy); ok {
		return own, cause, true
	}
	end := strings.LastIndex(text, innerEnd)
	if end < 0 {
		return text, "", false
	}
	before, cause, ok := strings.Cut(text[:end], arrow)
	if !ok {
		return text, "", false
	}
	return before + text[end+len(innerEnd):], cause, true
}

// combine makes one list of the frames that an SDK listed and those that its text shows. The list decides,
// unless the text shows more frames; for handled errors of Apple's SDK the text always decides, because the
// SDK cut the list out of it in a way that loses frames. Where both agree on a frame, the text adds what the
// list does not say.
func combine(p diag.Platform, listed, shown []diag.Frame) []diag.Frame {
	switch {
	case p == diag.PlatformIOS && len(shown) > 0:
		return shown
	case p == diag.PlatformIOS:
		for i := range listed {
			unmangle(&listed[i])
		}
		return listed
	case len(shown) > len(listed):
		return shown
	case len(shown) < len(listed):
		return listed
	}
	for i := range listed {
		if listed[i].Method == shown[i].Method {
			fill(&listed[i], &shown[i])
		}
	}
	return listed
}

// fill adds to f what only other knows.
func fill(f, other *diag.Frame) {
	if other.File != "" && (f.File == "" || f.Line == 0) {
		f.File, f.Line = other.File, other.Line
	}
	if f.Params == "" {
		f.Params = other.Params
	}
	if f.Code == "" {
		f.Code = other.Code
	}
	if f.Address == 0 {
		f.Address = other.Address
	}
	if f.Image == "" && other.Image != "" {
		f.Image, f.Offset, f.Symbol = other.Image, other.Offset, other.Symbol
	}
}
