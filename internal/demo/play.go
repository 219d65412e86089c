package demo

import (
	"archive/zip"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"lifeboat/internal/blob"
	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/person"
	"lifeboat/internal/server"
)

// Play sends the traffic, lets its minutes close, and reads back what became of it.
func (d *Demo) Play(ctx context.Context) (*Story, error) {
	p := &play{Demo: d, owned: map[string]contract.App{}, story: &Story{
		URL: d.addresses.URL, Admin: d.addresses.Admin, Folder: d.folder, TokenFile: d.in(tokenFile), Temporary: d.temporary}}
	steps := []struct {
		doing string
		do    func(context.Context) error
	}{
		{"registering apps", p.register},
		{"sending the first minute's logs", p.first},
		{"configuring exports", p.configure},
		{"sending the second minute's logs", p.second},
		{"waiting for the exports", p.exported},
		{"reading groups", p.groups},
		{"reading one crash", p.crash},
		{"listing the archive", p.archive},
		{"copying one person's data", p.copy},
		{"reading what was refused", p.refused},
	}
	begin := d.clock.Now()
	for _, s := range steps {
		if err := s.do(ctx); err != nil {
			return nil, failed(s.doing, err)
		}
	}
	p.story.Moved = d.clock.Now().Sub(begin).Seconds()
	return p.story, nil
}

// play is one run of the demo.
type play struct {
	*Demo
	story   *Story
	owned   map[string]contract.App // by name
	exports []string                // paths of the configurations
	minutes [2][]Request
	closed  time.Time // end of the last minute that has logs
}

func (p *play) appPath(name string) string {
	return "/apps/" + url.PathEscape(p.owned[name].Owner.Name) + "/" + url.PathEscape(name)
}

func (p *play) register(ctx context.Context) error {
	for _, a := range apps() {
		var made contract.App
		body := map[string]string{"name": a.name, "display_name": a.display, "os": a.os, "platform": a.platform}
		if err := p.api.Call(ctx, http.MethodPost, "/apps", body, &made); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		p.owned[a.name] = made
	}
	return nil
}

func (p *play) first(ctx context.Context) error {
	p.minutes, p.story.Sent = Traffic(p.clock.Now())
	for _, a := range apps() {
		sent := &p.story.Sent
		p.story.Apps = append(p.story.Apps, App{p.owned[a.name].Owner.Name, a.name, p.owned[a.name].ID, a.os, a.platform, sent.RequestsFor[a.name], sent.ByApp[a.name]})
	}
	return p.send(ctx, 0)
}

// second sends the rest a minute later. The clock moves by itself only as fast as any other: it is stepped.
func (p *play) second(ctx context.Context) error {
	p.nextMinute()
	if err := p.send(ctx, 1); err != nil {
		return err
	}
	p.closed = p.nextMinute()
	return nil
}

// nextMinute steps the clock over the end of its minute, which it returns.
func (p *play) nextMinute() time.Time {
	now := p.clock.Now()
	end := now.Truncate(time.Minute).Add(time.Minute)
	p.clock.Step(end.Add(settle).Sub(now))
	return end
}

func (p *play) send(ctx context.Context, minute int) error {
	for _, r := range p.minutes[minute] {
		secret := guid("no app").String()
		if r.App != "" {
			secret = p.owned[r.App].AppSecret
		}
		if err := r.Send(ctx, p.devices, p.addresses.URL, secret); err != nil {
			return fmt.Errorf("logs of %s: %w", r.App, err)
		}
	}
	return nil
}

// configure has every app exported, apart from each other in one archive.
func (p *play) configure(ctx context.Context) error {
	request := map[string]any{"type": "directory", "path": exportPath, "exportEntities": []string{"crashes"}, "blob_path_format_kind": "WithAppId"}
	for _, a := range apps() {
		path := p.appPath(a.name) + "/export_configurations"
		var made contract.ExportConfiguration
		if err := p.api.Call(ctx, http.MethodPost, path, request, &made); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		p.exports = append(p.exports, path+"/"+url.PathEscape(made.ID))
	}
	return nil
}

