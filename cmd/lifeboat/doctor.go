package main

import (
	"context"
	"fmt"

	"lifeboat/internal/diag"
	"lifeboat/internal/server"
)

type doctorCmd struct {
	Data    string `type:"path" env:"LIFEBOAT_DATA" placeholder:"DIR" help:"Data folder on this machine, and the server that uses it."`
	KeyFile string `name:"key-file" type:"path" env:"LIFEBOAT_KEY_FILE" placeholder:"FILE" help:"Master key, if it is not DIR/key."`
	URL     string `placeholder:"URL" help:"A server as others see it."`
	Health  bool   `help:"Only say whether logs are taken: for health checks of containers and supervisors."`
	JSON    bool   `help:"Print the findings as one JSON object."`
}

func (doctorCmd) Help() string {
	return `Examples:
  lifeboat doctor --data /var/lib/lifeboat
  lifeboat doctor --url https://crash.example.com
  lifeboat doctor --data /var/lib/lifeboat --health

Exit codes: 0 nothing is to be mended, 1 something is, 3 it could not be found out. Notes are worth knowing and
change nothing.`
}

func (c *doctorCmd) Run(ctx context.Context) error {
	p := server.Patient{Data: c.Data, KeyFile: c.KeyFile, URL: c.URL}
	if c.URL != "" {
		p.Data = "" // the folder may come from the environment
	}
	if p.Data == "" && p.URL == "" {
		return diag.Errorf(diag.Invalid, "Name a data folder with --data, or a server with --url.")
	}
	if c.Health {
		return c.health(ctx, p)
	}
	found, err := server.Examine(ctx, p)
	if err != nil {
		return err
	}
	ailing := 0
	for _, f := range found {
		if f.Level == server.Ailment {
			ailing++
		}
	}
	c.report(found, ailing)
	if ailing > 0 {
		return codeError(exitNo)
	}
	return nil
}

func (c *doctorCmd) health(ctx context.Context, p server.Patient) error {
	err := server.Healthy(ctx, p)
	switch {
	case c.JSON:
		printJSON(map[string]bool{"ready": err == nil})
	case err == nil:
		fmt.Println("ready")
	}
	if err != nil && c.JSON {
		return codeError(exitNo)
	}
	return err
}

func (c *doctorCmd) report(found []server.Finding, ailing int) {
	if c.JSON {
		printJSON(map[string]any{"ok": ailing == 0, "findings": found})
		return
	}
	for _, f := range found {
		fmt.Printf("%-8s %-12s %s\n", f.Level, f.Check, f.Text)
		if f.Do != "" {
			fmt.Printf("%-8s %-12s -> %s\n", "", "", f.Do)
		}
	}
	if ailing == 0 {
		fmt.Println("Nothing is to be mended.")
	}
}
