package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// The limits of one connection. Bodies of logs have a pace of their own, see ingest.Pace.
const (
	headerTime  = 10 * time.Second
	idleTime    = 2 * time.Minute
	headerBytes = 32 << 10
	graceTime   = 250 * time.Millisecond // of answering 503 before listeners close
	drainTime   = 20 * time.Second       // SDKs wait 10 s for an answer
)

// OnReady has fn called once when Run accepts traffic. Call it before Run.
func (s *Server) OnReady(fn func(Addresses)) { s.onReady = fn }

// Run listens and works until ctx ends or the disk fails, and drains: requests under way are answered, new
// ones get 503, everything accepted is on disk. It returns nil when it was told to end.
func (s *Server) Run(ctx context.Context) error {
	l, err := s.listen()
	if err != nil {
		return err
	}
	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	broken := make(chan error, 16) // room for all: nobody receives while draining
	var workers sync.WaitGroup
	for _, work := range s.workers() {
		workers.Go(func() {
			if err := work(working); err != nil {
				broken <- err
			}
		})
	}
	s.at = l.addresses
	l.serve(broken)
	if err := s.openControl(l.addresses.Admin); err != nil {
		broken <- err
	}
	defer s.closeControl()
	s.ready.Store(true)
	s.onReady(l.addresses)
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-broken:
	case failed = <-s.fatal:
	}
	s.ready.Store(false)
	s.ingest.Drain()
	s.config.Clock.Sleep(working, graceTime) // net/http cuts connections that are at rest: let devices hear the 503
	l.drain()
	stopWork()
	workers.Wait()
	if failed != nil {
		return failed
	}
	select { // what failed while draining is not "told to end"
	case failed = <-broken:
	case failed = <-s.fatal:
	default:
	}
	return failed
}

// workers are what runs beside the listeners.
func (s *Server) workers() []func(context.Context) error {
	quiet := func(work func(context.Context)) func(context.Context) error {
		return func(ctx context.Context) error { work(ctx); return nil }
	}
	return []func(context.Context) error{
		s.index, s.export.Run, quiet(s.ingest.Run), quiet(s.purge.Run), quiet(s.watchDisk), quiet(s.tidy), quiet(s.scrub), quiet(s.giveBack), quiet(s.api.Run), quiet(s.keeper.Run),
	}
}

// index runs the pipeline. A store that somebody else works on means that the lock did not hold: stop.
func (s *Server) index(ctx context.Context) error {
	err := s.pipeline.Run(ctx)
	if errors.Is(err, store.ErrFenced) {
		return fmt.Errorf("another process indexes this data folder: %w", err)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// listeners are all open ports.
type listeners struct {
	s         *Server
	open      []listener
	addresses Addresses
}

type listener struct {
	net.Listener
	server *http.Server
}

func (s *Server) listen() (*listeners, error) {
	l := &listeners{s: s}
	if err := l.openAll(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *listeners) openAll() error {
	plain, err := listenTCP("--listen", l.s.config.Listen)
	if err != nil {
		return err
	}
	front := l.s.front()
	if l.s.acme = l.s.newACME(); l.s.acme != nil {
		front = l.s.acme.HTTPHandler(front) // it takes the authority's questions, and redirects nothing
	}
	l.add(plain, front)
	l.addresses.URL = "http://" + plain.Addr().String()
	admin, err := listenTCP("--admin-listen", l.s.config.AdminListen)
	if err != nil {
		return err
	}
	l.add(admin, l.s.admin())
	l.addresses.Admin = "http://" + admin.Addr().String()
	if l.s.config.TLSListen == "" {
		return nil
	}
	config, err := l.s.tlsConfig()
	if err != nil {
		return err
	}
	secure, err := listenTCP("--tls-listen", l.s.config.TLSListen)
	if err != nil {
		return err
	}
	l.add(tls.NewListener(secure, config), l.s.front())
	l.addresses.TLS = "https://" + secure.Addr().String()
	return nil
}

func listenTCP(flag, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, diag.Wrap(diag.Invalid, err, "Cannot listen on %s: %v. Choose another address with %s, or stop what uses this one.", address, err, flag)
	}
	return l, nil
}

func (l *listeners) add(on net.Listener, h http.Handler) {
	l.open = append(l.open, listener{on, &http.Server{
		Handler: h, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: headerBytes,
		ErrorLog: slog.NewLogLogger(acceptErrors{l.s.log.Handler()}, slog.LevelError),
	}})
}

// acceptErrors lets through that no connection can be accepted (the process has no files left). The rest of
// what net/http says is of broken connections, which are not news.
type acceptErrors struct{ slog.Handler }

// Handle implements slog.Handler.
func (h acceptErrors) Handle(ctx context.Context, r slog.Record) error {
	if !strings.HasPrefix(r.Message, "http: Accept error") {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (l *listeners) serve(broken chan<- error) {
	for _, on := range l.open {
		go func() {
			if err := on.server.Serve(on.Listener); !errors.Is(err, http.ErrServerClosed) {
				broken <- fmt.Errorf("listener %s: %w", on.Addr(), err)
			}
		}()
	}
}

// drain answers what is under way, for a while, and closes everything.
func (l *listeners) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var wait sync.WaitGroup
	for _, on := range l.open {
		wait.Go(func() {
			if err := on.server.Shutdown(ctx); err != nil {
				on.server.Close()
			}
		})
	}
	wait.Wait()
}

func (l *listeners) close() {
	for _, on := range l.open {
		on.Close()
	}
}
