// Package contract holds the JSON shapes of App Center's API, version 0.1: error groups, reports, stack
// traces, session logs, attachments, export configurations, accounts and errors, each with the function that
// makes it of the nouns of diag. docs/compatibility.md lists the decisions cited as Q numbers.
//
// It promises to be pure, to take any report however damaged, and to write what recorded clients read:
// members below errors/ leave out optional values that are empty, accounts write null for them (Q41), lists
// are never null, times are UTC with no fraction or three digits.
package contract

import (
	"encoding/json"
	"io"
	"time"

	"lifeboat/internal/diag"
)

// Encode writes v as JSON on one line. The characters <, > and & stay what they are: stack traces are full
// of them, and nothing here is put into a page unescaped.
func Encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// nullable is null for "".
func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// millis is the time of a register row, as accounts and configurations show it.
func millis(unix int64) string { return diag.FormatMillis(time.UnixMilli(unix)) }

// millisOrNone is millis of a time that may not have come.
func millisOrNone(unix int64) string {
	if unix == 0 {
		return ""
	}
	return millis(unix)
}
