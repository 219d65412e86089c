package store

import (
	"slices"
	"strings"
	"unicode/utf8"

	"lifeboat/internal/diag"
	query "lifeboat/internal/filter"
)

// A text is found by its grams: runs of three characters, folded. A gram ends a field with gramEnd, so that every
// run of two characters begins a gram, too. What grams say is a candidate: whether the text is really there is
// looked up in the text.
//
// Documents are deleted by being built again: who changes anything here, or what NewSearchDoc takes from a report,
// adds a migration of the index that rebuilds.
type gram uint64

// gramEnd stands behind each field. Texts may hold it, too: then there is a candidate more.
const gramEnd = '\ue000'

func gramOf(a, b, c rune) gram { return gram(a)<<42 | gram(b)<<21 | gram(c) }

// gramRune is a character as grams know it: what has no shape is a blank.
func gramRune(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return query.FoldRune(r)
}

// addGrams adds the grams of a field.
func addGrams(all []gram, field string) []gram {
	if field == "" {
		return all
	}
	a, b, n := rune(0), rune(0), 0
	add := func(c rune) {
		if n++; n > 2 {
			all = append(all, gramOf(a, b, c))
		}
		a, b = b, c
	}
	for _, r := range field {
		add(gramRune(r))
	}
	for add(gramEnd); n < 3; {
		add(gramEnd)
	}
	return all
}

// String is the gram as the engine's full-text table holds it.
func (g gram) String() string { return string(g.append(nil)) }

func (g gram) append(b []byte) []byte {
	const mask = 1<<21 - 1
	b = utf8.AppendRune(b, rune(g>>42))
	b = utf8.AppendRune(b, rune(g>>21&mask))
	return utf8.AppendRune(b, rune(g&mask))
}

// SearchDoc is what the search finds a report, an attachment or a group by: its grams in order, each once, with a
// newline behind each.
type SearchDoc string

func newDoc(all []gram) SearchDoc {
	slices.Sort(all)
	all = slices.Compact(all)
	b := make([]byte, 0, 5*len(all))
	for _, g := range all {
		b = append(g.append(b), '\n')
	}
	return SearchDoc(b)
}

// inGroup adds the word that stands for a report's group.
func (d SearchDoc) inGroup(g diag.GroupID) SearchDoc { return d + SearchDoc(groupWord(g)) + "\n" }

// The bounds of what is searched in one thing, in bytes. Texts behind them are not found.
const (
	MaxReportText     = 8 << 10  // messages and properties of a report together
	MaxAttachmentText = 16 << 10 // of an attachment
)

// boundTexts cuts texts so that all of them together have so many bytes, and no character is torn.
func boundTexts(texts []string, most int) []string {
	for i, s := range texts {
		if len(s) > most {
			texts = slices.Clone(texts[:i+1])
			texts[i] = strings.ToValidUTF8(s[:most], "")
			return texts
		}
		most -= len(s)
	}
	return texts
}

// searched are the columns of a report that the search looks into.
func (r *ReportRow) searched() [7]string {
	return [...]string{r.UserID, r.Model, r.OSName, r.OSVersion, r.Country, r.Language, r.AppBuild}
}

// NewSearchDoc makes the document of a report from its row and from its log's texts: messages, then properties.
// It follows from these alone.
func NewSearchDoc(r *ReportRow, texts []string) SearchDoc {
	all := make([]gram, 0, 256)
	for _, s := range r.searched() {
		all = addGrams(all, s)
	}
	for _, s := range boundTexts(texts, MaxReportText) {
		all = addGrams(all, s)
	}
	return newDoc(all)
}

// NewAttachmentDoc makes the document of an attachment from its row and, if it is a text, from that.
func NewAttachmentDoc(a *AttachmentRow, text string) SearchDoc {
	all := addGrams(nil, a.FileName)
	for _, s := range boundTexts([]string{text}, MaxAttachmentText) {
		all = addGrams(all, s)
	}
	return newDoc(all)
}

// searched are the columns of a group that the search looks into.
func searchedReason(version string, r *Reason) [7]string {
	return [...]string{version, r.Type, r.OSExceptionType, r.Class, r.Method, r.File, r.CodeRaw}
}

func groupDoc(version string, r *Reason) SearchDoc {
	var all []gram
	for _, s := range searchedReason(version, r) {
		all = addGrams(all, s)
	}
	return newDoc(all)
}
