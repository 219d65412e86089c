package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/server"
	"lifeboat/internal/store"
	"lifeboat/internal/wire"
)

// Kill starts a server again and again, kills it at random moments under load, and then looks whether every
// log that was answered 200 is there exactly once.
type Kill struct {
	Bin, Dir string // the binary, and a folder for everything else
	Rounds   int
	Delete   bool // also delete reports all the time
	Archive  bool // also wait for the export of the last minute and look into the archive
	Seed     uint64
	Say      io.Writer // tells about each round
}

// Killed says what Run found to be in order.
type Killed struct {
	Rounds                      int
	Answered, Uncertain, Stored int   // logs: answered 200; sent without an answer; in the journal
	Copies                      int   // of them sent again on purpose
	TornBytes                   int64 // cut off at all starts together: of requests that nobody was answered for
	Archived                    int
	Deleted                     int // reports
}

// key names a log as the server does.
type key struct {
	family diag.Family
	id     diag.ID
}

// ledger is what clients remember of what they sent.
type ledger struct {
	mu       sync.Mutex
	answered map[key]bool
	sent     map[key]bool
	bodies   []sentBody          // answered ones, some of which are sent again
	of       map[diag.ID]diag.ID // attachment -> its error
	doomed   map[diag.ID]bool    // reports whose deletion was asked for
	deleted  map[diag.ID]bool    // and answered
	copies   int
	torn     int64 // bytes that the starts so far cut off
}

// sentBody is a body of one install: an event is the same only within its install.
type sentBody struct {
	install string
	body    []byte
	keys    []key
}

// The time that a server lives in one round.
const (
	shortLife = 60 * time.Millisecond
	longLife  = 400 * time.Millisecond
	senders   = 8
)

// Run does the rounds.
func (k *Kill) Run(ctx context.Context) (Killed, error) {
	data, root := filepath.Join(k.Dir, "data"), filepath.Join(k.Dir, "export")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return Killed{}, err
	}
	l := &ledger{answered: map[key]bool{}, sent: map[key]bool{}, of: map[diag.ID]diag.ID{}, doomed: map[diag.ID]bool{}, deleted: map[diag.ID]bool{}}
	for round := range k.Rounds {
		if err := k.round(ctx, l, data, root, round); err != nil {
			return Killed{}, fmt.Errorf("round %d: %w", round, err)
		}
	}
	found, err := k.settle(ctx, l, data, root)
	found.Rounds, found.Copies, found.TornBytes = k.Rounds, l.copies, l.torn
	return found, err
}

func (k *Kill) round(ctx context.Context, l *ledger, data, root string, round int) error {
	rng := rand.New(rand.NewPCG(k.Seed, uint64(round)))
	p, err := Start(k.Bin, data, "--export-root", root)
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := l.countTorn(p); err != nil {
		return err
	}
	if round == 0 && k.Archive {
		if err := createExport(ctx, p); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	failures := make(chan error, senders+1)
	for i := range senders {
		wait.Go(func() { failures <- send(ctx, p, l, rand.New(rand.NewPCG(k.Seed+uint64(round), uint64(i)))) })
	}
	deleting := 0
	if k.Delete {
		deleting = 1
		wait.Go(func() { failures <- deleteSome(ctx, p, l) })
	}
	life := shortLife + time.Duration(rng.Int64N(int64(longLife-shortLife)))
	select {
	case <-ctx.Done():
	case <-time.After(life):
	}
	p.Kill()
	cancel()
	wait.Wait()
	for range senders + deleting {
		if err := <-failures; err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(k.Say, "round %d: ready in %d ms, killed after %d ms, %d logs answered so far\n", round, p.Ready.Milliseconds(), life.Milliseconds(), len(l.answered))
	return nil
}

func createExport(ctx context.Context, p *Process) error {
	api, err := p.Client()
	if err != nil {
		return err
	}
	return api.Call(ctx, "POST", "/apps/"+p.App+"/export_configurations",
		map[string]any{"type": "directory", "path": "archive", "exportEntities": []string{"crashes"}}, nil)
}

// send posts bodies until the server is gone. An answer other than 200 is an error.
func send(ctx context.Context, p *Process, l *ledger, rng *rand.Rand) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	for ctx.Err() == nil {
		b := l.next(rng)
		req, err := http.NewRequestWithContext(ctx, "POST", p.URL+"/logs?api-version=1.0.0", bytes.NewReader(b.body))
		if err != nil {
			return err
		}
		req.Header.Set("App-Secret", p.Secret)
		req.Header.Set("Install-ID", b.install)
		answer, err := client.Do(req)
		if err != nil {
			return nil // killed: whether the body was stored is unknown
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			return nil
		}
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("answer %d %s", answer.StatusCode, text)
		}
		l.acknowledge(b)
	}
	return nil
}

