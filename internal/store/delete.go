package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"lifeboat/internal/diag"
)

// FrameRef names a frame of the journal that holds a deleted log.
type FrameRef struct {
	Family diag.Family
	Number uint64 // of the frame in the feed
}

// Deletion says what became of one error.
type Deletion struct {
	Reports, Attachments int        // rows that went
	Frames               []FrameRef // what is to be blanked in the journal; then call FinishDeletion
}

// errMoved: more belongs to the report than was noted.
var errMoved = errors.New("store: an attachment came while its error was being deleted")

// DeleteReport takes an error and its attachments out of the index for good: its group counts without it, day
// counts too, and copies that come later stay out. NotFound if there is none.
//
// What is to go is noted in the register first and stays there until FinishDeletion, so that a crash in
// between leaves nothing half done: see Deletions.
func (db *DB) DeleteReport(ctx context.Context, app int64, id diag.ID, now int64) (d Deletion, err error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return d, err
	}
	for {
		row, err := db.Report(ctx, app, id)
		if err != nil {
			return d, err
		}
		files, err := db.Attachments(ctx, app, id)
		if err != nil {
			return d, err
		}
		frames, names := framesOf(&row, files)
		if err := db.noteDeletion(ctx, app, id, row.Group, frames, names, now); err != nil {
			return d, err
		}
		if d, err = db.takeOut(ctx, shard, app, id, frames); !errors.Is(err, errMoved) {
			if err == nil && d.Reports == 0 {
				err = absent(sql.ErrNoRows, "report") // somebody else was quicker
			}
			return d, err
		}
	}
}

func framesOf(r *ReportRow, files []AttachmentRow) ([]FrameRef, []named) {
	frames, names := []FrameRef{{diag.FamilyError, r.Feed}}, []named{{diag.FamilyError, r.ID}}
	for i := range files {
		frames = append(frames, FrameRef{diag.FamilyAttachment, files[i].Feed})
		names = append(names, named{diag.FamilyAttachment, files[i].ID})
	}
	return frames, names
}

// noteDeletion makes a deletion durable before anything of it is done.
func (db *DB) noteDeletion(ctx context.Context, app int64, id diag.ID, group diag.GroupID, frames []FrameRef, names []named, now int64) error {
	past, err := db.reasonsOf(ctx, app, []diag.GroupID{group})
	if err != nil {
		return err
	}
	return db.updateApp(ctx, app, func(t *tx, shard uint8) error {
		for _, n := range names {
			if err := db.bury(t, shard, app, n, now); err != nil {
				return err
			}
		}
		for _, f := range frames {
			_, err := t.exec(`INSERT INTO deletion (shard, app, feed, family, id, created_at) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (shard, app, feed) DO NOTHING`, shard, app, f.Number, f.Family, id[:], now)
			if err != nil {
				return err
			}
		}
		return keepReasons(t, shard, app, past)
	})
}

// takeOut takes the rows of one error out of the index.
func (db *DB) takeOut(ctx context.Context, shard uint8, app int64, id diag.ID, noted []FrameRef) (d Deletion, err error) {
	err = db.index.update(ctx, func(t *tx) error {
		r := remover{db: db, t: t, shard: shard, app: app}
		if err := r.whole(id); err != nil {
			return err
		}
		for _, f := range r.frames {
			if !slices.Contains(noted, f) {
				return errMoved
			}
		}
		d = Deletion{Reports: r.reports, Attachments: r.attachments, Frames: noted}
		return r.settle()
	})
	return d, err
}

// PendingDeletion is a deletion that is not known to be finished.
type PendingDeletion struct {
	App       int64
	ID        diag.ID
	CreatedAt int64 // Unix milliseconds
	Frames    []FrameRef
}

// Deletions lists what DeleteReport has begun and FinishDeletion has not ended.
func (db *DB) Deletions(ctx context.Context) (all []PendingDeletion, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		return t.each(func(r *sql.Rows) error {
			var (
				p PendingDeletion
				f FrameRef
			)
			if err := r.Scan(&p.App, idColumn{&p.ID}, &f.Number, &f.Family, &p.CreatedAt); err != nil {
				return err
			}
			if n := len(all); n == 0 || all[n-1].App != p.App || all[n-1].ID != p.ID {
				all = append(all, p)
			}
			last := &all[len(all)-1]
			last.Frames = append(last.Frames, f)
			return nil
		}, "SELECT app, id, feed, family, created_at FROM deletion ORDER BY app, id, feed")
	})
	return all, err
}

// RepeatDeletion takes out again what came back when a crash cost the index its last transactions.
func (db *DB) RepeatDeletion(ctx context.Context, p *PendingDeletion) error {
	shard, known, err := db.shardOfKnown(ctx, p.App)
	if err != nil || !known {
		return err
	}
	_, err = db.takeOut(ctx, shard, p.App, p.ID, p.Frames)
	if errors.Is(err, errMoved) {
		_, err = db.DeleteReport(ctx, p.App, p.ID, p.CreatedAt)
	}
	return err
}

