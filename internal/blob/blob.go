// Package blob is the seam to places that hold blobs under names: a folder, an Azure container.
//
// It promises one contract for all of them, written at Bucket and checked by blobtest; what an error means
// for the caller is said by Classify and by nothing else. Adapters live in the packages below.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"strings"
	"time"
)

// Bucket is one container of blobs. Names are relative, use '/', and pass CheckName. All methods may be
// called at the same time.
//
// Whatever Put or Delete says is durable on return: a power cut afterwards changes nothing. The
// adapter retries what may pass in a few seconds, a bounded number of times; longer patience, and giving up
// on a destination as a whole, is the caller's. Errors are *Error; ask Classify or errors.Is with ErrAbsent,
// ErrExists and ErrChanged. No error text holds a key or a signature.
type Bucket interface {
	// Put stores body under name, whole or not at all, and returns the new ETag. Readers see the old state or
	// the new one. With PutOptions.IfAbsent a name that is taken is ErrExists, except that a put which meets
	// its own earlier success (see SameUpload) succeeds again. With IfMatch any other state is ErrChanged.
	Put(ctx context.Context, name string, body []byte, o PutOptions) (etag string, err error)

	// Get reads length bytes from offset; length -1 reads to the end. An offset at or behind the end of a
	// blob that is not empty is an error of cause OutOfRange. The bytes are those of one state of the blob:
	// if it changes while being read the reader fails. Info has no Metadata.
	Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, Info, error)

	// Head describes one blob, with its Metadata.
	Head(ctx context.Context, name string) (Info, error)

	// List calls fn for every blob whose name starts with prefix and is greater than startAfter, in byte
	// order of names, without holding the list in memory. An error of fn ends the list and is returned as it
	// is. Blobs put or deleted meanwhile may be missing or there. Info has neither Metadata nor ContentType.
	List(ctx context.Context, prefix, startAfter string, fn func(Info) error) error

	// Delete removes a blob. That it is absent already is no error.
	Delete(ctx context.Context, name string) error

	// String says where the bucket is, without secrets: a folder's path, a container's URL.
	String() string
}

// PutOptions say under which condition and with which description a blob is stored.
type PutOptions struct {
	IfAbsent    bool              // only if no blob has the name
	IfMatch     string            // only if the blob there has this ETag; "" = no condition
	ContentType string            // "" = application/octet-stream
	Disposition string            // Content-Disposition for those who download it; "" = none
	Metadata    map[string]string // keys [a-z][a-z0-9_]*, values printable ASCII
}

// Info describes a blob.
type Info struct {
	Name        string
	Size        int64
	ETag        string // opaque; changes with every Put
	Modified    time.Time
	ContentType string
	Disposition string
	Metadata    map[string]string // keys in lower case
}

// HashKey is the metadata key under which uploaders store the lower-case hex SHA-256 of the body, so that a
// retry can recognise its own earlier success.
const HashKey = "sha256"

// SameUpload reports whether the blob that is there came from the same put: its metadata name the same
// content hash and agree in everything else. Without a hash in the metadata nothing is the same.
func SameUpload(there Info, o PutOptions) bool {
	return o.Metadata[HashKey] != "" && maps.Equal(there.Metadata, o.Metadata)
}

// CheckName refuses names that some store would read as another name or as none: empty ones, absolute ones,
// those with empty, "." or ".." parts, with a backslash or with control characters, or over 1,024 bytes (the
// limit of Azure's blob names).
func CheckName(name string) error {
	bad := name == "" || len(name) > 1024 || name == "." || path.Clean(name) != name || name[0] == '/' ||
		name == ".." || strings.HasPrefix(name, "../") ||
		strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' })
	if bad {
		return &Error{Op: "name", Name: name, Cause: Fatal, Err: errors.New("not a usable blob name")}
	}
	return nil
}

// Cause says what an error means for the caller.
type Cause uint8

// The causes. What a caller can do about each stands beside it.
const (
	None            Cause = iota // no error
	Absent                       // no blob of that name
	Exists                       // IfAbsent: the name is taken
	Changed                      // IfMatch: the blob is in another state
	OutOfRange                   // Get behind the end: the caller's idea of the blob is stale
	Denied                       // key, signature or permission refused: needs the operator
	NoSuchHost                   // the host's name is known to no name server: needs the operator
	NoSuchContainer              // the container or folder is gone: create it again
	Throttled                    // the store asks for patience: later, slower
	Transient                    // network, time-out, the store's own failure, cancelled: later
	Fatal                        // everything else: the same call will fail again
)

var causeNames = [...]string{"none", "absent", "exists", "changed", "out of range", "denied", "no such host", "no such container", "throttled", "transient", "fatal"}

func (c Cause) String() string { return causeNames[c] }

// The errors that callers branch on, for errors.Is.
var (
	ErrAbsent  = errors.New("blob: absent")
	ErrExists  = errors.New("blob: exists")
	ErrChanged = errors.New("blob: changed")
)

// Error is a failed call on a bucket.
type Error struct {
	Op    string // put, get, head, list, delete, ...
	Name  string // of the blob, or the prefix of a list
	Cause Cause
	Err   error // the adapter's own words; may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("blob %s %q: %v", e.Op, e.Name, e.Cause)
	}
	return fmt.Sprintf("blob %s %q: %v: %v", e.Op, e.Name, e.Cause, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ErrAbsent) and its siblings work.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrAbsent:
		return e.Cause == Absent
	case ErrExists:
		return e.Cause == Exists
	case ErrChanged:
		return e.Cause == Changed
	}
	return false
}

// Classify says what an error of a bucket means. An error that no bucket made is Fatal, except that the end
// of a context is Transient.
func Classify(err error) Cause {
	var e *Error
	switch {
	case err == nil:
		return None
	case errors.As(err, &e):
		return e.Cause
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Transient
	}
	return Fatal
}
