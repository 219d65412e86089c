package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/export"
)

// Finding is what an examination found out about one thing.
type Finding struct {
	Check string `json:"check"`
	Level Level  `json:"level"`
	Text  string `json:"text"`
	Do    string `json:"do,omitempty"` // what mends it
}

// Level says how a thing is.
type Level string

// The levels.
const (
	Fine    Level = "ok"
	Note    Level = "note"    // worth knowing
	Ailment Level = "finding" // to be mended
)

// Patient is what is examined: a data folder on this machine, or a server by its URL.
type Patient struct {
	Data, KeyFile string
	URL           string
	Clock         diag.Clock
}

// Examine looks a server and its folder over. An error means that it could not.
func Examine(ctx context.Context, p Patient) ([]Finding, error) {
	if p.Clock == nil {
		p.Clock = diag.SystemClock{}
	}
	d := &doctor{Patient: p, folder: &folder{path: p.Data}}
	if p.Data == "" {
		err := d.fromOutside(ctx, p.URL, "")
		return d.found, err
	}
	if err := prepareFolder(p.Data, false); err != nil {
		return nil, diag.Wrap(diag.Internal, err, "%v", err)
	}
	running, err := used(p.Data)
	if err != nil {
		return nil, diag.Wrap(diag.Internal, err, "%v", err)
	}
	d.look()
	if !running {
		d.ill("server", "No server uses the data folder.", "Start it: lifeboat serve --data %s", p.Data)
		return d.found, nil
	}
	err = d.ask(ctx)
	return d.found, err
}

// doctor collects findings.
type doctor struct {
	Patient
	folder *folder
	found  []Finding
}

func (d *doctor) fine(check, format string, args ...any) {
	d.found = append(d.found, Finding{Check: check, Level: Fine, Text: fmt.Sprintf(format, args...)})
}

func (d *doctor) note(check, text, do string, args ...any) {
	d.found = append(d.found, Finding{check, Note, text, fmt.Sprintf(do, args...)})
}

func (d *doctor) ill(check, text, do string, args ...any) {
	d.found = append(d.found, Finding{check, Ailment, text, fmt.Sprintf(do, args...)})
}

// look examines the folder.
func (d *doctor) look() {
	d.version()
	d.modes()
	d.key()
	d.space()
	d.sync()
	d.localCA()
}

func (d *doctor) version() {
	if _, err := os.Stat(d.folder.in(versionFile)); err != nil {
		d.ill("folder", "The folder has no VERSION file yet.", "Start a server on it once.")
	} else if err := d.folder.checkVersion(); err != nil {
		d.ill("folder", err.Error(), "See the text.")
	} else {
		d.fine("folder", "layout %d", layout)
	}
	if _, err := os.Stat(d.folder.in(restoredFile)); err == nil {
		d.note("folder", "It was restored and not worked over yet.", "Start the server, which does it first.")
	}
}

// modes looks for files that others on the machine can read.
func (d *doctor) modes() {
	if runtime.GOOS == "windows" {
		return
	}
	open := 0
	for _, name := range []string{".", keyFile, tokenFile, controlFile, registerDB, indexDB, journalDir, spoolDir, symbolsDir, tlsDir, filepath.Join(tlsDir, caKeyFile)} {
		info, err := os.Stat(d.folder.in(name))
		if err != nil || info.Mode().Perm()&0o077 == 0 {
			continue
		}
		open++
		mode := "600"
		if info.IsDir() {
			mode = "700"
		}
		d.ill("permissions", fmt.Sprintf("%s has mode %04o: others on this machine can read it.", d.folder.in(name), info.Mode().Perm()), "chmod %s %s", mode, d.folder.in(name))
	}
	if open == 0 {
		d.fine("permissions", "only the owner can read the folder")
	}
}

func (d *doctor) key() {
	path := cmp.Or(d.KeyFile, d.folder.in(keyFile))
	f := &folder{path: d.folder.path}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		d.note("key", "There is no key in the folder.", "If it is kept elsewhere, name it with --key-file; if not, restore %s.", path)
	} else if err := f.readKey(path); err != nil {
		d.ill("key", err.Error(), "Restore %s.", path)
	} else {
		d.fine("key", "%s can be read; have you a copy elsewhere?", path)
	}
}

func (d *doctor) space() {
	free, total, err := freeSpace(d.folder.path)
	text := fmt.Sprintf("%d MiB of %d MiB are free", free>>20, total>>20)
	switch {
	case err != nil:
		d.ill("disk", "The free space is unknown: "+err.Error(), "Look at the disk.")
	case tooFull(free, total):
		d.ill("disk", text+": logs are refused until there is room.", "Make room, or shorten the retention of apps.")
	case tooFull(free/2, total):
		d.ill("disk", text+": when half of it is used, logs are refused.", "Make room soon, or shorten the retention of apps.")
	default:
		d.fine("disk", "%s", text)
	}
}

