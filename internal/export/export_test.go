package export_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/archive"
	"lifeboat/internal/blob"
	"lifeboat/internal/blob/blobtest"
	"lifeboat/internal/diag"
	"lifeboat/internal/export"
	"lifeboat/internal/store"
)

func diff(t *testing.T, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

type lines = map[string][]string

// The lines of the logs that tests send.
func eventLine(minute string, n int) string   { return line(minute, "EventLog", id("event", n)) }
func crashLine(minute string, n int) string   { return line(minute, "ErrorLog", crashID(n)) }
func handledLine(minute string, n int) string { return line(minute, "HandledErrorLog", handledID(n)) }
func attachLine(minute string, n int) string {
	return line(minute, "ErrorAttachmentLog", id("attachment", n))
}

// The words of export_entities: Q13 and Q14.
func TestEntities(t *testing.T) {
	c, h, ca, ha, ev := crashLine("00:01", 1), handledLine("00:01", 1), attachLine("00:01", 1), attachLine("00:01", 2), eventLine("00:01", 1)
	for name, test := range map[string]struct {
		entities []string
		narrow   bool
		want     lines
	}{
		"none":               {[]string{}, false, lines{"logs": {ev}}},
		"crashes":            {[]string{"crashes"}, false, lines{"crashes": {c}, "errors": {h}, "attachments": sorted(ca, ha), "logs": sorted(ev, c, h, ca, ha)}},
		"crashes, unhandled": {[]string{"crashes"}, true, lines{"crashes": {c}, "attachments": {ca}, "logs": sorted(ev, c, ca)}},
		"errors":             {[]string{"errors"}, false, lines{"errors": {h}, "attachments": {ha}, "logs": sorted(ev, h, ha)}},
		"attachments":        {[]string{"attachments"}, false, lines{"attachments": sorted(ca, ha), "logs": sorted(ev, ca, ha)}},
		"all":                {[]string{"crashes", "errors", "attachments"}, false, lines{"crashes": {c}, "errors": {h}, "attachments": sorted(ca, ha), "logs": sorted(ev, c, h, ca, ha)}},
		"crashes, no logs":   {[]string{"crashes", "no_logs"}, false, lines{"crashes": {c}, "errors": {h}, "attachments": sorted(ca, ha)}},
		"errors, no logs":    {[]string{"no_logs", "errors"}, false, lines{"errors": {h}, "attachments": {ha}}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				var b blobtest.Memory
				w.configureAs(store.Export{Entities: test.entities, HandledErrors: test.narrow}, &b)
				w.send(event(1), crash(1), handled(1), attach(1, crashID(1)), attach(2, handledID(1)), attach(3, crashID(9)))
				w.index()
				w.export(2)
				diff(t, test.want, kept(t, &b))
			})
		})
	}
}

// An attachment is exported in the later of its own minute and its report's.
func TestLateAttachments(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		w.configure(&b)
		w.start()
		w.send(crash(1), attach(2, crashID(2)), attach(5, handledID(9)))
		w.index()
		w.pass(1)
		w.send(attach(1, crashID(1)), attach(3, crashID(2)))
		w.index()
		w.pass(1)
		w.send(crash(2), attach(4, crashID(2)))
		w.index()
		w.pass(2)
		diff(t, lines{
			"crashes":     {crashLine("00:01", 1), crashLine("00:03", 2)},
			"attachments": sorted(attachLine("00:02", 1), attachLine("00:03", 2), attachLine("00:03", 3), attachLine("00:03", 4)),
			"logs": sorted(crashLine("00:01", 1), crashLine("00:03", 2),
				attachLine("00:02", 1), attachLine("00:03", 2), attachLine("00:03", 3), attachLine("00:03", 4)),
		}, kept(t, &b))
	})
}

// Copies are never exported, however they come again.
func TestDuplicates(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		w.configure(&b)
		w.send(event(1), crash(1), attach(1, crashID(1)))
		w.send(event(1), crash(1), attach(1, crashID(1)))
		w.start()
		w.index()
		w.pass(1)
		upper := func(log, id string) string { return strings.Replace(log, id, strings.ToUpper(id), 1) }
		w.send(event(2), upper(event(1), id("event", 1)), crash(1))
		w.send(upper(crash(1), crashID(1)), upper(attach(1, strings.ToUpper(crashID(1))), id("attachment", 1)), event(2))
		w.index()
		w.pass(2)
		diff(t, lines{
			"crashes":     {crashLine("00:01", 1)},
			"attachments": {attachLine("00:01", 1)},
			"logs":        sorted(eventLine("00:01", 1), crashLine("00:01", 1), attachLine("00:01", 1), eventLine("00:02", 2)),
		}, kept(t, &b))
	})
}

