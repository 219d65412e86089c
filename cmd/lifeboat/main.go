// Command lifeboat is the server and its tools: one file per command, which parses and calls.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"lifeboat/internal/diag"
)

// cli is every command. Names, flags and exit codes are a contract: scripts rely on them.
type cli struct {
	Version kong.VersionFlag `help:"Print version and commit, and exit."`

	Demo    demoCmd    `cmd:"" help:"Show everything at work: a server on a temporary folder, sample traffic, an export, one person's copy."`
	Serve   serveCmd   `cmd:"" help:"Run the server."`
	Reindex reindexCmd `cmd:"" help:"Make the index of a data folder anew from its journal."`
	Purge   purgeCmd   `cmd:"" help:"Take away what is past its time, or say what would go."`
	Backup  backupCmd  `cmd:"" help:"Make one file of a data folder, also while the server works on it."`
	Doctor  doctorCmd  `cmd:"" help:"Look a server and its data folder over, and say what to do."`
	Restore restoreCmd `cmd:"" help:"Make a data folder of a backup, or look whether a backup is whole."`
	App     appCmd     `cmd:"" help:"Register, list and delete apps."`
	Token   tokenCmd   `cmd:"" help:"Make, list and revoke API tokens."`
	User    userCmd    `cmd:"" help:"Look after the accounts of people."`
	Invite  inviteCmd  `cmd:"" help:"Invite people to organisations and apps."`
	Person  personCmd  `cmd:"" help:"Hand over one person's data."`
}

// Exit codes.
const (
	exitDone   = 0
	exitNo     = 1 // the answer is no
	exitUsage  = 2
	exitFailed = 3
)

// codeError ends a command with a code of its own after it has said so itself.
type codeError int

func (c codeError) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt) }) // who presses Ctrl-C twice does not wait; supervisors may repeat SIGTERM
	code := -1
	parser, err := kong.New(&cli{},
		kong.Name("lifeboat"),
		kong.Description("A home for apps that carry the App Center SDKs: takes their crashes, groups them, answers the App Center API, exports them, and hands over one person's data."),
		kong.Vars{"version": version()},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Exit(func(c int) { code = c }),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, "lifeboat:", err)
		return exitFailed
	}
	command, err := parser.Parse(args)
	if code >= 0 { // --help and --version
		return code
	}
	if err != nil {
		return usage(err)
	}
	return exitCode(command.Run())
}

// usage tells what is wrong with the command line, and where help is.
func usage(err error) int {
	fmt.Fprintln(os.Stderr, "lifeboat:", err)
	var p *kong.ParseError
	path := "lifeboat"
	if errors.As(err, &p) && p.Context != nil && p.Context.Selected() != nil {
		path = p.Context.Selected().FullPath()
	}
	fmt.Fprintf(os.Stderr, "See `%s --help`.\n", path)
	return exitUsage
}

func exitCode(err error) int {
	var code codeError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		return int(code)
	}
	say(err)
	switch {
	case diag.KindOf(err) == diag.NotFound:
		return exitNo
	case diag.KindOf(err) == diag.Invalid:
		return exitUsage
	}
	return exitFailed
}

// say prints an error for a person: the message alone where there is one.
func say(err error) {
	var known *diag.Error
	if errors.As(err, &known) {
		fmt.Fprintln(os.Stderr, "lifeboat:", known.Message)
		return
	}
	fmt.Fprintln(os.Stderr, "lifeboat:", err)
}
