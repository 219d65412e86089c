package server

import (
	"log/slog"
	"net/http"
	"time"

	"lifeboat/internal/blob/azure"
	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// What tests reach by no other door.
type (
	Sealer  = sealer
	Targets = targets
	Load    = load
)

const (
	GraceTime   = graceTime
	DiskAlarm   = diskAlarm
	CertLife    = certLife
	CALife      = caLife
	RenewBefore = renewBefore
	Refused     = refused
	ScrubAfter  = scrubAfter
	ScrubLater  = scrubLater
	ReadTime    = readTime
)

var NewSealer = newSealer

func (s *sealer) Seal(of diag.ID, secret string) []byte            { return s.seal(of, secret) }
func (s *sealer) Unseal(of diag.ID, sealed []byte) (string, error) { return s.open(of, sealed) }
func (s *sealer) Tag(secret string) []byte                         { return s.tag(secret) }

func NewTargets(allow azure.HostRule, root string, s *sealer) *Targets {
	return &targets{allow: allow, root: root, sealer: s, clock: diag.SystemClock{}}
}

func (l *load) Look(now time.Duration, requests int64) bool { return l.look(now, requests) }

// SetSpace says how much of the disk is free. Call it before Run.
func (s *Server) SetSpace(space func(string) (free, total uint64, err error)) { s.disk.space = space }

// Break is what the journal does when its files are in doubt.
func (s *Server) Break(err error) { s.stop(err) }

func (s *Server) Store() *store.DB    { return s.store }
func (s *Server) Front() http.Handler { return s.front() }

func AcceptErrors(h slog.Handler) slog.Handler { return acceptErrors{h} }
