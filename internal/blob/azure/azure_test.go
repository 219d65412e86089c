package azure_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/blob"
	"lifeboat/internal/blob/azure"
	"lifeboat/internal/blob/blobtest"
	"lifeboat/internal/diag"
)

// The emulator's public account and key.
const emulatorKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

func connect(endpoint string) string {
	return "AccountName=devstoreaccount1;AccountKey=" + emulatorKey + ";BlobEndpoint=" + endpoint
}

var containers atomic.Int64

// open makes a bucket on a container of its own.
func open(t *testing.T, endpoint string) *azure.Bucket {
	t.Helper()
	b, err := azure.Open(azure.Config{ConnectionString: connect(endpoint), Container: fmt.Sprintf("t%d-%d", os.Getpid(), containers.Add(1)), RetryDelay: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	for range 2 {
		if err := b.CreateContainer(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// TestSuite runs against the fake, and against a real Azurite whose blob endpoint LIFEBOAT_TEST_AZURITE names.
func TestSuite(t *testing.T) {
	t.Parallel()
	_, endpoint := startFake(t)
	endpoints := map[string]string{"fake": endpoint}
	if real := os.Getenv("LIFEBOAT_TEST_AZURITE"); real != "" {
		endpoints["azurite"] = strings.TrimSuffix(strings.TrimRight(real, "/"), "/devstoreaccount1") + "/devstoreaccount1"
	}
	for name, endpoint := range endpoints {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			blobtest.Run(t, func(t *testing.T) blob.Bucket { return open(t, endpoint) })
		})
		t.Run(name+" refuses", func(t *testing.T) {
			t.Parallel()
			missingContainer(t, endpoint)
		})
	}
}

func missingContainer(t *testing.T, endpoint string) {
	b, err := azure.Open(azure.Config{ConnectionString: connect(endpoint), Container: "not-there"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Put(t.Context(), "x", nil, blob.PutOptions{})
	if blob.Classify(err) != blob.NoSuchContainer {
		t.Errorf("put: %v", err)
	}
	err = b.List(t.Context(), "", "", func(blob.Info) error { return nil })
	if blob.Classify(err) != blob.NoSuchContainer {
		t.Errorf("list: %v", err)
	}
}

func TestAnswersAreClassified(t *testing.T) {
	t.Parallel()
	f, endpoint := startFake(t)
	b := open(t, endpoint)
	for _, c := range []struct {
		status int
		code   string
		want   blob.Cause
	}{
		{403, "AuthenticationFailed", blob.Denied}, {403, "AuthorizationFailure", blob.Denied}, {401, "NoAuthenticationInformation", blob.Denied},
		{403, "AccountIsDisabled", blob.Denied}, {403, "UnauthorizedBlobOverwrite", blob.Exists}, {400, "InvalidAuthenticationInfo", blob.Denied},
		{409, "BlobImmutableDueToPolicy", blob.Denied}, {409, "ContainerBeingDeleted", blob.Transient}, {409, "InvalidBlobType", blob.Fatal},
		{429, "TooManyRequests", blob.Throttled}, {503, "ServerBusy", blob.Throttled}, {500, "InternalError", blob.Transient},
		{400, "InvalidHeaderValue", blob.Fatal}, {302, "", blob.Fatal}, {404, "ResourceNotFound", blob.NoSuchContainer},
	} {
		f.trouble = func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Location", "http://169.254.169.254/latest/meta-data")
			refuse(w, c.status, c.code)
			return true
		}
		_, err := b.Put(t.Context(), "x", []byte("body"), blob.PutOptions{})
		if blob.Classify(err) != c.want {
			t.Errorf("%d %s: %v, want %v", c.status, c.code, err, c.want)
		}
	}
}

// The answer of a put may be lost after the store has done it.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	f, endpoint := startFake(t)
	b := open(t, endpoint)
	tries := 0
	f.lost = func(r *http.Request) bool {
		if r.Method == http.MethodPut {
			tries++
		}
		return r.Method == http.MethodPut && tries == 1
	}
	o := blob.PutOptions{IfAbsent: true, Metadata: map[string]string{blob.HashKey: "ab"}}
	etag, err := b.Put(t.Context(), "x", []byte("body"), o)
	if err != nil || etag == "" || tries != 2 {
		t.Errorf("%q, %v after %d tries", etag, err, tries)
	}
}

func TestBusyStoreIsAskedAgain(t *testing.T) {
	t.Parallel()
	f, endpoint := startFake(t)
	b := open(t, endpoint)
	blobtest.MustPut(t, b, "x", "body")
	asked := 0
	f.trouble = func(w http.ResponseWriter, r *http.Request) bool {
		if asked++; asked < 3 {
			refuse(w, 503, "ServerBusy")
		}
		return asked < 3
	}
	if got := blobtest.ReadAll(t, b, "x"); string(got) != "body" || asked != 3 {
		t.Errorf("%q after %d", got, asked)
	}
}

func TestBrokenDownloadIsResumed(t *testing.T) {
	t.Parallel()
	f, endpoint := startFake(t)
	b := open(t, endpoint)
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
	if _, err := b.Put(t.Context(), "x", body, blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	cuts := 0
	f.trouble = func(w http.ResponseWriter, r *http.Request) bool {
		if cuts++; cuts > 1 {
			return false
		}
		w.Header().Set("ETag", `"0x1"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body[:100_000])
		panic(http.ErrAbortHandler)
	}
	if got := blobtest.ReadAll(t, b, "x"); !bytes.Equal(got, body) {
		t.Errorf("got %d bytes of %d", len(got), len(body))
	}
	cuts = 0
	r, _, err := b.Get(t.Context(), "x", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f.mu.Lock()
	for _, blobs := range f.containers {
		blobs["x"] = fakeBlob{body, `"0x2"`, http.Header{}}
	}
	f.mu.Unlock()
	if _, err := io.ReadAll(r); blob.Classify(err) != blob.Changed {
		t.Errorf("resumed on another state: %v", err)
	}
}

func TestFoldersOfDataLakesAreNoBlobs(t *testing.T) {
	t.Parallel()
	_, endpoint := startFake(t)
	b := open(t, endpoint)
	if _, err := b.Put(t.Context(), "2017", nil, blob.PutOptions{Metadata: map[string]string{"kind": "directory"}}); err != nil {
		t.Fatal(err)
	}
	blobtest.MustPut(t, b, "2017/12", "x")
	var got []string
	err := b.List(t.Context(), "", "", func(i blob.Info) error { got = append(got, i.Name); return nil })
	if diff := cmp.Diff([]string{"2017/12"}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestNobodyAtTheAddress(t *testing.T) {
	t.Parallel()
	b, err := azure.Open(azure.Config{ConnectionString: connect("http://127.0.0.1:1/devstoreaccount1"), RetryDelay: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Head(t.Context(), "x"); blob.Classify(err) != blob.Transient {
		t.Errorf("refused connection: %v", err)
	}
	b, err = azure.Open(azure.Config{ConnectionString: "BlobEndpoint=https://nobody.invalid;SharedAccessSignature=sv=2020&sig=SECRETSIG", RetryDelay: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Head(t.Context(), "x")
	if cause := blob.Classify(err); cause != blob.NoSuchHost && cause != blob.Transient {
		t.Errorf("unknown host: %v", err)
	}
	if strings.Contains(err.Error(), "SECRETSIG") || strings.Contains(b.String(), "SECRETSIG") {
		t.Errorf("the signature leaks: %v", err)
	}
}

func TestHostRules(t *testing.T) {
	t.Parallel()
	rule, err := azure.AllowHosts([]string{"store.example", "127.0.0.1:10000", "[::1]:10000", "::1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host, port, scheme string
		private, ok        bool
	}{
		{"acme.blob.core.windows.net", "443", "https", false, true}, {"ACME.blob.core.Windows.net", "443", "https", false, true},
		{"acme.blob.core.usgovcloudapi.net", "443", "https", false, true}, {"acme.blob.core.chinacloudapi.cn", "443", "https", false, true},
		{"acme.z01.blob.storage.azure.net", "443", "https", false, true},
		{"acme.blob.core.windows.net", "443", "http", false, false}, {"acme.blob.core.windows.net", "8443", "https", false, false},
		{"blob.core.windows.net.evil.example", "443", "https", false, false}, {"evilblob.core.windows.net", "443", "https", false, false},
		{"store.example", "80", "http", true, true}, {"store.example", "9", "https", true, true},
		{"127.0.0.1", "10000", "http", true, true}, {"127.0.0.1", "10001", "http", false, false}, {"localhost", "10000", "http", false, false},
		{"::1", "77", "http", true, true}, {"169.254.169.254", "80", "http", false, false},
	} {
		private, err := rule(c.host, c.port, c.scheme)
		if private != c.private || (err == nil) != c.ok {
			t.Errorf("%+v: %v, %v", c, private, err)
		}
	}
	for _, bad := range []string{"", ":80", "a b", "http://x", "user@x"} {
		if _, err := azure.AllowHosts([]string{bad}); diag.KindOf(err) != diag.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A name that was fine when it was looked at may resolve to the inner network when it is dialled.
func TestInnerAddressesAreRefusedAtConnect(t *testing.T) {
	t.Parallel()
	f, endpoint := startFake(t)
	asked := false
	f.trouble = func(http.ResponseWriter, *http.Request) bool { asked = true; return false }
	publicHost := func(string, string, string) (bool, error) { return false, nil }
	for _, at := range []string{endpoint, strings.Replace(endpoint, "127.0.0.1", "localhost", 1), "http://[::ffff:127.0.0.1]:1/a", "http://169.254.169.254/a", "http://10.1.2.3/a", "http://100.64.0.1/a", "http://[fd00::1]/a", "http://[64:ff9b::a00:1]/a", "http://168.63.129.16/a", "http://0.0.0.0/a"} {
		b, err := azure.Open(azure.Config{ConnectionString: connect(at), AllowHost: publicHost})
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Put(t.Context(), "x", nil, blob.PutOptions{})
		if blob.Classify(err) != blob.Denied || !strings.Contains(err.Error(), "--export-host") {
			t.Errorf("%s: %v", at, err)
		}
	}
	if asked {
		t.Error("a refused host was spoken to")
	}
}

func TestRefusedHostAtOpen(t *testing.T) {
	t.Parallel()
	rule, err := azure.AllowHosts(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = azure.Open(azure.Config{ConnectionString: "UseDevelopmentStorage=true", AllowHost: rule})
	if diag.KindOf(err) != diag.Invalid || !strings.Contains(err.Error(), "--export-host 127.0.0.1:10000") {
		t.Errorf("got %v", err)
	}
}

func TestSignatureForOneContainer(t *testing.T) {
	t.Parallel()
	f, endpoint := startFake(t)
	f.trouble = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("sig") != "S+S" {
			t.Errorf("asked without the signature: %s", r.URL)
		}
		refuse(w, 403, "AuthorizationFailure")
		return true
	}
	b, err := azure.Open(azure.Config{ConnectionString: endpoint + "/archive?sv=2020-10-02&sig=S%2BS"})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.CreateContainer(context.Background()); err != nil {
		t.Errorf("a signature that cannot create is no failure: %v", err)
	}
	if _, err := b.Put(t.Context(), "x", nil, blob.PutOptions{}); blob.Classify(err) != blob.Denied {
		t.Errorf("put: %v", err)
	}
}