// exported waits until every configuration says that it has written the last minute.
func (p *play) exported(ctx context.Context) error {
	waiting := slices.Clone(p.exports)
	return until(ctx, "the minutes are not exported", func(ctx context.Context) (bool, error) {
		for len(waiting) > 0 {
			var e contract.ExportConfiguration
			if err := p.api.Call(ctx, http.MethodGet, waiting[0], nil, &e); err != nil {
				return false, err
			}
			if e.State != "Enabled" {
				return false, fmt.Errorf("an export is %s: %s", e.State, e.StateInfo)
			}
			if last, err := time.Parse(time.RFC3339, e.LastRunTime); err != nil || last.Before(p.closed) {
				return false, nil
			}
			waiting = waiting[1:]
		}
		return true, nil
	})
}

// groups reads all groups of all apps with their reports, the most frequent first.
func (p *play) groups(ctx context.Context) error {
	for _, a := range apps() {
		var list contract.ErrorGroups
		if err := p.api.Call(ctx, http.MethodGet, p.appPath(a.name)+"/errors/errorGroups?$top=100", nil, &list); err != nil {
			return err
		}
		for _, g := range list.ErrorGroups {
			if err := p.group(ctx, a.name, g.ErrorGroupID); err != nil {
				return fmt.Errorf("group %s of %s: %w", g.ErrorGroupID, a.name, err)
			}
		}
	}
	slices.SortStableFunc(p.story.Groups, compareGroups)
	return nil
}

// group reads one in full: the frame that decided is not in lists.
func (p *play) group(ctx context.Context, app, id string) error {
	var full contract.ErrorGroup
	if err := p.api.Call(ctx, http.MethodGet, p.appPath(app)+"/errors/errorGroups/"+url.PathEscape(id), nil, &full); err != nil {
		return err
	}
	g := newGroup(app, &full)
	p.story.Groups = append(p.story.Groups, g)
	return p.reports(ctx, &p.story.Groups[len(p.story.Groups)-1])
}

// reports reads a group's reports: which is the one that the story follows, and which installs are the person's.
func (p *play) reports(ctx context.Context, g *Group) error {
	var list contract.Reports
	if err := p.api.Call(ctx, http.MethodGet, p.groupPath(g)+"/errors?$top=100", nil, &list); err != nil {
		return err
	}
	for _, r := range list.Errors {
		g.Reports = append(g.Reports, r.ErrorID)
		if strings.HasSuffix(r.ErrorID, featuredError().String()) {
			p.story.Crash = Crash{App: g.App, GroupID: g.ID, Report: r}
		}
		if i := (Install{r.InstallID, g.App, r.DeviceName}); r.UserID == user && !slices.Contains(p.story.Person.Installs, i) {
			p.story.Person.Installs = append(p.story.Person.Installs, i)
		}
	}
	return nil
}

func (p *play) groupPath(g *Group) string {
	return p.appPath(g.App) + "/errors/errorGroups/" + url.PathEscape(g.ID)
}

// crash reads everything about one crash, call by call.
func (p *play) crash(ctx context.Context) error {
	c := &p.story.Crash
	if c.GroupID == "" {
		return errors.New("no group has the crash that was sent first")
	}
	id := url.PathEscape(c.Report.ErrorID)
	app := p.appPath(c.App) + "/errors/"
	group := app + "errorGroups/" + url.PathEscape(c.GroupID) + "/errors/" + id
	if err := p.api.Call(ctx, http.MethodGet, group+"/stacktrace", nil, &c.Stack); err != nil {
		return err
	}
	if err := p.api.Call(ctx, http.MethodGet, app+id+"/session_logs", nil, &c.SessionLogs); err != nil {
		return err
	}
	var list []contract.Attachment
	if err := p.api.Call(ctx, http.MethodGet, app+id+"/attachments", nil, &list); err != nil {
		return err
	}
	for _, a := range list {
		if err := p.attachment(ctx, app+id+"/attachments/"+url.PathEscape(a.AttachmentID), a); err != nil {
			return err
		}
	}
	return nil
}

