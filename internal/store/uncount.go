package store

import (
	"context"
	"database/sql"
	"errors"

	"lifeboat/internal/diag"
)

// uncount takes reports that were deleted out of the numbers of their days, and their devices where nothing
// else shows them. Rows of the reports are gone already.
func (r *remover) uncount() error {
	w := wordArg{t: r.t, cache: &r.db.words}
	days, devices := sums[errorKey]{}, map[deviceDay]bool{}
	for i := range r.rows {
		row := &r.rows[i]
		k := errorKey{app: r.app, shard: r.shard, handled: row.Handled, day: dayOf(row.Time)}
		addErrors(days, k, w.num(row.AppVersion), w.num(row.AppBuild), -1)
		devices[deviceDay{r.app, r.shard, row.Install, dayOf(row.Time)}] = true
	}
	if w.err != nil {
		return w.err
	}
	if err := errorCounts.write(r.t, days); err != nil {
		return err
	}
	counters := sums[countKey]{}
	for at := range devices {
		if err := r.unsee(&w, at, counters); err != nil {
			return err
		}
	}
	r.t.after = append(r.t.after, r.db.memory.clear)
	return activeCounts.write(r.t, counters)
}

// unsee takes away what only deleted reports show of an install on a day.
func (r *remover) unsee(w *wordArg, at deviceDay, counters sums[countKey]) error {
	packed := packInstall(at.install)
	type shows struct {
		version, build int64
		sent           sent
	}
	left := map[shows]bool{}
	start := timeOfDay(at.day)
	err := r.t.each(func(rows *sql.Rows) error {
		var (
			s       shows
			handled bool
		)
		err := rows.Scan(&s.version, &s.build, flagColumn{&handled})
		s.sent = (&ReportRow{Handled: handled}).sentBy()
		left[s] = true
		return err
	}, `SELECT DISTINCT version, build, handled FROM report /* by report_install */ WHERE shard = $1 AND app = $2 AND install = $3
		AND time >= $4 AND time < $5`, r.shard, r.app, packed, start, endOfDay(start))
	if err != nil {
		return err
	}
	gone := map[shows]bool{}
	for i := range r.rows {
		row := &r.rows[i]
		s := shows{w.num(row.AppVersion), w.num(row.AppBuild), row.sentBy()}
		if row.Install == at.install && dayOf(row.Time) == at.day && !left[s] {
			gone[s] = true
		}
	}
	if w.err != nil || len(gone) == 0 {
		return w.err
	}
	var stood, stays []profile
	err = r.t.each(func(rows *sql.Rows) error {
		_, p, err := scanProfile(rows)
		stood, stays = append(stood, p), append(stays, p)
		return err
	}, activeText+"day = $4", r.shard, r.app, packed, at.day)
	if err == nil {
		err = r.t.each(func(rows *sql.Rows) error {
			var p profile
			err := rows.Scan(&p.version, &p.build, &p.sent)
			stood = append(stood, p)
			if !gone[shows{p.version, p.build, p.sent}] {
				stays = append(stays, p)
			}
			return err
		}, "SELECT version, build, used FROM active_error WHERE shard = $1 AND app = $2 AND day = $3 AND install = $4", r.shard, r.app, at.day, packed)
	}
	if err != nil {
		return err
	}
	several := false
	for _, p := range stays {
		several = several || p.version != stays[0].version || p.build != stays[0].build
	}
	for s := range gone {
		for _, table := range [...]string{"active_error", "active_shared"} {
			_, err := r.t.exec("DELETE FROM "+table+" WHERE shard = $1 AND app = $2 AND install = $3 AND day = $4 AND version = $5 AND build = $6 AND used = $7",
				r.shard, r.app, packed, at.day, s.version, s.build, int64(s.sent))
			if err != nil {
				return err
			}
		}
	}
	if !several {
		_, err := r.t.exec("DELETE FROM active_shared WHERE shard = $1 AND app = $2 AND day = $3 AND install = $4", r.shard, r.app, at.day, packed)
		if err != nil {
			return err
		}
	}
	for _, of := range counts {
		still := countFacets(stays, of)
		for f := range countFacets(stood, of) {
			if !still[f] {
				counters.add(countKey{at.app, at.shard, of, f, at.day}, -1, 0)
			}
		}
	}
	return nil
}

