package report

import (
	"bytes"
	"context"
	"strings"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
	"lifeboat/internal/wire"
)

// Texts are what the search looks into besides a report's row: the messages of all its exceptions, the outermost
// first, then names and values of its properties. They follow from the log alone, never from symbols.
func (f *Full) Texts() []string {
	t := texts{left: store.MaxReportText}
	t.exception(f.Report.Stack.Exception, 0)
	for i := range f.Report.Stack.Threads {
		t.exception(f.Report.Stack.Threads[i].Exception, 0)
	}
	for _, p := range f.Report.Properties {
		t.add(p.Name)
		t.add(p.Value)
	}
	return t.all
}

// texts collects until there is enough.
type texts struct {
	all  []string
	left int
}

func (t *texts) add(s string) {
	if s != "" && t.left > 0 {
		t.all = append(t.all, s)
		t.left -= len(s)
	}
}

const maxChain = 32 // links of a chain of causes

func (t *texts) exception(e *diag.Exception, depth int) {
	if e == nil || depth == maxChain || t.left <= 0 {
		return
	}
	t.add(e.Message)
	for i := range e.Inner {
		t.exception(&e.Inner[i], depth+1)
	}
}

// searchable says whether the search looks into attachments of a type.
func searchable(contentType string) bool {
	kind, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	switch kind = strings.TrimSpace(kind); kind {
	case "application/json", "application/xml", "application/x-ndjson", "application/yaml":
		return true
	}
	return strings.HasPrefix(kind, "text/")
}

// AttachmentText is the text of an attachment that the search looks into: "" unless its type says that it is one.
func AttachmentText(l diag.Log, contentType string) string {
	if !searchable(contentType) {
		return ""
	}
	a := wire.DecodeAttachment(l, true)
	data := bytes.TrimPrefix(a.Data, []byte("\xef\xbb\xbf"))
	return strings.ToValidUTF8(string(data[:min(len(data), store.MaxAttachmentText)]), "\uFFFD")
}

// ReportTexts reads a report's texts for the store. It implements store.Texts.
func (r *Reader) ReportTexts(ctx context.Context, row *store.ReportRow) (store.LogTexts, error) {
	app, err := r.Store.AppByNum(ctx, row.App)
	if err != nil {
		return store.LogTexts{}, err
	}
	f, err := r.Report(ctx, &app, row)
	if err != nil {
		return store.LogTexts{}, err
	}
	return store.LogTexts{Message: f.Verdict.Reason.ExceptionMessage, All: f.Texts()}, nil
}

// AttachmentText reads an attachment's text for the store.
func (r *Reader) AttachmentText(ctx context.Context, row *store.AttachmentRow) (string, error) {
	if !searchable(row.ContentType) {
		return "", nil
	}
	app, err := r.Store.AppByNum(ctx, row.App)
	if err != nil {
		return "", err
	}
	_, l, err := r.log(&app, row.Install, row.Locator)
	if err != nil {
		return "", err
	}
	return AttachmentText(l, row.ContentType), nil
}
