package respond

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"lifeboat/internal/diag"
)

var byteOrderMark = []byte("\xef\xbb\xbf")

// ReadJSON reads the request's body, one JSON object, into v. No body, and null, are the empty object: many
// scripts send none. The content type is not asked for; the bytes tell. max is in bytes. Errors are for the
// client, and repeat nothing of the body but names of members.
func ReadJSON(r *http.Request, max int64, v any) error {
	body, err := readBody(r, max)
	if err != nil {
		return err
	}
	body = bytes.TrimSpace(bytes.TrimPrefix(body, byteOrderMark))
	switch {
	case len(body) == 0 || string(body) == "null":
		return nil
	case !utf8.Valid(body):
		return diag.Errorf(diag.Invalid, "The body is not UTF-8. Send JSON in UTF-8.")
	case body[0] != '{':
		return diag.Errorf(diag.Invalid, "The body must be a JSON object.")
	}
	if err := json.Unmarshal(body, v); err != nil {
		return invalidJSON(err)
	}
	return nil
}

func readBody(r *http.Request, max int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, max+1))
	switch limit, ok := errors.AsType[*http.MaxBytesError](err); {
	case ok:
		return nil, tooLarge(limit.Limit)
	case err != nil:
		return nil, diag.Wrap(diag.Invalid, err, "The body did not arrive whole. Send the request again.")
	case int64(len(body)) > max:
		return nil, tooLarge(max)
	}
	return body, nil
}

func tooLarge(max int64) error {
	return diag.Errorf(diag.TooLarge, "The body is too large: at most %d bytes are read.", max)
}

func invalidJSON(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return diag.Errorf(diag.Invalid, "%s must be %s, not a JSON %s.", wrong.Field, typeName(wrong.Type.String()), strings.Fields(wrong.Value + " value")[0])
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return diag.Errorf(diag.Invalid, "The body is not JSON: something is wrong at byte %d.", syntax.Offset)
	}
	return diag.Errorf(diag.Invalid, "The body is not JSON, or a member has the wrong type.")
}

// typeName is a Go type in words of JSON.
func typeName(goType string) string {
	switch strings.TrimLeft(goType, "*") {
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	case "[]string":
		return "a list of texts"
	}
	return "of another type"
}

// Disposition is a Content-Disposition that saves the body under a name of a client's choice, however strange.
func Disposition(name string) string {
	if name = cleanName(name); name == "" {
		return "attachment"
	}
	if d := mime.FormatMediaType("attachment", map[string]string{"filename": name}); d != "" {
		return d
	}
	return "attachment"
}

const maxName = 200

// cleanName keeps the last part of a path and leaves out what no file system takes.
func cleanName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError || strings.ContainsRune(`<>:"|?*`, r) {
			return '_'
		}
		return r
	}, name)
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "")
	}
	return strings.Trim(name, ". ")
}
