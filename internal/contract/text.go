package contract

import (
	"strings"

	"lifeboat/internal/diag"
)

// Text writes a report as people read it, in the habit of its platform: Apple's crash report, Java's stack
// trace, .NET's exception text and so on. It is UTF-8. v may be nil.
func Text(r *diag.Report, v *diag.Verdict) []byte {
	var b strings.Builder
	b.WriteString(NameOf(r) + "\n")
	return []byte(b.String())
}