// unpart takes reports out of the counters that a group with many reports has. n is how many it had.
func (r *remover) unpart(group diag.GroupID, l *loss, n int64) error {
	if n < manyReports {
		return nil
	}
	if n-l.n < manyReports { // it is counted when asked for again
		_, err := r.t.exec("DELETE FROM group_count WHERE shard = $1 AND app = $2 AND grp = $3", r.shard, r.app, group)
		return err
	}
	w := wordArg{t: r.t, cache: &r.db.words}
	s, met := sums[partKey]{}, map[deviceDay]bool{}
	for _, row := range l.rows {
		k := partKey{app: r.app, shard: r.shard, group: group}
		at := deviceDay{install: row.Install, day: dayOf(row.Time)}
		lost := int64(0)
		if !met[at] {
			met[at] = true
			there, err := r.reportedOn(group, at)
			if err != nil {
				return err
			}
			lost = flag(!there)
		}
		k.part, k.a = partDay, at.day
		s.add(k, -1, -lost)
		k.part, k.a = partModel, w.num(row.Model)
		s.add(k, -1, 0)
		k.part, k.a, k.b = partSystem, w.num(row.OSName), w.num(row.OSVersion)
		s.add(k, -1, 0)
	}
	if w.err != nil {
		return w.err
	}
	return groupCounts.write(r.t, s)
}

// reportedOn reports whether an install still has a report of a group on a day.
func (r *remover) reportedOn(group diag.GroupID, at deviceDay) (there bool, err error) {
	start := timeOfDay(at.day)
	err = r.t.get([]any{&there}, `SELECT EXISTS (SELECT 1 FROM report /* by report_install */ WHERE shard = $1 AND app = $2 AND install = $3
		AND grp = $4 AND time >= $5 AND time < $6)`, r.shard, r.app, packInstall(at.install), int64(group), start, endOfDay(start))
	return there, err
}

// ForgetDays takes installs out of what is known of an app's days: those that sent logs before the day events,
// and those that had errors before the day reports. Numbers of those days stay; who was counted is gone. It works
// in pieces.
func (db *DB) ForgetDays(ctx context.Context, app, events, reports int64) (n int, err error) {
	shard, known, err := db.shardOfKnown(ctx, app)
	if err != nil || !known {
		return 0, err
	}
	const sent = "WHERE shard = $1 AND app = $2 AND day < $4 AND (day < $5 AND used = $6 OR day < $7 AND used <> $6) LIMIT $3)"
	most, logs := max(events, reports), int64(sentLog)
	for _, s := range [...]struct {
		text string
		more []any
	}{
		{`DELETE FROM active WHERE (shard, app, install, day, version, build, model, os, country, language, used) IN
			(SELECT shard, app, install, day, version, build, model, os, country, language, used FROM active /* by active_day */
			WHERE shard = $1 AND app = $2 AND day < $4 LIMIT $3)`, []any{events}},
		{`DELETE FROM active_error WHERE (shard, app, day, install, version, build, used) IN
			(SELECT shard, app, day, install, version, build, used FROM active_error WHERE shard = $1 AND app = $2 AND day < $4 LIMIT $3)`, []any{reports}},
		{`DELETE FROM active_shared WHERE (shard, app, day, install, version, build, used) IN
			(SELECT shard, app, day, install, version, build, used FROM active_shared ` + sent, []any{most, events, logs, reports}},
		{`DELETE FROM event_seen WHERE (shard, app, install, day) IN
			(SELECT shard, app, install, day FROM event_seen /* by event_seen_day */ WHERE shard = $1 AND app = $2 AND day < $4 LIMIT $3)`, []any{events}},
	} {
		for more := true; more; {
			err := db.index.update(ctx, func(t *tx) error {
				rows, err := t.exec(s.text, append([]any{shard, app, sweepPiece}, s.more...)...)
				more = rows == sweepPiece
				n += int(rows)
				if rows > 0 {
					t.after = append(t.after, db.memory.clear)
				}
				return err
			})
			if err != nil {
				return n, err
			}
		}
	}
	sessions, err := db.forgetSessions(ctx, shard, app, timeOfDay(events))
	return n + sessions, err
}

// forgetSessions takes away the sessions whose first log is older. It looks at all of them in pieces.
func (db *DB) forgetSessions(ctx context.Context, shard uint8, app int64, before diag.DeviceTime) (n int, err error) {
	const behind = " FROM session WHERE shard = $1 AND app = $2 AND (install, session) > ($3, $4)"
	for install, session := []byte{}, []byte{}; install != nil; {
		var (
			rows       int64
			last, next []byte // of the piece; none of the last one
		)
		err := db.index.update(ctx, func(t *tx) error {
			last, next = nil, nil
			err := t.get([]any{&last, &next}, "SELECT install, session"+behind+" ORDER BY install, session LIMIT 1 OFFSET $5", shard, app, install, session, sweepPiece-1)
			switch {
			case errors.Is(err, sql.ErrNoRows):
				rows, err = t.exec("DELETE"+behind+" AND first_at < $5", shard, app, install, session, before)
			case err == nil:
				rows, err = t.exec("DELETE"+behind+" AND (install, session) <= ($5, $6) AND first_at < $7", shard, app, install, session, last, next, before)
			}
			return err
		})
		if err != nil {
			return n, err
		}
		n += int(rows)
		install, session = last, next
	}
	return n, nil
}
