package export_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lifeboat/internal/archive"
	"lifeboat/internal/blob"
	"lifeboat/internal/blob/blobtest"
	"lifeboat/internal/diag"
	"lifeboat/internal/export"
	"lifeboat/internal/store"
)

// story sends two minutes with everything in them and returns the first of them.
func (w *world) story() diag.Minute {
	w.Helper()
	first := diag.MinuteOf(w.journal.Now())
	w.send(event(1), crash(1), handled(1), attach(1, crashID(1)), attach(2, crashID(2)), event(1))
	w.pass(1)
	w.send(event(2), crash(2), attach(3, handledID(1)), crash(1))
	w.pass(1)
	w.index()
	return first
}

// Whatever call on the bucket fails, however, and whether the process goes on or dies of it: afterwards the
// container is to the byte what it would have been.
func TestEveryStep(t *testing.T) {
	for _, kill := range []bool{false, true} {
		for _, fault := range []blobtest.Fault{blobtest.NoFault, blobtest.Before, blobtest.After, blobtest.HalfWay} {
			if !kill && fault == blobtest.NoFault {
				continue
			}
			t.Run(fmt.Sprintf("fault=%d/kill=%t", fault, kill), func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *world) { w.walk(fault, kill, nil) })
			})
		}
	}
}

// The same with a container in which an earlier configuration has left a part, so that reading is walked too.
func TestEveryStepOfAnAddition(t *testing.T) {
	for _, fault := range []blobtest.Fault{blobtest.Before, blobtest.After, blobtest.HalfWay} {
		t.Run(fmt.Sprintf("fault=%d", fault), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) { w.walk(fault, fault == blobtest.After, []string{"errors"}) })
		})
	}
}

// walk exports the story once for each call on the bucket, with that call going wrong. What configurations
// with the entities before exported is there already.
func (w *world) walk(fault blobtest.Fault, kill bool, before []string) {
	w.Helper()
	from := w.story()
	made := 0
	run := func(b blob.Bucket, restart func() bool, entities []string) {
		made++
		e := w.configureAs(store.Export{From: from, Entities: entities}, b)
		w.export(2)
		if restart() {
			w.export(2)
		}
		w.must(w.store.DeleteExport(context.Background(), w.app.Num, e.ID))
	}
	never := func() bool { return false }
	var there blobtest.Memory
	if before != nil {
		run(&there, never, before)
	}
	prepared := func() *blobtest.Memory { return w.copyOf(&there) }
	whole := prepared()
	run(whole, never, []string{"crashes"})
	want := contents(w, whole)
	steps := 0
	for step, reached := 1, true; reached; step++ {
		reached = false
		b := prepared()
		faulty := scripted(b, step, fault, func() {
			reached = true
			if kill {
				w.kill()
			}
		})
		run(faulty, func() bool {
			kept(w, b) // whoever reads now finds what the arrays name
			return reached && kill
		}, []string{"crashes"})
		if got := contents(w, b); !maps.Equal(want, got) {
			w.Errorf("step %d: %d blobs, want %d", step, len(got), len(want))
			for name := range got {
				if want[name] != got[name] {
					w.Logf("%s\n%s\nwant\n%s", name, got[name], want[name])
				}
			}
			return
		}
		kept(w, b)
		steps = step
	}
	if steps < 13 {
		w.Errorf("only %d steps were walked", steps)
	}
}

// copyOf copies a bucket.
func (w *world) copyOf(b blob.Bucket) *blobtest.Memory {
	w.Helper()
	var c blobtest.Memory
	for name, body := range contents(w, b) {
		info, err := b.Head(context.Background(), name)
		w.must(err)
		_, err = c.Put(context.Background(), name, []byte(body), blob.PutOptions{ContentType: info.ContentType, Disposition: info.Disposition, Metadata: info.Metadata})
		w.must(err)
	}
	return &c
}

// A target that is away for minutes gets everything when it is back, each log in its own minute.
func TestTargetAway(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		var away atomic.Bool
		var tries atomic.Int64
		w.configure(&blobtest.Faulty{Bucket: &b, Next: func(string, string) blobtest.Fault {
			if !away.Load() {
				return blobtest.NoFault
			}
			tries.Add(1)
			return blobtest.Before
		}})
		var healthy blobtest.Memory
		w.configure(&healthy)
		w.start()
		var logs, crashes []string
		for n := range 40 {
			away.Store(n >= 3 && n < 30)
			minute := hourOf(diag.MinuteOf(w.journal.Now()))
			w.send(event(n), crash(n))
			logs, crashes = append(logs, eventLine(minute, n), crashLine(minute, n)), append(crashes, crashLine(minute, n))
			w.index()
			w.pass(1)
			if s := w.x.Stats()[1]; s.Lag > 90*time.Second || s.Failures > 0 {
				t.Fatalf("the healthy target is late: %+v", s)
			}
		}
		if s := w.x.Stats()[0]; s.Failures == 0 || s.Failing || s.Lag > 90*time.Second {
			t.Errorf("%+v", s)
		}
		if n := tries.Load(); n > 12*(27+10) {
			t.Errorf("%d calls on a dead target in 27 minutes", n)
		}
		want := lines{"logs": sorted(logs...), "crashes": sorted(crashes...)}
		diff(t, want, kept(t, &b))
		diff(t, want, kept(t, &healthy))
	})
}