const (
	syncTries = 5
	slowSync  = 100 * time.Millisecond
)

// sync measures how long the disk takes to make something durable: every answer to a device waits for it.
func (d *doctor) sync() {
	f, err := os.CreateTemp(d.folder.path, "doctor"+newMark+"*")
	if err != nil {
		d.ill("sync", "Nothing can be written to the folder: "+err.Error(), "Run this as the server's user, or look at the disk.")
		return
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var took []time.Duration
	for range syncTries {
		started := d.Clock.Monotonic()
		if _, err = f.Write(make([]byte, 4096)); err == nil {
			err = f.Sync()
		}
		if err != nil {
			d.ill("sync", "The disk does not make files durable: "+err.Error(), "Look at the disk: the server cannot work on it.")
			return
		}
		took = append(took, d.Clock.Monotonic()-started)
	}
	slices.Sort(took)
	text := fmt.Sprintf("a write is durable after %v", took[syncTries/2].Round(10*time.Microsecond))
	if took[syncTries/2] > slowSync {
		d.ill("sync", text+": every answer to a device waits for that.", "Use a faster disk, not one on a network.")
		return
	}
	d.fine("sync", "%s", text)
}

const soonCA = 90 * 24 * time.Hour

func (d *doctor) localCA() {
	ca, err := loadCA(d.folder.in(tlsDir))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		d.ill("local CA", "The local CA cannot be used: "+err.Error(), "Restore %s from a backup.", d.folder.in(tlsDir))
	case ca.cert.NotAfter.Sub(d.Clock.Now()) < soonCA:
		d.ill("local CA", "The local CA ends on "+ca.cert.NotAfter.Format(time.DateOnly)+".", "After that a new one is made at a start, and has to be trusted anew everywhere.")
	default:
		d.fine("local CA", "good until %s", ca.cert.NotAfter.Format(time.DateOnly))
	}
}

// condition is what a server tells of itself to a command on its machine.
type condition struct {
	Version, Instance       string
	URL, TLS, PublicURL     string
	Now                     int64 // Unix milliseconds
	AheadSeconds            float64
	Ready, DiskFull, OwnKey bool
	Apps                    int
	Lag                     uint64
	Damaged, DamagedBytes   int64
	Torn                    int64
	Exports                 []exportCondition
}

type exportCondition struct {
	ID, App, State, Error string
	Failing               bool
	Attempts              int64
	LagSeconds            float64
}

