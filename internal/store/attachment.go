package store

import (
	"context"

	"lifeboat/internal/diag"
)

// AttachmentRow is the row of a file that belongs to a report. It may arrive before its report and exists
// without one.
type AttachmentRow struct {
	Feed        uint64
	Time        diag.DeviceTime
	Ingress     diag.IngressTime
	App         int64
	Shard       uint8 // filled in by the store from the app
	ID          diag.ID
	ErrorID     diag.ID
	Install     diag.InstallID
	ContentType string
	FileName    string
	Size        int
	Problem     string
	Locator     diag.Locator
}

// Attachments lists the attachments of a report in the order they came.
func (db *DB) Attachments(ctx context.Context, app int64, report diag.ID) ([]AttachmentRow, error) {
	return nil, errPending
}

// AttachmentsOf is Attachments for many reports.
func (db *DB) AttachmentsOf(ctx context.Context, app int64, reports []diag.ID) (map[diag.ID][]AttachmentRow, error) {
	return nil, errPending
}

// Attachment returns one attachment of a report.
func (db *DB) Attachment(ctx context.Context, app int64, report, id diag.ID) (AttachmentRow, error) {
	return AttachmentRow{}, errPending
}
