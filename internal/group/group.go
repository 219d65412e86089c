package group

import "lifeboat/internal/diag"

// Decide marks every frame of r (Frame.AppCode, Frame.Relevant) and says which fault the report is one of.
// prefixes are more name prefixes of the app's own code, set by the operator.
func Decide(r *diag.Report, prefixes []string) diag.Verdict { panic("being written") }
