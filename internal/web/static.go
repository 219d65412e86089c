package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"path"
	"strconv"
	"strings"

	"lifeboat/internal/diag"
)

const staticPath = "/static/"

//go:embed static
var staticFiles embed.FS

//go:embed templates
var templateFiles embed.FS

// asset is one file that pages load. Its address holds a hash of its content, so it may be kept for ever.
type asset struct {
	contentType string
	body        []byte
}

// loadStatic returns the assets by path, and the path of each by the file's name.
func loadStatic() (assets map[string]*asset, paths map[string]string) {
	files, err := staticFiles.ReadDir("static")
	if err != nil {
		panic(err) // it is in the binary
	}
	assets, paths = map[string]*asset{}, map[string]string{}
	for _, f := range files {
		body, err := staticFiles.ReadFile("static/" + f.Name())
		if err != nil {
			panic(err)
		}
		ext := path.Ext(f.Name())
		hash := sha256.Sum256(body)
		at := staticPath + strings.TrimSuffix(f.Name(), ext) + "-" + hex.EncodeToString(hash[:6]) + ext
		assets[at], paths[f.Name()] = &asset{contentType(ext), body}, at
	}
	return assets, paths
}

// contentType does not ask the machine, which may know other names.
func contentType(ext string) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}

// asset answers with a file. One with another hash is of another release: it is not there.
func (w *Web) asset(rw http.ResponseWriter, r *http.Request) error {
	a := w.static[r.URL.Path]
	if a == nil {
		return diag.Errorf(diag.NotFound, "There is no such file in this release. Load the page again.")
	}
	h := rw.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Type", a.contentType)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	_, _ = rw.Write(a.body)
	return nil
}

// parseTemplates reads the templates, which know the paths of static files by name.
func parseTemplates(paths map[string]string) *template.Template {
	t := template.New("").Funcs(template.FuncMap{
		"static": func(name string) string { return paths[name] },
		"number": number,
		"count":  count,
		"copied": func(id, text string) snippet { return snippet{ID: id, Text: text} },
	})
	return template.Must(t.ParseFS(templateFiles, "templates/*.html"))
}
