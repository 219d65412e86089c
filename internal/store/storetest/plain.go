package storetest

import (
	"cmp"
	"slices"
	"strings"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// source answers questions about one app: a store, or plain lists that a store must be like.
type source interface {
	reports(q store.ReportQuery) []store.ReportRow
	groups(q store.GroupQuery) []store.GroupSummary
	attachments(reports []diag.ID) map[diag.ID][]store.AttachmentRow
	sessionLogs(m store.Moment, limit int) ([]store.EventRow, bool)
	problems(app int64) []store.ProblemRow
	stats(app int64) store.IndexStats
	copies() []store.Copy
}

// stored is a store as a source.
type stored struct {
	t   tb
	db  *store.DB
	app int64
}

func (s stored) reports(q store.ReportQuery) []store.ReportRow {
	rows, next, err := s.db.Reports(s.t.Context(), q)
	ok(s.t, err)
	if q.Limit == 0 && !next.IsZero() {
		s.t.Error("a list without limit has another page")
	}
	return rows
}

func (s stored) groups(q store.GroupQuery) []store.GroupSummary {
	groups, _, err := s.db.Groups(s.t.Context(), q)
	ok(s.t, err)
	return groups
}

func (s stored) attachments(reports []diag.ID) map[diag.ID][]store.AttachmentRow {
	return must(s.db.AttachmentsOf(s.t.Context(), s.app, reports))(s.t)
}

func (s stored) sessionLogs(m store.Moment, limit int) ([]store.EventRow, bool) {
	rows, more, err := s.db.SessionLogs(s.t.Context(), s.app, m, limit)
	ok(s.t, err)
	same(s.t, "has session logs", []bool{len(rows) > 0}, must(s.db.HasSessionLogs(s.t.Context(), s.app, []store.Moment{m}))(s.t))
	return rows, more
}

func (s stored) problems(app int64) []store.ProblemRow {
	return must(s.db.Problems(s.t.Context(), app, 1000))(s.t)
}

func (s stored) stats(app int64) store.IndexStats {
	return must(s.db.IndexStats(s.t.Context(), app))(s.t)
}

func (s stored) copies() []store.Copy { return must(s.db.Duplicates(s.t.Context(), 0, all))(s.t) }

// lists is the plainest thing that a store must be like: rows in slices, every answer by looking at all of
// them. It holds the rows of one app.
type lists struct {
	shard       uint8
	events      []store.EventRow
	reportRows  []store.ReportRow
	files       []store.AttachmentRow
	problemRows []store.ProblemRow
	copied      []store.Copy
	said        map[diag.GroupID]store.GroupWords
}

// apply adds rows, which come in feed order.
func (l *lists) apply(b store.Batch) {
	for _, e := range b.Events {
		if e.Shard = l.shard; slices.ContainsFunc(l.events, func(o store.EventRow) bool { return sameEvent(e, o) }) {
			l.copied = append(l.copied, store.Copy{Feed: e.Feed, Member: e.Locator.Member})
		} else {
			l.events = append(l.events, e)
		}
	}
	for _, r := range b.Reports {
		if r.Shard = l.shard; slices.ContainsFunc(l.reportRows, func(o store.ReportRow) bool { return o.ID == r.ID }) {
			l.copied = append(l.copied, store.Copy{Feed: r.Feed, Member: r.Locator.Member})
		} else {
			l.reportRows = append(l.reportRows, r)
		}
	}
	for _, a := range b.Attachments {
		if a.Shard = l.shard; slices.ContainsFunc(l.files, func(o store.AttachmentRow) bool { return o.ID == a.ID }) {
			l.copied = append(l.copied, store.Copy{Feed: a.Feed, Member: a.Locator.Member})
		} else {
			l.files = append(l.files, a)
		}
	}
	l.problemRows = append(l.problemRows, b.Problems...)
}

func sameEvent(a, b store.EventRow) bool {
	if a.Install != b.Install {
		return false
	}
	begins := func(e store.EventRow) bool { return e.Kind == diag.KindStartSession && !e.Session.IsZero() }
	if begins(a) || begins(b) {
		return begins(a) && begins(b) && a.Session == b.Session
	}
	return a.ID == b.ID
}

// whole gives a report what all reports of its group share: what the first one said.
func (l *lists) whole(r store.ReportRow) store.ReportRow {
	r.Signature, r.Reason = diag.Signature{}, store.Reason{}
	if r.Group != 0 {
		first := l.reportRows[slices.IndexFunc(l.reportRows, func(o store.ReportRow) bool { return o.Group == r.Group })]
		r.Signature, r.Reason = first.Signature, first.Reason
	}
	return r
}

func newestFirst(a, b store.ReportRow) int {
	return cmp.Or(cmp.Compare(b.Time, a.Time), slices.Compare(b.ID[:], a.ID[:]))
}

func (l *lists) reports(q store.ReportQuery) []store.ReportRow {
	var found []store.ReportRow
	for _, r := range l.reportRows {
		if q.Group != nil && r.Group != *q.Group || q.Model != "" && r.Model != q.Model || q.OS != "" && !onSystem(r, q.OS) {
			continue
		}
		if chosen(r, q.Start, q.End, "", q.Install, q.UserID) {
			found = append(found, l.whole(r))
		}
	}
	slices.SortFunc(found, newestFirst)
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found
}

func onSystem(r store.ReportRow, os string) bool {
	return r.OSName == os || r.OSVersion == os || r.OSName != "" && r.OSVersion != "" && r.OSName+" "+r.OSVersion == os
}

func chosen(r store.ReportRow, start, end diag.DeviceTime, build string, install diag.InstallID, user string) bool {
	return (start == 0 || r.Time >= start) && (end == 0 || r.Time < end) && (build == "" || r.AppBuild == build) &&
		(install == "" || r.Install == install) && (user == "" || r.UserID == user)
}

func (l *lists) groups(q store.GroupQuery) []store.GroupSummary {
	of := map[diag.GroupID][]store.ReportRow{}
	for _, r := range l.reportRows {
		if r.Group != 0 && chosen(r, q.Start, q.End, q.Build, q.Install, q.UserID) {
			of[r.Group] = append(of[r.Group], l.whole(r))
		}
	}
	found := []store.GroupSummary{}
	for id, rows := range of {
		g := l.group(id, rows)
		if (q.Version == "" || g.AppVersion == q.Version) && (q.Handled == nil || g.Handled == *q.Handled) &&
			(len(q.States) == 0 || slices.Contains(q.States, g.State)) {
			found = append(found, g)
		}
	}
	order := q.OrderBy
	if len(order) == 0 {
		order = []store.Order{{Column: store.ByCount, Desc: true}}
	}
	slices.SortFunc(found, func(a, b store.GroupSummary) int {
		for _, o := range order {
			c := compareBy(o.Column, a, b)
			if o.Desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return cmp.Compare(a.ID, b.ID)
	})
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found
}

func (l *lists) group(id diag.GroupID, rows []store.ReportRow) store.GroupSummary {
	newest := slices.MinFunc(rows, newestFirst)
	g := store.GroupSummary{ID: id, Handled: newest.Handled, AppVersion: newest.AppVersion, AppBuild: newest.AppBuild, Count: int64(len(rows)),
		First: newest.Time, Last: newest.Time, Reason: newest.Reason, Signature: newest.Signature, State: store.StateOpen, Latest: newest.ID}
	installs := map[diag.InstallID]bool{}
	for _, r := range rows {
		installs[r.Install] = true
		g.First = min(g.First, r.Time)
	}
	g.Devices = int64(len(installs))
	if w, said := l.said[id]; said {
		g.State, g.Annotation = w.State, w.Annotation
	}
	return g
}

func compareBy(c store.Column, a, b store.GroupSummary) int {
	switch c {
	case store.ByCount:
		return cmp.Compare(a.Count, b.Count)
	case store.ByDevices:
		return cmp.Compare(a.Devices, b.Devices)
	case store.ByFirst:
		return cmp.Compare(a.First, b.First)
	case store.ByLast:
		return cmp.Compare(a.Last, b.Last)
	case store.ByVersion:
		return strings.Compare(a.AppVersion, b.AppVersion)
	case store.ByType:
		return strings.Compare(a.Reason.Type, b.Reason.Type)
	case store.ByClass:
		return strings.Compare(a.Reason.Class, b.Reason.Class)
	}
	return strings.Compare(a.Reason.Method, b.Reason.Method)
}

func (l *lists) attachments(reports []diag.ID) map[diag.ID][]store.AttachmentRow {
	found := map[diag.ID][]store.AttachmentRow{}
	for _, a := range l.files { // feed order already
		if slices.Contains(reports, a.ErrorID) {
			found[a.ErrorID] = append(found[a.ErrorID], a)
		}
	}
	return found
}

func (l *lists) sessionLogs(m store.Moment, limit int) ([]store.EventRow, bool) {
	found := []store.EventRow{}
	for _, e := range l.events {
		if e.Install == m.Install && e.Session == m.Session && !m.Session.IsZero() && e.Time <= m.UpTo {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b store.EventRow) int { return cmp.Compare(a.Time, b.Time) })
	if more := len(found) - limit; more > 0 {
		return found[more:], true
	}
	return found, false
}

func (l *lists) problems(app int64) []store.ProblemRow {
	var found []store.ProblemRow
	for _, p := range slices.Backward(l.problemRows) {
		if p.App == app {
			found = append(found, p)
		}
	}
	return found
}

func (l *lists) stats(app int64) store.IndexStats {
	s := store.IndexStats{Logs: map[diag.LogKind]int64{}, Problems: int64(len(l.problems(app))), Duplicates: int64(len(l.copied)),
		Groups: int64(len(l.groups(store.GroupQuery{})))}
	for _, e := range l.events {
		s.Logs[e.Kind]++
	}
	for _, r := range l.reportRows {
		s.Logs[r.Kind]++
	}
	if len(l.files) > 0 {
		s.Logs[diag.KindAttachment] = int64(len(l.files))
	}
	return s
}

func (l *lists) copies() []store.Copy {
	copied := slices.Clone(l.copied)
	slices.SortFunc(copied, func(a, b store.Copy) int { return cmp.Or(cmp.Compare(a.Feed, b.Feed), cmp.Compare(a.Member, b.Member)) })
	return copied
}