func (s *Server) condition(w http.ResponseWriter, r *http.Request) error {
	apps, err := s.store.Apps(r.Context())
	if err != nil {
		return err
	}
	j := s.journal.Stats()
	c := condition{
		Version: s.config.Version, Instance: s.instance, URL: s.at.URL, TLS: s.at.TLS, PublicURL: s.config.PublicURL,
		Now: s.config.Clock.Now().UnixMilli(), AheadSeconds: s.journal.Skew().Seconds(), Ready: s.ready.Load(), DiskFull: s.disk.full.Load(),
		OwnKey: s.config.KeyFile == "", Apps: len(apps), Lag: s.lag(), Damaged: j.Damaged, DamagedBytes: j.DamagedBytes, Torn: j.TornBytes,
	}
	for _, e := range s.export.Stats() {
		x := exportCondition{ID: e.ID.String(), State: e.State, Error: e.Error, Failing: e.Failing, Attempts: e.Attempts, LagSeconds: e.Lag.Seconds()}
		if i := slices.IndexFunc(apps, func(a diag.App) bool { return a.Num == e.App }); i >= 0 {
			x.App = apps[i].Owner + "/" + apps[i].Name
		}
		c.Exports = append(c.Exports, x)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	return json.NewEncoder(w).Encode(c)
}

// ask examines the server that uses the folder.
func (d *doctor) ask(ctx context.Context) error {
	answer, err := callControl(ctx, d.Data, http.MethodGet, "/condition")
	if err != nil {
		if diag.KindOf(err) != diag.Busy {
			return err
		}
		d.ill("server", err.Error(), "Look at its log.")
		return nil
	}
	defer answer.Body.Close()
	var c condition
	if err := json.NewDecoder(io.LimitReader(answer.Body, 16<<20)).Decode(&c); err != nil {
		return fmt.Errorf("the server's answer is not what was expected: %w", err)
	}
	d.judge(&c)
	if c.TLS != "" {
		d.certificate(ctx, strings.TrimPrefix(c.TLS, "https://"), host(c.PublicURL), false)
	}
	if c.PublicURL == "" {
		d.note("public URL", "The server does not know how others reach it: URLs in answers name a listener.", "Start it with --public-url https://NAME")
		return nil
	}
	return d.fromOutside(ctx, c.PublicURL, c.Instance)
}

func host(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// From these on something is wrong.
const (
	manyFrames  = 10_000
	longExport  = 5 * time.Minute
	clockOff    = 30 * time.Second
	soonExpires = 14 * 24 * time.Hour
)

// judge says what the figures mean.
func (d *doctor) judge(c *condition) {
	switch {
	case c.DiskFull:
		d.ill("server", c.Version+" refuses logs: the disk is nearly full.", "Make room.")
	case !c.Ready:
		d.ill("server", c.Version+" takes no logs: it is stopping.", "Start it again when it has ended.")
	default:
		d.fine("server", "%s takes logs at %s", c.Version, c.URL)
	}
	if c.AheadSeconds > clockAlarm.Seconds() {
		d.ill("clock", fmt.Sprintf("The machine's clock was set back by %.0f s: minutes of the archive are labelled ahead of it.", c.AheadSeconds), "Let it be kept by NTP; nothing is lost meanwhile.")
	} else {
		d.clock(time.UnixMilli(c.Now))
	}
	if c.Lag > manyFrames {
		d.ill("pipeline", fmt.Sprintf("%d frames wait to be indexed.", c.Lag), "Look at lifeboat_pipeline_lag_frames: if it keeps rising, the machine is too slow for its load, or the log tells of errors.")
	} else {
		d.fine("pipeline", "%d frames wait to be indexed", c.Lag)
	}
	if c.Damaged > 0 {
		d.ill("journal", fmt.Sprintf("%d places of the journal, %d bytes, are damaged; the rest is readable.", c.Damaged, c.DamagedBytes), "Look at the disk, and restore a backup if what was lost matters.")
	} else {
		d.fine("journal", "no damage was met")
	}
	if c.Torn > 0 {
		d.note("journal", fmt.Sprintf("%d bytes were cut off at the start: of requests that a crash interrupted and nobody was answered for.", c.Torn), "Nothing.")
	}
	if c.Apps == 0 {
		d.note("apps", "There is no app yet.", "lifeboat app create OWNER/NAME --os OS --platform P --data %s", d.Data)
	}
	for i := range c.Exports {
		d.export(&c.Exports[i])
	}
}

func (d *doctor) export(e *exportCondition) {
	name := fmt.Sprintf("The export %s of %s ", e.ID, e.App)
	lag := time.Duration(e.LagSeconds * float64(time.Second))
	switch {
	case e.Failing:
		d.ill("export", fmt.Sprintf("%sfails, %d times in a row: %s", name, e.Attempts, e.Error), "Mend the target, or change its connection string; it is tried again by itself.")
	case !slices.Contains([]string{export.Waiting, export.Indexing, export.Rendering, export.Writing, export.Retrying}, e.State):
		d.note("export", name+"is "+e.State+".", "Enable it if that is not meant: POST …/export_configurations/%s/enable", e.ID)
	case lag > longExport:
		d.ill("export", fmt.Sprintf("%sis %v behind.", name, lag.Round(time.Second)), "Look at the pipeline and at the target's speed.")
	default:
		d.fine("export", "%sis %v behind", name, lag.Round(time.Second))
	}
}

func (d *doctor) clock(theirs time.Time) {
	off := theirs.Sub(d.Clock.Now()).Abs()
	if off > clockOff {
		d.ill("clock", fmt.Sprintf("The server's clock and this machine's differ by %v.", off.Round(time.Second)), "Let both be kept by NTP: logs that are too old or ahead are dropped.")
		return
	}
	d.fine("clock", "the server's and this machine's agree")
}

// outsideTime bounds each question over the network.
const outsideTime = 10 * time.Second

// fromOutside examines a server as others see it. instance is the one that should answer, "" for any.
func (d *doctor) fromOutside(ctx context.Context, base, instance string) error {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return diag.Errorf(diag.Invalid, "%q is no server's URL: it should be like https://crash.example.com.", base)
	}
	base = strings.TrimRight(base, "/")
	// Certificates are judged on their own: one that is not trusted here must not hide the rest.
	client := &http.Client{
		Timeout: outsideTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}
	answer, err := get(ctx, client, base+"/healthz")
	if err != nil {
		d.ill("public URL", base+" does not answer: "+err.Error(), "Look at the name, the proxy and the firewall. A network may also not let its own machines use its outer address: then try from elsewhere with --url.")
		return nil
	}
	switch got := answer.Header.Get(instanceHeader); {
	case got == "":
		d.ill("public URL", base+" is answered by something else ("+answer.Status+").", "Let the proxy pass everything on to this server, also the path /healthz.")
		return nil
	case instance != "" && got != instance:
		d.ill("public URL", base+" leads to another Lifeboat.", "Correct --public-url, or the proxy.")
	default:
		d.fine("public URL", "%s leads here", base)
	}
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil && instance == "" {
		d.clock(date)
	}
	if u.Scheme == "https" {
		d.certificate(ctx, net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "443")), u.Hostname(), true)
	} else {
		d.note("HTTPS", base+" is plain HTTP: Android's SDK and the appcenter CLI refuse it.", "See docs/serve.md, HTTPS.")
	}
	d.logs(ctx, client, base)
	return nil
}

