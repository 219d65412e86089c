package server_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/blob"
	"lifeboat/internal/blob/azure"
	"lifeboat/internal/diag"
	"lifeboat/internal/server"
	"lifeboat/internal/store"
)

// account answers as Azure Blob Storage does, as far as a probe needs it, and writes down what it was asked.
type account struct {
	mu        sync.Mutex
	container bool
	blobs     map[string]bool
	asked     []string
	refuse    func(r *http.Request) (status int, code string) // 0 = not
}

func startAccount(t *testing.T) (*account, *httptest.Server) {
	a := &account{blobs: map[string]bool{}}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	return a, s
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, name, isBlob := strings.Cut(strings.TrimPrefix(r.URL.Path, "/acme/"), "/")
	a.asked = append(a.asked, fmt.Sprintf("%s blob=%v", r.Method, isBlob))
	status, code := a.answer(r, name, isBlob)
	if a.refuse != nil {
		if s, c := a.refuse(r); s != 0 {
			status, code = s, c
		}
	}
	if code != "" {
		w.Header().Set("x-ms-error-code", code)
	}
	w.Header().Set("ETag", `"0x1"`)
	w.WriteHeader(status)
}

func (a *account) answer(r *http.Request, name string, isBlob bool) (int, string) {
	switch {
	case !isBlob && a.container:
		return 409, "ContainerAlreadyExists"
	case !isBlob:
		a.container = true
		return 201, ""
	case !a.container:
		return 404, "ContainerNotFound"
	case r.Method == http.MethodPut:
		a.blobs[name] = true
		return 201, ""
	case r.Method == http.MethodDelete:
		delete(a.blobs, name)
		return 202, ""
	}
	return 404, "BlobNotFound"
}

const accountKey = "c2VjcmV0IGtleSBvZiB0aGUgYWNjb3VudA=="

func connection(s *httptest.Server) string {
	return "AccountName=acme;AccountKey=" + accountKey + ";BlobEndpoint=" + s.URL + "/acme"
}

func newTargets(t *testing.T, root string, hosts ...string) *server.Targets {
	t.Helper()
	allow, err := azure.AllowHosts(hosts)
	if err != nil {
		t.Fatal(err)
	}
	return server.NewTargets(allow, root, newSealer(t, 1))
}

func hostOf(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }

func newExport(kind string) *store.Export { return &store.Export{ID: diag.RandomID(), Type: kind} }

const byConnection = "blob_storage_connection_string"

// TestContainer: a working target is tried, found out about, and sealed.
func TestContainer(t *testing.T) {
	t.Parallel()
	a, s := startAccount(t)
	targets, e := newTargets(t, "", hostOf(s)), newExport(byConnection)
	if err := targets.Check(t.Context(), e, connection(s)); err != nil {
		t.Fatal(err)
	}
	want := []string{"PUT blob=false", "PUT blob=true", "DELETE blob=true"}
	if d := cmp.Diff(want, a.asked); d != "" {
		t.Errorf("asked (-want +got):\n%s", d)
	}
	if len(a.blobs) != 0 {
		t.Errorf("the probe is left: %v", a.blobs)
	}
	if e.ResourceName != "acme" || e.BlobEndpoint != s.URL+"/acme" || e.Container == "" {
		t.Errorf("found out: %q %q %q", e.ResourceName, e.BlobEndpoint, e.Container)
	}
	if strings.Contains(fmt.Sprintf("%q %+v", e.Sealed, *e), accountKey) {
		t.Error("the key can be read")
	}

	// The secret that is there already is good for another check, and for the exporter.
	hash := slices.Clone(e.SecretHash)
	if err := targets.Check(t.Context(), e, ""); err != nil {
		t.Error(err)
	}
	if !slices.Equal(hash, e.SecretHash) {
		t.Error("the same secret has another hash")
	}
	if _, err := targets.Open(t.Context(), *e); err != nil {
		t.Fatal(err)
	}

	// It is not for another configuration.
	moved := *e
	moved.ID = diag.RandomID()
	refuses(t, targets.Check(t.Context(), &moved, ""), diag.Invalid, "set connection_string again")
	if _, err := targets.Open(t.Context(), moved); blob.Classify(err) != blob.Denied {
		t.Errorf("opened for another configuration: %v", err)
	}
}