// Configurations side by side do not touch each other.
func TestTwoConfigurations(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var all, plain blobtest.Memory
		w.configureAs(store.Export{Entities: []string{"crashes"}, PathKind: "WithAppId"}, &all)
		w.configure(&plain, "no_logs", "errors")
		other := w.newApp(2)
		w.sendTo(&other, install, event(7))
		w.send(event(1), crash(1), handled(1))
		w.index()
		w.export(2)
		root := w.app.ID.String() + "/00:01"
		diff(t, lines{"crashes": {crashLine(root, 1)}, "errors": {handledLine(root, 1)}, "logs": sorted(eventLine(root, 1), crashLine(root, 1), handledLine(root, 1))}, kept(t, &all))
		diff(t, lines{"errors": {handledLine("00:01", 1)}}, kept(t, &plain))
	})
}

// Two apps in one container without the app's id in the path: the second one to come writes further parts.
func TestTwoAppsInOneContainer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		other := w.newApp(2)
		w.configure(&b)
		w.configureAs(store.Export{App: other.Num}, &b)
		w.send(event(1), crash(1), attach(1, crashID(1)))
		w.sendTo(&other, install, event(1), event(2), crash(2))
		w.index()
		w.export(2)
		diff(t, lines{
			"crashes":     sorted(crashLine("00:01", 1), crashLine("00:01", 2)),
			"attachments": {attachLine("00:01", 1)},
			"logs": sorted(eventLine("00:01", 1), eventLine("00:01", 1), eventLine("00:01", 2), crashLine("00:01", 1), crashLine("00:01", 2),
				attachLine("00:01", 1)),
		}, kept(t, &b))
		for _, part := range []int{1, 2} {
			for _, e := range []archive.Entity{archive.Logs, archive.Crashes} {
				if _, err := b.Head(t.Context(), archive.ArrayName("2000/01/01/00/01/", e, part)); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// The same report sent to two apps cannot have two payloads of one name: the first one stays what it is, and
// the operator is told.
func TestPayloadOfAnotherApp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		other := w.newApp(2)
		w.configure(&b)
		w.send(crash(1))
		w.index()
		w.export(2)
		before := contents(t, &b)
		w.sendTo(&other, install, crash(1))
		w.index()
		late := w.configureAs(store.Export{App: other.Num}, &b)
		w.export(2)
		if s := w.x.Stats()[1]; s.ID != late.ID || s.Conflicts != 0 || s.Windows != 1 {
			t.Errorf("another minute is another name: %+v", s)
		}
		w.configureAs(store.Export{App: other.Num, From: 1}, shifted{&b})
		w.export(2)
		if s := w.x.Stats()[2]; s.Conflicts != 1 {
			t.Errorf("%+v", s)
		}
		for name, body := range before {
			if contents(t, &b)[name] != body {
				t.Errorf("%s was overwritten", name)
			}
		}
	})
}

// shifted writes every window into the folder of 00:01.
type shifted struct{ blob.Bucket }

func (s shifted) Put(ctx context.Context, name string, body []byte, o blob.PutOptions) (string, error) {
	return s.Bucket.Put(ctx, shift(name), body, o)
}

func (s shifted) Head(ctx context.Context, name string) (blob.Info, error) {
	return s.Bucket.Head(ctx, shift(name))
}

func shift(name string) string { return "2000/01/01/00/01" + name[len("2000/01/01/00/01"):] }

// Two configurations of one app with the same target share its blobs and double nothing.
func TestSameTarget(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		w.configure(&b, "errors")
		w.configure(&b, "crashes")
		w.configure(&b, "no_logs", "attachments")
		w.start()
		for n := range 3 {
			w.send(event(n), crash(n), handled(n), attach(n, crashID(n)))
			w.index()
			w.pass(1)
		}
		w.pass(1)
		all := kept(t, &b)
		if len(all["logs"]) != 12 || len(all["crashes"]) != 3 || len(all["errors"]) != 3 || len(all["attachments"]) != 3 {
			t.Errorf("%v", all)
		}
	})
}

