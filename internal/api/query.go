package api

import (
	"iter"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// params reads the parameters of a query and keeps the first thing that is wrong with them.
type params struct {
	query map[string][]string
	raw   string // the same as it came
	err   error
}

func (q *request) params() *params { return &params{query: q.query, raw: q.r.URL.RawQuery} }

func (p *params) fail(format string, args ...any) {
	if p.err == nil {
		p.err = diag.Errorf(diag.Invalid, format, args...)
	}
}

// text is the first value of the first of the names that has one.
func (p *params) text(names ...string) string {
	for _, n := range names {
		for _, v := range p.query[n] {
			if v != "" {
				return v
			}
		}
	}
	return ""
}

// maxList bounds how many texts a list of a query may hold.
const maxList = 1000

// list reads a list of texts (T8): split where a bar stands literally, for clients encode one that is part of a
// text; else after decoding. Empty texts are left out.
func (p *params) list(name string) (all []string) {
	for pair := range strings.SplitSeq(p.raw, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if key, err := url.QueryUnescape(key); err != nil || key != name {
			continue
		}
		for text := range listed(value) {
			if all = append(all, text); len(all) > maxList {
				p.fail("%s takes at most %d values.", name, maxList)
				return nil
			}
		}
	}
	return all
}

// listed are the texts of one raw value of a list.
func listed(raw string) iter.Seq[string] {
	return func(yield func(string) bool) {
		literal := strings.Contains(raw, "|")
		if !literal {
			raw, _ = url.QueryUnescape(raw)
		}
		for text := range strings.SplitSeq(raw, "|") {
			if literal {
				text, _ = url.QueryUnescape(text)
			}
			if text != "" && !yield(text) {
				return
			}
		}
	}
}

// time reads a time (T6), 0 if there is none.
func (p *params) time(name string) diag.DeviceTime {
	text := p.text(name)
	if text == "" {
		return 0
	}
	t, ok := diag.ParseTime(text)
	if !ok {
		p.fail("%s must be a date or a time such as 2024-05-01T00:00:00Z.", name)
		return 0
	}
	if d := diag.DeviceTimeOf(t); d != 0 {
		return d
	}
	return -1 // 0 would leave the range open
}

const (
	defaultTop = 30
	maxTop     = 2000
)

// top is the size of a page: 0 asks for the greatest, more is cut to it (T11).
func (p *params) top() int { return p.topOf(defaultTop, maxTop) }

func (p *params) topOf(normal, most int) int {
	text := p.text("$top", "top")
	if text == "" {
		return normal
	}
	if strings.Trim(text, "0123456789") != "" {
		p.fail("$top must be a number from 0 to %d.", most)
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n == 0 { // it has too many digits for a number of ours
		return most
	}
	return min(n, most)
}

// skip is how many items to leave out (T11).
func (p *params) skip() int {
	text := p.text("$skip", "skip")
	if strings.Trim(text, "0123456789") != "" {
		p.fail("$skip must be a number of 0 or more.")
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil && text != "" {
		return math.MaxInt
	}
	return n
}

// word reads one of a few words, in any letter case and as it is written here; "" if there is none.
func (p *params) word(name string, words ...string) string {
	text := p.text(name)
	i := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, text) })
	if i >= 0 {
		return words[i]
	}
	if text != "" {
		p.fail("%s must be one of %s.", name, strings.Join(words, ", "))
	}
	return ""
}

// handled is the kind of errors asked for, nil for both (D12, Q23).
func (p *params) handled() *bool {
	yes, no := true, false
	switch text := p.text("errorType"); strings.ToLower(text) {
	case "", "all":
		return nil
	case "handlederror", "handled":
		return &yes
	case "unhandlederror", "unhandled":
		return &no
	}
	p.fail("errorType must be unhandledError, handledError or all.")
	return nil
}

// states are the group states asked for, none for all of them (T8).
func (p *params) states() (all []string) {
	for _, value := range p.query["groupState"] {
		for word := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == '|' || r == ',' }) {
			i := slices.IndexFunc(groupStates[:], func(s string) bool { return strings.EqualFold(s, word) })
			if i < 0 {
				p.fail("groupState must be one of %s.", strings.Join(groupStates[:], ", "))
				return nil
			}
			all = append(all, groupStates[i])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

var groupStates = [...]string{store.StateOpen, store.StateClosed, store.StateIgnored}

// groupColumns are what groups can be ordered by. Messages are in no row, as they may hold personal data:
// groups are ordered by the exception's type then.
var groupColumns = [...]struct {
	name   string
	column store.Column
}{
	{"count", store.ByCount}, {"deviceCount", store.ByDevices}, {"devices", store.ByDevices}, {"lastOccurrence", store.ByLast},
	{"firstOccurrence", store.ByFirst}, {"appVersion", store.ByVersion}, {"exceptionClassName", store.ByClass},
	{"exceptionMethod", store.ByMethod}, {"exceptionType", store.ByType}, {"exceptionMessage", store.ByType},
}

const maxOrder = 8 // columns

// order reads $orderby: columns with asc or desc behind them, separated by commas.
func (p *params) order() (all []store.Order) {
	text := p.text("$orderby", "$orderBy")
	if strings.TrimSpace(text) == "" {
		return nil
	}
	parts := strings.Split(text, ",")
	for _, part := range parts[:min(len(parts), maxOrder)] {
		o, ok := parseOrder(part)
		if !ok {
			p.fail("$orderby takes columns with asc or desc behind them, separated by commas: count, deviceCount, lastOccurrence, firstOccurrence, appVersion, exceptionType, exceptionClassName, exceptionMethod, exceptionMessage.")
			return nil
		}
		all = append(all, o)
	}
	return all
}

func parseOrder(text string) (o store.Order, ok bool) {
	words := strings.Fields(text)
	if len(words) == 0 || len(words) > 2 {
		return o, false
	}
	for _, c := range groupColumns {
		if strings.EqualFold(c.name, words[0]) {
			o.Column, ok = c.column, true
		}
	}
	if len(words) == 2 {
		o.Desc = strings.EqualFold(words[1], "desc")
		ok = ok && (o.Desc || strings.EqualFold(words[1], "asc"))
	}
	return o, ok
}

// install is the install id asked for. A blank one would ask for all of them.
func (p *params) install() diag.InstallID {
	text := p.text("installId")
	id := diag.ParseInstallID(text)
	if text != "" && id == "" {
		p.fail("installId is blank.")
	}
	return id
}
