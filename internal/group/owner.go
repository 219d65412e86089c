package group

import (
	"strings"

	"lifeboat/internal/diag"
)

// owners tells the code of the app from that of the system.
type owners struct {
	own    []string // name prefixes of the app's code, stronger than the tables
	bundle string   // Apple: folder of the app's bundle, "" if unknown
	images map[string]bool
	listed []diag.Image
	apple  bool
}

func newOwners(r *diag.Report, prefixes []string) *owners {
	o := &owners{listed: r.Stack.Images, apple: onApple(r)}
	for _, p := range prefixes {
		if p = strings.TrimRight(strings.TrimSpace(p), "*"); p != "" {
			o.own = append(o.own, p)
		}
	}
	if strings.Contains(r.Device.AppNamespace, ".") {
		o.own = append(o.own, r.Device.AppNamespace)
	}
	if end := strings.Index(r.ApplicationPath, ".app/"); end >= 0 {
		o.bundle = plainPath(r.ApplicationPath[:end+len(".app/")])
	}
	return o
}

// onApple reports whether the process ran on an Apple system, whatever its outermost exception is made of.
func onApple(r *diag.Report) bool {
	if r.Kind == diag.KindAppleError || r.Stack.Platform == diag.PlatformIOS {
		return true
	}
	return len(r.Stack.Threads) > 0 && r.Stack.Threads[0].Platform == diag.PlatformIOS
}

// mark sets AppCode and Relevant of every frame.
func (o *owners) mark(r *diag.Report) {
	if r.Stack.Exception != nil {
		o.markException(r.Stack.Exception)
	}
	for i := range r.Stack.Threads {
		t := &r.Stack.Threads[i]
		o.markFrames(t.Frames)
		if t.Exception != nil {
			o.markException(t.Exception)
		}
	}
}

func (o *owners) markException(e *diag.Exception) {
	o.markFrames(e.Frames)
	for i := range e.Inner {
		o.markException(&e.Inner[i])
	}
}

// markFrames keeps visible what people of the app wrote, and the innermost frame, where it happened.
func (o *owners) markFrames(frames []diag.Frame) {
	for i := range frames {
		f := &frames[i]
		f.AppCode = o.app(f)
		f.Relevant = i == 0 || f.AppCode && rankOf(f) == written
	}
}

// app reports whether a frame is code of the app.
func (o *owners) app(f *diag.Frame) bool {
	switch habitOf(f) {
	case java:
		return f.Class != "" && (!javaSystem.has(f.Class) && !callableWrapper(f.Class) || o.owns(f.Class))
	case dotnet:
		return f.Class != "" && (!dotnetSystem.has(f.Class) && f.Image != "SharedLibrary" || o.owns(f.Class))
	case script:
		return !f.Native && (!scriptSystem(f.File) || o.ownsPart(f.File))
	case native:
		return o.nativeApp(f)
	}
	return false
}

// owns reports whether a name lies below one of the app's prefixes: is it, or goes on behind it with
// something that is no letter or digit.
func (o *owners) owns(name string) bool {
	for _, p := range o.own {
		if below(name, p) {
			return true
		}
	}
	return false
}

func below(name, prefix string) bool {
	if len(name) < len(prefix) || name[:len(prefix)] != prefix {
		return false
	}
	return len(name) == len(prefix) || !wordByte(prefix[len(prefix)-1]) || !wordByte(name[len(prefix)])
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

// ownsPart reports whether one of the app's prefixes begins at some part of a path.
func (o *owners) ownsPart(path string) bool {
	for len(o.own) > 0 && path != "" {
		if o.owns(path) {
			return true
		}
		_, path, _ = strings.Cut(path, "/")
	}
	return false
}

// callableWrapper: Xamarin makes such classes for Java to call .NET.
func callableWrapper(class string) bool {
	rest, ok := strings.CutPrefix(class, "crc64")
	return ok && len(rest) > 16 && rest[16] == '.'
}

// scriptSystem reports whether a JavaScript file is of a library or of the engine.
func scriptSystem(file string) bool {
	if file == "<anonymous>" || strings.HasPrefix(file, "node:") || strings.HasPrefix(file, "internal/") {
		return true
	}
	return strings.Contains(file, "node_modules/") || strings.Contains(file, "InternalBytecode") ||
		file == "require.js" || strings.HasSuffix(file, "/require.js") || strings.Contains(file, "webpack/bootstrap")
}

// nativeApp decides by the image, or by the name where there is none.
func (o *owners) nativeApp(f *diag.Frame) bool {
	if o.owns(f.Image) || o.owns(f.Class) || f.Class == "" && o.owns(f.Method) {
		return true
	}
	if f.Image == "" {
		return !o.apple && f.Address == 0 && f.Method != ""
	}
	app, known := o.images[f.Image]
	if !known {
		app = o.image(f.Image)
	}
	return app
}

// image decides about an image and remembers it. The paths of all images that the report lists are looked at
// when the first is asked for.
func (o *owners) image(name string) bool {
	if o.images == nil {
		o.images = make(map[string]bool, len(o.listed)+8)
		for i := range o.listed {
			if _, twice := o.images[o.listed[i].Name]; !twice {
				o.images[o.listed[i].Name] = o.path(o.listed[i].Name, o.listed[i].Path)
			}
		}
	}
	app, known := o.images[name]
	if !known {
		app = o.path(name, "")
		o.images[name] = app
	}
	return app
}

// path decides about an image by where it lies, else by its name.
func (o *owners) path(name, path string) bool {
	if o.apple {
		return o.applePath(name, plainPath(path))
	}
	if nativeSystem.has(strings.ToLower(name)) {
		return false
	}
	return !systemFolder(path)
}

func (o *owners) applePath(name, path string) bool {
	switch {
	case strings.HasPrefix(name, "libswift"):
		return false // older apps carry Swift's libraries
	case path == "" || path == "???":
		return !appleSystem(name)
	case o.bundle != "" && strings.HasPrefix(path, o.bundle):
		return true
	case strings.HasPrefix(path, "/System/"), strings.HasPrefix(path, "/usr/lib/"), strings.Contains(path, "/Developer/"):
		return false
	}
	return o.bundle == "" || strings.Contains(path, ".app/") && !strings.HasPrefix(path, "/Applications/Xcode")
}

// plainPath takes off what the same folder may be called with or without.
func plainPath(path string) string { return strings.TrimPrefix(path, "/private") }

func systemFolder(path string) bool {
	if len(path) > 3 && path[1] == ':' {
		return len(path) > 10 && strings.EqualFold(path[2:10], `\Windows`)
	}
	for _, folder := range systemFolders {
		if strings.HasPrefix(path, folder) {
			return true
		}
	}
	return false
}

// rankOf says how well a marked frame can decide.
func rankOf(f *diag.Frame) rank {
	h := habitOf(f)
	if h == native {
		return nativeRank(f)
	}
	if !f.AppCode {
		return systemRank(h, f)
	}
	if h == java && javaGenerated(f.Class, f.Method) {
		return generated
	}
	return written
}

func nativeRank(f *diag.Frame) rank {
	switch {
	case f.Method == "" && f.Symbol == "" && !f.AppCode:
		if f.Image == "" {
			return unknown
		}
		return nameless
	case nativePlumbing(f):
		return plumbing
	case f.AppCode:
		return written
	}
	return system
}

func systemRank(h habit, f *diag.Frame) rank {
	switch {
	case f.Class == "" && f.Method == "":
		return unknown
	case h == java && javaPlumbing.has(f.Class), h == dotnet && dotnetPlumbing.has(f.Class), h == script && f.Native:
		return plumbing
	}
	return system
}