// A configuration that was deleted and made again, with backfill, adds what the first one lacks.
func TestMadeAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		first := w.configure(&b, "errors")
		w.send(event(1), crash(1), handled(1), attach(1, crashID(1)), attach(2, handledID(1)))
		w.index()
		w.export(2)
		before := contents(t, &b)
		w.must(w.store.DeleteExport(context.Background(), w.app.Num, first.ID))
		w.configureAs(store.Export{Entities: []string{"crashes"}, From: first.From}, &b)
		w.export(2)
		after := kept(t, &b)
		diff(t, lines{
			"crashes": {crashLine("00:01", 1)}, "errors": {handledLine("00:01", 1)}, "attachments": sorted(attachLine("00:01", 1), attachLine("00:01", 2)),
			"logs": sorted(eventLine("00:01", 1), crashLine("00:01", 1), handledLine("00:01", 1), attachLine("00:01", 1), attachLine("00:01", 2)),
		}, after)
		for name, body := range before {
			if contents(t, &b)[name] != body {
				t.Errorf("%s was overwritten", name)
			}
		}
		w.must(w.store.DeleteExport(context.Background(), w.app.Num, diag.ID{0xc0, 2}))
		w.configureAs(store.Export{Entities: []string{"crashes"}, From: first.From}, &b)
		blobs := len(contents(t, &b))
		w.export(2)
		if n := len(contents(t, &b)); n != blobs {
			t.Errorf("exporting the same again made %d new blobs", n-blobs)
		}
	})
}

// Without backfill the windows before From are left alone.
func TestNoBackfill(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		w.send(event(1))
		w.pass(2)
		w.configure(&b)
		w.send(event(2))
		w.index()
		w.export(2)
		diff(t, lines{"logs": {eventLine("00:03", 2)}}, kept(t, &b))
	})
}

// Blobs of others stay what they are; ours go beside them.
func TestForeignBlobs(t *testing.T) {
	const prefix = "2000/01/01/00/01/"
	for name, there := range map[string]struct {
		body string
		meta map[string]string
	}{
		"App Center's":    {`[{"MessageId":"x"}]`, nil},
		"another app's":   {`[]`, map[string]string{"app": "other", "window": "2000-01-01T00:01:00Z"}},
		"ours, no array":  {`not json`, map[string]string{"app": diag.ID{0xa, 1}.String(), "window": "2000-01-01T00:01:00Z"}},
		"ours, torn":      {`[{"MessageId":"` + id("event", 5), map[string]string{"app": diag.ID{0xa, 1}.String(), "window": "2000-01-01T00:01:00Z"}},
		"ours, odd":       {`[1,null,[],{"MessageId":{}}]`, map[string]string{"app": diag.ID{0xa, 1}.String(), "window": "2000-01-01T00:01:00Z"}},
		"ours, and empty": {``, map[string]string{"app": diag.ID{0xa, 1}.String(), "window": "2000-01-01T00:01:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				var b blobtest.Memory
				_, err := b.Put(t.Context(), archive.ArrayName(prefix, archive.Logs, 1), []byte(there.body), blob.PutOptions{Metadata: there.meta})
				w.must(err)
				w.configure(&b)
				w.send(event(1), event(2))
				w.index()
				w.export(2)
				all := contents(t, &b)
				if all[archive.ArrayName(prefix, archive.Logs, 1)] != there.body {
					t.Error("the blob that was there has changed")
				}
				if n := len(readArray(t, "part 2", all[archive.ArrayName(prefix, archive.Logs, 2)])); n != 2 {
					t.Errorf("part 2 has %d records", n)
				}
			})
		})
	}
}

// A container in which others took all names is no reason to overwrite, and says so.
func TestTooManyParts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		for part := 1; part <= 1000; part++ {
			_, err := b.Put(t.Context(), archive.ArrayName("2000/01/01/00/01/", archive.Logs, part), []byte("[]"), blob.PutOptions{})
			w.must(err)
		}
		w.configure(&b)
		w.send(event(1))
		w.index()
		w.start()
		w.pass(2)
		if s := w.x.Stats()[0]; !s.Failing || !strings.Contains(s.Error, "app's id in the path") || s.State != export.Retrying {
			t.Errorf("%+v", s)
		}
	})
}

