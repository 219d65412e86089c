package main

import (
	"context"
	"fmt"
	"log/slog"

	"lifeboat/internal/server"
)

type reindexCmd struct {
	Data    string `required:"" type:"path" env:"LIFEBOAT_DATA" placeholder:"DIR" help:"Data folder. No server may use it."`
	KeyFile string `name:"key-file" type:"path" env:"LIFEBOAT_KEY_FILE" placeholder:"FILE" help:"Master key, if it is not DIR/key."`
	JSON    bool   `help:"Print the result as one JSON object."`
}

func (reindexCmd) Help() string {
	return `Example:
  lifeboat reindex --data /var/lib/lifeboat

The index (index.db) holds nothing that the journal does not: it is thrown away and made anew, with the same
answers, group ids and export windows. Accounts, apps, notes on groups and export cursors stay as they are.`
}

func (c *reindexCmd) Run(ctx context.Context) error {
	line := newBar()
	r, err := server.Reindex(ctx, server.Config{Data: c.Data, KeyFile: c.KeyFile, Log: logger(slog.LevelInfo, false)}, func(done, all uint64) {
		line.set("%d of %d frames", done, all)
	})
	line.clear()
	if err != nil {
		return err
	}
	s, logs := r.Stats, r.Stats.Events+r.Stats.Reports+r.Stats.Attachments
	if c.JSON {
		printJSON(map[string]any{"events": s.Events, "reports": s.Reports, "attachments": s.Attachments, "problems": s.Problems,
			"duplicates": s.Duplicates, "gone": s.Gone, "seconds": r.Took.Seconds()})
		return nil
	}
	fmt.Printf("Indexed %d logs in %.1f s (%.0f a second): %d events, %d reports, %d attachments; %d copies, %d problems.\n",
		logs, r.Took.Seconds(), float64(logs)/max(r.Took.Seconds(), 1e-9), s.Events, s.Reports, s.Attachments, s.Duplicates, s.Problems)
	return nil
}
