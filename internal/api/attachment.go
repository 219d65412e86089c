package api

import (
	"bytes"
	"net/http"
	"strings"
	"unicode/utf8"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

func listAttachments(q *request) error {
	all, err := q.attachments()
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, all)
}

// attachments are those of the report that the path names.
func (q *request) attachments() ([]contract.Attachment, error) {
	report, err := q.row("errorId")
	if err != nil {
		return nil, err
	}
	rows, err := q.o.Store.Attachments(q.ctx(), q.app.Num, report.ID)
	if err != nil {
		return nil, err
	}
	all := make([]contract.Attachment, len(rows))
	for i := range rows {
		r := &rows[i]
		a := diag.Attachment{ID: r.ID, ErrorID: r.ErrorID, ContentType: r.ContentType, FileName: r.FileName, Size: r.Size}
		all[i] = contract.NewAttachment(q.app.ID, &a, "attachments/"+diag.ReportID(report.Time, report.ID)+"/"+r.ID.String(), r.Ingress.Time())
	}
	return all, nil
}

func noSuchAttachment() error { return diag.Errorf(diag.NotFound, "There is no such attachment.") }

// attachment is the row of the attachment that the path names.
func (q *request) attachment() (*store.ReportRow, *store.AttachmentRow, error) {
	report, err := q.row("errorId")
	if err != nil {
		return nil, nil, err
	}
	id, ok := diag.ParseID(q.param("attachmentId"))
	if !ok {
		return nil, nil, noSuchAttachment()
	}
	row, err := q.o.Store.Attachment(q.ctx(), q.app.Num, report.ID, id)
	if err != nil {
		return nil, nil, err
	}
	return report, &row, nil
}

// data reads the bytes of an attachment.
func (q *request) data(row *store.AttachmentRow) (diag.Attachment, error) {
	a, err := q.o.Reports.Attachment(&q.app, row, true)
	if err != nil {
		return a, err
	}
	if a.Problem != "" {
		return a, diag.Errorf(diag.NotFound, "The attachment's bytes cannot be read: %s.", strings.TrimRight(a.Problem, "."))
	}
	return a, nil
}

var byteOrderMark = []byte("\xef\xbb\xbf")

func attachmentText(q *request) error {
	content, err := q.attachmentText()
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, struct {
		Content string `json:"content"`
	}{content})
}

// attachmentText is the text of the attachment that the path names.
func (q *request) attachmentText() (string, error) {
	_, row, err := q.attachment()
	if err != nil {
		return "", err
	}
	a, err := q.data(row)
	if err != nil {
		return "", err
	}
	isText := strings.HasPrefix(strings.ToLower(a.ContentType), "text/")
	if !isText && !utf8.Valid(a.Data) {
		return "", diag.Errorf(diag.Invalid, "This attachment is not text. Ask for its location instead.")
	}
	return strings.ToValidUTF8(string(bytes.TrimPrefix(a.Data, byteOrderMark)), "\uFFFD"), nil
}

func locateAttachment(q *request) error {
	report, row, err := q.attachment()
	if err != nil {
		return err
	}
	return q.location(report.ID.String(), "attachments", row.ID.String())
}

// locateLog gives the address of the log as it was received.
func locateLog(q *request) error {
	row, err := q.rowInGroup()
	if err != nil {
		return err
	}
	return q.location(row.ID.String(), "log")
}
