// Package server puts Lifeboat together: it opens the data folder, starts what has to run, listens, and shuts
// down in an order that loses nothing. It is the only package that names adapters.
//
// It promises that a folder is used by one process at a time, that a damaged or newer one is refused with
// words about what to do, and that traffic is accepted only between the line "ready" and the end of draining.
package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/acme/autocert"

	"lifeboat/internal/api"
	"lifeboat/internal/auth"
	"lifeboat/internal/blob/azure"
	"lifeboat/internal/diag"
	"lifeboat/internal/export"
	"lifeboat/internal/ingest"
	"lifeboat/internal/journal"
	"lifeboat/internal/keeper"
	"lifeboat/internal/pipeline"
	"lifeboat/internal/purge"
	"lifeboat/internal/report"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
	"lifeboat/internal/store/sqlite"
	"lifeboat/internal/upload"
	"lifeboat/internal/web"
)

// Server is an open data folder with everything that works on it.
type Server struct {
	config   Config
	log      *slog.Logger
	folder   *folder
	store    *store.DB
	journal  *journal.Journal
	pipeline *pipeline.Pipeline
	ingest   *ingest.Handler
	export   *export.Exporter
	purge    *purge.Worker
	uploads  *upload.Store
	keeper   *keeper.Keeper
	api      *api.API
	web      *web.Web

	disk     disk
	scrubs   scrubs
	load     load
	onReady  func(Addresses)
	requests atomic.Int64 // of the API and the pages
	ready    atomic.Bool
	at       Addresses
	instance string // of this start, for everybody
	secret   string // of this start, for commands on this machine: see control

	backingUp sync.Mutex

	acme             *autocert.Manager // nil: certificates come from elsewhere
	proxies          respond.Proxies
	origins          respond.Origins
	rate             *respond.Rate // nil: no limit
	apiDoor, webDoor http.Handler

	fatal chan error // what the journal said when its files were in doubt
}

// Open opens the data folder and everything in it. Close must be called in the end.
func Open(ctx context.Context, c Config) (*Server, error) {
	if err := c.setDefaults(); err != nil {
		return nil, err
	}
	f, err := openFolder(c.Data, c.KeyFile, true)
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, log: c.Log, folder: f, fatal: make(chan error, 1), disk: disk{space: freeSpace}, onReady: func(Addresses) {}, instance: newSecret()[:16], secret: newSecret()}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) open(ctx context.Context) (err error) {
	limitMemory()
	if err := s.openDoors(); err != nil {
		return err
	}
	if _, err := s.disk.watch(s.folder.path); err != nil {
		return fmt.Errorf("free space of %s: %w", s.folder.path, err)
	}
	if s.disk.full.Load() {
		s.log.Error(diskAlarm, "free_bytes", s.disk.free.Load())
	}
	unclean := s.folder.unclean()
	if s.store, err = sqlite.Open(ctx, s.folder.path, sqlite.Options{LogKey: derive(s.folder.key, forLogs)}); err != nil {
		return err
	}
	if err := s.openScrubs(ctx, unclean); err != nil {
		return err
	}
	if s.journal, err = openJournal(ctx, s.folder, s.store, &s.config, s.stop); err != nil {
		return err
	}
	if err := s.settleUnfinished(ctx); err != nil {
		return err
	}
	if err := s.welcome(ctx); err != nil {
		return err
	}
	s.uploads, err = upload.Open(upload.Options{Dir: s.folder.in(symbolsDir), Clock: s.config.Clock, Room: s.disk.room(s.folder.path)})
	if err != nil {
		return fmt.Errorf("symbol files: %w", err)
	}
	return s.assemble()
}

// openDoors reads who may come in, and how.
func (s *Server) openDoors() (err error) {
	if s.proxies, err = respond.ParseProxies(s.config.TrustedProxy); err != nil {
		return diag.Wrap(diag.Invalid, err, "--trusted-proxy: %v", err)
	}
	if s.origins, err = respond.ParseOrigins(s.config.CORSOrigin); err != nil {
		return diag.Wrap(diag.Invalid, err, "--cors-origin: %v", err)
	}
	if s.rate, err = respond.ParseRate(s.config.APIRate, s.config.Clock); err != nil {
		return diag.Wrap(diag.Invalid, err, "--api-rate: %v", err)
	}
	return nil
}

func openJournal(ctx context.Context, f *folder, db *store.DB, c *Config, onFatal func(error)) (*journal.Journal, error) {
	return journal.Open(ctx, journal.Options{
		Dir: f.in(journalDir), Clock: c.Clock, Register: db, HashKey: derive(f.key, forJournal), Log: c.Log, OnFatal: onFatal,
	})
}

