package web

import (
	"net/http"
	"slices"
	"strings"
)

// Operation is one call of the API, for the page that lists them.
type Operation struct {
	Method, Path string
	Summary      string
	Needs        string   // of the caller
	Query        []string // names of parameters
	Body         bool     // takes one
	Status       int      // of a success
	Extension    bool     // ours, or another name of a documented one
}

// referencePage is the page /api.
type referencePage struct {
	frame
	Base   string
	Groups []operationGroup
	Count  int
}

type operationGroup struct {
	Name       string // of the part of the API, also the anchor
	Operations []Operation
}

// reference lists the calls of the API. What a server can do is no secret.
func (w *Web) reference(rw http.ResponseWriter, r *http.Request) error {
	page := referencePage{frame: frame{Title: "API"}, Base: w.o.BaseURL(r), Count: len(w.o.Operations)}
	for _, o := range w.o.Operations {
		name := partOf(o.Path)
		i := slices.IndexFunc(page.Groups, func(g operationGroup) bool { return g.Name == name })
		if i < 0 {
			i = len(page.Groups)
			page.Groups = append(page.Groups, operationGroup{Name: name})
		}
		page.Groups[i].Operations = append(page.Groups[i].Operations, o)
	}
	return w.render(rw, http.StatusOK, "reference.html", page)
}

// partOf is the part of the API that a path belongs to.
func partOf(path string) string {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(segments) > 4 && segments[1] == "apps" && strings.HasPrefix(segments[2], "{owner"):
		return segments[4]
	case len(segments) > 1 && strings.HasPrefix(segments[0], "v"):
		return segments[1]
	}
	return segments[0]
}
