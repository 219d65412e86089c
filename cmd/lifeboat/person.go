package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/person"
	"lifeboat/internal/server"
)

type personCmd struct {
	Copy personCopyCmd `cmd:"" help:"Copy everything that an archive holds about one person into one file."`
}

type personCopyCmd struct {
	Archive  string   `required:"" env:"LIFEBOAT_ARCHIVE" placeholder:"SOURCE" help:"The archive: a folder, a container's URL, a connection string, or @FILE that holds one of these. Better in the environment or a file than on the command line: process lists show keys."`
	Install  []string `sep:"none" placeholder:"ID" help:"Install id of the person; may be repeated."`
	Installs string   `type:"path" placeholder:"FILE" help:"File with one install id a line."`
	Since    string   `placeholder:"T" help:"Only minutes of the archive from here on: a date or a time like 2026-03-01T12:00:00Z."`
	Until    string   `placeholder:"T" help:"Only minutes of the archive up to here."`
	Out      string   `type:"path" placeholder:"FILE" help:"File to make: a ZIP, or records only if the name ends in .jsonl. Default: person-copy-DATE-TIME.zip in this folder."`
	Force    bool     `help:"Replace FILE if it exists."`
	JSON     bool     `help:"Print the manifest as JSON."`
}

func (personCopyCmd) Help() string {
	return `Examples:
  lifeboat person copy --archive ./archive --install 77777777-7777-4777-8777-777777777777
  LIFEBOAT_ARCHIVE='DefaultEndpointsProtocol=https;AccountName=...' \
    lifeboat person copy --installs ids.txt --since 2026-01-01 --out person.zip

Works on any App Center archive, without a server. Exit codes: 0 complete, 1 nothing found (no FILE is made),
2 wrong usage, 3 failed or incomplete; an incomplete copy says in manifest.json what it lacks.`
}

func (c *personCopyCmd) Run(ctx context.Context) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	line := newBar()
	o.Progress = func(p person.Progress) {
		line.set("%d blobs, %s scanned, %d records found, %d of %d files copied", p.Blobs, megabytes(p.Bytes), p.Records, p.Payloads, p.Named)
	}
	m, err := person.Copy(ctx, o)
	line.clear()
	if err != nil {
		say(err)
	} else {
		c.report(m)
	}
	if code := person.ExitCode(m, err); code != exitDone {
		return codeError(code)
	}
	return nil
}

func (c *personCopyCmd) options() (o person.Options, err error) {
	o = person.Options{File: c.Out, Force: c.Force, Version: version()}
	if o.File == "" {
		o.File = person.DefaultFile(time.Now())
		c.Out = o.File
	}
	if o.Installs, err = c.installs(); err != nil {
		return o, err
	}
	if c.Since != "" {
		if o.Since, err = person.ParseSince(c.Since); err != nil {
			return o, diag.Wrap(diag.Invalid, err, "--since: %v", err)
		}
	}
	if c.Until != "" {
		if o.Until, err = person.ParseUntil(c.Until); err != nil {
			return o, diag.Wrap(diag.Invalid, err, "--until: %v", err)
		}
	}
	source, err := c.source()
	if err != nil {
		return o, err
	}
	if o.Source, err = server.OpenBucket(source); err != nil {
		return o, diag.Wrap(diag.Invalid, err, "The archive cannot be opened: %v.", err)
	}
	return o, nil
}

func (c *personCopyCmd) installs() ([]diag.InstallID, error) {
	var all []diag.InstallID
	for _, text := range c.Install {
		id, err := person.ParseInstall(text)
		if err != nil {
			return nil, err
		}
		all = append(all, id)
	}
	if c.Installs == "" {
		return all, nil
	}
	f, err := os.Open(c.Installs)
	if err != nil {
		return nil, diag.Wrap(diag.Invalid, err, "--installs: %v", err)
	}
	defer f.Close()
	listed, err := person.ReadInstalls(f)
	return append(all, listed...), err
}

// maxSource bounds the file of @FILE.
const maxSource = 64 << 10

func (c *personCopyCmd) source() (string, error) {
	file, ok := strings.CutPrefix(c.Archive, "@")
	if !ok {
		return c.Archive, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", diag.Wrap(diag.Invalid, err, "--archive: %v", err)
	}
	if len(b) > maxSource {
		return "", diag.Errorf(diag.Invalid, "--archive: %s is too long to hold a connection string.", file)
	}
	return string(bytes.TrimSpace(b)), nil
}

func (c *personCopyCmd) report(m *person.Manifest) {
	if c.JSON {
		printJSON(m)
	} else {
		n := m.Counts
		fmt.Printf("%d records of %d logs, %d payloads and %d attachments are in %s.\n", n.Records, n.MessageIDs, n.Payloads, n.Attachments, c.Out)
	}
	if m.Complete {
		return
	}
	fmt.Fprintf(os.Stderr, "The copy is NOT complete: %d blobs could not be read, %d payloads or attachments are missing.\n", len(m.Source.Unreadable), len(m.Missing))
	for _, p := range append(m.Source.Unreadable[:len(m.Source.Unreadable):len(m.Source.Unreadable)], m.Missing...)[:min(10, len(m.Source.Unreadable)+len(m.Missing))] {
		fmt.Fprintf(os.Stderr, "  %s: %s\n", p.Blob, p.Reason)
	}
}
