package server

import (
	"log/slog"
	"net"
	"net/url"
	"strings"

	"lifeboat/internal/diag"
)

// Config is everything that an operator can decide. The tags are the command line's names, environment
// variables and help; a field without a tag is set by programs only.
type Config struct {
	Data string `required:"" type:"path" env:"LIFEBOAT_DATA" placeholder:"DIR" help:"Data folder. Made with mode 0700 if it is missing; only one process may use it at a time."`

	Listen    string `default:"127.0.0.1:8080" env:"LIFEBOAT_LISTEN" placeholder:"HOST:PORT" help:"Where devices, scripts and browsers come in over plain HTTP. Port 0 takes any free one."`
	PublicURL string `name:"public-url" env:"LIFEBOAT_PUBLIC_URL" placeholder:"URL" help:"How others reach this server. URLs in answers begin with it; without it they name the listener that the request came in on."`

	UploadURL string `name:"upload-url" env:"LIFEBOAT_UPLOAD_URL" placeholder:"URL" help:"Where clients put symbol files, if it is not --public-url. The appcenter CLI wants a host that is neither localhost nor an address; plain HTTP will do."`

	TLSListen        string   `name:"tls-listen" env:"LIFEBOAT_TLS_LISTEN" placeholder:"HOST:PORT" help:"The same over HTTPS (TLS 1.2 and 1.3). Android apps and the appcenter CLI insist on it."`
	TLSCert          string   `name:"tls-cert" type:"path" env:"LIFEBOAT_TLS_CERT" placeholder:"FILE" help:"Certificate chain, PEM, read again when it changes. Without one, a local CA in DIR/tls makes a certificate for this machine."`
	TLSKey           string   `name:"tls-key" type:"path" env:"LIFEBOAT_TLS_KEY" placeholder:"FILE" help:"Key of the certificate, PEM."`
	TLSACMEHost      []string `name:"tls-acme-host" env:"LIFEBOAT_TLS_ACME_HOST" placeholder:"NAME" help:"Get a certificate for this name from Let's Encrypt, repeatable. From outside, port 443 must lead to --tls-listen, or port 80 to --listen."`
	TLSACMEDirectory string   `name:"tls-acme-directory" env:"LIFEBOAT_TLS_ACME_DIRECTORY" placeholder:"URL" help:"Get certificates from another authority that speaks ACME. Let the machine trust it, or name its CA in SSL_CERT_FILE."`

	TrustedProxy []string `name:"trusted-proxy" env:"LIFEBOAT_TRUSTED_PROXY" placeholder:"CIDR" help:"Address or network of a reverse proxy, repeatable. What it says in Forwarded or X-Forwarded-For, -Proto and -Host is believed; of others nothing is."`
	CORSOrigin   []string `name:"cors-origin" env:"LIFEBOAT_CORS_ORIGIN" placeholder:"ORIGIN" help:"Let scripts of pages from https://HOST use the API, repeatable; * for all. Off without it, as in App Center."`
	APIRate      string   `name:"api-rate" env:"LIFEBOAT_API_RATE" placeholder:"N/TIME" help:"Let a client address send so many requests to the API, like 500/5m; more are 429 with Retry-After. Off without it. Devices are not limited by it."`

	AdminListen string `name:"admin-listen" default:"127.0.0.1:0" env:"LIFEBOAT_ADMIN_LISTEN" placeholder:"HOST:PORT" help:"Private listener: /metrics, /healthz, /readyz, /debug/pprof/. Never open it to others."`

	ExportHost []string `name:"export-host" env:"LIFEBOAT_EXPORT_HOST" placeholder:"HOST[:PORT]" help:"Let exports go to this host too, also over plain HTTP and to private addresses. Without it only Azure Blob Storage over HTTPS."`
	ExportRoot string   `name:"export-root" type:"path" env:"LIFEBOAT_EXPORT_ROOT" placeholder:"DIR" help:"Let exports go to folders below this one (type \"directory\")."`

	KeyFile      string `name:"key-file" type:"path" env:"LIFEBOAT_KEY_FILE" placeholder:"FILE" help:"Master key that seals connection strings, 64 hex digits. Default: DIR/key, made at the first start."`
	StrictIngest bool   `name:"strict-ingest" env:"LIFEBOAT_STRICT_INGEST" help:"Answer 400 where App Center did. SDKs delete their logs then; for tests of clients."`

	OwnerName  string `name:"owner-name" default:"admin" env:"LIFEBOAT_OWNER_NAME" placeholder:"NAME" help:"Name of the first user, who owns the server. Read at the first start only."`
	OwnerEmail string `name:"owner-email" default:"admin@localhost" env:"LIFEBOAT_OWNER_EMAIL" placeholder:"EMAIL" help:"Address of the first user."`

	Database string `env:"LIFEBOAT_DATABASE" placeholder:"URL" help:"Keep rows in PostgreSQL. Not in this release."`
	Objects  string `env:"LIFEBOAT_OBJECTS" placeholder:"URL" help:"Keep the journal in an object store. Not in this release."`

	Version string       `kong:"-"` // of the program, for people
	Clock   diag.Clock   `kong:"-"` // nil: the machine's
	Log     *slog.Logger `kong:"-"` // nil: none
}

