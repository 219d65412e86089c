package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"lifeboat/internal/demo"
)

type demoCmd struct {
	Exit   bool   `help:"End after the story. Without it the server goes on until Ctrl-C."`
	Data   string `type:"path" placeholder:"DIR" help:"Keep everything in this folder, which must be new or empty. Default: a temporary folder that goes with the demo."`
	Listen string `default:"127.0.0.1:0" placeholder:"HOST:PORT" help:"Where the server listens. Port 0 takes any free one."`
	JSON   bool   `help:"Print the story as one JSON object."`
}

func (demoCmd) Help() string {
	return `Example:
  lifeboat demo
  lifeboat demo --exit --data ./lifeboat-demo

Starts a server with a clock of its own, registers apps of every platform, sends their logs over HTTP as the App
Center SDKs do, moves the clock over the minute so that it is exported into a folder, makes one person's copy, and
prints what came of it, with commands to try next. Everything in it is invented. Exit codes: 0 done, 2 wrong usage,
3 a step failed.`
}

func (c *demoCmd) Run(ctx context.Context) error {
	d, err := demo.Open(ctx, demo.Options{Data: c.Data, Listen: c.Listen, Version: version(), Log: logger(slog.LevelWarn, c.JSON)})
	if err != nil {
		return err
	}
	return errors.Join(c.play(ctx, d), d.Close())
}

func (c *demoCmd) play(ctx context.Context, d *demo.Demo) error {
	story, err := d.Play(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		printJSON(story)
	} else if err := story.Print(os.Stdout, c.style()); err != nil {
		return fmt.Errorf("print the story: %w", err)
	}
	if c.Exit {
		return nil
	}
	return d.Wait(ctx)
}

// calledAs is what a reader types to call the program again.
func calledAs(path string) string {
	if strings.Contains(filepath.ToSlash(path), "/go-build") {
		return "go run ./cmd/lifeboat"
	}
	return path
}

// plainWidth is for files and pipes: what fits a page.
const plainWidth = 96

func (c *demoCmd) style() demo.Style {
	s := demo.Style{Width: plainWidth, Serves: !c.Exit, Command: calledAs(os.Args[0])}
	stdout := int(os.Stdout.Fd())
	if term.IsTerminal(stdout) {
		s.Color = os.Getenv("NO_COLOR") == "" // https://no-color.org
		if width, _, err := term.GetSize(stdout); err == nil {
			s.Width = width
		}
	}
	return s
}
