package store

import (
	"context"
	"database/sql"
	"errors"

	"lifeboat/internal/diag"
)

// PurgeClass tells logs apart that are kept for different times. The numbers are stored: never renumber.
type PurgeClass int

// The classes.
const (
	PurgeEvents  PurgeClass = iota // logs that are neither errors nor attachments
	PurgeReports                   // errors and attachments
)

// PurgeState is how far the purges of one app and class have come.
type PurgeState struct {
	Cursor uint64 // feed number up to which logs are past their time
	Frames uint64 // up to which their frames were blanked one by one
	Mark   uint64 // and up to which the index has no rows of them any more: behind Cursor after a crash
}

// PurgeStates returns the states of apps, zero for those of which nothing was purged.
func (db *DB) PurgeStates(ctx context.Context, class PurgeClass) (map[int64]PurgeState, error) {
	all := map[int64]PurgeState{}
	err := db.register.read(ctx, func(t *tx) error {
		return t.each(func(r *sql.Rows) error {
			var (
				app int64
				s   PurgeState
			)
			err := r.Scan(&app, &s.Cursor, &s.Frames)
			all[app] = s
			return err
		}, "SELECT app, through, frames FROM purge_cursor WHERE class = $1", class)
	})
	if err != nil {
		return nil, err
	}
	err = db.viewIndex(ctx, func(t *tx) error {
		return t.each(func(r *sql.Rows) error {
			var (
				app  int64
				mark uint64
			)
			err := r.Scan(&app, &mark)
			s := all[app]
			s.Mark = mark
			all[app] = s
			return err
		}, "SELECT app, through FROM purge_mark WHERE class = $1", class)
	})
	return all, err
}

// NoteFrames says up to which feed number the frames of apps are blank.
func (db *DB) NoteFrames(ctx context.Context, class PurgeClass, through map[int64]uint64) error {
	return db.register.update(ctx, func(t *tx) error {
		for app, n := range through {
			_, err := t.exec("UPDATE purge_cursor SET frames = $3 WHERE shard = (SELECT shard FROM app WHERE num = $1) AND app = $1 AND class = $2 AND frames < $3",
				app, class, n)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// PurgeBatches lists the batches of an app behind a mark: where the pieces of a repeated purge must end.
func (db *DB) PurgeBatches(ctx context.Context, app int64, after uint64) (all []uint64, err error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return nil, err
	}
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (n uint64, err error) { return n, r.Scan(&n) },
			"SELECT DISTINCT batch FROM purged WHERE shard = $1 AND app = $2 AND batch > $3 ORDER BY batch", shard, app, after)
		return err
	})
	return all, err
}

// Expired is one log that is past its time. A frame that cannot be read is one without a Kind.
type Expired struct {
	Feed    uint64
	Member  int
	Ingress diag.IngressTime
	Kind    diag.LogKind
	ID      diag.ID
	Install diag.InstallID
	Session diag.ID
}

// Piece is what one purge takes away: all logs of the apps up to Through that are still there. Every app whose
// purges come so far is listed, also without a log.
type Piece struct {
	Class   PurgeClass
	Through uint64
	Logs    map[int64][]Expired
	Again   bool // the register knows of it: the index lost it in a crash
}

// Purged counts rows that went.
type Purged struct{ Reports, Attachments, Events, Others int }

// Purge takes a piece out of the index. What outlives reports, their counts per group and day, is durable
// before the first row goes, and a crash in between counts nothing twice: what a group shows is its rows and
// the batches that this index has no rows of.
func (db *DB) Purge(ctx context.Context, p Piece) (done Purged, err error) {
	if !p.Again {
		if err := db.notePurge(ctx, &p); err != nil {
			return done, err
		}
	}
	shards := map[int64]uint8{}
	for app := range p.Logs {
		shard, known, err := db.shardOfKnown(ctx, app)
		if err != nil {
			return done, err
		}
		if known {
			shards[app] = shard
		}
	}
	err = db.index.update(ctx, func(t *tx) error {
		done = Purged{}
		for app, shard := range shards {
			r := remover{db: db, t: t, shard: shard, app: app, purge: true}
			if err := r.expire(p.Logs[app]); err != nil {
				return err
			}
			if err := r.settle(); err != nil {
				return err
			}
			if err := setMark(t, shard, app, p.Class, p.Through); err != nil {
				return err
			}
			done.Reports += r.reports
			done.Attachments += r.attachments
			done.Events += r.events
			done.Others += r.others
		}
		return nil
	})
	return done, err
}

