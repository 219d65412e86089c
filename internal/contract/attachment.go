package contract

import (
	"time"

	"lifeboat/internal/diag"
)

// Attachment describes a file that belongs to a report.
type Attachment struct {
	AppID        string `json:"appId"`
	AttachmentID string `json:"attachmentId"`
	CrashID      string `json:"crashId"` // the report's GUID, of crashes and handled errors alike
	BlobLocation string `json:"blobLocation"`
	ContentType  string `json:"contentType"`
	FileName     string `json:"fileName"`
	CreatedTime  string `json:"createdTime"`
	Size         int64  `json:"size"`
}

// NewAttachment makes the description of a; location is where the bytes lie, created when they came.
func NewAttachment(app diag.ID, a *diag.Attachment, location string, created time.Time) Attachment {
	return Attachment{
		AppID: app.String(), AttachmentID: a.ID.String(), CrashID: a.ErrorID.String(), BlobLocation: location,
		ContentType: a.ContentType, FileName: a.FileName, CreatedTime: diag.FormatTime(created), Size: int64(a.Size),
	}
}