func get(ctx context.Context, client *http.Client, at string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, err
	}
	answer.Body.Close()
	return answer, nil
}

// logs looks whether what SDKs send arrives: they must not be redirected, whatever slashes are in the path (S9).
func (d *doctor) logs(ctx context.Context, client *http.Client, base string) {
	for _, path := range []string{"/logs", "//logs"} {
		answer, err := get(ctx, client, base+path)
		switch {
		case err != nil:
			d.ill("logs", base+path+" does not answer: "+err.Error(), "Look at the proxy.")
		case answer.StatusCode/100 == 3:
			d.ill("logs", base+path+" is redirected: SDKs lose what they send.", "Take redirects and the cleaning of paths out of the proxy, see docs/reverse-proxy.md.")
		case answer.StatusCode != http.StatusMethodNotAllowed: // what GET is answered (S7)
			d.ill("logs", base+path+" is answered "+answer.Status+" by something else.", "Let the proxy pass it on, see docs/reverse-proxy.md.")
		default:
			d.fine("logs", "%s%s arrives", base, path)
		}
	}
}

// certificate looks at what a listener shows. trust says that this machine should trust it.
func (d *doctor) certificate(ctx context.Context, address, name string, trust bool) {
	ctx, cancel := context.WithTimeout(ctx, outsideTime)
	defer cancel()
	dial := func(config *tls.Config) (*tls.ConnectionState, error) {
		c, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		state := c.(*tls.Conn).ConnectionState()
		return &state, nil
	}
	state, err := dial(&tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		d.ill("certificate", address+" shows no certificate for "+cmp.Or(name, "its address")+": "+err.Error(), "Look at the server's log: with --tls-acme-host the authority's words stand there.")
		return
	}
	cert, now := state.PeerCertificates[0], d.Clock.Now()
	until := cert.NotAfter.Format(time.DateOnly)
	switch left := cert.NotAfter.Sub(now); {
	case left <= 0:
		d.ill("certificate", "That of "+address+" has ended on "+until+".", "Renew it.")
	case left < min(soonExpires, cert.NotAfter.Sub(cert.NotBefore)/4):
		d.ill("certificate", "That of "+address+" ends on "+until+".", "Renew it. ACME and the local CA should have done so by themselves: look at the log.")
	case name != "" && cert.VerifyHostname(name) != nil:
		d.ill("certificate", "That of "+address+" is not for "+name+".", "Get one for the name that devices use.")
	default:
		d.fine("certificate", "%s: good until %s", address, until)
	}
	if !trust {
		return
	}
	if _, err := dial(&tls.Config{ServerName: name}); err != nil {
		d.note("certificate", "This machine does not trust it: "+err.Error(), "If it is your own CA, devices and clients must be told to trust it: see docs/moving.md.")
	}
}

// Healthy asks whether a server takes logs: with the folder's control file, or by its URL.
func Healthy(ctx context.Context, p Patient) error {
	base := p.URL
	if p.Data != "" {
		b, err := os.ReadFile((&folder{path: p.Data}).in(controlFile))
		var c control
		if err == nil {
			err = json.Unmarshal(b, &c)
		}
		if err != nil {
			return diag.Errorf(diag.NotFound, "No server accepts traffic on %s.", p.Data)
		}
		base = c.URL
	}
	answer, err := get(ctx, &http.Client{Timeout: outsideTime / 2}, strings.TrimRight(base, "/")+"/readyz")
	if err != nil {
		return diag.Errorf(diag.NotFound, "%s does not answer.", base)
	}
	if answer.StatusCode != http.StatusOK {
		return diag.Errorf(diag.NotFound, "%s takes no logs: %s.", base, answer.Status)
	}
	return nil
}
