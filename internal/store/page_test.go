package store_test

import (
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// FuzzPage feeds anything to the parser of page tokens: what it takes is written as it was read.
func FuzzPage(f *testing.F) {
	f.Add(store.Page{Time: -1, ID: diag.DerivedID([]byte("r"))}.Token())
	f.Add(store.Page{Through: 1 << 60, Group: 1<<32 - 1, Values: []store.SortValue{{Int: -1}, {Text: "T"}}}.Token())
	f.Add("")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, token string) {
		p, good := store.ParsePage(token)
		if !good {
			return
		}
		if p.IsZero() {
			t.Error("a token stands for the beginning")
		}
		if p.Token() != token {
			t.Errorf("%q was read as %+v, which is written %q", token, p, p.Token())
		}
	})
}