// hanging never answers.
type hanging struct{ blob.Bucket }

func (hanging) Put(ctx context.Context, name string, _ []byte, _ blob.PutOptions) (string, error) {
	<-ctx.Done()
	return "", &blob.Error{Op: "put", Name: name, Cause: blob.Transient, Err: ctx.Err()}
}

// A target that hangs holds up no other.
func TestHangingTarget(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		w.configure(hanging{&b})
		w.configure(&b)
		w.start()
		for n := range 3 {
			w.send(event(n), crash(n))
			w.index()
			w.pass(1)
		}
		if s := w.x.Stats(); s[0].State != export.Writing || s[0].Lag < 2*time.Minute || s[1].Windows < 2 {
			t.Errorf("%+v", s)
		}
	})
}

// A target that refuses the key is disabled after hours, not before, and goes on behind its watermark.
func TestGivenUp(t *testing.T) {
	for cause, given := range map[blob.Cause]bool{
		blob.Denied: true, blob.NoSuchHost: true, blob.NoSuchContainer: true,
		blob.Transient: false, blob.Throttled: false, blob.Fatal: false,
	} {
		t.Run(cause.String(), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				var b blobtest.Memory
				var refused atomic.Bool
				e := w.configure(&blobtest.Faulty{Bucket: &b, Cause: cause, Next: func(string, string) blobtest.Fault {
					if refused.Load() {
						return blobtest.Before
					}
					return blobtest.NoFault
				}})
				state := func() store.Export {
					t.Helper()
					e, err := w.store.Export(context.Background(), w.app.Num, e.ID)
					w.must(err)
					return e
				}
				w.start()
				w.send(event(1))
				w.index()
				w.pass(1)
				refused.Store(true)
				w.send(event(2))
				w.index()
				w.pass(60 * 5)
				if s := state(); s.State != "Enabled" {
					t.Fatalf("%s after 5 hours: %s", s.State, s.StateInfo)
				}
				w.pass(90)
				s := state()
				if disabled := s.State == "Disabled"; disabled != given {
					t.Fatalf("%s: %s", s.State, s.StateInfo)
				}
				refused.Store(false)
				if given {
					if !strings.HasPrefix(s.StateInfo, "AutoDisabled: "+cause.String()+" since 2000-01-01T00:02:00Z, ") {
						t.Errorf("state info %q", s.StateInfo)
					}
					if st := w.x.Stats()[0]; st.State != "Disabled" {
						t.Errorf("%+v", st)
					}
					s.State, s.StateInfo = "Enabled", ""
					w.must(w.store.UpdateExport(context.Background(), s))
					w.x.Wake()
				}
				w.pass(2)
				diff(t, lines{"logs": sorted(eventLine("00:01", 1), eventLine("00:02", 2))}, kept(t, &b))
			})
		})
	}
}

// A target that sometimes refuses and sometimes just fails may be ill: it is waited for.
func TestIllTarget(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		faulty := &blobtest.Faulty{Bucket: &b, Cause: blob.Denied}
		calls := 0
		faulty.Next = func(string, string) blobtest.Fault { // one log, so one call at a time
			if calls++; calls%50 == 0 {
				faulty.Cause = blob.Transient
			} else {
				faulty.Cause = blob.Denied
			}
			return blobtest.Before
		}
		w.configure(faulty)
		w.send(event(1))
		w.index()
		w.start()
		w.pass(60 * 10)
		if s := w.x.Stats()[0]; s.State != export.Retrying || s.Attempts < 600 {
			t.Errorf("%+v", s)
		}
	})
}

// noting remembers the order of puts.
type noting struct {
	blob.Bucket
	mu    sync.Mutex
	names []string
}

func (n *noting) Put(ctx context.Context, name string, body []byte, o blob.PutOptions) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names = append(n.names, name)
	return n.Bucket.Put(ctx, name, body, o)
}

