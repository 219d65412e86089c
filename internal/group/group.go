// Package group says which fault a report is one of.
package group

import (
	"crypto/sha256"
	"strings"

	"lifeboat/internal/diag"
)

// Version of the algorithm. It is part of every signature.
const Version = 1

// Decide marks every frame of r (Frame.AppCode, Frame.Relevant) and says which fault the report is one of.
// prefixes are more name prefixes of the app's own code, set by the operator.
func Decide(r *diag.Report, prefixes []string) diag.Verdict {
	e := r.Stack.Exception
	for e != nil && len(e.Inner) > 0 && e.Platform != diag.PlatformReactNative {
		e = &e.Inner[0]
	}
	v := diag.Verdict{Reason: diag.ReasonFrame{ExceptionType: r.OSExceptionType, OSExceptionType: r.OSExceptionType}}
	var frames []diag.Frame
	if e != nil {
		v.Reason.ExceptionType, v.Reason.ExceptionMessage = e.Type, e.Message
		frames = e.Frames
	}
	for i := range frames {
		f := &frames[i]
		f.AppCode = !strings.HasPrefix(f.Class, "java.") && !strings.HasPrefix(f.Class, "android.") && !strings.HasPrefix(f.Class, "System.")
		if f.AppCode && v.Reason.Frame == (diag.Frame{}) {
			v.Reason.Frame = *f
		}
	}
	f := &v.Reason.Frame
	v.Reason.CodeRaw = f.Class + "." + f.Method
	v.Reason.CodeFormatted = v.Reason.CodeRaw
	v.Title = v.Reason.ExceptionType + " in " + v.Reason.CodeRaw
	v.KeyLines = []string{v.Reason.ExceptionType, v.Reason.CodeRaw}
	sum := sha256.Sum256([]byte(strings.Join(v.KeyLines, "\x00")))
	copy(v.Signature[:], sum[:])
	return v
}
