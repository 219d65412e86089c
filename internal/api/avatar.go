package api

import (
	"bytes"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"mime"
	"net/http"
	"strconv"

	"lifeboat/internal/diag"
)

// The bounds of pictures, which were the original's.
const (
	maxAvatar     = 1_000_000 // bytes
	maxAvatarSide = 512       // pixels
	maxParts      = 16        // of a form
)

const avatars = "/" + blobs + "/avatars/"

// avatarURL is where a picture is, nil if there is none. No token is needed there: the id is not to be guessed, and
// pages show pictures without one.
func (q *request) avatarURL(id diag.ID) *string {
	if id.IsZero() {
		return nil
	}
	at := q.o.BaseURL(q.r) + avatars + id.String()
	return &at
}

func setOrgAvatar(q *request) error {
	a, err := q.readAvatar()
	if err != nil {
		return err
	}
	return q.putOrgAvatar(a)
}

func deleteOrgAvatar(q *request) error { return q.putOrgAvatar(diag.Avatar{}) }

func (q *request) putOrgAvatar(a diag.Avatar) error {
	org, err := q.o.Store.SetOrgAvatar(q.ctx(), q.org.Num, a, q.o.Clock.Now().UnixMilli())
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, q.orgView(&org))
}

func setAppAvatar(q *request) error {
	a, err := q.readAvatar()
	if err != nil {
		return err
	}
	return q.putAppAvatar(a)
}

func deleteAppAvatar(q *request) error { return q.putAppAvatar(diag.Avatar{}) }

func (q *request) putAppAvatar(a diag.Avatar) error {
	app, err := q.o.Store.SetAppAvatar(q.ctx(), q.app.Num, a, q.o.Clock.Now().UnixMilli())
	if err != nil {
		return err
	}
	return q.showOwned(&app)
}

// readAvatar reads the picture in the part "avatar" of a form.
func (q *request) readAvatar() (diag.Avatar, error) {
	kind, parameters, err := mime.ParseMediaType(q.r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || parameters["boundary"] == "" {
		return diag.Avatar{}, diag.Errorf(diag.Invalid, `Send the picture as the part "avatar" of multipart/form-data.`)
	}
	form, err := q.r.MultipartReader()
	if err != nil {
		return diag.Avatar{}, diag.Wrap(diag.Invalid, err, "The form cannot be read.")
	}
	for range maxParts {
		part, err := form.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return diag.Avatar{}, formError(err)
		}
		if part.FormName() != "avatar" {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(part, maxAvatar+1))
		if err != nil {
			return diag.Avatar{}, formError(err)
		}
		return picture(data)
	}
	return diag.Avatar{}, diag.Errorf(diag.Invalid, `The form has no part "avatar".`)
}

func formError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return avatarTooLarge()
	}
	return diag.Wrap(diag.Invalid, err, "The form did not arrive whole. Send it again.")
}

func avatarTooLarge() error {
	return diag.Errorf(diag.TooLarge, "The picture is too large: at most %d bytes and %d pixels to a side.", maxAvatar, maxAvatarSide)
}

// picture finds out what a picture is by its first bytes, whatever its name and label say. What it would look like
// is never asked here: only its size is read.
func picture(data []byte) (diag.Avatar, error) {
	if len(data) > maxAvatar {
		return diag.Avatar{}, avatarTooLarge()
	}
	a := diag.Avatar{ID: diag.RandomID(), Data: data}
	var size func(io.Reader) (image.Config, error)
	switch a.Type = http.DetectContentType(data); a.Type {
	case "image/png":
		size = png.DecodeConfig
	case "image/jpeg":
		size = jpeg.DecodeConfig
	case "image/gif":
		size = gif.DecodeConfig
	default:
		return diag.Avatar{}, diag.Errorf(diag.Invalid, "The picture must be PNG, JPEG or GIF.")
	}
	c, err := size(bytes.NewReader(data))
	switch {
	case err != nil || c.Width <= 0 || c.Height <= 0:
		return diag.Avatar{}, diag.Wrap(diag.Invalid, err, "The picture is damaged.")
	case c.Width > maxAvatarSide || c.Height > maxAvatarSide:
		return diag.Avatar{}, avatarTooLarge()
	}
	return a, nil
}

// serveAvatar shows a picture to whoever knows its id. Another picture has another id, so it may be kept.
func serveAvatar(q *request) error {
	id, ok := diag.ParseID(q.param("avatar_id"))
	if !ok {
		return diag.Errorf(diag.NotFound, "There is no such picture.")
	}
	a, err := q.o.Store.Avatar(q.ctx(), id)
	if err != nil {
		return err
	}
	h := q.w.Header()
	h.Set("Content-Type", a.Type)
	h.Set("Content-Length", strconv.Itoa(len(a.Data)))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "private, max-age=86400, immutable")
	_, _ = q.w.Write(a.Data) // a client that hung up gets nothing
	return nil
}
