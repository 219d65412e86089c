// Package azure keeps blobs in a container of Azure Blob Storage, or of anything that speaks its protocol.
//
// It promises the contract of blob.Bucket, and that neither a key nor a shared access signature ever stands in
// an error or in String. With Config.AllowHost set it speaks to no host and no address which that rule does
// not allow, whatever the connection string, a redirect or a name server says.
package azure

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	sdk "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"lifeboat/internal/blob"
)

// Config says which container to open and whom the process may speak to on the way.
type Config struct {
	// ConnectionString is any form that Parse reads.
	ConnectionString string
	// Container wins over the one that a URL names; if neither names one it is DefaultContainer.
	Container string
	// AllowHost is asked when the connection string is parsed and again for every connection. nil allows all.
	AllowHost HostRule
	// RetryDelay is the pause before the first of three retries; the later ones wait 3 and 7 times as long.
	// Zero means half a second.
	RetryDelay time.Duration
}

// Bucket is one container.
type Bucket struct {
	target    Target
	client    *container.Client
	transport *http.Transport
}

var _ blob.Bucket = (*Bucket)(nil)

// Open makes a bucket without speaking to it. What is wrong with the connection string is a *diag.Error of
// kind Invalid, for the person who typed it.
func Open(c Config) (*Bucket, error) {
	target, err := Parse(c.ConnectionString, c.Container)
	if err != nil {
		return nil, err
	}
	transport, err := guardedTransport(target.url, c.AllowHost)
	if err != nil {
		return nil, err
	}
	options := &container.ClientOptions{ClientOptions: policy.ClientOptions{
		Retry:     policy.RetryOptions{MaxRetries: 3, RetryDelay: cmp.Or(c.RetryDelay, 500*time.Millisecond), MaxRetryDelay: 10 * time.Second},
		Transport: &http.Client{Transport: transport, CheckRedirect: noRedirect},
		Telemetry: policy.TelemetryOptions{ApplicationID: "lifeboat"},

		PerRetryPolicies: []policy.Policy{ownBody{}},

		InsecureAllowCredentialWithHTTP: target.url.Scheme == "http",
	}}
	client, err := target.client(options)
	if err != nil {
		return nil, err
	}
	return &Bucket{target: target, client: client, transport: transport}, nil
}

// noRedirect: storage does not redirect, so a redirect leads where nobody asked to go.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Close drops idle connections.
func (b *Bucket) Close() error {
	b.transport.CloseIdleConnections()
	return nil
}

// Target is where the bucket is.
func (b *Bucket) Target() Target { return b.target }

// String is the container's URL without its signature.
func (b *Bucket) String() string { return b.target.String() }

// CreateContainer makes the container if it is not there. A shared access signature for one container may
// not do that; then nothing is done, and the first put tells whether the container exists.
func (b *Bucket) CreateContainer(ctx context.Context) error {
	_, err := b.client.Create(ctx, nil)
	err = fail("create", b.target.Container, err)
	cause := blob.Classify(err)
	if cause == blob.Exists || cause == blob.Denied && b.target.SAS() {
		return nil
	}
	return err
}

// Put implements blob.Bucket with one Put Blob call, which Azure applies whole or not at all.
func (b *Bucket) Put(ctx context.Context, name string, body []byte, o blob.PutOptions) (string, error) {
	if err := blob.CheckName(name); err != nil {
		return "", err
	}
	answer, err := b.client.NewBlockBlobClient(name).Upload(ctx, newPayload(body), uploadOptions(o))
	if err = fail("put", name, err); err == nil {
		return etagOf(answer.ETag), nil
	}
	if cause := blob.Classify(err); o.IfAbsent && (cause == blob.Exists || cause == blob.Changed) {
		// The retry of a put whose answer was lost meets its own success.
		there, headErr := b.Head(ctx, name)
		if headErr == nil && blob.SameUpload(there, o) {
			return there.ETag, nil
		}
		return "", &blob.Error{Op: "put", Name: name, Cause: blob.Exists, Err: headErr}
	}
	return "", err
}

func uploadOptions(o blob.PutOptions) *blockblob.UploadOptions {
	u := &blockblob.UploadOptions{
		HTTPHeaders: &sdk.HTTPHeaders{BlobContentType: to.Ptr(cmp.Or(o.ContentType, "application/octet-stream"))},
		Metadata:    map[string]*string{},
	}
	if o.Disposition != "" {
		u.HTTPHeaders.BlobContentDisposition = &o.Disposition
	}
	for k, v := range o.Metadata {
		u.Metadata[k] = &v
	}
	switch {
	case o.IfAbsent:
		u.AccessConditions = &sdk.AccessConditions{ModifiedAccessConditions: &sdk.ModifiedAccessConditions{IfNoneMatch: to.Ptr(azcore.ETagAny)}}
	case o.IfMatch != "":
		u.AccessConditions = &sdk.AccessConditions{ModifiedAccessConditions: &sdk.ModifiedAccessConditions{IfMatch: to.Ptr(azcore.ETag(o.IfMatch))}}
	}
	return u
}