// FinishDeletion forgets a deletion: its rows are gone durably, see FlushIndex, and its frames are blank.
func (db *DB) FinishDeletion(ctx context.Context, p *PendingDeletion) error {
	return db.register.update(ctx, func(t *tx) error {
		for _, f := range p.Frames {
			if _, err := t.exec("DELETE FROM deletion WHERE shard = (SELECT shard FROM app WHERE num = $1) AND app = $1 AND feed = $2", p.App, f.Number); err != nil {
				return err
			}
		}
		return nil
	})
}

// FlushIndex makes durable what was written to the index so far. It is false while readers are in the way:
// try again.
func (db *DB) FlushIndex(ctx context.Context) (done bool, err error) {
	return db.index.checkpoint(ctx)
}

// remover takes rows of one app out of the index in one transaction and makes its counters right again.
type remover struct {
	db    *DB
	t     *tx
	shard uint8
	app   int64
	purge bool // by age: counts outlive the rows

	reports, attachments, events, others int

	found  *unsearcher // see unsearch
	frames []FrameRef
	rows   []ReportRow // that went
	groups map[diag.GroupID]*loss
	tally  map[int]int64
}

// loss is what a group loses.
type loss struct {
	n        int64
	first    diag.DeviceTime
	installs map[diag.InstallID]bool
	rows     []*ReportRow
}

// whole takes out an error with its attachments.
func (r *remover) whole(id diag.ID) error {
	if _, err := r.report(id, 0); err != nil {
		return err
	}
	files, err := r.db.attachments(r.t, r.shard, r.app, "SELECT "+attachmentColumns+
		" FROM attachment WHERE shard = $1 AND app = $2 AND error_id = $3", r.shard, r.app, id[:])
	if err != nil {
		return err
	}
	for i := range files {
		if _, err := r.attachment(files[i].ID, files[i].Feed); err != nil {
			return err
		}
	}
	return nil
}

// report takes out one report, unless its row is that of another frame than feed; 0 is any.
func (r *remover) report(id diag.ID, feed uint64) (bool, error) {
	f := &filter{}
	f.and("r.shard = $%d AND r.app = $%d AND r.id = $%d", r.shard, r.app, id[:])
	rows, err := r.db.reports(r.t, r.shard, r.app, "SELECT "+reportColumns+" FROM report r"+reportGroup+" WHERE "+f.String(), f)
	if err != nil || len(rows) == 0 || feed != 0 && rows[0].Feed != feed {
		return false, err
	}
	row := &rows[0]
	if err := r.unsearch().report(row); err != nil {
		return false, err
	}
	if _, err := r.t.exec("DELETE FROM report WHERE shard = $1 AND app = $2 AND id = $3", r.shard, r.app, id[:]); err != nil {
		return false, err
	}
	if err := r.unarrive(row.Ingress, row.Feed); err != nil {
		return false, err
	}
	r.reports++
	r.frames = append(r.frames, FrameRef{diag.FamilyError, row.Feed})
	r.rows = append(r.rows, *row)
	r.count(int(row.Kind))
	if row.Group != 0 {
		r.lose(row)
	}
	return true, nil
}

func (r *remover) lose(row *ReportRow) {
	if r.groups == nil {
		r.groups = map[diag.GroupID]*loss{}
	}
	l := r.groups[row.Group]
	if l == nil {
		l = &loss{first: row.Time, installs: map[diag.InstallID]bool{}}
		r.groups[row.Group] = l
	}
	l.n++
	l.first = min(l.first, row.Time)
	l.installs[row.Install] = true
	l.rows = append(l.rows, row)
}

// attachment takes out one attachment if its row is that of the frame.
func (r *remover) attachment(id diag.ID, feed uint64) (bool, error) {
	files, err := r.db.attachments(r.t, r.shard, r.app, "SELECT "+attachmentColumns+
		" FROM attachment WHERE shard = $1 AND app = $2 AND id = $3 AND feed = $4", r.shard, r.app, id[:], feed)
	if err != nil || len(files) == 0 {
		return false, err
	}
	if err := r.unsearch().attachment(&files[0]); err != nil {
		return false, err
	}
	rows, err := r.t.exec("DELETE FROM attachment WHERE shard = $1 AND app = $2 AND id = $3 AND feed = $4", r.shard, r.app, id[:], feed)
	if err != nil || rows == 0 {
		return false, err
	}
	if err := r.unarrive(files[0].Ingress, feed); err != nil {
		return false, err
	}
	r.attachments++
	r.frames = append(r.frames, FrameRef{diag.FamilyAttachment, feed})
	r.count(int(diag.KindAttachment))
	return true, nil
}