// A blob that names others is put behind them; the analytics file, which names all, is the last.
func TestOrder(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		order := &noting{Bucket: &b}
		w.send(event(1), crash(1), attach(1, crashID(1)), handled(1), attach(2, handledID(1)), crash(2))
		w.index()
		w.configure(order)
		w.export(2)
		rank := func(name string) int {
			switch place, array := archive.ParseArrayName(name); {
			case array && strings.HasPrefix(place.Rest, "logs"):
				return 3
			case array:
				return 2
			case strings.HasSuffix(name, ".json"):
				return 1
			}
			return 0
		}
		if len(order.names) != 9 || !slices.IsSortedFunc(order.names, func(a, b string) int { return rank(a) - rank(b) }) {
			t.Errorf("%q", order.names)
		}
	})
}

// spoolFiles are the names in the spool folder of a configuration.
func (w *world) spoolFiles(e store.Export) []string {
	w.Helper()
	files, err := filepath.Glob(filepath.Join(w.dir, "spool", e.ID.String(), "*"))
	w.must(err)
	return files
}

// dying exports until the first put, which fails, and dies. It returns the spool that is left.
func (w *world) dying(e *store.Export, b blob.Bucket) string {
	w.Helper()
	*e = w.configureAs(*e, scripted(b, 1, blobtest.Before, func() { w.kill() }))
	w.export(2)
	files := w.spoolFiles(*e)
	if len(files) != 1 || !strings.HasSuffix(files[0], ".spool") {
		w.Fatalf("spool: %q", files)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		w.Errorf("the spool can be read by others: %v %v", info.Mode(), err)
	}
	return files[0]
}

// A window that was rendered is never rendered anew: what came or changed later is not in it.
func TestSpoolIsPutAsItIs(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		w.send(crash(1))
		w.index()
		var e store.Export
		w.dying(&e, &b)
		w.send(event(1)) // of the crash's session, and earlier on the device's clock
		w.index()
		w.export(2)
		for name, body := range contents(t, &b) {
			if strings.HasSuffix(name, ".json") && strings.Contains(body, id("event", 1)) {
				t.Errorf("%s was rendered after the put had begun", name)
			}
		}
		if files := w.spoolFiles(e); len(files) != 0 {
			t.Errorf("left: %q", files)
		}
		diff(t, lines{"crashes": {crashLine("00:01", 1)}, "logs": sorted(crashLine("00:01", 1), eventLine("00:03", 1))}, kept(t, &b))
	})
}

// A torn or damaged spool is rendered anew.
func TestTornSpool(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		from := w.story()
		var whole blobtest.Memory
		e := w.configureAs(store.Export{From: from}, &whole)
		w.export(1)
		want := contents(t, &whole)
		w.must(w.store.DeleteExport(context.Background(), w.app.Num, e.ID))
		damage := map[string]func([]byte) []byte{"empty": func([]byte) []byte { return nil }}
		for _, part := range []int{1, 4, 7, 9, 15} {
			damage[fmt.Sprintf("cut at %d/16", part)] = func(b []byte) []byte { return b[:len(b)*part/16] }
			damage[fmt.Sprintf("bit at %d/16", part)] = func(b []byte) []byte { b[len(b)*part/16] ^= 4; return b }
		}
		damage["last byte"] = func(b []byte) []byte { return b[:len(b)-1] }
		damage["first byte"] = func(b []byte) []byte { b[0]++; return b }
		for _, name := range slices.Sorted(maps.Keys(damage)) {
			var b blobtest.Memory
			e := store.Export{From: from}
			path := w.dying(&e, &b)
			body, err := os.ReadFile(path)
			w.must(err)
			w.must(os.WriteFile(path, damage[name](bytes.Clone(body)), 0o600))
			w.must(os.WriteFile(strings.TrimSuffix(path, ".spool")+".7.tmp", body[:100], 0o600))
			w.export(2)
			if got := contents(t, &b); !maps.Equal(want, got) {
				t.Errorf("%s: %d blobs, want %d", name, len(got), len(want))
			}
			if files := w.spoolFiles(e); len(files) != 0 {
				t.Errorf("%s: left %q", name, files)
			}
			w.must(w.store.DeleteExport(context.Background(), w.app.Num, e.ID))
		}
	})
}

// A process that died between moving the cursor and removing the spool puts nothing again.
func TestStaleSpool(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		w.send(event(1))
		w.index()
		var e store.Export
		path := w.dying(&e, &b)
		body, err := os.ReadFile(path)
		w.must(err)
		w.export(2)
		w.must(os.WriteFile(path, body, 0o600))
		name := archive.ArrayName("2000/01/01/00/01/", archive.Logs, 1)
		w.must(b.Delete(context.Background(), name))
		w.export(1)
		if all := contents(t, &b); len(all) != 0 {
			t.Errorf("%d blobs were put again", len(all))
		}
		if files := w.spoolFiles(e); len(files) != 0 {
			t.Errorf("left: %q", files)
		}
	})
}

