package main

import (
	"context"
	"fmt"
	"log/slog"

	"lifeboat/internal/diag"
	"lifeboat/internal/server"
)

type backupCmd struct {
	Data    string `required:"" type:"path" env:"LIFEBOAT_DATA" placeholder:"DIR" help:"Data folder. A server may be at work on it."`
	KeyFile string `name:"key-file" type:"path" env:"LIFEBOAT_KEY_FILE" placeholder:"FILE" help:"Master key, if it is not DIR/key and no server runs."`
	Out     string `required:"" type:"path" placeholder:"FILE|DIR" help:"File to make, or a folder to make one in."`
	WithKey bool   `name:"with-key" help:"Put key and admin.token in, too. Whoever has the file then has everything."`
	Force   bool   `help:"Replace FILE if it exists."`
	JSON    bool   `help:"Print the result as one JSON object."`
}

func (backupCmd) Help() string {
	return `Examples:
  lifeboat backup --data /var/lib/lifeboat --out /backup/
  lifeboat backup --data /var/lib/lifeboat --out monday.tar.zst --with-key

The file holds accounts, apps, everything that devices sent, symbol files, what waits to be exported, and the
certificates. The index is not in it: a restore makes it anew. Keep the key apart, once: it never changes. The
file gets its name when it was read in full and found to be whole; it holds personal data.`
}

func (c *backupCmd) Run(ctx context.Context) error {
	line := newBar()
	b, err := server.Backup(ctx, server.BackupOptions{
		Data: c.Data, KeyFile: c.KeyFile, Out: c.Out, WithKey: c.WithKey, Force: c.Force, Version: version(),
		Progress: func(done, all int64) { line.set("%s of %s", megabytes(done), megabytes(max(all, done))) },
	})
	line.clear()
	if err != nil {
		return err
	}
	m := &b.Manifest
	if c.JSON {
		printJSON(map[string]any{"file": b.File, "size": b.Size, "files": len(m.Members), "bytes": m.Bytes, "frames": m.Frames,
			"horizon": m.Horizon, "with_key": m.WithKey, "seconds": b.Took.Seconds()})
		return nil
	}
	fmt.Printf("%s holds %d files of %s in %s, and was read in full (%.1f s).\n", b.File, len(m.Members), megabytes(m.Bytes), megabytes(b.Size), b.Took.Seconds())
	if !m.WithKey {
		fmt.Printf("The key is not in it. Keep a copy of it apart: a restore asks for it.\n")
	}
	return nil
}

type restoreCmd struct {
	In         string `required:"" type:"path" placeholder:"FILE" help:"The backup."`
	Data       string `type:"path" placeholder:"DIR" help:"New data folder: empty, or not there yet."`
	KeyFile    string `name:"key-file" type:"path" placeholder:"FILE" help:"The key, if the backup holds none. It is copied to DIR/key."`
	WithoutKey bool   `name:"without-key" help:"The key is lost: make a new one. What it sealed stays sealed."`
	Check      bool   `help:"Only read the backup and say whether it is whole."`
	JSON       bool   `help:"Print the result as one JSON object."`
}

func (restoreCmd) Help() string {
	return `Examples:
  lifeboat restore --in monday.tar.zst --check
  lifeboat restore --in monday.tar.zst --data /var/lib/lifeboat --key-file /safe/lifeboat.key

Everything is compared with the list of lengths and SHA-256 sums at the end of the backup; a file that differs in
anything is refused, and then the folder is left as it was. At the end the index is made, and deletions and
retention are applied. No server may use the folder before.`
}

func (c *restoreCmd) Run(ctx context.Context) error {
	switch {
	case c.Check && (c.Data != "" || c.KeyFile != "" || c.WithoutKey):
		return diag.Errorf(diag.Invalid, "--check reads the backup and makes nothing: leave --data and the key out.")
	case !c.Check && c.Data == "":
		return diag.Errorf(diag.Invalid, "Name the new data folder with --data, or say --check.")
	case c.KeyFile != "" && c.WithoutKey:
		return diag.Errorf(diag.Invalid, "Use either --key-file or --without-key.")
	}
	line := newBar()
	r, err := server.Restore(ctx, server.RestoreOptions{
		In: c.In, Data: c.Data, KeyFile: c.KeyFile, WithoutKey: c.WithoutKey, Check: c.Check,
		Config:   server.Config{Log: logger(slog.LevelWarn, false)},
		Progress: func(what string, done, all int64) { line.set("%s: %d %%", what, 100*done/max(all, 1)) },
	})
	line.clear()
	if err != nil {
		return err
	}
	c.report(&r)
	return nil
}

func (c *restoreCmd) report(r *server.Restored) {
	m, s := &r.Manifest, r.Index.Stats
	if c.JSON {
		result := map[string]any{"files": len(m.Members), "bytes": m.Bytes, "frames": m.Frames, "horizon": m.Horizon, "created_at": m.CreatedAt,
			"release": m.Release, "with_key": m.WithKey, "seconds": r.Took.Seconds()}
		if !c.Check {
			result["events"], result["reports"], result["attachments"], result["problems"] = s.Events, s.Reports, s.Attachments, s.Problems
		}
		printJSON(result)
		return
	}
	if c.Check {
		fmt.Printf("The backup of %s is whole: %d files of %s.\n", m.CreatedAt, len(m.Members), megabytes(m.Bytes))
		return
	}
	fmt.Printf("%s is as of %s: %d files of %s; %d events, %d reports and %d attachments are indexed (%.1f s).\n",
		c.Data, m.CreatedAt, len(m.Members), megabytes(m.Bytes), s.Events, s.Reports, s.Attachments, r.Took.Seconds())
	if c.WithoutKey {
		fmt.Printf("It has a new key. Enter the connection strings of its exports again.\n")
	}
}
