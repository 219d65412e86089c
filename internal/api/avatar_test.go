package api_test

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

func (w *world) encoded(encode func(io.Writer, image.Image) error, width, height int) []byte {
	w.Helper()
	var b bytes.Buffer
	w.must(encode(&b, image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.Black, color.White})))
	return b.Bytes()
}

func asJPEG(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, nil) }

func asGIF(w io.Writer, m image.Image) error { return gif.Encode(w, m, nil) }

// post sends a form with one file.
func (w *world) post(as, path, field string, data []byte) answer {
	w.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile(field, "../../evil.html")
	w.must(err)
	_, err = part.Write(data)
	w.must(err)
	w.must(form.Close())
	r, err := http.NewRequest("POST", w.server.URL+strings.Replace(path, "~", "/v0.1/apps/acme/Shop", 1), &b)
	w.must(err)
	r.Header.Set("X-API-Token", as)
	r.Header.Set("Content-Type", form.FormDataContentType())
	return w.do(r)
}

// TestAvatars: pictures are what their bytes are, are shown to whoever has their address, and go with what they are of.
func TestAvatars(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lead := w.lead()
	const org = "/v0.1/orgs/acme/avatar"
	shown := func(a answer) string {
		t.Helper()
		var v struct {
			Icon   string `json:"icon_url"`
			Avatar string `json:"avatar_url"`
		}
		a.want(200).into(&v)
		path, ok := strings.CutPrefix(v.Icon+v.Avatar, "https://crashes.example")
		if !ok {
			t.Fatalf("no address of ours in %s", a.body)
		}
		return path
	}
	small := w.encoded(png.Encode, 1, 1)
	first := shown(w.post(w.token, "~/avatar", "avatar", small))
	a := w.callAs("", "GET", first).want(200)
	if a.body != string(small) || a.header.Get("Content-Type") != "image/png" || !strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%v %q", a.header, a.body)
	}
	if again := shown(w.call("GET", "~")); again != first {
		t.Errorf("%s, then %s", first, again)
	}
	for kind, data := range map[string][]byte{"image/jpeg": w.encoded(asJPEG, 512, 512), "image/gif": w.encoded(asGIF, 8, 9)} {
		path := shown(w.post(lead, org, "avatar", data))
		if a := w.callAs("", "GET", path).want(200); a.header.Get("Content-Type") != kind || a.body != string(data) {
			t.Errorf("%s: %v", kind, a.header)
		}
	}
	logo := shown(w.callAs(lead, "GET", "/v0.1/orgs/acme"))
	w.call("GET", "~").want(200, `"avatar_url":"https://crashes.example`+logo) // the owner's
	w.call("GET", "/v0.1/apps").want(200, `"icon_url":"https://crashes.example`+first, `"avatar_url":"https://crashes.example`+logo)

	second := shown(w.post(w.token, "~/avatar", "avatar", small))
	w.callAs("", "GET", first).want(404)
	w.call("DELETE", "~/avatar").want(200, `"icon_url":null`)
	w.call("DELETE", "~/avatar").want(200, `"icon_url":null`)
	w.callAs("", "GET", second).want(404)
	third := shown(w.post(w.token, "~/avatar", "avatar", small))
	w.call("PATCH", "~", `{"icon_url":"https://x.example/i.png"}`).want(200, `"icon_url":"https://x.example/i.png"`)
	w.callAs("", "GET", third).want(404)
	fourth := shown(w.post(w.token, "~/avatar", "avatar", small))
	w.call("DELETE", "~").want(204)
	w.callAs("", "GET", fourth).want(404)
	w.callAs(lead, "DELETE", "/v0.1/orgs/acme").want(204)
	w.callAs("", "GET", logo).want(404)
	w.callAs("", "GET", "/blobs/avatars/x").want(404)
	w.callAs("", "GET", "/blobs/avatars/00000000-0000-0000-0000-000000000000").want(404)
}

func TestBadAvatars(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	valid := w.encoded(png.Encode, 1, 1)
	for name, c := range map[string]struct {
		data   []byte
		status int
	}{
		"page":       {[]byte("<html><script>alert(1)</script>"), 400},
		"svg":        {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), 400},
		"nothing":    {nil, 400},
		"cut":        {valid[:12], 400},
		"only magic": {[]byte("\x89PNG\r\n\x1a\n"), 400},
		"jpeg magic": {[]byte("\xff\xd8\xff\xe0"), 400},
		"gif magic":  {[]byte("GIF89a"), 400},
		"wide":       {w.encoded(png.Encode, 513, 1), 413},
		"huge":       {append(bytes.Clone(valid), make([]byte, 1_000_000)...), 413},
	} {
		if a := w.post(w.token, "~/avatar", "avatar", c.data); a.status != c.status {
			t.Errorf("%s: status %d: %s", name, a.status, a.body)
		}
	}
	w.post(w.token, "~/avatar", "other", valid).want(400, "no part")
	w.call("POST", "~/avatar", `{"avatar":"x"}`).want(400, "multipart/form-data")
	w.call("POST", "~/avatar").want(400)
	for kind, body := range map[string]string{
		"multipart/form-data":                                       "--x\r\n",
		"multipart/form-data; boundary=x":                           "--x\r\nContent-Disposition: form-data; name=avatar\r\n\r\nhalf",
		"multipart/form-data; boundary=\"\"":                        "",
		"multipart/form-data; boundary=" + strings.Repeat("y", 500): "--y",
	} {
		r, err := http.NewRequest("POST", w.server.URL+"/v0.1/apps/acme/Shop/avatar", strings.NewReader(body))
		w.must(err)
		r.Header.Set("X-API-Token", w.token)
		r.Header.Set("Content-Type", kind)
		w.do(r).want(400)
	}
	w.call("GET", "~").want(200, `"icon_url":null`)
}

// FuzzAvatar: whatever is sent as a picture, nothing fails on the server's side, and only pictures are taken.
func FuzzAvatar(f *testing.F) {
	w := newWorld(f)
	for _, data := range [][]byte{w.encoded(png.Encode, 3, 3), w.encoded(asJPEG, 3, 3), w.encoded(asGIF, 3, 3), []byte("GIF89a"), nil} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		own := world{TB: t, server: w.server}

		a := own.post(w.token, "~/avatar", "avatar", data)
		if a.status != 200 && a.status != 400 && a.status != 413 {
			t.Errorf("status %d: %s", a.status, a.body)
		}
	})
}