// unarrive forgets that a frame came.
func (r *remover) unarrive(ingress diag.IngressTime, feed uint64) error {
	_, err := r.t.exec("DELETE FROM arrival WHERE shard = $1 AND app = $2 AND ingress = $3 AND feed = $4", r.shard, r.app, ingress, feed)
	return err
}

func (r *remover) count(kind int) {
	if r.tally == nil {
		r.tally = map[int]int64{}
	}
	r.tally[kind]++
}

// unsearch takes what goes out of the full-text table, once settle is called.
func (r *remover) unsearch() *unsearcher {
	if r.found == nil {
		r.found = &unsearcher{db: r.db, t: r.t, shard: r.shard, app: r.app}
	}
	return r.found
}

// settle makes counters right.
func (r *remover) settle() error {
	if err := r.recounted(); err != nil || r.found == nil {
		return err
	}
	return r.found.finish(r.purge)
}

// recounted makes all counters right but those of days that outlive a purge.
func (r *remover) recounted() error {
	for kind, n := range r.tally {
		if _, err := r.t.exec("UPDATE tally SET n = n - $4 WHERE shard = $1 AND app = $2 AND kind = $3", r.shard, r.app, kind, n); err != nil {
			return err
		}
	}
	if len(r.rows) == 0 {
		return nil
	}
	r.t.after = append(r.t.after, func() { r.db.boards.drop(r.app) })
	for group, l := range r.groups {
		if err := r.recount(group, l); err != nil {
			return err
		}
	}
	if err := r.uncountMissing(); err != nil {
		return err
	}
	if r.purge {
		return nil // numbers of days stay
	}
	return r.uncount()
}

// recount makes the counters of a group those of the reports that are left. A group without any goes.
func (r *remover) recount(group diag.GroupID, l *loss) error {
	var left, past int64
	err := r.t.get([]any{&left, &past}, "SELECT n, past FROM error_group WHERE shard = $1 AND app = $2 AND grp = $3", r.shard, r.app, group)
	if err != nil {
		return err
	}
	if err := r.unpart(group, l, left); err != nil {
		return err
	}
	if left -= l.n; left <= 0 {
		if err := r.unsearch().group(group); err != nil {
			return err
		}
		_, err := r.t.exec("DELETE FROM error_group WHERE shard = $1 AND app = $2 AND grp = $3", r.shard, r.app, group)
		return err
	}
	devices, err := r.devicesLost(group, l)
	if err != nil {
		return err
	}
	var (
		first, last diag.DeviceTime
		latest      diag.ID
		build       int64
	)
	const edge = " FROM report /* by report_grp */ WHERE shard = $1 AND app = $2 AND grp = $3 ORDER BY time"
	if err := r.t.get([]any{&first}, "SELECT time"+edge+" LIMIT 1", r.shard, r.app, group); err != nil {
		return err
	}
	if err := r.t.get([]any{&last, idColumn{&latest}, &build}, "SELECT time, id, build"+edge+" DESC, id DESC LIMIT 1", r.shard, r.app, group); err != nil {
		return err
	}
	text, err := r.db.words.read(r.t, build)
	if err != nil {
		return err
	}
	if err := r.outlive(group, l, past); err != nil {
		return err
	}
	_, err = r.t.exec(`UPDATE error_group SET n = $4, devices = devices - $5, last_at = $7, latest = $8, build = $9,
		first_at = CASE WHEN past > 0 AND past_first < $6 THEN past_first ELSE $6 END WHERE shard = $1 AND app = $2 AND grp = $3`,
		r.shard, r.app, group, left, devices, first, last, latest[:], text)
	return err
}

// devicesLost counts the installs that have no report in the group any more.
func (r *remover) devicesLost(group diag.GroupID, l *loss) (lost int64, err error) {
	for install := range l.installs {
		var there bool
		err := r.t.get([]any{&there}, "SELECT EXISTS (SELECT 1 FROM report WHERE shard = $1 AND app = $2 AND install = $3 AND grp = $4)",
			r.shard, r.app, packInstall(install), group)
		if err != nil {
			return 0, err
		}
		if !there {
			lost++
		}
	}
	return lost, nil
}

// outlive keeps the counts of purged reports with their group.
func (r *remover) outlive(group diag.GroupID, l *loss, past int64) error {
	if !r.purge {
		return nil
	}
	text := "UPDATE error_group SET past = past + $4, past_first = $5 WHERE shard = $1 AND app = $2 AND grp = $3"
	if past > 0 {
		text = "UPDATE error_group SET past = past + $4, past_first = CASE WHEN past_first < $5 THEN past_first ELSE $5 END WHERE shard = $1 AND app = $2 AND grp = $3"
	}
	_, err := r.t.exec(text, r.shard, r.app, group, l.n, l.first)
	return err
}
