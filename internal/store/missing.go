package store

import (
	"context"
	"database/sql"
	"strings"

	"lifeboat/internal/diag"
)

// missingKey is one version and build, with one set of ids that its reports lack. Texts are words.
type missingKey struct {
	app                     int64
	shard                   uint8
	version, build, missing int64
}

// lacking counts reports.
type lacking struct {
	crashes, errors int64
	last            diag.IngressTime
}

func (l *lacking) add(r *ReportRow, n int64) {
	if r.Handled {
		l.errors += n
	} else {
		l.crashes += n
	}
	l.last = max(l.last, r.Ingress)
}

// countMissing counts new reports that lack symbols.
func (w *batchWriter) countMissing(live []ReportRow) error {
	of := map[missingKey]*lacking{}
	for i := range live {
		r := &live[i]
		if len(r.Missing) == 0 {
			continue
		}
		k := missingKey{r.App, r.Shard, w.words.num(r.AppVersion), w.words.num(r.AppBuild), w.words.num(strings.Join(r.Missing, "\n"))}
		if of[k] == nil {
			of[k] = &lacking{}
			if err := w.nameImages(r); err != nil {
				return err
			}
		}
		of[k].add(r, 1)
	}
	if w.words.err != nil {
		return w.words.err
	}
	for k, l := range of {
		_, err := w.t.exec(`INSERT INTO missing_symbol (shard, app, version, build, missing, crashes, errors, last_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (shard, app, version, build, missing) DO UPDATE SET crashes = missing_symbol.crashes + excluded.crashes,
			errors = missing_symbol.errors + excluded.errors,
			last_at = CASE WHEN missing_symbol.last_at > excluded.last_at THEN missing_symbol.last_at ELSE excluded.last_at END`,
			k.shard, k.app, k.version, k.build, k.missing, l.crashes, l.errors, l.last)
		if err != nil {
			return err
		}
	}
	return nil
}

// nameImages keeps what a report calls the images that it lacks symbols of, unless another one did so before.
func (w *batchWriter) nameImages(r *ReportRow) error {
	for i, id := range r.Missing {
		name := ""
		if i < len(r.MissingNames) {
			name = r.MissingNames[i]
		}
		args := []any{r.Shard, r.App, w.words.num(id), w.words.num(name), w.words.num(r.OSName)}
		if w.words.err != nil {
			return w.words.err
		}
		_, err := w.t.exec("INSERT INTO image (shard, app, id, name, platform) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (shard, app, id) DO NOTHING", args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// uncountMissing takes reports that went out of the counts.
func (r *remover) uncountMissing() error {
	w := wordArg{t: r.t, cache: &r.db.words}
	of := map[missingKey]*lacking{}
	for i := range r.rows {
		row := &r.rows[i]
		if len(row.Missing) == 0 {
			continue
		}
		k := missingKey{r.app, r.shard, w.num(row.AppVersion), w.num(row.AppBuild), w.num(strings.Join(row.Missing, "\n"))}
		if of[k] == nil {
			of[k] = &lacking{}
		}
		of[k].add(row, -1)
	}
	if w.err != nil {
		return w.err
	}
	for k, l := range of {
		if err := r.unlack(k, l); err != nil {
			return err
		}
	}
	return nil
}

func (r *remover) unlack(k missingKey, l *lacking) error {
	const where = " WHERE shard = $1 AND app = $2 AND version = $3 AND build = $4 AND missing = $5"
	args := []any{k.shard, k.app, k.version, k.build, k.missing}
	if _, err := r.t.exec("UPDATE missing_symbol SET crashes = crashes + $6, errors = errors + $7"+where, append(args, l.crashes, l.errors)...); err != nil {
		return err
	}
	if _, err := r.t.exec("DELETE FROM missing_symbol"+where+" AND crashes <= 0 AND errors <= 0", args...); err != nil {
		return err
	}
	// Purges take the oldest, so that the last one seldom goes.
	_, err := r.t.exec(`UPDATE missing_symbol SET last_at = COALESCE((SELECT MAX(report.ingress) FROM report WHERE report.shard = $1 AND report.app = $2
		AND report.version = $3 AND report.build = $4 AND report.missing = $5), last_at)`+where+" AND last_at = $6", append(args, l.last)...)
	return err
}

// MissingSet is how many reports of a version and build lack the same symbols.
type MissingSet struct {
	Version, Build  string
	IDs             []string
	Crashes, Errors int64
	Last            diag.IngressTime // of the newest of them
}

// MissingImage is what reports call an image whose symbols they lack.
type MissingImage struct {
	Name     string
	Platform string
}

// MissingSymbols calls fn with all sets of ids that an app's reports lack, in no order.
func (db *DB) MissingSymbols(ctx context.Context, app int64, fn func(*MissingSet) error) error {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return err
	}
	return db.viewIndex(ctx, func(t *tx) error {
		return t.each(func(r *sql.Rows) error {
			var s MissingSet
			var ids string
			if err := r.Scan(textColumn{&s.Version}, textColumn{&s.Build}, textColumn{&ids}, &s.Crashes, &s.Errors, &s.Last); err != nil {
				return err
			}
			s.IDs = splitLines(ids)
			return fn(&s)
		}, `SELECT v.text, b.text, w.text, m.crashes, m.errors, m.last_at FROM missing_symbol m LEFT JOIN word v ON v.num = m.version
			LEFT JOIN word b ON b.num = m.build LEFT JOIN word w ON w.num = m.missing WHERE m.shard = $1 AND m.app = $2`, shard, app)
	})
}

// MissingImages are what reports call the images whose symbols they lack, by id.
func (db *DB) MissingImages(ctx context.Context, app int64) (map[string]MissingImage, error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return nil, err
	}
	all := map[string]MissingImage{}
	err = db.viewIndex(ctx, func(t *tx) error {
		return t.each(func(r *sql.Rows) error {
			var id string
			var i MissingImage
			err := r.Scan(textColumn{&id}, textColumn{&i.Name}, textColumn{&i.Platform})
			all[id] = i
			return err
		}, `SELECT w.text, n.text, p.text FROM image i LEFT JOIN word w ON w.num = i.id LEFT JOIN word n ON n.num = i.name
			LEFT JOIN word p ON p.num = i.platform WHERE i.shard = $1 AND i.app = $2`, shard, app)
	})
	return all, err
}

// MissingImage is what reports call one image whose symbols they lack, NotFound if none does.
func (db *DB) MissingImage(ctx context.Context, app int64, id string) (i MissingImage, err error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return i, err
	}
	err = db.viewIndex(ctx, func(t *tx) error {
		num, ok, err := db.words.find(t, id)
		if err == nil && (!ok || num == 0) {
			err = sql.ErrNoRows
		}
		var name, platform int64
		if err == nil {
			err = t.get([]any{&name, &platform}, "SELECT name, platform FROM image WHERE shard = $1 AND app = $2 AND id = $3", shard, app, num)
		}
		if err != nil {
			return absent(err, "symbol")
		}
		if i.Name, err = db.words.read(t, name); err == nil {
			i.Platform, err = db.words.read(t, platform)
		}
		return err
	})
	return i, err
}
