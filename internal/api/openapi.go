package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"lifeboat/internal/contract"
)

// The description of the API is made of the table of routes, the table of operations and the types that
// handlers answer with, so that it cannot say what the server does not do.

const description = "openapi.json"

// operation describes what a handler does, for the description.
type operation struct {
	summary string
	query   string // names of parameters with blanks between them; see parameters
	body    any    // a value of the type that the body is read into, nil for none
	status  int    // of a success, 0 for 200
	answer  any    // a value of the type that is answered, nil for none, file for bytes
}

// file stands for an answer that is a file.
type file struct{}

// name is what the route's handler is called, which is the id of its operation.
func (r *route) name() string {
	full := runtime.FuncForPC(reflect.ValueOf(r.serve).Pointer()).Name()
	return full[strings.LastIndexByte(full, '.')+1:]
}

// Description is the API in OpenAPI 3.1, JSON.
func Description(base, release string) ([]byte, error) {
	d := describer{schemas: map[string]any{}}
	paths := map[string]map[string]any{}
	if release == "" {
		release = "unknown"
	}
	for _, r := range routes() {
		path := paths[r.path]
		if path == nil {
			path = map[string]any{}
			paths[r.path] = path
		}
		path[strings.ToLower(r.method)] = d.operation(&r)
	}
	failures := d.failures()
	return json.MarshalIndent(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "Lifeboat", "version": release,
			"description": "The App Center REST API v0.1 for Diagnostics, analytics and accounts. Operations marked x-extension are Lifeboat's own, or other names of documented ones.",
		},
		"servers":  []any{map[string]any{"url": base}},
		"security": []any{map[string]any{"token": []any{}}, map[string]any{"password": []any{}}, map[string]any{"bearer": []any{}}},
		"paths":    paths,
		"components": map[string]any{
			"schemas":   d.schemas,
			"responses": failures,
			"securitySchemes": map[string]any{
				"token":    map[string]any{"type": "apiKey", "in": "header", "name": "X-API-Token"},
				"password": map[string]any{"type": "http", "scheme": "basic"},
				"bearer":   map[string]any{"type": "http", "scheme": "bearer"},
			},
		},
	}, "", " ")
}

// describer collects the schemas of named types.
type describer struct{ schemas map[string]any }

func content(kind string, schema any) map[string]any {
	return map[string]any{kind: map[string]any{"schema": schema}}
}

// failureNames are what the answers of failed calls are called, by their form (Q3).
var failureNames = [...]string{contract.ErrorWords: "Error", contract.ErrorNumbers: "NumberedError", contract.ErrorAlerts: "AlertError"}

// failures are the answers of failed calls.
func (d *describer) failures() map[string]any {
	all := map[string]any{}
	for form, name := range failureNames {
		body := contract.ErrorBody{}.In(contract.ErrorForm(form))
		all[name] = map[string]any{
			"description": "Why the call failed, for people and in every form that clients read.",
			"content":     content("application/json", d.schema(reflect.TypeOf(body))),
		}
	}
	return all
}

func (d *describer) operation(r *route) map[string]any {
	o := operations()[r.name()]
	about := map[string]any{
		"operationId": r.operationID(), "summary": o.summary, "tags": []string{tag(r.path)}, "x-needs": needNames[r.need],
		"responses": map[string]any{strconv.Itoa(o.code()): d.response(&o), "default": map[string]any{"$ref": "#/components/responses/" + failureNames[r.errors]}},
	}
	if r.extra {
		about["x-extension"] = true
	}
	if r.need == needSignature || r.need == needAnyone {
		about["security"] = []any{}
	}
	if all := d.parameters(r, &o); len(all) > 0 {
		about["parameters"] = all
	}
	if o.body != nil {
		about["requestBody"] = map[string]any{"content": content("application/json", d.schema(reflect.TypeOf(o.body)))}
	}
	return about
}

// operationID is one of its own for every route, also where several share a handler.
func (r *route) operationID() string {
	id := r.name()
	for _, other := range routes() {
		if other.method == r.method && other.path == r.path {
			break
		}
		if other.name() == r.name() {
			return id + "_" + strings.ToLower(r.method) + "_" + strings.NewReplacer("/", "_", "{", "", "}", "", ".", "").Replace(strings.TrimPrefix(r.path, "/"+version+"/"))
		}
	}
	return id
}

