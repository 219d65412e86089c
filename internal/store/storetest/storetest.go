// Package storetest holds the suite that the store must pass whole on every engine.
package storetest

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// Options are what a test asks of the store that it is given.
type Options struct {
	// GroupHash replaces the hash behind public group ids, so that they collide. nil = the real one.
	GroupHash func(key diag.GroupKey, salt uint32) diag.GroupID
}

// Run checks everything that package store promises. open makes a new, empty store and sees to it that it is
// closed when the test is over.
func Run(t *testing.T, open func(t *testing.T, o Options) *store.DB) {
	plain := func(test func(*testing.T, *store.DB)) func(*testing.T) {
		return func(t *testing.T) { test(t, open(t, Options{})) }
	}
	for name, test := range map[string]func(*testing.T){
		"users":                     plain(users),
		"tokens":                    plain(tokens),
		"admin token":               plain(adminToken),
		"logins":                    plain(logins),
		"users deleted":             plain(usersDeleted),
		"token ends":                plain(tokenEnds),
		"account requests":          plain(accountRequests),
		"apps":                      plain(apps),
		"apps taken":                plain(appsTaken),
		"app numbers":               plain(appNumbers),
		"app deleted":               plain(appDeleted),
		"app deleted, racing":       plain(appDeletedRacing),
		"members":                   plain(members),
		"organisations":             plain(orgs),
		"organisations, racing":     plain(orgsRacing),
		"rights":                    plain(rights),
		"invitations":               plain(invitations),
		"pictures":                  plain(pictures),
		"subscriptions":             plain(subscriptions),
		"blocked installs":          plain(blocked),
		"drops":                     plain(drops),
		"floor":                     plain(floor),
		"blank intents":             plain(intents),
		"exports":                   plain(exports),
		"export cursor":             plain(exportCursor),
		"group ids":                 plain(groupIDs),
		"symbol uploads":            plain(symbolUploads),
		"missing symbols":           plain(missingSymbols),
		"group ids, racing":         plain(groupIDsRacing),
		"group ids, colliding":      func(t *testing.T) { groupIDsColliding(t, open) },
		"group words":               plain(groupWords),
		"index cursor":              plain(indexCursor),
		"batch refused":             plain(batchRefused),
		"duplicates":                plain(duplicates),
		"families":                  plain(families),
		"sessions":                  plain(sessions),
		"session logs":              plain(sessionLogs),
		"attachments":               plain(attachments),
		"problems":                  plain(problems),
		"rows whole":                plain(rowsWhole),
		"report pages":              plain(reportPages),
		"group pages":               plain(groupPages),
		"group pages, long tail":    plain(groupPagesLongTail),
		"group query refused":       plain(groupQueryRefused),
		"many kinds of list":        plain(manyLists),
		"error counts":              plain(errorCounts),
		"like plain lists":          plain(likePlainLists),
		"active devices":            plain(activeDevices),
		"active devices, random":    func(t *testing.T) { activeRandom(t, open) },
		"active windows":            func(t *testing.T) { activeWindows(t, open) },
		"sessions counted":          plain(sessionsCounted),
		"events counted":            plain(eventsCounted),
		"events, random":            func(t *testing.T) { eventsRandom(t, open) },
		"events beyond limits":      plain(eventsBeyond),
		"events deleted":            plain(eventsDeleted),
		"arrivals":                  plain(arrivals),
		"spans refused":             plain(spanRefused),
		"batch sizes and rebuilds":  func(t *testing.T) { batchSizes(t, open) },
		"readers at once":           plain(readersAtOnce),
		"writers and readers":       plain(writersAndReaders),
		"words of a reset":          plain(wordsOfReset),
		"deleting":                  func(t *testing.T) { deleting(t, open) },
		"deleting, many reports":    plain(manyDeleted),
		"tombstones":                plain(tombstones),
		"purging":                   func(t *testing.T) { purging(t, open) },
		"keys begin with the shard": plain(shardFirst),
		"personal data":             plain(personalData),
		"search like plain lists":   plain(searchLikeLists),
		"search refused":            plain(searchRefused),
		"search of deleted reports": plain(searchDeleted),
		"search after a reset":      plain(searchReset),
		"tidy and scrub":            plain(tidy),
		"cancelled":                 plain(cancelled),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// all is the highest feed number that an engine can hold.
const all = math.MaxInt64

// second is one of device time.
const second = diag.DeviceTime(time.Second)

// idOf makes an id from whatever names it.
func idOf(name ...any) diag.ID { return diag.DerivedID(fmt.Append(nil, name...)) }

// hashOf stands in for the SHA-256 of a token.
func hashOf(name string) (hash [32]byte) {
	a, b := idOf(name, 1), idOf(name, 2)
	copy(hash[:16], a[:])
	copy(hash[16:], b[:])
	return hash
}

// tb is a test, or one try of a property.
type tb interface {
	Helper()
	Context() context.Context
	Error(...any)
	Errorf(string, ...any)
	Fatal(...any)
}

// ok stops the test at an error.
func ok(t tb, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// must stops the test at an error, else it is the value.
func must[T any](v T, err error) func(tb) T {
	return func(t tb) T {
		t.Helper()
		ok(t, err)
		return v
	}
}

// kind checks what kind of error a call ended with.
func kind(t tb, err error, want diag.ErrorKind) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one of kind %q", want)
	} else if got := diag.KindOf(err); got != want {
		t.Errorf("error of kind %q, want %q: %v", got, want, err)
	}
}

func same(t tb, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// createApp adds an app that differs from others in everything that follows from its name.
func createApp(t testing.TB, db *store.DB, name string) diag.App {
	t.Helper()
	return must(db.CreateApp(t.Context(), appOf("acme", name)))(t)
}

func appOf(owner, name string) diag.App {
	return diag.App{
		ID: idOf(owner, "/", name), Secret: idOf("secret of ", owner, "/", name), Owner: owner, Name: name, DisplayName: "The " + name,
		Description: "for tests", OS: "Android", Platform: "Java", ReleaseType: "Beta", CreatedAt: 100, UpdatedAt: 200,
		CrashesPerMinute: 7, HandledPerMinute: 8, AppNamespacePrefixes: []string{"com.acme", "org.acme"},
	}
}

func createUser(t testing.TB, db *store.DB, name string, admin bool) diag.User {
	t.Helper()
	u := diag.User{ID: idOf("user ", name), Name: name, DisplayName: name + " the reader", Email: name + "@example.com", Admin: admin, CreatedAt: 50}
	return must(db.CreateUser(t.Context(), u))(t)
}

// feeder applies batches one behind the other, as the pipeline does.
type feeder struct {
	t       tb
	db      *store.DB
	epoch   int64
	through uint64
}

func newFeeder(t testing.TB, db *store.DB) *feeder {
	t.Helper()
	f := &feeder{t: t, db: db}
	var err error
	f.through, f.epoch, err = db.ClaimIndex(t.Context())
	ok(t, err)
	return f
}

// apply ends the batch at its highest feed number.
func (f *feeder) apply(b store.Batch) store.Applied {
	f.t.Helper()
	b.After, b.Epoch, b.Through = f.through, f.epoch, f.through
	for _, r := range b.Events {
		b.Through = max(b.Through, r.Feed)
	}
	for _, r := range b.Reports {
		b.Through = max(b.Through, r.Feed)
	}
	for _, r := range b.Attachments {
		b.Through = max(b.Through, r.Feed)
	}
	for _, r := range b.Problems {
		b.Through = max(b.Through, r.Feed)
	}
	done, err := f.db.ApplyBatch(f.t.Context(), b)
	ok(f.t, err)
	f.through = b.Through
	return done
}

// place is where the log with that feed number would lie.
func place(feed uint64, member int) diag.Locator {
	return diag.Locator{Segment: int64(feed / 100), Offset: int64(feed % 100), Member: member}
}

// reportOf makes a report of group 1.
func reportOf(app diag.App, feed uint64, name string) store.ReportRow {
	return store.ReportRow{
		Feed: feed, Time: diag.DeviceTime(feed) * second, Ingress: diag.IngressTime(feed) * 10, App: app.Num, Shard: diag.ShardOf(app.ID),
		Kind: diag.KindManagedError, ID: idOf(name), Install: diag.InstallID(idOf("install of ", name).String()), AppVersion: "1.0",
		Group: 1, Signature: diag.Signature(idOf("signature")), Locator: place(feed, 0),
	}
}

func eventOf(app diag.App, feed uint64, member int, name string) store.EventRow {
	return store.EventRow{
		Feed: feed, Time: diag.DeviceTime(feed) * second, Ingress: diag.IngressTime(feed) * 10, App: app.Num, Shard: diag.ShardOf(app.ID),
		Kind: diag.KindEvent, ID: idOf(name), Install: "an install", Session: idOf("a session"), AppVersion: "1.0", Locator: place(feed, member),
	}
}

func attachmentOf(app diag.App, feed uint64, name string, report diag.ID) store.AttachmentRow {
	return store.AttachmentRow{
		Feed: feed, Time: diag.DeviceTime(feed) * second, Ingress: diag.IngressTime(feed) * 10, App: app.Num, Shard: diag.ShardOf(app.ID),
		ID: idOf(name), ErrorID: report, Install: "an install", ContentType: "text/plain", FileName: name + ".txt", Size: 9, Locator: place(feed, 0),
	}
}
