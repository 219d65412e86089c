package purge_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/report"
	"lifeboat/internal/store"
)

// sent is what the test knows of one log.
type sent struct {
	app    int
	kind   string // crash, file, event
	id, of diag.ID
	from   diag.InstallID
	method string
	build  string
	raw    []string // of the frame
	at     diag.IngressTime
	gone   string // "", deleted or purged
}

// story is random work on a world.
type story struct {
	*world
	rng  *rand.Rand
	logs []*sent
	n    int
}

// TestRandomLife: whatever is sent, sent again, deleted, purged, compacted, cut off, made anew and restarted:
// what lives is what was sent and neither deleted nor purged, each once, and groups count it right.
func TestRandomLife(t *testing.T) {
	t.Parallel()
	seeds := 40
	if testing.Short() {
		seeds = 6
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := &story{world: newWorld(t), rng: rand.New(rand.NewPCG(uint64(seed), 5))}
			for range 70 {
				s.act()
			}
			s.finish()
		})
	}
}

func (s *story) act() {
	s.Helper()
	switch n := s.rng.IntN(30); {
	case n < 12:
		s.sendNew()
	case n < 15:
		s.sendAgain()
	case n < 17:
		s.deleteOne()
	case n < 22:
		s.clock.Pass(time.Duration(1+s.rng.IntN(5*24)) * time.Hour)
	case n < 25:
		s.pass()
	case n < 27:
		s.cutOff()
	case n < 28:
		s.reindex()
		s.expire(false) // what a pass that was cut off had noted is not indexed again
	default:
		s.restart()
	}
	s.check()
}

func (s *story) id() diag.ID {
	s.n++
	return diag.DerivedID([]byte("log"), fmt.Append(nil, s.n))
}

func (s *story) sendNew() {
	s.Helper()
	l := &sent{app: s.rng.IntN(2), id: s.id(), from: install(s.rng.IntN(4))}
	switch s.rng.IntN(4) {
	case 0, 1:
		line := 1 + s.rng.IntN(9)
		l.kind, l.method, l.build = "crash", fmt.Sprintf("method%c", 'a'+s.rng.IntN(3)), fmt.Sprintf("b%d", line%3)
		l.raw = []string{s.crash(l.id, l.method, line)}
	case 2:
		l.kind, l.of = "file", diag.ID{0xff}
		if c := s.pick(func(o *sent) bool { return o.kind == "crash" && o.app == l.app && o.gone != "purged" }); c != nil {
			l.of = c.id
			if c.gone == "deleted" {
				l.gone = "deleted"
			}
		}
		l.raw = []string{s.file(l.id, l.of)}
	default:
		l.kind = "event"
		for range 1 + s.rng.IntN(3) {
			more := *l
			more.id = s.id()
			l.raw = append(l.raw, s.event(more.id))
		}
		l.at = s.send(&s.apps[l.app], l.from, l.raw...).Time
		for i := range l.raw {
			more := *l
			more.id = diag.DerivedID([]byte("log"), fmt.Append(nil, s.n-len(l.raw)+1+i))
			s.logs = append(s.logs, &more)
		}
		return
	}
	l.at = s.send(&s.apps[l.app], l.from, l.raw...).Time
	s.logs = append(s.logs, l)
}

