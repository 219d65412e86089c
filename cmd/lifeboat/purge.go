package main

import (
	"context"
	"fmt"
	"log/slog"

	"lifeboat/internal/purge"
	"lifeboat/internal/server"
)

type purgeCmd struct {
	Data    string `required:"" type:"path" env:"LIFEBOAT_DATA" placeholder:"DIR" help:"Data folder. No server may use it."`
	KeyFile string `name:"key-file" type:"path" env:"LIFEBOAT_KEY_FILE" placeholder:"FILE" help:"Master key, if it is not DIR/key."`
	DryRun  bool   `name:"dry-run" help:"Only say what would go."`
	JSON    bool   `help:"Print the result as one JSON object."`
}

func (purgeCmd) Help() string {
	return `Example:
  lifeboat purge --data /var/lib/lifeboat --dry-run

A running server purges by itself, once an hour. This does the same for a folder that no server uses, by the
clock of this machine, whatever it shows: try it with --dry-run first.`
}

func (c *purgeCmd) Run(ctx context.Context) error {
	plan, done, err := server.Purge(ctx, server.Config{Data: c.Data, KeyFile: c.KeyFile, Log: logger(slog.LevelInfo, false)}, c.DryRun)
	switch {
	case err != nil:
		return err
	case c.DryRun && c.JSON:
		printJSON(planJSON(&plan))
	case c.DryRun:
		printPlan(&plan)
	case c.JSON:
		printJSON(map[string]any{"reports": done.Reports, "attachments": done.Attachments, "events": done.Events, "other_rows": done.Others,
			"frames": done.Frames, "unexported": done.Unexported, "deletions": done.Deletions})
	default:
		fmt.Printf("Purged %d reports, %d attachments and %d events; %d frames were blanked one by one.\n", done.Reports, done.Attachments, done.Events, done.Frames)
	}
	return nil
}

func printPlan(p *purge.Plan) {
	for _, a := range p.Apps {
		held := ""
		if a.Held {
			held = "; an export has not written all of it, so some stays"
		}
		fmt.Printf("%s: %d events over %d days, %d errors and attachments over %d days, %s in the journal%s.\n",
			a.App, a.Events, a.EventDays, a.Reports, a.ReportDays, megabytes(a.Bytes), held)
	}
	fmt.Printf("%d segments would go whole (%s), and %d frames of copies at most.\n", p.Segments, megabytes(p.Bytes), p.Copies)
}

func planJSON(p *purge.Plan) map[string]any {
	apps := []map[string]any{}
	for _, a := range p.Apps {
		apps = append(apps, map[string]any{"app": a.App, "events": a.Events, "event_days": a.EventDays, "reports": a.Reports,
			"report_days": a.ReportDays, "bytes": a.Bytes, "held_by_export": a.Held})
	}
	return map[string]any{"apps": apps, "segments": p.Segments, "segment_bytes": p.Bytes, "copies": p.Copies}
}
