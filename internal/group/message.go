package group

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMessage is how much of a message is looked at.
const maxMessage = 1024

// plainMessage is the first line of a message without its variables: quoted texts, URLs, addresses, paths and
// whatever has digits in it become marks.
func plainMessage(message string) string {
	message = strings.TrimSpace(message)
	if len(message) > maxMessage {
		message = message[:maxMessage]
	}
	message, _, _ = strings.Cut(message, "\n")
	var b strings.Builder
	for i := 0; i < len(message); {
		if n := quoted(message, i); n > 0 {
			b.WriteString("<text>")
			i += n
			continue
		}
		if blank(message[i]) {
			if s := b.String(); s != "" && s[len(s)-1] != ' ' {
				b.WriteByte(' ')
			}
			i++
			continue
		}
		end := wordEnd(message, i)
		writeWord(&b, message[i:end])
		i = end
	}
	return strings.TrimSpace(strings.ToValidUTF8(b.String(), ""))
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// quoted is how long the quoted text is that begins at i, 0 if none does. An apostrophe inside a word is no
// quote.
func quoted(s string, i int) int {
	for _, q := range [...][2]string{{`"`, `"`}, {"`", "`"}, {"'", "'"}, {"“", "”"}, {"„", "“"}, {"«", "»"}, {"‘", "’"}, {"`", "'"}} {
		if !strings.HasPrefix(s[i:], q[0]) || q[0] == "'" && i > 0 && letterBefore(s, i) {
			continue
		}
		from := i + len(q[0])
		for at := from; ; {
			n := strings.Index(s[at:], q[1])
			if n < 0 {
				break
			}
			at += n + len(q[1])
			if q[1] == "'" && letterAt(s, at) {
				continue
			}
			return at - i
		}
	}
	return 0
}

func letterBefore(s string, i int) bool {
	r, _ := utf8.DecodeLastRuneInString(s[:i])
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

func letterAt(s string, i int) bool {
	r, n := utf8.DecodeRuneInString(s[i:])
	return n > 0 && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// wordEnd finds the end of the word that begins at i: a blank, or a double quote.
func wordEnd(s string, i int) int {
	for i++; i < len(s) && !blank(s[i]) && s[i] != '"' && s[i] != '`'; i++ {
		if s[i] == '\'' && !letterBefore(s, i) {
			break
		}
	}
	return i
}

// writeWord writes a word, or the mark for what it is. Punctuation around it stays.
func writeWord(b *strings.Builder, word string) {
	core := strings.TrimLeft(word, "([{<")
	b.WriteString(word[:len(word)-len(core)])
	end := strings.TrimRight(core, ".,;:!?)]}>")
	switch {
	case strings.Contains(end, "://"):
		b.WriteString("<url>")
	case strings.IndexByte(end, '@') > 0:
		b.WriteString("<address>")
	case path(end):
		b.WriteString("<path>")
	case guid(end):
		b.WriteString("<n>")
	default:
		writeNumbers(b, end)
	}
	b.WriteString(core[len(end):])
}

func path(s string) bool {
	return len(s) > 2 && s[1] == ':' && s[2] == '\\' || strings.HasPrefix(s, `\\`) || len(s) > 1 && s[0] == '/'
}

func guid(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-'
}

// writeNumbers writes a word without the parts of it that hold digits. What joins two of them goes too: a
// date, a GUID, a version are one number.
func writeNumbers(b *strings.Builder, word string) {
	if !strings.ContainsAny(word, "0123456789") {
		b.WriteString(word)
		return
	}
	marked, joint := false, 0 // joint: where what may join two numbers begins
	for i := 0; i < len(word); {
		end := i
		for end < len(word) && wordByte(word[end]) {
			end++
		}
		if part := word[i:end]; part != "" {
			if strings.ContainsAny(part, "0123456789") || marked && hexadecimal(part) {
				if !marked {
					b.WriteString(word[joint:i])
					b.WriteString("<n>")
				}
				marked = true
			} else {
				b.WriteString(word[joint:end])
				marked = false
			}
			joint = end
		}
		if end == i {
			end++
		}
		i = end
	}
	b.WriteString(word[joint:])
}

func hexadecimal(s string) bool {
	return strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