// Addresses are where a running server listens: URLs without a path.
type Addresses struct {
	URL, TLS, Admin string // TLS is "" without --tls-listen
}

func (c *Config) setDefaults() error {
	if c.Clock == nil {
		c.Clock = diag.SystemClock{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.AdminListen == "" {
		c.AdminListen = "127.0.0.1:0"
	}
	if c.OwnerName == "" {
		c.OwnerName = "admin"
	}
	if c.OwnerEmail == "" {
		c.OwnerEmail = "admin@localhost"
	}
	return c.check()
}

func (c *Config) check() error {
	switch {
	case c.Data == "":
		return diag.Errorf(diag.Invalid, "Name the data folder with --data.")
	case c.Database != "":
		return diag.Errorf(diag.Invalid, "--database needs the PostgreSQL engine, which this release does not have. Leave it out: rows are kept in the data folder.")
	case c.Objects != "":
		return diag.Errorf(diag.Invalid, "--objects needs a journal in an object store, which this release does not have. Leave it out: logs are kept in the data folder.")
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return diag.Errorf(diag.Invalid, "--tls-cert and --tls-key go together.")
	case c.TLSListen == "" && (c.TLSCert != "" || len(c.TLSACMEHost) > 0):
		return diag.Errorf(diag.Invalid, "--tls-cert and --tls-acme-host need --tls-listen.")
	case c.TLSCert != "" && len(c.TLSACMEHost) > 0:
		return diag.Errorf(diag.Invalid, "Use either --tls-cert or --tls-acme-host.")
	case c.TLSACMEDirectory != "" && len(c.TLSACMEHost) == 0:
		return diag.Errorf(diag.Invalid, "--tls-acme-directory needs --tls-acme-host.")
	}
	for _, name := range c.TLSACMEHost {
		if !strings.Contains(name, ".") || net.ParseIP(name) != nil || strings.ContainsAny(name, "*/: ") {
			return diag.Errorf(diag.Invalid, "--tls-acme-host: %q is no name that a certificate can be got for: it should be like crash.example.com.", name)
		}
	}
	if err := checkBase("--public-url", &c.PublicURL); err != nil {
		return err
	}
	return checkBase("--upload-url", &c.UploadURL)
}

// checkBase checks a URL that others begin with.
func checkBase(flag string, base *string) error {
	if *base == "" {
		return nil
	}
	u, err := url.Parse(*base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return diag.Errorf(diag.Invalid, "%s must be http://HOST[:PORT] or https://HOST[:PORT], without a query.", flag)
	}
	*base = strings.TrimRight(*base, "/")
	if flag == "--upload-url" && u.Path != "" && u.Path != "/" { // clients take two segments for container and blob
		return diag.Errorf(diag.Invalid, "--upload-url must have no path: clients would lose what follows it.")
	}
	return nil
}