// A register out of a backup is behind the spool: the windows between are exported first, and the spool when
// its turn has come.
func TestSpoolAheadOfCursor(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		from := diag.MinuteOf(w.journal.Now())
		w.send(event(1))
		w.pass(1)
		w.send(event(2))
		w.index()
		late := store.Export{From: from + 1}
		w.dying(&late, &b)
		w.mu.Lock()
		w.buckets[late.ID] = &b
		w.mu.Unlock()
		w.must(w.store.DeleteExport(context.Background(), w.app.Num, late.ID))
		late.From = from
		w.must(w.store.CreateExport(context.Background(), late))
		w.export(2)
		diff(t, lines{"logs": sorted(eventLine("00:01", 1), eventLine("00:02", 2))}, kept(t, &b))
	})
}

// A spool folder that cannot be written holds the window up and loses nothing.
func TestSpoolFails(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		e := w.configure(&b)
		folder := filepath.Join(w.dir, "spool", e.ID.String())
		w.must(os.MkdirAll(filepath.Dir(folder), 0o700))
		w.must(os.WriteFile(folder, nil, 0o600)) // a file where the folder should be
		w.send(event(1), crash(1))
		w.index()
		w.start()
		w.pass(2)
		if s := w.x.Stats()[0]; !s.Failing || s.Windows != 0 {
			t.Errorf("%+v", s)
		}
		w.must(os.Remove(folder))
		blocked := filepath.Join(folder, "2000-01-01T00-01.spool", "in the way")
		w.must(os.MkdirAll(blocked, 0o700))
		w.pass(2)
		if s := w.x.Stats()[0]; !s.Failing || s.Windows != 0 {
			t.Errorf("%+v", s)
		}
		w.must(os.RemoveAll(filepath.Dir(blocked)))
		w.pass(2)
		diff(t, lines{"crashes": {crashLine("00:01", 1)}, "logs": sorted(eventLine("00:01", 1), crashLine("00:01", 1))}, kept(t, &b))
	})
}

// A second exporter on the same store takes over; the first one stops and doubles nothing.
func TestSecondExporter(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		w.configure(&b)
		w.start()
		w.send(event(1), crash(1))
		w.index()
		w.pass(1)
		second := w.exporter("spool of the second")
		ctx, cancel := context.WithCancel(context.Background())
		defer w.run(ctx, cancel, second)()
		w.send(event(2), crash(2))
		w.index()
		w.pass(2)
		if s := w.x.Stats()[0]; s.State != export.Fenced {
			t.Errorf("the first: %+v", s)
		}
		if s := second.Stats()[0]; s.State != export.Waiting || s.Windows != 1 {
			t.Errorf("the second: %+v", s)
		}
		w.pass(2)
		diff(t, lines{"crashes": sorted(crashLine("00:01", 1), crashLine("00:02", 2)),
			"logs": sorted(crashLine("00:01", 1), crashLine("00:02", 2), eventLine("00:01", 1), eventLine("00:02", 2))}, kept(t, &b))
	})
}

// Changed, disabled, enabled and deleted configurations.
func TestChanges(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		e := w.configure(&b, "errors")
		change := func(fn func(*store.Export)) {
			fn(&e)
			w.must(w.store.UpdateExport(context.Background(), e))
			w.x.Wake()
			synctest.Wait()
		}
		n := 0
		send := func() {
			n++
			w.send(crash(n), handled(n))
			w.index()
			w.pass(1)
		}
		w.start()
		send()
		change(func(e *store.Export) { e.Entities, e.PathKind = []string{"crashes", "no_logs"}, "WithAppId" })
		send()
		change(func(e *store.Export) { e.State = "Disabled" })
		send()
		if s := w.x.Stats()[0]; s.State != "Disabled" {
			t.Errorf("%+v", s)
		}
		if n := len(kept(t, &b)["errors"]); n != 2 {
			t.Errorf("%d errors while disabled", n)
		}
		change(func(e *store.Export) { e.State = "Enabled" })
		send()
		w.pass(1)
		root := w.app.ID.String() + "/"
		diff(t, lines{
			"errors":  sorted(handledLine("00:01", 1), handledLine(root+"00:02", 2), handledLine(root+"00:03", 3), handledLine(root+"00:04", 4)),
			"crashes": sorted(crashLine(root+"00:02", 2), crashLine(root+"00:03", 3), crashLine(root+"00:04", 4)),
			"logs":    {handledLine("00:01", 1)},
		}, kept(t, &b))
		w.must(w.store.DeleteExport(context.Background(), w.app.Num, e.ID))
		w.x.Wake()
		synctest.Wait()
		w.x.Wake()
		synctest.Wait()
		if _, err := os.Stat(filepath.Join(w.dir, "spool", e.ID.String())); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the spool of a deleted configuration: %v", err)
		}
		if s := w.x.Stats(); len(s) != 0 {
			t.Errorf("%+v", s)
		}
	})
}
