package api

import (
	"bytes"
	"crypto/hmac"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
)

// locationLifetime is how long a signed URL is good (Q27).
const locationLifetime = 15 * time.Minute

// location answers with a URL that serves the bytes to whoever has it, without a token.
func (q *request) location(path ...string) error {
	uri := "/" + blobs + "/" + strconv.FormatInt(q.app.Num, 10) + "/" + strings.Join(path, "/")
	return q.json(http.StatusOK, struct {
		URI string `json:"uri"`
	}{q.signedURL(uri)})
}

// signedURL makes a path one that is good for a while without a token.
func (q *request) signedURL(uri string) string {
	expiry := diag.FormatTime(q.o.Clock.Now().Add(locationLifetime).Truncate(time.Second))
	uri += "?se=" + url.QueryEscape(expiry)
	return q.o.BaseURL(q.r) + uri + signatureKey + q.signature(uri)
}

// signatureKey begins the last parameter of a signed URL.
const signatureKey = "&sig="

// signature covers the path and all parameters before it.
func (a *API) signature(uri string) string {
	return signatureText(a.mac("url", []byte(uri)))
}

// signatureText is a signature in characters that need no encoding.
func signatureText(mac []byte) string { return base64.RawURLEncoding.EncodeToString(mac) }

// admitSigned checks signature and expiry of a signed URL, and finds the app it speaks of.
func (q *request) admitSigned() error {
	if err := q.checkSignature(); err != nil {
		return err
	}
	num, err := strconv.ParseInt(q.param("app"), 10, 64)
	if err != nil {
		return badSignature()
	}
	q.app, err = q.o.Store.AppByNum(q.ctx(), num)
	return err
}

// checkSignature checks signature and expiry of a signed URL.
func (q *request) checkSignature() error {
	path := "/" + strings.TrimLeft(q.r.URL.EscapedPath(), "/")
	i := strings.LastIndex(q.r.URL.RawQuery, signatureKey)
	if i < 0 {
		return badSignature()
	}
	signed, signature := q.r.URL.RawQuery[:i], q.r.URL.RawQuery[i+len(signatureKey):]
	if !hmac.Equal([]byte(signature), []byte(q.signature(path+"?"+signed))) {
		return badSignature()
	}
	expiry, ok := diag.ParseTime(q.query.Get("se"))
	if !ok || !q.o.Clock.Now().Before(expiry) {
		return diag.Errorf(diag.Denied, "This URL has expired. Ask the API for a new one.")
	}
	return nil
}

func badSignature() error {
	return diag.Errorf(diag.Denied, "The signature of this URL does not fit. Use it exactly as the API gave it, or ask for a new one.")
}

func serveAttachment(q *request) error {
	if err := q.admitSigned(); err != nil {
		return err
	}
	_, row, err := q.attachment()
	if err != nil {
		return err
	}
	a, err := q.data(row)
	if err != nil {
		return err
	}
	name := a.FileName
	if name == "" {
		name = a.ID.String()
	}
	q.serveBytes(a.ContentType, name, row.ID, row.Ingress, a.Data)
	return nil
}

func serveLog(q *request) error {
	if err := q.admitSigned(); err != nil {
		return err
	}
	row, err := q.row("errorId")
	if err != nil {
		return err
	}
	full, err := q.full(row)
	if err != nil {
		return err
	}
	q.serveBytes("application/json", diag.ReportID(row.Time, row.ID)+".json", row.ID, row.Ingress, full.Raw)
	return nil
}

const anyBytes = "application/octet-stream"

// serveBytes answers with what a device sent. Its content type is told but not trusted: a browser saves the
// bytes, and would run nothing in them if it did show them.
func (q *request) serveBytes(contentType, name string, id diag.ID, at diag.IngressTime, data []byte) {
	h := q.w.Header()
	h.Set("Content-Type", mediaType(contentType))
	h.Set("Content-Disposition", respond.Disposition(name))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
	h.Set("ETag", `"`+id.String()+`"`)
	http.ServeContent(q.w, q.r, "", at.Time(), bytes.NewReader(data))
}

// mediaType is a content type in its regular form, or one that says nothing.
func mediaType(s string) string {
	kind, parameters, err := mime.ParseMediaType(s)
	if err != nil || !strings.Contains(kind, "/") {
		return anyBytes
	}
	if s = mime.FormatMediaType(kind, parameters); s == "" {
		return anyBytes
	}
	return s
}