// A minute that is too large for one blob goes on in further parts, each an array of its own.
func TestLargeMinute(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		w.options = func(o *export.Options) { o.MaxArray = 4 << 10 }
		first := w.configure(&b)
		var want lines = lines{}
		for n := range 20 {
			w.send(event(n), crash(n))
			want["logs"] = append(want["logs"], eventLine("00:01", n), crashLine("00:01", n))
			want["crashes"] = append(want["crashes"], crashLine("00:01", n))
			time.Sleep(time.Millisecond)
		}
		want = lines{"logs": sorted(want["logs"]...), "crashes": sorted(want["crashes"]...)}
		w.index()
		w.export(2)
		diff(t, want, kept(t, &b))
		for name, body := range contents(t, &b) {
			if _, array := archive.ParseArrayName(name); array && len(body) > 4<<10 {
				t.Errorf("%s has %d bytes", name, len(body))
			}
		}
		before := contents(t, &b)
		w.must(w.store.DeleteExport(context.Background(), w.app.Num, first.ID))
		w.options = func(o *export.Options) { o.MaxArray = 3 << 10 }
		w.configureAs(store.Export{From: first.From}, &b)
		w.export(2)
		diff(t, before, contents(t, &b))
	})
}

// A minute is exported only when the pipeline has passed it.
func TestWaitsForThePipeline(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		w.configure(&b)
		w.send(event(1))
		w.start()
		w.pass(3)
		if s := w.x.Stats()[0]; s.State != export.Indexing || len(contents(t, &b)) != 0 || hourOf(s.Window) != "00:00" {
			t.Errorf("%+v", s)
		}
		w.index()
		w.pass(1)
		diff(t, lines{"logs": {eventLine("00:01", 1)}}, kept(t, &b))
	})
}

// While nothing comes, last_run_time moves every minute, and a long gap is passed at once.
func TestIdle(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		e := w.configure(&b)
		at := func() (store.Export, string) {
			t.Helper()
			e, err := w.store.Export(context.Background(), w.app.Num, e.ID)
			w.must(err)
			return e, time.UnixMilli(e.LastRun).UTC().Format(time.DateTime)
		}
		w.start()
		for n := 1; n <= 5; n++ {
			w.pass(1)
			want := fmt.Sprintf("2000-01-01 00:%02d:00", n)
			if now, run := at(); run != want || hourOf(now.Watermark) != run[11:16] {
				t.Errorf("last run %s, watermark %s, want %s", run, hourOf(now.Watermark), want)
			}
		}
		w.halt()
		w.send(event(1))
		w.pass(60 * 24 * 40)
		w.send(event(2))
		w.index()
		w.export(1)
		if _, run := at(); run != "2000-02-10 00:06:00" {
			t.Errorf("last run %s", run)
		}
		diff(t, lines{"logs": sorted(eventLine("00:06", 1), eventLine("00:06", 2))}, kept(t, &b))
		if s := w.x.Stats()[0]; s.Windows != 2 || s.Lag != 30*time.Second {
			t.Errorf("%+v", s)
		}
	})
}

// A wall clock that is set back holds up nothing: labels run on.
func TestClockSetBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		w.configure(&b)
		w.start()
		w.send(event(1))
		w.index()
		w.pass(1)
		w.clock.SetWall(w.clock.Now().Add(-time.Hour))
		w.send(event(2))
		w.index()
		w.pass(2)
		w.send(event(3))
		w.index()
		w.pass(2)
		diff(t, lines{"logs": sorted(eventLine("00:01", 1), eventLine("00:02", 2), eventLine("00:04", 3))}, kept(t, &b))
	})
}

// The demo steps over the minute.
func TestSteppedClock(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		w.configure(&b)
		w.start()
		for n := range 5 {
			w.send(event(n))
			w.index()
			w.clock.Step(time.Minute)
			time.Sleep(time.Second)
		}
		if n := len(kept(t, &b)["logs"]); n != 5 {
			t.Errorf("%d of 5 logs are exported", n)
		}
	})
}

// Building the index anew changes no window.
func TestReindex(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var before, after blobtest.Memory
		first := w.configure(&before)
		for n := range 3 {
			w.send(event(n), event(0), crash(n), attach(n+1, crashID(n+1)), attach(n+50, crashID(n)), handled(1))
			w.pass(1)
		}
		w.index()
		w.export(1)
		w.must(w.store.ResetIndex(context.Background()))
		w.index()
		w.configureAs(store.Export{From: first.From}, &after)
		w.export(1)
		diff(t, contents(t, &before), contents(t, &after))
	})
}

// The logs of an app that is gone are not exported, and hold up no other app.
func TestAppGone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		other := w.newApp(2)
		w.configure(&b)
		w.configureAs(store.Export{App: other.Num}, &b)
		w.sendTo(&other, install, event(1))
		w.send(event(2))
		w.must(w.store.DeleteApp(context.Background(), other.Num))
		w.index()
		w.export(2)
		diff(t, lines{"logs": {eventLine("00:01", 2)}}, kept(t, &b))
	})
}
