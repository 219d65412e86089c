package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lifeboat/internal/blob"
	"lifeboat/internal/blob/azure"
	"lifeboat/internal/blob/dir"
	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// OpenBucket opens an archive that somebody names on a command line: a folder, a container's URL, or a
// connection string. It may be anywhere: the limits of --export-host are for what users of the API choose.
func OpenBucket(source string) (blob.Bucket, error) {
	if !isAzure(source) {
		return dir.Open(source)
	}
	return azure.Open(azure.Config{ConnectionString: source})
}

// isAzure tells connection strings and URLs from paths.
func isAzure(source string) bool {
	lower := strings.ToLower(source)
	if strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "http://") {
		return true
	}
	for _, setting := range [...]string{"accountname=", "blobendpoint=", "sharedaccesssignature=", "usedevelopmentstorage="} {
		if strings.Contains(lower, setting) {
			return true
		}
	}
	return false
}

// The kinds of export configuration that this release can serve.
const (
	kindConnectionString = "blob_storage_connection_string"
	kindDirectory        = "directory"
)

// targets opens and checks what export configurations write to.
type targets struct {
	allow  azure.HostRule
	root   string // of the directory kind; "" = not allowed
	sealer *sealer
	clock  diag.Clock
}

// probeTime bounds the check of a target: somebody waits for the answer.
const probeTime = 20 * time.Second

// Check tries a configuration's target with a probe blob and fills in where it is. secret "" keeps the
// connection string that is sealed in e.
func (t *targets) Check(ctx context.Context, e *store.Export, secret string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	switch e.Type {
	case kindConnectionString:
		return t.checkContainer(ctx, e, secret)
	case kindDirectory:
		return t.checkFolder(ctx, e)
	}
	return diag.Errorf(diag.Invalid, "Exports of type %s are not in this release. Use %s with the connection string of a storage account.", e.Type, kindConnectionString)
}

func (t *targets) checkContainer(ctx context.Context, e *store.Export, secret string) (err error) {
	if secret == "" {
		if secret, err = t.secret(e); err != nil {
			return err
		}
	}
	b, err := azure.Open(azure.Config{ConnectionString: secret, AllowHost: t.allow})
	if err != nil {
		return refusal(err)
	}
	defer b.Close()
	if err := b.CreateContainer(ctx); err != nil {
		return refusal(err)
	}
	if err := t.probe(ctx, b); err != nil {
		return refusal(err)
	}
	place := b.Target()
	e.Sealed, e.SecretHash = t.sealer.seal(e.ID, secret), t.sealer.tag(secret)
	e.ResourceName, e.BlobEndpoint, e.Container = place.Account, place.Endpoint(), place.Container
	return nil
}

// refused is the answer of App Center for a connection string that does not work; the reason is ours.
const refused = "Secret validation failed. Either the format is incorrect or couldn't connect to storage account."

func refusal(err error) error {
	var known *diag.Error
	if errors.As(err, &known) && known.Kind == diag.Invalid {
		return diag.Wrap(diag.Invalid, err, "%s %s", refused, known.Message)
	}
	return diag.Wrap(diag.Invalid, err, "%s %s", refused, advice(blob.Classify(err)))
}

func advice(c blob.Cause) string {
	switch c {
	case blob.Denied:
		return "The account refuses the key or the signature: check that it is current and may create, write and delete blobs."
	case blob.NoSuchHost:
		return "No name server knows the account's host: check the account's name."
	case blob.NoSuchContainer:
		return "The container does not exist and the signature may not create it: create the container, or use the account's key."
	case blob.Throttled:
		return "The account is too busy at the moment: try again in a minute."
	}
	return "The account does not answer as Azure Blob Storage does: check the endpoint and that this server can reach it."
}

// probe writes and deletes a blob, which is what exporting needs.
func (t *targets) probe(ctx context.Context, b blob.Bucket) error {
	name := ".lifeboat-probe/" + diag.NewID(t.clock.Now()).String()
	if _, err := b.Put(ctx, name, []byte("Lifeboat tried whether it can write here.\n"), blob.PutOptions{IfAbsent: true, ContentType: "text/plain"}); err != nil {
		return err
	}
	return b.Delete(ctx, name)
}

func (t *targets) secret(e *store.Export) (string, error) {
	if len(e.Sealed) == 0 {
		return "", diag.Errorf(diag.Invalid, "connection_string is missing: give the connection string of the storage account.")
	}
	secret, err := t.sealer.open(e.ID, e.Sealed)
	if err != nil {
		return "", diag.Wrap(diag.Invalid, err, "The stored connection string cannot be read with this server's key: set connection_string again.")
	}
	return secret, nil
}

func (t *targets) checkFolder(ctx context.Context, e *store.Export) error {
	b, err := t.openFolder(e)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := t.probe(ctx, b); err != nil {
		return diag.Wrap(diag.Invalid, err, "The folder below --export-root cannot be written to: check its owner and mode.")
	}
	e.ResourceName, e.Container, e.BlobEndpoint = e.Path, "", ""
	return nil
}

// openFolder opens the folder of the directory kind and makes it if it is missing.
func (t *targets) openFolder(e *store.Export) (*dir.Bucket, error) {
	if t.root == "" {
		return nil, diag.Errorf(diag.Invalid, "Exports to folders are off: the operator can allow them with --export-root.")
	}
	path := filepath.FromSlash(e.Path)
	if path == "" || !filepath.IsLocal(path) {
		return nil, diag.Errorf(diag.Invalid, "path must be a folder's name relative to the export root, without \"..\".")
	}
	root, err := os.OpenRoot(t.root)
	if err != nil {
		return nil, diag.Wrap(diag.Invalid, err, "The export root does not exist on the server: the operator has to create it.")
	}
	defer root.Close()
	if err := root.MkdirAll(path, 0o700); err != nil { // never through a link out of the root
		return nil, diag.Wrap(diag.Invalid, err, "The folder cannot be made below the export root.")
	}
	return dir.Open(filepath.Join(t.root, path))
}

// Open opens a configuration's target for the exporter and makes its container if there is none.
func (t *targets) Open(ctx context.Context, e store.Export) (blob.Bucket, error) {
	switch e.Type {
	case kindConnectionString:
		return t.openContainer(ctx, &e)
	case kindDirectory:
		b, err := t.openFolder(&e)
		if err != nil {
			return nil, &blob.Error{Op: "open", Cause: blob.NoSuchContainer, Err: err}
		}
		return b, nil
	}
	return nil, &blob.Error{Op: "open", Cause: blob.Fatal, Err: fmt.Errorf("exports of type %s are not in this release", e.Type)}
}

func (t *targets) openContainer(ctx context.Context, e *store.Export) (blob.Bucket, error) {
	secret, err := t.secret(e)
	if err != nil {
		return nil, &blob.Error{Op: "open", Cause: blob.Denied, Err: err}
	}
	b, err := azure.Open(azure.Config{ConnectionString: secret, AllowHost: t.allow})
	if err != nil {
		return nil, &blob.Error{Op: "open", Cause: blob.Denied, Err: err}
	}
	if err := b.CreateContainer(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}
