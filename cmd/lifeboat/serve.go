package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"lifeboat/internal/server"
)

type serveCmd struct {
	server.Config `embed:""`

	LogLevel logLevel `name:"log-level" default:"INFO" env:"LIFEBOAT_LOG_LEVEL" help:"DEBUG, INFO, WARN or ERROR."`
	JSON     bool     `help:"Write the log as JSON, one object a line, and the ready line too."`
}

// logLevel is a slog.Level whose errors say what would be right.
type logLevel struct{ slog.Level }

// UnmarshalText reads a level in any letter case.
func (l *logLevel) UnmarshalText(b []byte) error {
	if l.Level.UnmarshalText(b) != nil {
		return fmt.Errorf("%q should be DEBUG, INFO, WARN or ERROR", b)
	}
	return nil
}

func (serveCmd) Help() string {
	return `Example:
  lifeboat serve --data /var/lib/lifeboat --listen 0.0.0.0:8080 --public-url https://crash.example.com

The first start makes the data folder, the user "admin" and the file DIR/admin.token with an API token.
When traffic is accepted one line is printed: ready url=http://... [tls=https://...] admin=http://...
SIGTERM and Ctrl-C answer what is under way, and exit 0.`
}

func (c *serveCmd) Run(ctx context.Context) error {
	c.Config.Version = version()
	c.Config.Log = logger(c.LogLevel.Level, c.JSON)
	s, err := server.Open(ctx, c.Config)
	if err != nil {
		return err
	}
	s.OnReady(func(a server.Addresses) { c.ready(s, a) })
	return errors.Join(s.Run(ctx), s.Close())
}

func (c *serveCmd) ready(s *server.Server, a server.Addresses) {
	if c.JSON {
		printJSON(map[string]string{"ready": "true", "url": a.URL, "tls": a.TLS, "admin": a.Admin})
	} else if a.TLS != "" {
		fmt.Printf("ready url=%s tls=%s admin=%s\n", a.URL, a.TLS, a.Admin)
	} else {
		fmt.Printf("ready url=%s admin=%s\n", a.URL, a.Admin)
	}
	if a.TLS != "" && c.TLSCert == "" && len(c.TLSACMEHost) == 0 {
		fmt.Fprintf(os.Stderr, "HTTPS uses a CA of this data folder's own. To trust it:\n  appcenter CLI and Node.js: export NODE_EXTRA_CA_CERTS=%s\n  curl: --cacert %s\n", s.LocalCA(), s.LocalCA())
	}
}

func logger(level slog.Level, asJSON bool) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if asJSON {
		return slog.New(slog.NewJSONHandler(os.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o))
}
