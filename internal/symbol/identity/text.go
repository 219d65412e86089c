package identity

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"

	"lifeboat/internal/diag"
)

// Text files: Breakpad (https://chromium.googlesource.com/breakpad/breakpad/+/HEAD/docs/symbol_files.md), mappings
// of R8 and ProGuard (https://r8.googlesource.com/r8/+/refs/heads/main/doc/retrace.md) and source maps (ECMA-426).

func isBreakpad(head []byte) bool { return bytes.HasPrefix(head, []byte("MODULE ")) }

func readBreakpad(w *walk, v view, name string) ([]diag.Symbol, error) {
	head, err := v.head(sniffSize)
	if err != nil {
		return nil, err
	}
	line, rest, _ := bytes.Cut(head, []byte{'\n'})
	fields := strings.SplitN(strings.TrimRight(string(line), "\r"), " ", 5)
	if len(fields) < 4 {
		return nil, errors.New("its first line is damaged")
	}
	id, age, err := breakpadID(fields[3])
	if err != nil {
		return nil, err
	}
	s := diag.Symbol{ID: id, Kind: diag.SymbolsBreakpad, Architecture: fields[2]}
	switch strings.ToLower(fields[1]) {
	case "windows":
		s.Platform = "Windows"
	case "mac":
		s.Platform = "macOS"
	case "ios":
		s.Platform = "iOS"
	case "android":
		s.Platform = "Android"
	}
	if len(fields) > 4 {
		s.Name = path.Base(strings.ReplaceAll(fields[4], `\`, "/"))
	}
	if age != 0 {
		s.Alternates = append(s.Alternates, id+"-"+strconv.FormatUint(age, 10))
	}
	if code := codeID(rest); code != "" && code != id {
		s.Alternates = append(s.Alternates, code)
	}
	return []diag.Symbol{s}, nil
}

// breakpadID parts a debug id into GUID and age.
func breakpadID(text string) (id string, age uint64, err error) {
	if len(text) < 33 || len(text) > 40 {
		return "", 0, errNoID
	}
	guid, ok := diag.ParseID(text[:32])
	if age, err = strconv.ParseUint(text[32:], 16, 32); err != nil || !ok || guid.IsZero() {
		return "", 0, errNoID
	}
	return guid.Hex(), age, nil
}

// codeID is the id of the binary, if the lines behind the first tell it.
func codeID(rest []byte) string {
	for line := range strings.Lines(string(rest)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "INFO" {
			return ""
		}
		if len(fields) >= 3 && fields[1] == "CODE_ID" {
			id, ok := diag.ParseSymbolID(fields[2])
			if ok && !zeroID(id) {
				return id
			}
		}
	}
	return ""
}

// isMapping looks for the line of a class among the first ones.
func isMapping(head []byte) bool {
	for line := range bytes.Lines(head) {
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case len(line) == 0, line[0] == '#':
			continue
		case bytes.IndexByte(line, 0) >= 0:
			return false
		}
		from, to, found := bytes.Cut(line, []byte(" -> "))
		return found && len(from) > 0 && from[0] != ' ' && len(to) > 1 && bytes.HasSuffix(to, []byte{':'}) && !bytes.ContainsAny(to, " \t")
	}
	return false
}

// readMapping names a mapping by its content. What R8 calls it, which stands in stack traces, are its other ids.
func readMapping(w *walk, v view, name string) ([]diag.Symbol, error) {
	head, err := v.head(sniffSize)
	if err != nil {
		return nil, err
	}
	s := diag.Symbol{Kind: diag.SymbolsProguard, Platform: "Android"}
	for line := range strings.Lines(string(head)) {
		comment, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok {
			break
		}
		key, value, _ := strings.Cut(comment, ":")
		value = strings.TrimPrefix(strings.TrimSpace(value), "SHA-256 ")
		if key = strings.TrimSpace(key); key != "pg_map_id" && key != "pg_map_hash" {
			continue
		}
		if id, ok := diag.ParseSymbolID(strings.TrimSpace(value)); ok && len(id) >= 7 {
			s.Alternates = append(s.Alternates, id)
		}
	}
	s.ID, err = w.hash(v)
	return []diag.Symbol{s}, err
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// mapStart is a source map without what may stand before it.
func mapStart(head []byte) []byte {
	head = bytes.TrimPrefix(head, byteOrderMark)
	if bytes.HasPrefix(head, []byte(")]}")) { // keeps browsers from running it
		if _, rest, found := bytes.Cut(head, []byte{'\n'}); found {
			head = rest
		}
	}
	return bytes.TrimLeft(head, " \t\r\n")
}

func isSourceMap(head []byte) bool {
	start := mapStart(head)
	return len(start) > 0 && start[0] == '{'
}

// readSourceMap reads the members of a source map. JSON that is none is no symbol file, and nobody's fault.
func readSourceMap(w *walk, v view, name string) ([]diag.Symbol, error) {
	head, err := v.head(sniffSize)
	if err != nil {
		return nil, err
	}
	skip := int64(len(head) - len(mapStart(head)))
	j := jsonMembers{r: bufio.NewReaderSize(&interruptible{w.ctx, io.NewSectionReader(v.r, skip, v.size-skip)}, 64<<10)}
	members, err := j.read()
	if err != nil && w.ctx.Err() != nil {
		return nil, err
	}
	if _, refused := errors.AsType[*diag.Error](err); refused {
		return nil, err
	}
	if !members.isMap() {
		return nil, nil
	}
	if err != nil {
		return nil, errors.New("its JSON is damaged")
	}
	s := diag.Symbol{Kind: diag.SymbolsJavaScript, Name: path.Base(members.text("file"))}
	if s.Name == "." || s.Name == "/" {
		s.Name = ""
	}
	for _, key := range []string{"debugId", "debug_id"} {
		if id, ok := diag.ParseID(members.text(key)); ok && !id.IsZero() {
			s.ID = id.Hex()
			return []diag.Symbol{s}, nil
		}
	}
	s.ID, err = w.hash(v)
	return []diag.Symbol{s}, err
}

// members are the short texts and the numbers that an object has, in JSON; others are there without a value.
type members map[string]string

func (m members) isMap() bool {
	_, mappings := m["mappings"]
	_, sections := m["sections"]
	return m["version"] == "3" && (mappings || sections)
}

func (m members) text(key string) (s string) {
	_ = json.Unmarshal([]byte(m[key]), &s) // another type is no text
	return s
}

const (
	maxMembers = 64
	maxValue   = 1024 // bytes of a value that is kept
	maxDepth   = 200
)

var errJSON = errors.New("not JSON")

// jsonMembers reads the members of an object without holding its values: a map may have hundreds of megabytes.
type jsonMembers struct {
	r     *bufio.Reader
	value []byte // of the member at hand, in JSON, as far as it is kept
}

// read reads the whole object. What was read before an error is returned, too.
func (j *jsonMembers) read() (members, error) {
	all := members{}
	if c, err := j.blank(); err != nil || c != '{' {
		return all, errJSON
	}
	for {
		c, err := j.blank()
		switch {
		case err != nil:
			return all, err
		case c == '}' && len(all) == 0:
			return all, nil
		case c != '"' || len(all) >= maxMembers:
			return all, errJSON
		}
		key, err := j.string()
		if err != nil {
			return all, err
		}
		if c, err := j.blank(); err != nil || c != ':' {
			return all, errJSON
		}
		err = j.any()
		var name string
		if json.Unmarshal(key, &name) == nil {
			all[name] = string(j.value)
		}
		if err != nil {
			return all, err
		}
		switch c, err := j.blank(); {
		case err != nil:
			return all, err
		case c == '}':
			return all, nil
		case c != ',':
			return all, errJSON
		}
	}
}

// blank skips what may stand between tokens and returns what follows.
func (j *jsonMembers) blank() (byte, error) {
	for {
		c, err := j.r.ReadByte()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, nil
		}
	}
}

// string reads the rest of a string and returns it in JSON, cut if it is long.
func (j *jsonMembers) string() ([]byte, error) {
	kept := []byte{'"'}
	for escaped := false; ; {
		c, err := j.r.ReadByte()
		if err != nil {
			return kept, err
		}
		if len(kept) < maxValue {
			kept = append(kept, c)
		}
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			return kept, nil
		}
	}
}

// any reads a value. A text or a number is kept if it is short.
func (j *jsonMembers) any() error {
	c, err := j.blank()
	if err != nil {
		return err
	}
	j.value = nil
	switch c {
	case '"':
		j.value, err = j.string()
		return err
	case '{', '[':
		return j.skip()
	}
	j.value = []byte{c}
	for {
		next, err := j.r.Peek(1)
		if err != nil {
			return err
		}
		if strings.IndexByte(",}] \t\r\n", next[0]) >= 0 {
			return nil
		}
		if _, err := j.r.Discard(1); err != nil {
			return err
		}
		if len(j.value) >= maxValue {
			return errJSON
		}
		j.value = append(j.value, next[0])
	}
}

// skip reads the rest of an object or a list.
func (j *jsonMembers) skip() error {
	for depth := 1; depth > 0; {
		c, err := j.r.ReadByte()
		if err != nil {
			return err
		}
		switch c {
		case '"':
			if _, err := j.string(); err != nil {
				return err
			}
		case '{', '[':
			if depth++; depth > maxDepth {
				return errJSON
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}
