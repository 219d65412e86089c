package store

import (
	"context"
	"database/sql"

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

	// Search is what it is found by: see ReportRow. NewAttachmentDoc made it.
	Search SearchDoc
}

func (w *batchWriter) writeAttachments(ctx context.Context, rows []AttachmentRow) error {
	rows, err := place(ctx, w, PurgeReports, rows, func(a *AttachmentRow) (int64, *uint8, uint64, int) { return a.App, &a.Shard, a.Feed, a.Locator.Member })
	if err != nil || len(rows) == 0 {
		return err
	}
	rows, err = withoutDeleted(ctx, w, rows, func(a *AttachmentRow) ([]named, uint64, diag.Locator) {
		return []named{{diag.FamilyError, a.ErrorID}, {diag.FamilyAttachment, a.ID}}, a.Feed, a.Locator
	},
		func(a *AttachmentRow) (int64, uint8) { return a.App, a.Shard })
	if err != nil {
		return err
	}
	live, copies, err := insertNew(w.t, w.db.index.dialect, w.attachmentTable(), rows)
	if err != nil {
		return err
	}
	if w.words.err != nil {
		return w.words.err
	}
	for i := range live {
		w.tally[tallyKey{live[i].App, live[i].Shard, int(diag.KindAttachment)}]++
		w.indexAttachment(&live[i])
	}
	w.done.Attachments += len(live)
	for i := range copies {
		if err := w.writeCopy(copies[i].App, copies[i].Shard, copies[i].Feed, copies[i].Locator); err != nil {
			return err
		}
	}
	return nil
}

func (w *batchWriter) attachmentTable() table[AttachmentRow] {
	return table[AttachmentRow]{
		name: "attachment",
		columns: []string{"shard", "app", "id", "error_id", "install", "feed", "time", "ingress", "content_type", "file_name", "size",
			"problem", "segment", "pos", "member"},
		bind: func(dst []any, a *AttachmentRow) []any {
			return append(dst, int64(a.Shard), a.App, a.ID[:], a.ErrorID[:], packInstall(a.Install), int64(a.Feed), int64(a.Time), int64(a.Ingress),
				w.words.num(a.ContentType), textOrNull(a.FileName), int64(a.Size), textOrNull(a.Problem), a.Locator.Segment, a.Locator.Offset,
				int64(a.Locator.Member))
		},
		stored: func(a *AttachmentRow) (feed int64, member int, err error) {
			err = w.t.get([]any{&feed, &member}, "SELECT feed, member FROM attachment WHERE shard = $1 AND app = $2 AND id = $3",
				a.Shard, a.App, a.ID[:])
			return feed, member, err
		},
		self: func(a *AttachmentRow) (int64, int) { return int64(a.Feed), a.Locator.Member },
	}
}

const attachmentColumns = "id, error_id, install, feed, time, ingress, file_name, size, problem, segment, pos, member, content_type"

// Attachments lists the attachments of a report in the order they came.
func (db *DB) Attachments(ctx context.Context, app int64, report diag.ID) ([]AttachmentRow, error) {
	of, err := db.AttachmentsOf(ctx, app, []diag.ID{report})
	return of[report], err
}

// AttachmentsOf is Attachments for many reports. Reports without any are not in the map.
func (db *DB) AttachmentsOf(ctx context.Context, app int64, reports []diag.ID) (map[diag.ID][]AttachmentRow, error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return nil, err
	}
	of := map[diag.ID][]AttachmentRow{}
	err = db.viewIndex(ctx, func(t *tx) error {
		for _, id := range reports {
			rows, err := db.attachments(t, shard, app, "SELECT "+attachmentColumns+
				" FROM attachment WHERE shard = $1 AND app = $2 AND error_id = $3 ORDER BY feed, member", shard, app, id[:])
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				of[id] = rows
			}
		}
		return nil
	})
	return of, err
}

// Attachment returns one attachment of a report.
func (db *DB) Attachment(ctx context.Context, app int64, report, id diag.ID) (row AttachmentRow, err error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return row, err
	}
	err = db.viewIndex(ctx, func(t *tx) error {
		rows, err := db.attachments(t, shard, app, "SELECT "+attachmentColumns+
			" FROM attachment WHERE shard = $1 AND app = $2 AND id = $3 AND error_id = $4", shard, app, id[:], report[:])
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return absent(sql.ErrNoRows, "attachment")
		}
		row = rows[0]
		return nil
	})
	return row, err
}

func (db *DB) attachments(t *tx, shard uint8, app int64, text string, args ...any) ([]AttachmentRow, error) {
	var words []*wordColumns
	rows, err := list(t, func(r *sql.Rows) (*AttachmentRow, error) {
		a := &AttachmentRow{App: app, Shard: shard}
		w := newWordColumns(&a.ContentType)
		words = append(words, w)
		return a, r.Scan(append([]any{idColumn{&a.ID}, idColumn{&a.ErrorID}, installColumn{&a.Install}, &a.Feed, &a.Time, &a.Ingress,
			textColumn{&a.FileName}, &a.Size, textColumn{&a.Problem}, &a.Locator.Segment, &a.Locator.Offset, &a.Locator.Member}, w.scan()...)...)
	}, text, args...)
	if err != nil {
		return nil, err
	}
	all := make([]AttachmentRow, len(rows))
	for i, a := range rows {
		if err := words[i].resolve(t, &db.words); err != nil {
			return nil, err
		}
		all[i] = *a
	}
	return all, nil
}