// next makes a body, or takes an answered one again, letter case changed.
func (l *ledger) next(rng *rand.Rand) sentBody {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.bodies) > 0 && rng.IntN(8) == 0 {
		l.copies++
		return l.bodies[rng.IntN(len(l.bodies))]
	}
	b := makeBody(rng)
	for _, k := range b.keys {
		l.sent[k] = true
		if k.family == diag.FamilyAttachment {
			l.of[k.id] = b.keys[0].id
		}
	}
	return b
}

// keptBodies bounds what can be sent again.
const keptBodies = 200

func (l *ledger) acknowledge(b sentBody) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range b.keys {
		l.answered[k] = true
	}
	if len(l.bodies) < keptBodies {
		l.bodies = append(l.bodies, sentBody{strings.ToUpper(b.install), upper(b.body), b.keys})
	}
}

// upper changes the letter case of all ids in a body: they are the only texts with so many dashes.
func upper(body []byte) []byte {
	var v struct {
		Logs []map[string]any `json:"logs"`
	}
	if json.Unmarshal(body, &v) != nil {
		return body
	}
	for _, l := range v.Logs {
		for _, name := range [...]string{"id", "errorId"} {
			if id, ok := l[name].(string); ok {
				l[name] = strings.ToUpper(id)
			}
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return body
	}
	return b
}

// makeBody makes a crash, a crash with an attachment, or a batch of events.
func makeBody(rng *rand.Rand) sentBody {
	var logs []string
	b := sentBody{install: fmt.Sprintf("abcdefab-7777-4777-8777-%012d", rng.IntN(5))}
	add := func(family diag.Family, format string, args ...any) diag.ID {
		id := diag.RandomID()
		logs = append(logs, fmt.Sprintf(format, append([]any{id, time.Now().UTC().Format("2006-01-02T15:04:05.000Z")}, args...)...))
		b.keys = append(b.keys, key{family, id})
		return id
	}
	switch rng.IntN(8) {
	case 0:
		add(diag.FamilyError, killCrash, rng.IntN(9))
	case 1:
		id := add(diag.FamilyError, killCrash, rng.IntN(9))
		add(diag.FamilyAttachment, killAttachment, id)
	default:
		for range 1 + rng.IntN(50) {
			add(diag.FamilyOther, killEvent, rng.IntN(9))
		}
	}
	b.body = []byte(`{"logs":[` + strings.Join(logs, ",") + `]}`)
	return b
}

const (
	killDevice     = `"device":{"sdkName":"appcenter.android","sdkVersion":"5.0.6","osName":"Android","osVersion":"14","locale":"de_DE","timeZoneOffset":60,"appVersion":"1.0","appBuild":"1"}`
	killCrash      = `{"type":"managedError","id":"%s","timestamp":"%s","processId":1,"processName":"p","fatal":true,` + killDevice + `,"exception":{"type":"java.lang.IllegalStateException","message":"m","frames":[{"className":"com.acme.Cart","methodName":"m%d","fileName":"Cart.java","lineNumber":3}]}}`
	killAttachment = `{"type":"errorAttachment","id":"%s","timestamp":"%s","errorId":"%s","contentType":"text/plain","data":"aGVsbG8=",` + killDevice + `}`
	killEvent      = `{"type":"event","id":"%s","timestamp":"%s","name":"e%d",` + killDevice + `}`
)

// countTorn asks a server that has just started what it cut off.
func (l *ledger) countTorn(p *Process) error {
	m, err := p.Metrics()
	l.torn += int64(m["lifeboat_journal_torn_bytes_total"])
	return err
}

// settle starts the server a last time, lets it finish, and compares.
func (k *Kill) settle(ctx context.Context, l *ledger, data, root string) (Killed, error) {
	p, err := Start(k.Bin, data, "--export-root", root)
	if err != nil {
		return Killed{}, err
	}
	defer p.Kill()
	if err := l.countTorn(p); err != nil {
		return Killed{}, err
	}
	if _, err := p.WaitIndexed(time.Minute); err != nil {
		return Killed{}, err
	}
	if k.Archive {
		if err := waitExported(ctx, p); err != nil {
			return Killed{}, err
		}
	}
	if err := p.Stop(); err != nil {
		return Killed{}, fmt.Errorf("stop: %w", err)
	}
	if k.Delete {
		if _, _, err := server.Purge(ctx, server.Config{Data: data}, false); err != nil { // finishes what kills have interrupted
			return Killed{}, err
		}
	}
	found, err := l.compare(ctx, data)
	if err == nil && k.Delete {
		if _, err = server.Reindex(ctx, server.Config{Data: data}, nil); err == nil {
			found, err = l.compare(ctx, data)
		}
	}
	if err == nil && k.Archive {
		found.Archived, err = l.compareArchive(filepath.Join(root, "archive"))
	}
	return found, err
}

// exportTime is how long the export of all rounds may take: a folder is slow with many small files.
const exportTime = 15 * time.Minute

// waitExported waits until the export has passed the minute that is now.
func waitExported(ctx context.Context, p *Process) error {
	api, err := p.Client()
	if err != nil {
		return err
	}
	now := time.Now()
	for time.Since(now) < exportTime {
		var list struct {
			Values []struct {
				LastRunTime time.Time `json:"last_run_time"`
				State       string    `json:"state"`
				StateInfo   string    `json:"state_info"`
			} `json:"values"`
		}
		if err := api.Call(ctx, "GET", "/apps/"+p.App+"/export_configurations", nil, &list); err != nil {
			return err
		}
		if len(list.Values) > 0 && list.Values[0].LastRunTime.After(now) {
			return nil
		}
		time.Sleep(250 * time.Millisecond)
	}
	return errors.New("the last minute was not exported in time")
}

// compare holds journal and index against the ledger.
func (l *ledger) compare(ctx context.Context, data string) (found Killed, err error) {
	o, err := server.OpenOffline(ctx, server.Config{Data: data}, false)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	stored, err := storedLogs(ctx, o)
	if err != nil {
		return found, err
	}
	found = Killed{Answered: len(l.answered), Uncertain: len(l.sent) - len(l.answered), Stored: len(stored)}
	for k := range l.answered {
		if !stored[k] && !l.excused(k) {
			return found, fmt.Errorf("log %v was answered 200 and is lost", k)
		}
	}
	found.Deleted = len(l.deleted)
	for id := range l.deleted {
		if stored[key{diag.FamilyError, id}] {
			return found, fmt.Errorf("report %s was deleted and is there", id)
		}
	}
	for k := range stored {
		if !l.sent[k] {
			return found, fmt.Errorf("log %v is stored and was never sent", k)
		}
	}
	return found, compareIndex(ctx, o.Store, stored)
}

// storedLogs reads the whole journal.
func storedLogs(ctx context.Context, o *server.Offline) (map[key]bool, error) {
	apps, err := o.Store.Apps(ctx)
	if err != nil {
		return nil, err
	}
	stored := map[key]bool{}
	f := o.Journal.Follow(0)
	defer f.Close()
	for {
		entries, err := f.Next(1000, 8<<20)
		if err != nil || len(entries) == 0 {
			return stored, err
		}
		for i := range entries {
			payload, err := entries[i].Payload(nil)
			if err != nil {
				return nil, err
			}
			e, err := diag.ParseEnvelope(payload)
			if err != nil {
				return nil, err
			}
			for _, raw := range e.Logs {
				lg, _ := wire.Peek(raw, apps[0].ID, e.Install, time.Now())
				stored[key{lg.Kind.Family(), lg.ID}] = true
			}
		}
	}
}

// compareIndex wants one row for each log and no more.
func compareIndex(ctx context.Context, db *store.DB, stored map[key]bool) error {
	apps, err := db.Apps(ctx)
	if err != nil {
		return err
	}
	s, err := db.IndexStats(ctx, apps[0].Num)
	if err != nil {
		return err
	}
	rows := int64(0)
	for _, n := range s.Logs {
		rows += n
	}
	if int(rows) != len(stored) || s.Problems != 0 {
		return fmt.Errorf("%d logs are stored, %d have a row, %d are problems", len(stored), rows, s.Problems)
	}
	groups, _, err := db.Groups(ctx, store.GroupQuery{App: apps[0].Num})
	if err != nil {
		return err
	}
	counted := int64(0)
	for _, g := range groups {
		counted += g.Count
	}
	if reports := s.Logs[diag.KindManagedError]; counted != reports {
		return fmt.Errorf("%d reports, groups count %d", reports, counted)
	}
	return nil
}

// compareArchive wants every stored log once in the analytics files of the archive.
func (l *ledger) compareArchive(root string) (int, error) {
	seen := map[string]int{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".v1.data") || !strings.HasPrefix(filepath.Base(path), "logs") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var records []struct{ MessageId, MessageType string }
		if err := json.Unmarshal(b, &records); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, r := range records {
			seen[r.MessageType+" "+r.MessageId]++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	names := map[diag.Family]string{diag.FamilyError: "ErrorLog", diag.FamilyAttachment: "ErrorAttachmentLog", diag.FamilyOther: "EventLog"}
	for k := range l.answered {
		if n := seen[names[k.family]+" "+k.id.String()]; n != 1 {
			return 0, fmt.Errorf("%s %s is %d times in the archive", names[k.family], k.id, n)
		}
	}
	for name, n := range seen {
		if n != 1 {
			return 0, fmt.Errorf("%s is %d times in the archive", name, n)
		}
	}
	return len(seen), nil
}