// attachment reads a text through the API and fetches anything else from where the API says it is.
func (p *play) attachment(ctx context.Context, path string, a contract.Attachment) error {
	at := Attachment{Name: a.FileName, ContentType: a.ContentType, Size: a.Size}
	if strings.HasPrefix(a.ContentType, "text/") {
		var answer struct{ Content string }
		if err := p.api.Call(ctx, http.MethodGet, path+"/text", nil, &answer); err != nil {
			return err
		}
		at.Text = answer.Content
	} else {
		var answer struct{ URI string }
		if err := p.api.Call(ctx, http.MethodGet, path+"/location", nil, &answer); err != nil {
			return err
		}
		b, err := p.fetch(ctx, answer.URI)
		if err != nil {
			return err
		}
		at.Fetched = len(b)
	}
	p.story.Crash.Attachments = append(p.story.Crash.Attachments, at)
	return nil
}

const maxFetched = 1 << 20

func (p *play) fetch(ctx context.Context, address string) ([]byte, error) {
	get, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("a location is no URL")
	}
	answer, err := p.devices.Do(get)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d", get.URL.Path, answer.StatusCode)
	}
	return io.ReadAll(io.LimitReader(answer.Body, maxFetched))
}

// archive lists what the exports have written.
func (p *play) archive(ctx context.Context) error {
	source := p.in(exportRoot + "/" + exportPath)
	b, err := server.OpenBucket(source)
	if err != nil {
		return err
	}
	p.story.Export.Source = source
	return b.List(ctx, "", "", func(i blob.Info) error {
		made := Blob{Name: i.Name, Size: i.Size}
		if strings.HasSuffix(i.Name, ".v1.data") {
			n, err := countRecords(ctx, b, i.Name)
			if err != nil {
				return fmt.Errorf("%s: %w", i.Name, err)
			}
			made.Records = n
		}
		p.story.Export.add(made)
		return nil
	})
}

func countRecords(ctx context.Context, b blob.Bucket, name string) (int, error) {
	r, _, err := b.Get(ctx, name, 0, -1)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	var records []json.RawMessage
	err = json.NewDecoder(r).Decode(&records)
	return len(records), err
}

// copy makes the person's file as `lifeboat person copy` does: from the archive alone.
func (p *play) copy(ctx context.Context) error {
	s := &p.story.Person
	s.User, s.File = user, p.in(copyFile)
	source, err := server.OpenBucket(p.story.Export.Source)
	if err != nil {
		return err
	}
	o := person.Options{Source: source, File: s.File, Clock: p.clock, Version: p.version}
	for _, id := range s.Installs {
		o.Installs = append(o.Installs, diag.ParseInstallID(id.ID))
	}
	if s.Manifest, err = person.Copy(ctx, o); err != nil {
		return err
	}
	return s.list()
}

// list reads the names and sizes in the file.
func (s *Person) list() error {
	z, err := zip.OpenReader(s.File)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		s.Members = append(s.Members, Blob{Name: f.Name, Size: int64(f.UncompressedSize64)})
	}
	return nil
}

// refused reads the counters of what was dropped, which the private listener shows.
func (p *play) refused(ctx context.Context) error {
	text, err := p.fetch(ctx, p.addresses.Admin+"/metrics")
	if err != nil {
		return err
	}
	counter := regexp.MustCompile(`^lifeboat_ingest_dropped_total\{reason="(\w+)"\} (\d+)$`)
	for lines := bufio.NewScanner(strings.NewReader(string(text))); lines.Scan(); {
		if m := counter.FindStringSubmatch(lines.Text()); m != nil {
			n, _ := strconv.Atoi(m[2]) // digits
			p.story.Refused = append(p.story.Refused, Refusal{m[1], n})
		}
		if n, ok := strings.CutPrefix(lines.Text(), "lifeboat_pipeline_duplicates_total "); ok {
			p.story.Duplicates, _ = strconv.Atoi(n)
		}
	}
	return nil
}