func TestContainerRefused(t *testing.T) {
	t.Parallel()
	_, s := startAccount(t)
	port := hostOf(s)
	refusing := func(method string, blobs bool, status int, code string) func(*http.Request) (int, string) {
		return func(r *http.Request) (int, string) {
			if r.Method == method && blobs == (r.URL.Query().Get("restype") == "") {
				return status, code
			}
			return 0, ""
		}
	}
	for name, c := range map[string]struct {
		secret string // "" = of an account that refuses
		refuse func(*http.Request) (int, string)
		want   string
	}{
		"no connection string": {"hello", nil, ""},
		"nothing in it":        {";", nil, ""},
		"no base64":            {"AccountName=acme;AccountKey=%%%;BlobEndpoint=" + s.URL + "/acme", nil, ""},
		"host not allowed":     {"AccountName=acme;AccountKey=" + accountKey + ";BlobEndpoint=http://storage.example.com/acme", nil, "--export-host"},
		"inner address":        {"AccountName=acme;AccountKey=" + accountKey + ";BlobEndpoint=http://169.254.169.254/acme", nil, "--export-host"},
		"other port":           {"AccountName=acme;AccountKey=" + accountKey + ";BlobEndpoint=http://127.0.0.1:1/acme", nil, "--export-host"},
		"denied":               {"", refusing("PUT", true, 403, "AuthenticationFailed"), "check that it is current"},
		"may not delete":       {"", refusing("DELETE", true, 403, "AuthorizationPermissionMismatch"), "delete blobs"},
		"may not create":       {"", refusing("PUT", false, 403, "AuthorizationFailure"), ""},
		"no storage at all":    {"", refusing("PUT", false, 418, ""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			account, own := startAccount(t)
			account.refuse = c.refuse
			if c.secret == "" {
				c.secret = connection(own)
			}
			e := newExport(byConnection)
			err := newTargets(t, "", hostOf(own), port).Check(t.Context(), e, c.secret)
			refuses(t, err, diag.Invalid, server.Refused, c.want)
			if err != nil && (strings.Contains(err.Error(), accountKey) || strings.HasSuffix(err.Error(), server.Refused+" ")) {
				t.Errorf("the words are bad: %v", err)
			}
			if len(e.Sealed) != 0 || e.ResourceName != "" {
				t.Error("a refused target is taken over")
			}
		})
	}
}

func TestOtherKinds(t *testing.T) {
	t.Parallel()
	targets := newTargets(t, "")
	e := newExport("blob_storage_linked_subscription")
	refuses(t, targets.Check(t.Context(), e, ""), diag.Invalid, e.Type, byConnection)
	if _, err := targets.Open(t.Context(), *e); blob.Classify(err) != blob.Fatal {
		t.Errorf("opened: %v", err)
	}
	refuses(t, targets.Check(t.Context(), newExport(byConnection), ""), diag.Invalid, "connection_string is missing")
}

func folderExport(path string) *store.Export {
	e := newExport("directory")
	e.Path = path
	return e
}

func TestFolder(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	targets, e := newTargets(t, root), folderExport("acme/crashes")
	if err := targets.Check(t.Context(), e, ""); err != nil {
		t.Fatal(err)
	}
	if e.ResourceName != "acme/crashes" || e.BlobEndpoint != "" || len(e.Sealed) != 0 {
		t.Errorf("found out: %+v", e)
	}
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("the probe is left: %s", path)
		}
		return err
	})
	b, err := targets.Open(t.Context(), *e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), "x", []byte("y"), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "acme", "crashes", "x")); err != nil {
		t.Error(err)
	}
}

func TestFolderEscapes(t *testing.T) {
	t.Parallel()
	root, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "file"), "")
	targets := newTargets(t, root)
	for _, path := range []string{"", "..", "../x", "a/../../x", "/etc", "/", "link", "link/deep", "file", "file/x", "a\x00b"} {
		err := targets.Check(t.Context(), folderExport(path), "")
		if err == nil {
			t.Errorf("%q is accepted", path)
		} else if diag.KindOf(err) != diag.Invalid || strings.Contains(err.(*diag.Error).Message, root) {
			t.Errorf("%q: %v", path, err)
		}
		if _, err := targets.Open(t.Context(), *folderExport(path)); blob.Classify(err) != blob.NoSuchContainer {
			t.Errorf("%q is opened: %v", path, err)
		}
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) != 0 {
		t.Errorf("written outside: %v, %v", left, err)
	}
}

func TestFolderRoot(t *testing.T) {
	t.Parallel()
	refuses(t, newTargets(t, "").Check(t.Context(), folderExport("a"), ""), diag.Invalid, "--export-root")
	missing := filepath.Join(t.TempDir(), "missing")
	refuses(t, newTargets(t, missing).Check(t.Context(), folderExport("a"), ""), diag.Invalid, "the operator has to create it")
	if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the root was made: %v", err)
	}
}

func TestOpenBucket(t *testing.T) {
	t.Parallel()
	_, s := startAccount(t)
	for source, azureOne := range map[string]bool{
		t.TempDir():                  false,
		s.URL + "/acme/container":    true,
		connection(s):                true,
		"UseDevelopmentStorage=true": true,
		"https://acme.blob.core.windows.net/cont?sig=x": true,
	} {
		b, err := server.OpenBucket(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if _, is := b.(*azure.Bucket); is != azureOne {
			t.Errorf("%s is opened as %T", source, b)
		}
	}
	if _, err := server.OpenBucket(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a folder that is not there is an archive")
	}
}
