// Package demo shows everything at work on one machine, within seconds: a server on a folder of its own, the traffic
// of apps on every platform that the App Center SDKs were made for, what becomes of it in the API, in an exported
// archive and in one person's file.
//
// It promises that nothing is staged: the traffic goes through HTTP as the SDKs send it, what is shown is read back
// over the REST API and from the files, and the minutes close because the clock that the server was given moves on.
// All apps, people and devices are invented.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"lifeboat/internal/client"
	"lifeboat/internal/diag"
	"lifeboat/internal/server"
)

// Options say where the demo runs.
type Options struct {
	Data    string // the server's data folder, new or empty; "" = a temporary one that Close removes
	Listen  string // HOST:PORT; "" = any free port of 127.0.0.1
	Version string // of the program, for people
	Log     *slog.Logger
}

// Demo is a running server with a clock that can be moved. Make it with Open and end it with Close.
type Demo struct {
	folder    string
	temporary bool
	version   string
	clock     *diag.StepClock
	server    *server.Server
	addresses server.Addresses
	api       *client.Client
	devices   *http.Client
	stop      context.CancelFunc
	ended     chan error // what Run of the server said
}

// What lies in the data folder beside what the server puts there.
const (
	exportRoot = "exports"
	exportPath = "archive" // of the export configurations, below the root
	copyFile   = "person-copy.zip"
	tokenFile  = "admin.token"
)

// settle is where the clock stands in a minute while its traffic comes in: nothing of it falls into the next one.
const settle = 2 * time.Second

// Open starts the server, on a clock that stands shortly behind the start of a minute.
func Open(ctx context.Context, o Options) (*Demo, error) {
	d := &Demo{folder: o.Data, version: o.Version, clock: diag.NewStepClock(), devices: &http.Client{Timeout: patience}}
	if err := d.makeFolder(); err != nil {
		return nil, err
	}
	d.clock.SetWall(d.clock.Now().Truncate(time.Minute).Add(time.Minute + settle))
	if err := d.start(ctx, o); err != nil {
		return nil, errors.Join(err, d.removeFolder())
	}
	return d, nil
}

func (d *Demo) makeFolder() (err error) {
	if d.folder == "" {
		d.temporary = true
		d.folder, err = os.MkdirTemp("", "lifeboat-demo-")
		return err
	}
	if d.folder, err = filepath.Abs(d.folder); err != nil {
		return err
	}
	entries, err := os.ReadDir(d.folder)
	if len(entries) > 0 || err != nil && !errors.Is(err, os.ErrNotExist) {
		return diag.Wrap(diag.Invalid, err, "--data: %s must be a new or an empty folder: the demo mixes with nothing else.", d.folder)
	}
	return nil
}

func (d *Demo) removeFolder() error {
	if !d.temporary {
		return nil
	}
	return os.RemoveAll(d.folder)
}

func (d *Demo) in(name string) string { return filepath.Join(d.folder, name) }

func (d *Demo) start(ctx context.Context, o Options) error {
	s, err := server.Open(ctx, server.Config{
		Data: d.folder, Listen: o.Listen, ExportRoot: d.in(exportRoot), Version: o.Version, Clock: d.clock, Log: o.Log,
	})
	if err != nil {
		return err
	}
	if err := os.Mkdir(d.in(exportRoot), 0o700); err != nil {
		return errors.Join(err, s.Close())
	}
	d.server, d.ended = s, make(chan error, 1)
	if err := d.run(ctx); err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

// run has the server work and waits until it takes traffic.
func (d *Demo) run(ctx context.Context) error {
	ready := make(chan server.Addresses, 1)
	d.server.OnReady(func(a server.Addresses) { ready <- a })
	working, stop := context.WithCancel(context.WithoutCancel(ctx)) // Close stops it, behind everything else
	d.stop = stop
	go func() { d.ended <- d.server.Run(working) }()
	select {
	case d.addresses = <-ready:
	case err := <-d.ended:
		stop()
		return err
	}
	token, err := server.AdminToken(d.folder)
	if err == nil {
		d.api, err = client.New(d.addresses.URL, token)
	}
	if err != nil {
		stop()
		return errors.Join(err, <-d.ended)
	}
	return nil
}

// Wait lets the server serve until ctx ends, which is no error, or until it fails.
func (d *Demo) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.ended:
		d.ended <- err // for Close
		return err
	}
}

// Close stops the server and removes a temporary folder.
func (d *Demo) Close() error {
	d.devices.CloseIdleConnections()
	d.stop()
	return errors.Join(<-d.ended, d.server.Close(), d.removeFolder())
}

// failed tells in which step the demo failed. Whatever the cause was, it is not how the command was called.
func failed(step string, err error) error {
	if err == nil {
		return nil
	}
	return diag.Wrap(diag.Internal, err, "The demo failed while %s: %v", step, err)
}

// patience bounds every wait, in the machine's time.
const patience = 15 * time.Second

const pollEvery = 20 * time.Millisecond

// until asks again and again, in the machine's time, until something is done.
func until(ctx context.Context, what string, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		ok, err := done(ctx)
		if ok || err != nil {
			return err
		}
		if err := (diag.SystemClock{}).Sleep(ctx, pollEvery); err != nil {
			return fmt.Errorf("%s within %v: %w", what, patience, err)
		}
	}
}