// tag is the part of the API that a path belongs to.
func tag(path string) string {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(segments) > 4 && segments[1] == "apps":
		return segments[4]
	case segments[0] == version && len(segments) > 1:
		return segments[1]
	}
	return segments[0]
}

func (o *operation) code() int {
	if o.status != 0 {
		return o.status
	}
	return http.StatusOK
}

func (d *describer) response(o *operation) map[string]any {
	answer := map[string]any{"description": http.StatusText(o.code())}
	switch o.answer.(type) {
	case nil:
	case file:
		answer["content"] = content("application/octet-stream", map[string]any{"type": "string", "format": "binary"})
	default:
		answer["content"] = content("application/json", d.schema(reflect.TypeOf(o.answer)))
	}
	return answer
}

func (d *describer) parameters(r *route, o *operation) (all []any) {
	for s := range strings.SplitSeq(r.path, "/") {
		if name, ok := strings.CutPrefix(s, "{"); ok {
			all = append(all, map[string]any{
				"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": map[string]any{"type": "string"},
			})
		}
	}
	known := parameters()
	for name := range strings.FieldsSeq(o.query) {
		p := known[name]
		all = append(all, map[string]any{"name": name, "in": "query", "description": p.about, "schema": p.schema()})
	}
	return all
}

// parameter describes a parameter of the query.
type parameter struct {
	kind  string // string, integer, boolean, date-time
	words string // that it may be, with blanks between them
	about string
}

func (p parameter) schema() map[string]any {
	s := map[string]any{"type": p.kind}
	if p.kind == "date-time" {
		s = map[string]any{"type": "string", "format": "date-time"}
	}
	if p.words != "" {
		s["enum"] = strings.Fields(p.words)
	}
	return s
}

// schema describes how values of a type look in JSON. Structs with a name are described once.
func (d *describer) schema(t reflect.Type) map[string]any {
	switch t.Kind() {
	case reflect.Pointer:
		s := d.schema(t.Elem())
		if ref, ok := s["$ref"]; ok {
			return map[string]any{"anyOf": []any{map[string]any{"$ref": ref}, map[string]any{"type": "null"}}}
		}
		if kind, ok := s["type"].(string); ok {
			s["type"] = []string{kind, "null"}
		}
		return s
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice, reflect.Array:
		if t == reflect.TypeFor[json.RawMessage]() {
			return map[string]any{}
		}
		return map[string]any{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.Struct:
		return d.object(t)
	case reflect.Interface:
		return map[string]any{}
	}
	return map[string]any{"type": "integer"}
}

func (d *describer) object(t reflect.Type) map[string]any {
	if t.Implements(reflect.TypeFor[json.Marshaler]()) {
		return map[string]any{}
	}
	name := t.Name()
	if name == "" {
		return d.members(t)
	}
	name = strings.ToUpper(name[:1]) + name[1:]
	ref := map[string]any{"$ref": "#/components/schemas/" + name}
	if _, ok := d.schemas[name]; ok {
		return ref
	}
	d.schemas[name] = nil // a type may hold itself
	d.schemas[name] = d.members(t)
	return ref
}

func (d *describer) members(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	d.addMembers(t, properties, &required)
	s := map[string]any{"type": "object", "properties": properties}
	if len(required) > 0 {
		slices.Sort(required)
		s["required"] = slices.Compact(required) // a member may stand in place of one of an embedded struct
	}
	return s
}

func (d *describer) addMembers(t reflect.Type, properties map[string]any, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			d.addMembers(f.Type, properties, required)
			continue
		case !f.IsExported(), name == "-":
			continue
		case name == "":
			name = f.Name
		}
		properties[name] = d.schema(f.Type)
		if !strings.Contains(options, "omit") {
			*required = append(*required, name)
		}
	}
}

// serveDescription is /openapi.json.
func serveDescription(q *request) error {
	text, err := Description(q.o.BaseURL(q.r), q.o.Version)
	if err != nil {
		return fmt.Errorf("api: description: %w", err)
	}
	q.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	q.w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	q.w.Header().Set("Access-Control-Allow-Origin", "*") // it holds no secret, and viewers run in browsers
	_, _ = q.w.Write(text)
	return nil
}
