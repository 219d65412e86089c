package azure

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"lifeboat/internal/diag"
)

// DefaultContainer is the name that App Center gave the container of an export.
const DefaultContainer = "archive"

// What UseDevelopmentStorage=true stands for: public constants of the storage emulator, see
// https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string.
const (
	emulatorAccount = "devstoreaccount1"
	emulatorKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
	emulatorPort    = "10000"
)

// Target is a container and the credential for it.
type Target struct {
	Account   string // name of the storage account, as far as the connection string or the URL tells
	Container string

	url *url.URL // of the blob service, path without a slash at the end, no query
	key string   // account key, base64; "" = none
	sas string   // shared access signature without "?"; "" = none
}

// Endpoint is the URL of the blob service, without a signature.
func (t Target) Endpoint() string { return t.url.String() }

// SAS reports whether the credential is a shared access signature.
func (t Target) SAS() bool { return t.sas != "" }

// String is the container's URL without its signature.
func (t Target) String() string { return t.url.JoinPath(t.Container).String() }

// Parse reads the forms in which people hold the way to a container:
//
//	DefaultEndpointsProtocol=https;AccountName=a;AccountKey=k;EndpointSuffix=core.windows.net   and any part of it with name and key
//	BlobEndpoint=https://…;SharedAccessSignature=sv=…   or AccountName instead of the endpoint
//	UseDevelopmentStorage=true
//	https://a.blob.core.windows.net/?sv=…   a signature for the account
//	https://a.blob.core.windows.net/archive?sv=…   or for one container; without a query a public container
//	http://127.0.0.1:10000/devstoreaccount1/archive?sv=…   the account in the path, as the emulator has it
//
// Names of settings are read in any letter case. containerName wins over the URL's; both may be "". What is
// wrong is a *diag.Error of kind Invalid that never repeats a secret.
func Parse(source, containerName string) (Target, error) {
	source = strings.TrimSpace(source)
	var t Target
	var err error
	if lower := strings.ToLower(source); strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "http://") {
		t, err = parseURL(source)
	} else {
		t, err = parseSettings(source)
	}
	if err != nil {
		return Target{}, err
	}
	if containerName != "" {
		t.Container = containerName
	}
	if t.Container == "" {
		t.Container = DefaultContainer
	}
	return t, t.check()
}

var containerNames = regexp.MustCompile(`^(\$root|\$web|\$logs|[a-z0-9](-?[a-z0-9]){2,62})$`)

func (t Target) check() error {
	if !containerNames.MatchString(t.Container) {
		return invalid("%q is no name of a container: 3 to 63 of a-z, 0-9 and single dashes", t.Container)
	}
	if _, err := base64.StdEncoding.DecodeString(t.key); err != nil {
		return invalid("the account key is not base64: copy the whole connection string from the portal's Access keys page")
	}
	if t.sas != "" && !strings.Contains("&"+t.sas, "&sig=") {
		return invalid("the shared access signature has no sig parameter: copy all of it")
	}
	return nil
}

// parseURL reads a URL of an account or of a container.
func parseURL(source string) (Target, error) {
	u, err := parseEndpoint(source)
	if err != nil {
		return Target{}, err
	}
	t := Target{url: u, sas: u.RawQuery}
	u.RawQuery = ""
	parts := strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' })
	if len(parts) > 0 && (len(parts) == 2 || accountInPath(u)) {
		t.Account, parts = parts[0], parts[1:]
		u.Path = "/" + t.Account
	} else {
		t.Account = firstLabel(u)
		u.Path = ""
	}
	switch len(parts) {
	case 0:
	case 1:
		t.Container = parts[0]
	default:
		return Target{}, invalid("the URL names a blob: give the URL of the container")
	}
	return t, nil
}

// accountInPath: with an address or a bare name for a host the account cannot stand in the host.
func accountInPath(u *url.URL) bool {
	_, err := netip.ParseAddr(u.Hostname())
	return err == nil || !strings.Contains(u.Hostname(), ".") || strings.HasPrefix(u.Path, "/"+emulatorAccount)
}

func firstLabel(u *url.URL) string {
	label, _, _ := strings.Cut(u.Hostname(), ".")
	return label
}

// parseEndpoint reads a URL without its host being asked for.
func parseEndpoint(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, invalid("the blob endpoint is not a plain http or https URL")
	}
	u.Path, u.RawPath, u.RawFragment, u.ForceQuery = strings.TrimRight(u.Path, "/"), "", "", false
	return u, nil
}

// parseSettings reads "Name=value;Name=value". Values may contain "=".
func parseSettings(source string) (Target, error) {
	settings := map[string]string{}
	for part := range strings.SplitSeq(source, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return Target{}, invalid("the connection string is not of the form Name=value;Name=value")
		}
		settings[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	if len(settings) == 0 {
		return Target{}, invalid("the connection string is empty")
	}
	if strings.EqualFold(settings["usedevelopmentstorage"], "true") {
		settings = emulator(settings)
	}
	return fromSettings(settings)
}

func emulator(settings map[string]string) map[string]string {
	host := settings["developmentstorageproxyuri"]
	if host == "" {
		host = "http://127.0.0.1"
	}
	return map[string]string{
		"accountname":  emulatorAccount,
		"accountkey":   emulatorKey,
		"blobendpoint": strings.TrimRight(host, "/") + ":" + emulatorPort + "/" + emulatorAccount,
	}
}

var accountNames = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

func fromSettings(s map[string]string) (Target, error) {
	t := Target{Account: s["accountname"], key: s["accountkey"], sas: strings.TrimPrefix(s["sharedaccesssignature"], "?")}
	endpoint := s["blobendpoint"]
	switch {
	case endpoint != "":
	case t.Account == "":
		return Target{}, invalid("the connection string names neither AccountName nor BlobEndpoint")
	case !accountNames.MatchString(t.Account):
		return Target{}, invalid("AccountName is no name of a storage account")
	default:
		endpoint = fmt.Sprintf("%s://%s.blob.%s", or(s["defaultendpointsprotocol"], "https"), t.Account, or(s["endpointsuffix"], "core.windows.net"))
	}
	u, err := parseEndpoint(endpoint)
	if err != nil {
		return Target{}, err
	}
	t.sas, u.RawQuery = or(t.sas, u.RawQuery), ""
	t.url = u
	if t.Account == "" {
		t.Account = firstLabel(u)
		if accountInPath(u) {
			t.Account = strings.Trim(u.Path, "/")
		}
	}
	switch {
	case t.key != "" && s["accountname"] != "":
		t.sas = ""
	case t.sas == "":
		return Target{}, invalid("the connection string holds neither AccountName with AccountKey nor SharedAccessSignature")
	default:
		t.key = ""
	}
	return t, nil
}

func (t Target) client(o *container.ClientOptions) (*container.Client, error) {
	at := t.String()
	if t.sas != "" {
		at += "?" + t.sas
	}
	if t.key == "" {
		c, err := container.NewClientWithNoCredential(at, o)
		return c, unusable(err)
	}
	key, err := container.NewSharedKeyCredential(t.Account, t.key)
	if err != nil {
		return nil, unusable(err)
	}
	c, err := container.NewClientWithSharedKeyCredential(at, key, o)
	return c, unusable(err)
}

// unusable never repeats what the SDK says of a credential.
func unusable(err error) error {
	if err == nil {
		return nil
	}
	return diag.Wrap(diag.Invalid, errors.New("refused by the client library"), "the connection string cannot be used")
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func invalid(format string, args ...any) error { return diag.Errorf(diag.Invalid, format, args...) }