func (s *story) pick(good func(*sent) bool) *sent {
	var all []*sent
	for _, l := range s.logs {
		if good(l) {
			all = append(all, l)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[s.rng.IntN(len(all))]
}

// sendAgain sends a whole frame again that ingestion would still take.
func (s *story) sendAgain() {
	now := diag.IngressTimeOf(s.clock.Now())
	if l := s.pick(func(l *sent) bool { return now-l.at < 25*24*3600*1000 }); l != nil {
		s.send(&s.apps[l.app], l.from, l.raw...)
	}
}

// deleteOne does what the API does, or half of it.
func (s *story) deleteOne() {
	s.Helper()
	l := s.pick(func(l *sent) bool { return l.kind == "crash" && l.gone == "" })
	if l == nil {
		return
	}
	ctx := context.Background()
	done, err := s.store.DeleteReport(ctx, s.apps[l.app].Num, l.id, s.clock.Now().UnixMilli())
	s.must(err)
	l.gone = "deleted"
	files := 0
	for _, f := range s.logs {
		if f.kind == "file" && f.of == l.id && f.app == l.app && f.gone == "" {
			f.gone = "deleted"
			files++
		}
	}
	if done.Reports != 1 || done.Attachments != files {
		s.Fatalf("deleted %+v, want a report and %d attachments", done, files)
	}
	if _, err := s.store.DeleteReport(ctx, s.apps[l.app].Num, l.id, 1); diag.KindOf(err) != diag.NotFound {
		s.Fatalf("deleted twice: %v", err)
	}
	if s.rng.IntN(2) == 0 {
		return // the process died before it came to the journal
	}
	for _, f := range done.Frames {
		c := journal.Reports
		if f.Family == diag.FamilyAttachment {
			c = journal.Attachments
		}
		_, damaged, err := s.journal.BlankNumbers(ctx, c, []uint64{f.Number})
		s.must(err)
		if damaged != 0 {
			s.Fatal("a frame is damaged")
		}
	}
}

// pass purges, and says what must be gone then.
func (s *story) pass() {
	s.Helper()
	s.must(s.worker.Pass(context.Background()))
	s.expire(true)
}

// expire marks what is past its time. Without all only what the index has lost already.
func (s *story) expire(all bool) {
	s.Helper()
	now := diag.IngressTimeOf(s.clock.Now())
	states := map[bool]map[int64]store.PurgeState{}
	for class, events := range map[store.PurgeClass]bool{store.PurgeEvents: true, store.PurgeReports: false} {
		state, err := s.store.PurgeStates(context.Background(), class)
		s.must(err)
		states[events] = state
	}
	for _, l := range s.logs {
		days := s.apps[l.app].Keep.ReportDays()
		if l.kind == "event" {
			days = s.apps[l.app].Keep.EventDays()
		}
		past := l.at < now-diag.IngressTime(diag.Days(days).Milliseconds())
		if !past || l.gone != "" {
			continue
		}
		if all || s.missing(l) {
			l.gone = "purged"
		}
	}
}

// missing reports whether the index has no row of a log.
func (s *story) missing(l *sent) bool {
	s.Helper()
	ctx, app := context.Background(), s.apps[l.app].Num
	switch l.kind {
	case "crash":
		_, err := s.store.Report(ctx, app, l.id)
		return diag.KindOf(err) == diag.NotFound
	case "file":
		_, err := s.store.Attachment(ctx, app, l.of, l.id)
		return diag.KindOf(err) == diag.NotFound
	}
	rows, _, err := s.store.SessionLogs(ctx, app, store.Moment{Install: l.from, Session: diag.ID{5}, UpTo: 1<<63 - 1}, 1<<20)
	s.must(err)
	return !slices.ContainsFunc(rows, func(e store.EventRow) bool { return e.ID == l.id })
}

// fuse is a context that ends after it was asked so often.
type fuse struct {
	context.Context
	left int
}

func (f *fuse) Err() error {
	if f.left--; f.left < 0 {
		return context.Canceled
	}
	return nil
}

// cutOff begins a pass that ends somewhere in its middle, as a kill would, and sometimes loses the worker.
func (s *story) cutOff() {
	s.Helper()
	err := s.worker.Pass(&fuse{context.Background(), s.rng.IntN(60)})
	s.expire(err == nil)
	if s.rng.IntN(2) == 0 {
		s.restart()
	}
}

// check compares the store with what the test knows.
func (s *story) check() {
	s.Helper()
	ctx := context.Background()
	for i := range s.apps {
		app := &s.apps[i]
		want, kinds := map[string]group{}, map[diag.LogKind]int64{}
		var live []diag.ID
		days := int64(0)
		for _, l := range s.logs {
			if l.app != i {
				continue
			}
			if l.kind == "crash" && l.gone != "deleted" {
				g := want[l.method]
				g.Count++
				if l.gone == "" {
					g.live = append(g.live, l.from)
				}
				want[l.method] = g
				days++
			}
			if l.gone != "" {
				continue
			}
			switch l.kind {
			case "crash":
				kinds[diag.KindManagedError]++
				live = append(live, l.id)
			case "file":
				kinds[diag.KindAttachment]++
			case "event":
				kinds[diag.KindEvent]++
			}
		}
		s.checkGroups(app, want)
		stats, err := s.store.IndexStats(ctx, app.Num)
		s.must(err)
		maps.DeleteFunc(stats.Logs, func(_ diag.LogKind, n int64) bool { return n == 0 })
		if d := cmp.Diff(kinds, stats.Logs); d != "" {
			s.Fatalf("app %d, logs (-want +got):\n%s", i, d)
		}
		s.checkLogs(app, live)
		all, err := s.store.ErrorDays(ctx, store.ErrorQuery{App: app.Num})
		s.must(err)
		for _, d := range all {
			days -= d.N
		}
		if days != 0 {
			s.Fatalf("app %d: days lack %d reports", i, days)
		}
	}
}

type group struct {
	Count, Devices int64
	live           []diag.InstallID
}

func (s *story) checkGroups(app *diag.App, want map[string]group) {
	s.Helper()
	for m, g := range want {
		if len(g.live) == 0 {
			delete(want, m)
			continue
		}
		slices.Sort(g.live)
		g.Devices = int64(len(slices.Compact(g.live)))
		g.live = nil
		want[m] = g
	}
	groups, _, err := s.store.Groups(context.Background(), store.GroupQuery{App: app.Num})
	s.must(err)
	got := map[string]group{}
	for _, g := range groups {
		if _, twice := got[g.Reason.Method]; twice {
			s.Fatalf("group %s is there twice", g.Reason.Method)
		}
		got[g.Reason.Method] = group{Count: g.Count, Devices: g.Devices}
		one, err := s.store.Group(context.Background(), app.Num, g.ID)
		s.must(err)
		if d := cmp.Diff(g, one); d != "" {
			s.Fatalf("a group in the list and alone:\n%s", d)
		}
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(group{})); d != "" {
		s.Fatalf("groups of app %s (-want +got):\n%s", app.Name, d)
	}
}

// checkLogs reads every live report out of the journal.
func (s *story) checkLogs(app *diag.App, live []diag.ID) {
	s.Helper()
	ctx := context.Background()
	rows, _, err := s.store.Reports(ctx, store.ReportQuery{App: app.Num})
	s.must(err)
	r := report.Reader{Journal: s.journal, Store: s.store}
	for i := range rows {
		full, err := r.Report(ctx, app, &rows[i])
		s.must(err)
		if want := "about " + rows[i].ID.String(); full.Verdict.Reason.ExceptionMessage != want {
			s.Fatalf("report reads %q, want %q", full.Verdict.Reason.ExceptionMessage, want)
		}
		if !slices.Contains(live, rows[i].ID) {
			s.Fatal("a report is there that should not be")
		}
	}
	if len(rows) != len(live) {
		s.Fatalf("%d reports, want %d", len(rows), len(live))
	}
	for _, l := range s.logs {
		if l.gone == "" && l.kind == "file" && l.app == int(app.Num-s.apps[0].Num) {
			row, err := s.store.Attachment(ctx, app.Num, l.of, l.id)
			s.must(err)
			_, err = r.Attachment(app, &row, true)
			s.must(err)
		}
	}
}

// finish lets everything become old and sees that nothing but counts is left.
func (s *story) finish() {
	s.Helper()
	s.pass()
	before := s.worker.Stats()
	s.clock.Pass(61 * 24 * time.Hour)
	for range 3 {
		s.pass()
		s.check()
		s.clock.Pass(time.Hour)
	}
	s.reindex()
	s.check()
	f := s.journal.Follow(0)
	defer f.Close()
	entries, err := f.Next(10, 1<<20)
	s.must(err)
	if len(entries) != 0 {
		s.Fatalf("%d frames are left in the journal", len(entries))
	}
	if p, err := s.store.Deletions(context.Background()); err != nil || len(p) != 0 {
		s.Fatalf("pending deletions: %v, %v", p, err)
	}
	if s.worker.Stats().Passes < before.Passes+3 {
		s.Fatal("passes are not counted")
	}
}
