package store

import (
	"context"
	"database/sql"
	"errors"

	"lifeboat/internal/diag"
)

// keptReason is a group's reason as its first report had it.
type keptReason struct {
	group  diag.GroupID
	reason Reason
}

// reasonsOf reads the reasons of groups that are about to lose reports, which may be the ones that they are
// from.
func (db *DB) reasonsOf(ctx context.Context, app int64, groups []diag.GroupID) (all []keptReason, err error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return nil, err
	}
	err = db.viewIndex(ctx, func(t *tx) error {
		for _, g := range groups {
			k := keptReason{group: g}
			err := t.get(k.reason.scan(), "SELECT "+reasonColumns+" FROM error_group g WHERE g.shard = $1 AND g.app = $2 AND g.grp = $3", shard, app, g)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			all = append(all, k)
		}
		return nil
	})
	return all, err
}

// keepReasons notes reasons in the register. What is noted stays.
func keepReasons(t *tx, shard uint8, app int64, all []keptReason) error {
	for i := range all {
		r := &all[i].reason
		_, err := t.exec(`INSERT INTO group_past (shard, app, grp, type, os_type, class, method, file, line, app_code, class_method, code_raw,
			framework, language) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (shard, app, grp) DO NOTHING`,
			shard, app, all[i].group, r.Type, r.OSExceptionType, r.Class, r.Method, r.File, r.Line, flag(r.AppCode), flag(r.ClassMethod), r.CodeRaw,
			r.Framework, string(r.Language))
		if err != nil {
			return err
		}
	}
	return nil
}

// recall gives a group that has no row yet what is left of reports that it had before: its reason, and how
// many were purged out of this index.
func (w *batchWriter) recall(r *ReportRow) error {
	mark, err := w.mark(r.App, r.Shard, PurgeReports)
	if err != nil {
		return err
	}
	var (
		reason      Reason
		past, first int64
	)
	err = w.db.register.read(w.t.ctx, func(t *tx) error {
		err := t.get(reason.scan(), "SELECT "+reasonColumns+" FROM group_past g WHERE g.shard = $1 AND g.app = $2 AND g.grp = $3", r.Shard, r.App, r.Group)
		if err != nil {
			return err
		}
		return t.get([]any{&past, &first}, "SELECT COALESCE(SUM(n), 0), COALESCE(MIN(first_at), 0) FROM purged WHERE shard = $1 AND app = $2 AND grp = $3 AND batch <= $4",
			r.Shard, r.App, r.Group, mark)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil // it never lost any
	}
	if err != nil {
		return err
	}
	w.t.after = append(w.t.after, func() { w.db.boards.drop(r.App) })
	_, err = w.t.exec(`UPDATE error_group SET type = $4, os_type = $5, class = $6, method = $7, file = $8, line = $9, app_code = $10,
		class_method = $11, code_raw = $12, framework = $13, language = $14, past = $15, past_first = $16,
		first_at = CASE WHEN $15 > 0 AND $16 < first_at THEN $16 ELSE first_at END WHERE shard = $1 AND app = $2 AND grp = $3`,
		r.Shard, r.App, r.Group, reason.Type, reason.OSExceptionType, reason.Class, reason.Method, reason.File, reason.Line,
		flag(reason.AppCode), flag(reason.ClassMethod), reason.CodeRaw, reason.Framework, string(reason.Language), past, first)
	return err
}

// markKey names the mark of an app and class.
type markKey struct {
	app   int64
	class PurgeClass
}

// mark is up to which feed number purges have taken an app's rows out of this index.
func (w *batchWriter) mark(app int64, shard uint8, class PurgeClass) (uint64, error) {
	key := markKey{app, class}
	if n, ok := w.marks[key]; ok {
		return n, nil
	}
	n, err := purgeMark(w.t, shard, app, class)
	if err != nil {
		return 0, err
	}
	if w.marks == nil {
		w.marks = map[markKey]uint64{}
	}
	w.marks[key] = n
	return n, nil
}

func purgeMark(t *tx, shard uint8, app int64, class PurgeClass) (n uint64, err error) {
	err = t.get([]any{&n}, "SELECT through FROM purge_mark WHERE shard = $1 AND app = $2 AND class = $3", shard, app, class)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return n, err
}

// setMark raises a mark.
func setMark(t *tx, shard uint8, app int64, class PurgeClass, through uint64) error {
	_, err := t.exec(`INSERT INTO purge_mark (shard, app, class, through) VALUES ($1, $2, $3, $4)
		ON CONFLICT (shard, app, class) DO UPDATE SET through = excluded.through WHERE purge_mark.through < excluded.through`,
		shard, app, class, through)
	return err
}
