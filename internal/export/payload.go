package export

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"lifeboat/internal/archive"
	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/report"
	"lifeboat/internal/store"
)

// payload is one report in full, as <errorId>.json holds it: the members of its record, then what the API
// answers about it, in the API's own shapes.
type payload struct {
	full        report.Full
	record      archive.Record
	session     []diag.Event
	exceeded    bool
	attachments []attachment
}

// attachment is the API's description and the name of the blob with the bytes; "" if there are none.
type attachment struct {
	contract.Attachment
	BlobName string `json:"blobName,omitempty"`
}

// describe makes the description of an attachment that is exported in this window.
func (r *renderer) describe(row *store.AttachmentRow, of *store.ReportRow) attachment {
	name := ""
	if row.Problem == "" {
		name = archive.AttachmentName(r.prefix, diag.ReportID(of.Time, of.ID), row.ID)
	}
	a := diag.Attachment{ID: row.ID, ErrorID: row.ErrorID, ContentType: row.ContentType, FileName: row.FileName, Size: row.Size}
	return attachment{contract.NewAttachment(r.app.ID, &a, name, row.Ingress.Time()), name}
}

func (p *payload) json() ([]byte, error) {
	rep, v := &p.full.Report, &p.full.Verdict
	var b bytes.Buffer
	b.WriteByte('{')
	b.Write(p.record.AppendMembers(nil))
	for _, part := range []struct {
		name  string
		value any
	}{
		{"ErrorDetails", contract.NewReportDetails(rep, v, len(p.session) > 0, len(p.attachments) > 0)},
		{"StackTrace", contract.NewStackTrace(rep, v)},
		{"SessionLogs", contract.NewSessionLogs(p.session, rep.Install, p.exceeded).Logs},
		{"Attachments", append([]attachment{}, p.attachments...)},
	} {
		fmt.Fprintf(&b, ",%q:", part.name)
		if err := contract.Encode(&b, part.value); err != nil {
			return nil, fmt.Errorf("encode %s: %w", part.name, err)
		}
		b.Truncate(b.Len() - 1) // the line's end
	}
	if rep.Problem != "" {
		b.WriteString(`,"Problem":`)
		b.Write(archive.AppendString(nil, rep.Problem))
	}
	b.Write(appendRaw(nil, p.full.Raw))
	b.WriteByte('}')
	return b.Bytes(), nil
}

// appendRaw writes the log as it was received: as it stands if that is JSON, else as text that people can
// read and, since such a text may have lost bytes, in base64 too.
func appendRaw(dst, raw []byte) []byte {
	dst = append(dst, `,"RawLog":`...)
	if json.Valid(raw) && utf8.Valid(raw) {
		return append(dst, raw...)
	}
	dst = archive.AppendString(dst, string(raw))
	dst = append(dst, `,"RawLogBase64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, raw)
	return append(dst, '"')
}