// leftover is what outlives purged reports of one group, build and day.
type leftover struct {
	leftKey
	n     int64
	first diag.DeviceTime
}

type leftKey struct {
	group   diag.GroupID
	day     int64
	handled bool
	version string
	build   string
}

// notePurge writes what outlives the piece, and that it is past its time.
func (db *DB) notePurge(ctx context.Context, p *Piece) error {
	left, kept := map[int64][]leftover{}, map[int64][]keptReason{}
	for app, logs := range p.Logs {
		var err error
		if left[app], err = db.leftovers(ctx, app, logs); err != nil {
			return err
		}
		if kept[app], err = db.reasonsOf(ctx, app, groupsOf(left[app])); err != nil {
			return err
		}
	}
	return db.register.update(ctx, func(t *tx) error {
		for app := range p.Logs {
			shard, err := shardIn(t, app)
			if diag.KindOf(err) == diag.NotFound {
				continue
			}
			if err == nil {
				err = p.note(t, shard, app, left[app], kept[app])
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *Piece) note(t *tx, shard uint8, app int64, left []leftover, kept []keptReason) error {
	for _, l := range left {
		_, err := t.exec(`INSERT INTO purged (shard, app, grp, batch, day, build, version, handled, n, first_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (shard, app, grp, batch, day, build) DO UPDATE SET n = excluded.n, first_at = excluded.first_at`,
			shard, app, l.group, p.Through, l.day, l.build, l.version, flag(l.handled), l.n, l.first)
		if err != nil {
			return err
		}
	}
	if err := keepReasons(t, shard, app, kept); err != nil {
		return err
	}
	_, err := t.exec(`INSERT INTO purge_cursor (shard, app, class, through, frames) VALUES ($1, $2, $3, $4, 0)
		ON CONFLICT (shard, app, class) DO UPDATE SET through = excluded.through WHERE purge_cursor.through < excluded.through`,
		shard, app, p.Class, p.Through)
	return err
}

func groupsOf(left []leftover) (all []diag.GroupID) {
	seen := map[diag.GroupID]bool{}
	for _, l := range left {
		if !seen[l.group] {
			seen[l.group] = true
			all = append(all, l.group)
		}
	}
	return all
}

// leftovers counts the reports among logs.
func (db *DB) leftovers(ctx context.Context, app int64, logs []Expired) (all []leftover, err error) {
	shard, known, err := db.shardOfKnown(ctx, app)
	if err != nil || !known {
		return nil, err
	}
	at := map[leftKey]int{}
	err = db.viewIndex(ctx, func(t *tx) error {
		for i := range logs {
			if logs[i].Kind.Family() != diag.FamilyError {
				continue
			}
			k, when, err := db.leftKey(t, shard, app, &logs[i])
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			if _, ok := at[k]; !ok {
				at[k] = len(all)
				all = append(all, leftover{leftKey: k, first: when})
			}
			sum := &all[at[k]]
			sum.n++
			sum.first = min(sum.first, when)
		}
		return nil
	})
	return all, err
}

func (db *DB) leftKey(t *tx, shard uint8, app int64, l *Expired) (k leftKey, when diag.DeviceTime, err error) {
	words := newWordColumns(&k.version, &k.build)
	err = t.get(append([]any{&k.group, &when, flagColumn{&k.handled}}, words.scan()...),
		"SELECT grp, time, handled, version, build FROM report WHERE shard = $1 AND app = $2 AND id = $3 AND feed = $4", shard, app, l.ID[:], l.Feed)
	if err == nil {
		err = words.resolve(t, &db.words)
	}
	k.day = dayOf(when)
	return k, when, err
}

// expire takes out the rows of logs, of whatever sort they are.
func (r *remover) expire(logs []Expired) error {
	for i := range logs {
		if err := r.expireOne(&logs[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *remover) expireOne(l *Expired) error {
	if err := r.unarrive(l.Ingress, l.Feed); err != nil {
		return err
	}
	var (
		gone bool
		err  error
	)
	switch {
	case l.Kind == 0:
	case l.Kind.Family() == diag.FamilyError:
		gone, err = r.report(l.ID, l.Feed)
	case l.Kind.Family() == diag.FamilyAttachment:
		gone, err = r.attachment(l.ID, l.Feed)
	default:
		gone, err = r.event(l)
	}
	if gone || err != nil {
		return err
	}
	return r.other(l.Feed, l.Member)
}

func (r *remover) event(l *Expired) (bool, error) {
	e := EventRow{Kind: l.Kind, ID: l.ID, Session: l.Session}
	space, key, _ := e.key()
	rows, err := r.t.exec("DELETE FROM event WHERE shard = $1 AND app = $2 AND install = $3 AND space = $4 AND key = $5 AND feed = $6 AND member = $7",
		r.shard, r.app, packInstall(l.Install), space, key[:], l.Feed, l.Member)
	if err != nil || rows == 0 {
		return false, err
	}
	r.events++
	r.count(int(l.Kind))
	return true, nil
}

// other takes out what is noted of a log without a row: that it is a copy, or cannot be read.
func (r *remover) other(feed uint64, member int) error {
	copies, err := r.t.exec("DELETE FROM duplicate WHERE shard = $1 AND feed = $2 AND member = $3 AND app = $4", r.shard, feed, member, r.app)
	if err != nil {
		return err
	}
	problems, err := r.t.exec("DELETE FROM problem WHERE shard = $1 AND app = $2 AND feed = $3 AND member = $4", r.shard, r.app, feed, member)
	if err != nil {
		return err
	}
	for kind, n := range map[int]int64{tallyDuplicates: copies, tallyProblems: problems} {
		for range n {
			r.others++
			r.count(kind)
		}
	}
	return nil
}

// CopyRow is the place of a log that is a copy of an earlier one.
type CopyRow struct {
	Copy
	App     int64
	Locator diag.Locator
}

// Copies lists copies with feed numbers above after, in feed order, whole frames only: of one shard after the
// other. More than limit are listed if they lie in one frame.
func (db *DB) Copies(ctx context.Context, app int64, after uint64, limit int) (all []CopyRow, err error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return nil, err
	}
	err = db.viewIndex(ctx, func(t *tx) error {
		read := func(text string, args ...any) ([]CopyRow, error) {
			return list(t, func(r *sql.Rows) (CopyRow, error) {
				c := CopyRow{App: app}
				err := r.Scan(&c.Feed, &c.Member, &c.Locator.Segment, &c.Locator.Offset)
				c.Locator.Member = c.Member
				return c, err
			}, "SELECT feed, member, segment, pos FROM duplicate WHERE shard = $1 AND app = $2 AND "+text+" ORDER BY feed, member", args...)
		}
		var last uint64
		err := t.get([]any{&last}, `SELECT COALESCE(MAX(feed), 0) FROM (SELECT feed FROM duplicate WHERE shard = $1 AND app = $2 AND feed > $3
			ORDER BY feed, member LIMIT $4)`, shard, app, after, limit)
		if err != nil || last == 0 {
			return err
		}
		all, err = read("feed > $3 AND feed <= $4", shard, app, after, last)
		return err
	})
	return all, err
}

// DropCopies forgets copies whose frames are blank.
func (db *DB) DropCopies(ctx context.Context, copies []CopyRow) (n int, err error) {
	byApp := map[int64][]CopyRow{}
	for _, c := range copies {
		byApp[c.App] = append(byApp[c.App], c)
	}
	for app, rows := range byApp {
		shard, known, err := db.shardOfKnown(ctx, app)
		if err != nil || !known {
			return n, err
		}
		err = db.index.update(ctx, func(t *tx) error {
			r := remover{db: db, t: t, shard: shard, app: app}
			for _, c := range rows {
				if err := r.other(c.Feed, c.Member); err != nil {
					return err
				}
			}
			n += r.others
			return r.settle()
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// GoneApps lists deleted apps whose frames may still be in the journal.
func (db *DB) GoneApps(ctx context.Context) (all []int64, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (n int64, err error) { return n, r.Scan(&n) }, "SELECT app FROM gone_app ORDER BY app")
		return err
	})
	return all, err
}

// ForgetGoneApps says that nothing of deleted apps is in the journal any more.
func (db *DB) ForgetGoneApps(ctx context.Context, apps []int64) error {
	return db.register.update(ctx, func(t *tx) error {
		for _, app := range apps {
			if _, err := t.exec("DELETE FROM gone_app WHERE app = $1", app); err != nil {
				return err
			}
		}
		return nil
	})
}

// purgeClock is the counter that holds the wall clock's time of the last purge.
const purgeClock = "purge_clock"

// PurgeTime is the wall clock's time at the last purge in Unix milliseconds, 0 if there was none.
func (db *DB) PurgeTime(ctx context.Context) (ms int64, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		err := t.get([]any{&ms}, "SELECT value FROM counter WHERE name = $1", purgeClock)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return ms, err
}

// SetPurgeTime remembers it.
func (db *DB) SetPurgeTime(ctx context.Context, ms int64) error {
	return db.register.update(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO counter (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", purgeClock, ms)
		return err
	})
}

// Moved is a log whose frame has another place now.
type Moved struct {
	Expired
	To diag.Locator
}

// Relocate writes new places into the rows of an app's logs.
func (db *DB) Relocate(ctx context.Context, app int64, logs []Moved) (n int, err error) {
	shard, known, err := db.shardOfKnown(ctx, app)
	if err != nil || !known {
		return 0, err
	}
	err = db.index.update(ctx, func(t *tx) error {
		n = 0
		for i := range logs {
			rows, err := relocate(t, shard, app, &logs[i])
			if err != nil {
				return err
			}
			n += int(rows)
		}
		return nil
	})
	return n, err
}

func relocate(t *tx, shard uint8, app int64, l *Moved) (rows int64, err error) {
	set := func(table, where string, key ...any) {
		if rows == 0 && err == nil {
			rows, err = t.exec("UPDATE "+table+" SET segment = $1, pos = $2 WHERE shard = $3 AND "+where, append([]any{l.To.Segment, l.To.Offset, shard}, key...)...)
		}
	}
	switch l.Kind.Family() {
	case diag.FamilyError:
		set("report", "app = $4 AND id = $5 AND feed = $6", app, l.ID[:], l.Feed)
	case diag.FamilyAttachment:
		set("attachment", "app = $4 AND id = $5 AND feed = $6", app, l.ID[:], l.Feed)
	default:
		e := EventRow{Kind: l.Kind, ID: l.ID, Session: l.Session}
		space, key, _ := e.key()
		set("event", "app = $4 AND install = $5 AND space = $6 AND key = $7 AND feed = $8 AND member = $9",
			app, packInstall(l.Install), space, key[:], l.Feed, l.Member)
	}
	if rows > 0 && err == nil { // the other members of the frame find it rewritten already
		_, err = t.exec("UPDATE arrival SET segment = $1, pos = $2 WHERE shard = $3 AND app = $4 AND ingress = $5 AND feed = $6",
			l.To.Segment, l.To.Offset, shard, app, l.Ingress, l.Feed)
	}
	set("duplicate", "feed = $4 AND member = $5", l.Feed, l.Member)
	set("problem", "app = $4 AND feed = $5 AND member = $6", app, l.Feed, l.Member)
	return rows, err
}

// seed tells an empty index what purges have taken out of the journal, or will: it is not indexed again, and
// its days are counted as before.
func (db *DB) seed(ctx context.Context, t *tx) error {
	if err := db.seedMarks(ctx, t); err != nil {
		return err
	}
	w := wordArg{t: t, cache: &db.words}
	days := sums[errorKey]{}
	err := db.register.read(ctx, func(r *tx) error {
		return r.each(func(r *sql.Rows) error {
			var (
				k              errorKey
				version, build string
				day, n         int64
			)
			if err := r.Scan(&k.shard, &k.app, flagColumn{&k.handled}, &version, &build, &day, &n); err != nil {
				return err
			}
			k.day = day
			addErrors(days, k, w.num(version), w.num(build), n)
			return w.err
		}, "SELECT shard, app, handled, version, build, day, SUM(n) FROM purged GROUP BY shard, app, handled, version, build, day")
	})
	if err != nil {
		return err
	}
	return errorCounts.write(t, days)
}

// addErrors adds reports of one version and build to the counters of their day.
func addErrors(s sums[errorKey], k errorKey, version, build, n int64) {
	for _, f := range [...]facet{{dimAll, 0, 0}, {dimVersion, version, 0}, {dimBuild, build, 0}, {dimPair, version, build}} {
		k.facet = f
		s.add(k, n, 0)
	}
}

// seedMarks says of an empty index what purges have taken out of the journal, or will: it is not indexed again.
func (db *DB) seedMarks(ctx context.Context, t *tx) error {
	type cursor struct {
		shard   uint8
		app     int64
		class   PurgeClass
		through uint64
	}
	var all []cursor
	err := db.register.read(ctx, func(t *tx) (err error) {
		all, err = list(t, func(r *sql.Rows) (c cursor, err error) { return c, r.Scan(&c.shard, &c.app, &c.class, &c.through) },
			"SELECT shard, app, class, through FROM purge_cursor")
		return err
	})
	for i := range all {
		if err == nil {
			err = setMark(t, all[i].shard, all[i].app, all[i].class, all[i].through)
		}
	}
	return err
}