// Get implements blob.Bucket. A connection that breaks is resumed three times, pinned to the blob's ETag.
func (b *Bucket) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, blob.Info, error) {
	if err := blob.CheckName(name); err != nil {
		return nil, blob.Info{}, err
	}
	if offset < 0 || length == 0 || length < -1 {
		return nil, blob.Info{}, &blob.Error{Op: "get", Name: name, Cause: blob.OutOfRange}
	}
	part := sdk.HTTPRange{Offset: offset, Count: max(length, 0)}
	answer, err := b.client.NewBlobClient(name).DownloadStream(ctx, &sdk.DownloadStreamOptions{Range: part})
	if err != nil {
		return nil, blob.Info{}, fail("get", name, err)
	}
	info := blob.Info{Name: name, Size: totalSize(answer.ContentLength, answer.ContentRange), ETag: etagOf(answer.ETag), Modified: timeOf(answer.LastModified),
		ContentType: text(answer.ContentType), Disposition: text(answer.ContentDisposition)}
	if offset > 0 && offset >= info.Size {
		answer.Body.Close() // a store that answers all the same
		return nil, blob.Info{}, &blob.Error{Op: "get", Name: name, Cause: blob.OutOfRange}
	}
	r := answer.NewRetryReader(ctx, &sdk.RetryReaderOptions{MaxRetries: 3, EarlyCloseAsError: true})
	return &reader{r, name}, info, nil
}

// totalSize is the blob's size: behind the slash of "bytes 3-9/10", else the length of the whole answer.
func totalSize(length *int64, contentRange *string) int64 {
	_, total, _ := strings.Cut(text(contentRange), "/")
	if n, err := strconv.ParseInt(total, 10, 64); err == nil {
		return n
	}
	if length == nil {
		return 0
	}
	return *length
}

// reader turns the errors of a body into those of the contract.
type reader struct {
	*sdk.RetryReader
	name string
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.RetryReader.Read(p)
	if err == io.EOF {
		return n, err
	}
	return n, fail("get", r.name, err)
}

// Head implements blob.Bucket.
func (b *Bucket) Head(ctx context.Context, name string) (blob.Info, error) {
	if err := blob.CheckName(name); err != nil {
		return blob.Info{}, err
	}
	p, err := b.client.NewBlobClient(name).GetProperties(ctx, nil)
	if err != nil {
		return blob.Info{}, fail("head", name, err)
	}
	info := blob.Info{Name: name, Size: totalSize(p.ContentLength, nil), ETag: etagOf(p.ETag), Modified: timeOf(p.LastModified),
		ContentType: text(p.ContentType), Disposition: text(p.ContentDisposition)}
	if len(p.Metadata) > 0 {
		info.Metadata = map[string]string{}
	}
	for k, v := range p.Metadata {
		info.Metadata[strings.ToLower(k)] = text(v)
	}
	return info, nil
}

// List implements blob.Bucket.
func (b *Bucket) List(ctx context.Context, prefix, startAfter string, fn func(blob.Info) error) error {
	o := &container.ListBlobsFlatOptions{}
	if prefix != "" {
		o.Prefix = &prefix
	}
	if startAfter > prefix {
		o.StartFrom = &startAfter // a hint: stores that do not know it begin at the prefix
	}
	for pages := b.client.NewListBlobsFlatPager(o); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fail("list", prefix, err)
		}
		for _, item := range page.Segment.BlobItems {
			info, ok := listed(item)
			if !ok || info.Name <= startAfter {
				continue
			}
			if err := fn(info); err != nil {
				return err
			}
		}
	}
	return nil
}

// listed leaves out the folders that accounts with a hierarchical namespace list as if they were blobs.
func listed(item *container.BlobItem) (blob.Info, bool) {
	p := item.Properties
	if item.Name == nil || p == nil || text(p.ResourceType) == "directory" {
		return blob.Info{}, false
	}
	return blob.Info{Name: *item.Name, Size: totalSize(p.ContentLength, nil), ETag: quoted(p.ETag), Modified: timeOf(p.LastModified)}, true
}

// Delete implements blob.Bucket. Snapshots of the blob go with it: they hold the same data.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	if err := blob.CheckName(name); err != nil {
		return err
	}
	_, err := b.client.NewBlobClient(name).Delete(ctx, &sdk.DeleteOptions{DeleteSnapshots: to.Ptr(sdk.DeleteSnapshotsOptionTypeInclude)})
	if err = fail("delete", name, err); blob.Classify(err) == blob.Absent {
		return nil
	}
	return err
}

func etagOf(e *azcore.ETag) string {
	if e == nil {
		return ""
	}
	return string(*e)
}

// quoted brings the ETag of a list, which has no quotes, into the form of all other answers.
func quoted(e *azcore.ETag) string {
	s := etagOf(e)
	if s == "" || strings.HasPrefix(s, `"`) || strings.HasPrefix(s, "W/") {
		return s
	}
	return `"` + s + `"`
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
