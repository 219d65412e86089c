package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// mac is a keyed hash of parts that cannot run into each other. purpose keeps hashes for one use from being
// good for another.
func (a *API) mac(purpose string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, a.o.Key[:])
	for _, p := range append([][]byte{[]byte(purpose)}, parts...) {
		id := sha256.Sum256(p)
		h.Write(id[:])
	}
	return h.Sum(nil)
}

// A page token is the position behind a hash that binds it to its query, both in base64url.
const pageMAC = 16 // bytes

var pageMACText = base64.RawURLEncoding.EncodedLen(pageMAC)

func (q *request) bind(query any, position string) (string, error) {
	what, err := json.Marshal(query)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(q.mac("page", what, []byte(position))[:pageMAC]), nil
}

// page reads $token. It must have been given out for the same query, which holds everything but the page
// (T20).
func (q *request) page(query any) (store.Page, error) { return q.pageOf("$token", query) }

// pageOf is page with another name for the parameter.
func (q *request) pageOf(name string, query any) (store.Page, error) {
	wrong := diag.Errorf(diag.Invalid, "%s does not belong to these parameters: take it from the page before of the same list, or leave it out.", name)
	token := q.query.Get(name)
	if token == "" {
		return store.Page{}, nil
	}
	if len(token) < pageMACText {
		return store.Page{}, wrong
	}
	mac, position := token[:pageMACText], token[pageMACText:]
	want, err := q.bind(query, position)
	if err != nil {
		return store.Page{}, err
	}
	page, ok := store.ParsePage(position)
	if !ok || !hmac.Equal([]byte(mac), []byte(want)) {
		return store.Page{}, wrong
	}
	return page, nil
}

// token is what page reads again, "" if there is no next page.
func (q *request) token(next store.Page, query any) (string, error) {
	if next.IsZero() {
		return "", nil
	}
	position := next.Token()
	mac, err := q.bind(query, position)
	return mac + position, err
}

// nextLink is the address of the next page, "" if there is none. It is relative, as recorded: clients put
// different hosts in front.
func (q *request) nextLink(next store.Page, query any) (string, error) {
	token, err := q.token(next, query)
	if err != nil || token == "" {
		return "", err
	}
	var b strings.Builder
	b.WriteString("/api/" + version + "/apps/" + url.PathEscape(q.app.Owner) + "/" + url.PathEscape(q.app.Name) + "/errors/errorGroups")
	if len(q.values) > 2 {
		b.WriteString("/" + url.PathEscape(q.values[2]) + "/errors")
	}
	separator := "?"
	for pair := range strings.SplitSeq(q.r.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, _ = url.QueryUnescape(name)
		value, _ = url.QueryUnescape(value)
		if pair == "" || name == "$token" {
			continue
		}
		b.WriteString(separator + escape(name) + "=" + escape(value))
		separator = "&"
	}
	b.WriteString(separator + "$token=" + token)
	return b.String(), nil
}

// escape writes a part of a query as the original did: blanks as %20, the dollar as it is.
func escape(s string) string {
	return strings.NewReplacer("+", "%20", "%24", "$").Replace(url.QueryEscape(s))
}