// stop has Run end: the journal's files are in doubt.
func (s *Server) stop(err error) {
	select {
	case s.fatal <- err:
	default:
	}
}

// assemble makes the features. None of them knows another: what one needs of another goes through here.
func (s *Server) assemble() error {
	allow, err := azure.AllowHosts(s.config.ExportHost)
	if err != nil {
		return diag.Wrap(diag.Invalid, err, "--export-host: %v.", err)
	}
	seal, err := newSealer(s.folder.key)
	if err != nil {
		return err
	}
	t := &targets{allow: allow, root: s.config.ExportRoot, sealer: seal, clock: s.config.Clock}
	reports := &report.Reader{Journal: s.journal, Store: s.store}
	s.store.SetTexts(reports)
	installKey := derive(s.folder.key, forInstalls)
	s.ingest = ingest.New(ingest.Options{
		Journal: s.journal, Store: s.store, Clock: s.config.Clock, Log: s.log, InstallKey: installKey, Strict: s.config.StrictIngest,
		MemoryBudget: memoryBudget, DiskFull: s.disk.full.Load,
	})
	s.pipeline = pipeline.New(pipeline.Options{
		Journal: s.journal, Store: s.store, Clock: s.config.Clock, Log: s.log, Busy: s.busy,
	})
	s.purge = purge.New(purge.Options{Store: s.store, Journal: s.journal, Clock: s.config.Clock, Log: s.log, Busy: s.busy})
	s.export, err = export.New(export.Options{
		Store: s.store, Journal: s.journal, Reports: reports, Clock: s.config.Clock, Log: s.log, SpoolDir: s.folder.in(spoolDir), Open: t.Open,
	})
	if err != nil {
		return err
	}
	s.keeper = keeper.New(keeper.Options{Store: s.store, Uploads: s.uploads, Clock: s.config.Clock, Log: s.log})
	return s.assembleDoors(t, reports, installKey)
}

func (s *Server) busy() bool {
	return s.load.look(s.config.Clock.Monotonic(), s.ingest.Stats().Requests)
}

// welcome makes the first user in a new folder and sees to the file admin.token.
func (s *Server) welcome(ctx context.Context) error {
	users, err := s.store.Users(ctx)
	if err != nil {
		return err
	}
	now := s.config.Clock.Now()
	if len(users) == 0 {
		_, err := s.store.CreateUser(ctx, diag.User{
			ID: diag.NewID(now), Name: s.config.OwnerName, DisplayName: s.config.OwnerName, Email: s.config.OwnerEmail, Admin: true, CreatedAt: now.UnixMilli(),
		})
		if err != nil {
			return fmt.Errorf("make the first user: %w", err)
		}
	}
	if _, err := os.Stat(s.folder.in(tokenFile)); errors.Is(err, fs.ErrNotExist) {
		return resetAdmin(ctx, s.folder, s.store, now.UnixMilli())
	}
	return nil
}

// resetAdmin gives the oldest administrator a new token in the file admin.token; the one before is void.
func resetAdmin(ctx context.Context, f *folder, db *store.DB, now int64) error {
	text, hash := auth.NewToken()
	if err := db.ReplaceAdminToken(ctx, hash, now); err != nil {
		return err
	}
	return writeDurably(f.in(tokenFile), []byte(text+"\n"))
}

// ResetAdmin is resetAdmin for a folder that no process uses. It returns the path of the token's file.
func ResetAdmin(ctx context.Context, c Config) (string, error) {
	if err := c.setDefaults(); err != nil {
		return "", err
	}
	o, err := OpenOffline(ctx, c, false)
	if err != nil {
		return "", err
	}
	err = resetAdmin(ctx, o.folder, o.Store, c.Clock.Now().UnixMilli())
	return o.folder.in(tokenFile), errors.Join(err, o.Close())
}

// AdminToken reads the token of a data folder, for commands on the same machine.
func AdminToken(data string) (string, error) {
	b, err := os.ReadFile((&folder{path: data}).in(tokenFile))
	if err != nil {
		return "", diag.Wrap(diag.Invalid, err, "The token in %s cannot be read: %v. Name another one with --token.", (&folder{path: data}).in(tokenFile), cause(err))
	}
	return strings.TrimSpace(string(b)), nil
}

// Close closes what Open has opened. What was accepted is durable before.
func (s *Server) Close() error {
	var errs []error
	if s.journal != nil {
		errs = append(errs, s.journal.Close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	s.folder.close()
	return errors.Join(errs...)
}
