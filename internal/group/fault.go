package group

import (
	"cmp"
	"strings"

	"lifeboat/internal/diag"
)

// fault is what a report says went wrong and where.
type fault struct {
	platform  diag.Platform
	exception string            // type of the exception, or the signal
	kind      string            // the same for the key: signals with their code
	message   string            // of the exception
	frames    []diag.Frame      // where it happened, innermost first
	outer     []*diag.Exception // those that were thrown because of it, whose stacks go on, innermost last
	at        int               // index of the deciding frame, -1 for none
}

// find chooses the exception or thread that decides.
func find(r *diag.Report) fault {
	f := fault{platform: r.Stack.Platform, exception: r.OSExceptionType, kind: signal(r)}
	if e := r.Stack.Exception; e != nil {
		decider := f.decide(e)
		f.platform, f.message = decider.Platform, decider.Message
		if name := typeName(decider.Type); name != "" {
			f.exception, f.kind = name, name
			if name == minidump {
				f.exception = cmp.Or(r.OSExceptionType, name)
				f.kind = strings.TrimSpace(name + " " + signal(r))
			}
		}
	}
	if t := crashed(r.Stack.Threads); t != nil && len(f.frames) == 0 && (f.platform == diag.PlatformIOS || f.platform == diag.PlatformNDK || r.Stack.Exception == nil) {
		f.frames = t.Frames
	}
	f.kind = cmp.Or(f.kind, "unknown")
	return f
}

// minidump is the type of the exceptions that only carry a native dump.
const minidump = "minidump"

// signal is the signal and its code. Codes that say nothing are left out.
func signal(r *diag.Report) string {
	if code := r.OSExceptionCode; code != "" && code != "#0" && code != "0" && r.OSExceptionType != "" {
		return r.OSExceptionType + " " + code
	}
	return r.OSExceptionType
}

// crashed finds the crashed thread, nil if none is known. An uncaught exception's own stack comes before it.
func crashed(threads []diag.Thread) *diag.Thread {
	for i := range threads {
		if threads[i].Crashed {
			return &threads[i]
		}
	}
	return nil
}

// typeName is the type as it stands in a key: without generic arguments, and without the message that React
// Native puts behind the types of its native exceptions.
func typeName(s string) string {
	s, _, _ = strings.Cut(s, ": ")
	s, _, _ = strings.Cut(s, "\n")
	s, _, _ = strings.Cut(s, "`")
	return cut(strings.TrimSpace(s))
}

// decide walks down the causes of top: the innermost one whose stack holds a frame of the app decides, else
// the innermost one. One that only carries others gives its place, if none below has one of the app, but
// never its type. A JavaScript error decides over the native exception that carried it.
func (f *fault) decide(top *diag.Exception) (decider *diag.Exception) {
	f.frames = top.Frames
	if top.Platform == diag.PlatformReactNative {
		return top
	}
	path := causes(top)
	last := len(path) - 1
	i := innermost(path, func(e *diag.Exception) bool { return hasApp(e.Frames) })
	if i < 0 {
		i = max(0, innermost(path, func(e *diag.Exception) bool { return len(e.Frames) > 0 }))
		f.frames = path[i].Frames
		return path[last]
	}
	f.frames, f.outer = path[i].Frames, path[:i]
	if i < last && carrier(path[i], path[i+1]) {
		return path[last]
	}
	return path[i]
}

// innermost is the index of the last exception that is so, -1 for none.
func innermost(path []*diag.Exception, is func(*diag.Exception) bool) int {
	for i := len(path) - 1; i >= 0; i-- {
		if is(path[i]) {
			return i
		}
	}
	return -1
}

// causes is the way from an exception to its innermost cause. Of several causes the first is taken that has
// frames of the app, itself or below.
func causes(e *diag.Exception) []*diag.Exception {
	path := []*diag.Exception{e}
	for len(e.Inner) > 0 {
		next := &e.Inner[0]
		for i := 0; i < len(e.Inner) && len(e.Inner) > 1; i++ {
			if reachesApp(&e.Inner[i], maxLook) {
				next = &e.Inner[i]
				break
			}
		}
		e = next
		path = append(path, e)
	}
	return path
}

// maxLook is how many levels below one of several causes are searched for frames of the app.
const maxLook = 4

func reachesApp(e *diag.Exception, levels int) bool {
	if hasApp(e.Frames) {
		return true
	}
	for i := range e.Inner {
		if levels > 0 && reachesApp(&e.Inner[i], levels-1) {
			return true
		}
	}
	return false
}

func hasApp(frames []diag.Frame) bool {
	for i := range frames {
		if rankOf(&frames[i]) <= generated {
			return true
		}
	}
	return false
}

// carrier reports whether e only carries its cause: it is of a type made for that, or its message is its
// cause's text, as Java's constructors with a cause alone make it.
func carrier(e, cause *diag.Exception) bool {
	switch e.Type {
	case "java.lang.reflect.InvocationTargetException", "java.lang.reflect.UndeclaredThrowableException",
		"java.lang.ExceptionInInitializerError", "java.lang.BootstrapMethodError",
		"java.util.concurrent.ExecutionException", "java.util.concurrent.CompletionException",
		"java.security.PrivilegedActionException",
		"io.reactivex.exceptions.OnErrorNotImplementedException", "io.reactivex.exceptions.UndeliverableException",
		"io.reactivex.rxjava3.exceptions.OnErrorNotImplementedException", "io.reactivex.rxjava3.exceptions.UndeliverableException",
		"System.AggregateException", "System.TypeInitializationException", "System.Reflection.TargetInvocationException":
		return true
	case "java.lang.RuntimeException":
		if strings.HasPrefix(e.Message, "Unable to ") || strings.HasPrefix(e.Message, "An error occurred while executing doInBackground") {
			return true
		}
	}
	rest, same := strings.CutPrefix(e.Message, cause.Type)
	return same && cause.Type != "" && (rest == "" || rest == ": "+cause.Message)
}

// rank says how well a frame can decide; the lowest wins, the innermost of those.
type rank uint8

const (
	written   rank = iota // by the app's people
	generated             // by a compiler, in the app's code
	system                // with a name
	plumbing              // that carries, reports or starts everything
	nameless              // only the image is known
	unknown               // nothing is known
)

// choose finds the deciding frame.
func (f *fault) choose() {
	f.at = -1
	best := unknown
	for i := range f.frames {
		if r := rankOf(&f.frames[i]); r < best {
			f.at, best = i, r
			if r == written {
				break
			}
		}
	}
	if f.at >= 0 {
		f.frames[f.at].Relevant = true
	}
}

// family is the kind of platform: the same code may run on several that are alike.
func (f *fault) family() string {
	h := none
	if f.at >= 0 {
		h = habitOf(&f.frames[f.at])
	}
	switch f.platform {
	case diag.PlatformAndroid:
		return "java"
	case diag.PlatformXamarin, diag.PlatformUnity:
		return "dotnet"
	case diag.PlatformReactNative:
		return "javascript"
	case diag.PlatformIOS:
		return "apple"
	case diag.PlatformNDK:
		return "native"
	}
	return habitNames[h]
}
