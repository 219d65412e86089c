// Package dir keeps blobs as the files of a folder, so that an archive on a disk is what its names say and
// any tool can read it.
//
// It promises the contract of blob.Bucket on every folder, also one that something else wrote or that cannot
// be written to: reading makes no file. What a file cannot hold (content type, disposition, metadata) stands
// beside the tree, in .lifeboat/meta/<name>/<SHA-256 of the body>.json; being keyed by content it can neither
// be torn from its blob by a crash nor stick to foreign bytes. The folder .lifeboat is never listed, read or
// written as a blob. Names cannot leave the folder (os.Root), not even through symbolic links.
//
// Two limits follow from files: one name cannot be both a blob and the folder of others, and IfMatch compares
// and swaps among the users of one Bucket value, not among processes. IfAbsent holds among all.
package dir

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"lifeboat/internal/blob"
)

// The folders of our own below the root.
const (
	ownDir  = ".lifeboat"
	tempDir = ownDir + "/tmp"
	metaDir = ownDir + "/meta"
)

// debrisAge is how much older than a file just written a temporary file must be to be a crash's debris.
const debrisAge = time.Hour

// Bucket is a folder. The zero value is not usable: see Open.
type Bucket struct {
	root   *os.Root
	swap   sync.Mutex // held from the check of an ETag to the rename
	sweeps sync.Once
}

var _ blob.Bucket = (*Bucket)(nil)

// Open opens an existing folder; one that is missing is an error of cause blob.NoSuchContainer.
func Open(folder string) (*Bucket, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		cause := causeOf(err)
		if cause == blob.Absent {
			cause = blob.NoSuchContainer
		}
		return nil, &blob.Error{Op: "open", Name: folder, Cause: cause, Err: err}
	}
	return &Bucket{root: root}, nil
}

// Close gives the folder back to the system. Readers that are open stay usable.
func (b *Bucket) Close() error { return b.root.Close() }

// String is the folder as it was opened.
func (b *Bucket) String() string { return b.root.Name() }

// Put implements blob.Bucket: temporary file, sync, link (which refuses a name that is taken) or rename,
// sync of the folder.
func (b *Bucket) Put(ctx context.Context, name string, body []byte, o blob.PutOptions) (string, error) {
	if err := check(ctx, "put", name); err != nil {
		return "", err
	}
	if o.IfAbsent {
		if _, err := b.root.Lstat(name); err == nil {
			return b.taken(ctx, name, o)
		}
	}
	etag, err := b.put(ctx, name, body, o)
	if errors.Is(err, fs.ErrExist) && o.IfAbsent {
		return b.taken(ctx, name, o)
	}
	if isAbsent(err) {
		err = &blob.Error{Op: "put", Name: name, Cause: b.putCause(), Err: err}
	}
	return etag, fail("put", name, err)
}

// putCause tells a folder that is gone from a name that runs through another blob.
func (b *Bucket) putCause() blob.Cause {
	if _, err := os.Stat(b.root.Name()); err != nil {
		return blob.NoSuchContainer
	}
	return blob.Fatal
}

func (b *Bucket) put(ctx context.Context, name string, body []byte, o blob.PutOptions) (string, error) {
	temp, err := b.writeTemp(body)
	if err != nil {
		return "", err
	}
	defer b.root.Remove(temp)
	if err := b.makeDirs(path.Dir(name)); err != nil {
		return "", err
	}
	hash, err := b.describe(name, body, o)
	if err != nil {
		return "", err
	}
	if o.IfAbsent {
		if err := b.root.Link(temp, name); err != nil {
			return "", err
		}
	} else if err := b.replace(ctx, temp, name, hash, o.IfMatch); err != nil {
		return "", err
	}
	if err := b.syncDir(path.Dir(name)); err != nil {
		return "", err
	}
	info, err := b.root.Stat(name)
	if err != nil {
		return "", err
	}
	return etag(info), nil
}

// taken answers an IfAbsent put on a name that exists.
func (b *Bucket) taken(ctx context.Context, name string, o blob.PutOptions) (string, error) {
	there, err := b.Head(ctx, name)
	if err == nil && blob.SameUpload(there, o) {
		return there.ETag, nil
	}
	return "", &blob.Error{Op: "put", Name: name, Cause: blob.Exists}
}

// replace puts the temporary file in the place of name if the ETag there is the one asked for, and makes
// sure that the new ETag differs also where the file system's clock is coarse.
func (b *Bucket) replace(ctx context.Context, temp, name, hash, ifMatch string) error {
	b.swap.Lock()
	defer b.swap.Unlock()
	old, err := b.root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && ifMatch == "":
		return b.root.Rename(temp, name)
	case errors.Is(err, fs.ErrNotExist):
		return &blob.Error{Op: "put", Name: name, Cause: blob.Changed}
	case err != nil:
		return err
	case ifMatch != "" && etag(old) != ifMatch:
		return &blob.Error{Op: "put", Name: name, Cause: blob.Changed}
	}
	fresh, err := b.root.Stat(temp)
	if err != nil {
		return err
	}
	if !fresh.ModTime().After(old.ModTime()) {
		later := old.ModTime().Add(time.Microsecond)
		if err := b.root.Chtimes(temp, later, later); err != nil {
			return err
		}
	}
	if err := b.root.Rename(temp, name); err != nil {
		return err
	}
	return b.forget(name, hash)
}

// writeTemp makes a synced file with a random name. The first one also clears debris of earlier crashes.
func (b *Bucket) writeTemp(body []byte) (string, error) {
	if err := b.makeDirs(tempDir); err != nil {
		return "", err
	}
	var random [16]byte
	rand.Read(random[:])
	name := tempDir + "/" + hex.EncodeToString(random[:])
	f, err := b.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return "", err
	}
	_, err = f.Write(body)
	if err == nil {
		err = f.Sync()
	}
	if err = cmp.Or(err, f.Close()); err != nil {
		b.root.Remove(name)
		return "", err
	}
	b.sweeps.Do(func() { b.sweep(name) })
	return name, nil
}

// sweep removes temporary files much older than the one just written. Its errors cost disk space only.
func (b *Bucket) sweep(fresh string) {
	now, err := b.root.Stat(fresh)
	if err != nil {
		return
	}
	entries, err := fs.ReadDir(b.root.FS(), tempDir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && now.ModTime().Sub(info.ModTime()) > debrisAge {
			b.root.Remove(tempDir + "/" + e.Name())
		}
	}
}

// makeDirs makes a folder and those above it and syncs every folder that got a new entry.
func (b *Bucket) makeDirs(name string) error {
	if name == "." {
		return nil
	}
	if info, err := b.root.Stat(name); err == nil && info.IsDir() {
		return nil
	}
	if err := b.makeDirs(path.Dir(name)); err != nil {
		return err
	}
	if err := b.root.Mkdir(name, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return b.syncDir(path.Dir(name))
}

func (b *Bucket) syncDir(name string) error {
	f, err := b.root.Open(name)
	if err != nil {
		return err
	}
	return cmp.Or(f.Sync(), f.Close())
}

// Get implements blob.Bucket.
func (b *Bucket) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, blob.Info, error) {
	if err := check(ctx, "get", name); err != nil {
		return nil, blob.Info{}, err
	}
	f, err := b.root.Open(name)
	if err != nil {
		return nil, blob.Info{}, fail("get", name, err)
	}
	r, info, err := section(ctx, f, name, offset, length)
	if err != nil {
		f.Close()
		return nil, blob.Info{}, fail("get", name, err)
	}
	return r, info, nil
}

func section(ctx context.Context, f *os.File, name string, offset, length int64) (*reader, blob.Info, error) {
	stat, err := f.Stat()
	if err != nil {
		return nil, blob.Info{}, err
	}
	if !stat.Mode().IsRegular() {
		return nil, blob.Info{}, fs.ErrNotExist
	}
	info := infoOf(name, stat)
	if offset < 0 || offset > 0 && offset >= info.Size || length == 0 || length < -1 {
		return nil, info, &blob.Error{Op: "get", Name: name, Cause: blob.OutOfRange}
	}
	if length < 0 || length > info.Size-offset {
		length = info.Size - offset
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, info, err
	}
	return &reader{ctx: ctx, f: f, info: info, left: length}, info, nil
}

// reader reads a part of a file and fails if the file changed meanwhile: files are normally replaced, which
// a reader does not see, but a foreign writer may write in place.
type reader struct {
	ctx  context.Context
	f    *os.File
	info blob.Info
	left int64
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, fail("get", r.info.Name, err)
	}
	if r.left == 0 {
		return 0, r.end()
	}
	n, err := r.f.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if err == io.EOF {
		err = &blob.Error{Op: "get", Name: r.info.Name, Cause: blob.Changed, Err: io.ErrUnexpectedEOF}
	}
	return n, err
}

func (r *reader) end() error {
	stat, err := r.f.Stat()
	if err != nil {
		return fail("get", r.info.Name, err)
	}
	if etag(stat) != r.info.ETag {
		return &blob.Error{Op: "get", Name: r.info.Name, Cause: blob.Changed}
	}
	return io.EOF
}

func (r *reader) Close() error { return r.f.Close() }

// Head implements blob.Bucket.
func (b *Bucket) Head(ctx context.Context, name string) (blob.Info, error) {
	if err := check(ctx, "head", name); err != nil {
		return blob.Info{}, err
	}
	stat, err := b.root.Stat(name)
	if err == nil && !stat.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return blob.Info{}, fail("head", name, err)
	}
	info := infoOf(name, stat)
	return info, fail("head", name, b.recall(&info))
}

// Delete implements blob.Bucket. Folders that it leaves empty stay: another put may be about to use them.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	if err := check(ctx, "delete", name); err != nil {
		return err
	}
	if stat, err := b.root.Lstat(name); err != nil || stat.IsDir() {
		if err == nil || isAbsent(err) {
			return nil
		}
		return fail("delete", name, err)
	}
	if err := b.root.Remove(name); err != nil && !isAbsent(err) {
		return fail("delete", name, err)
	}
	return fail("delete", name, cmp.Or(b.forget(name, ""), b.syncDir(path.Dir(name))))
}

// List implements blob.Bucket.
func (b *Bucket) List(ctx context.Context, prefix, startAfter string, fn func(blob.Info) error) error {
	start := "."
	if i := strings.LastIndexByte(prefix, '/'); i > 0 {
		start = prefix[:i]
	}
	if !fs.ValidPath(start) || own(start) {
		return nil // no name that List could show starts so
	}
	l := lister{b: b, ctx: ctx, prefix: prefix, after: startAfter, fn: fn}
	err := l.folder(start)
	if isAbsent(err) {
		return nil
	}
	return err
}

type lister struct {
	b             *Bucket
	ctx           context.Context
	prefix, after string
	fn            func(blob.Info) error
}

// folder lists one folder in the order of whole names: a folder "a" sorts as "a/", that is behind "a-b".
func (l *lister) folder(name string) error {
	f, err := l.b.root.Open(name)
	if err != nil {
		return fail("list", name, err)
	}
	entries, err := f.ReadDir(-1)
	if err = cmp.Or(err, f.Close()); err != nil {
		return fail("list", name, err)
	}
	slices.SortFunc(entries, func(x, y fs.DirEntry) int { return cmp.Compare(sortKey(x), sortKey(y)) })
	for _, e := range entries {
		if err := l.ctx.Err(); err != nil {
			return fail("list", name, err)
		}
		if err := l.entry(path.Join(name, e.Name()), e); err != nil {
			return err
		}
	}
	return nil
}

func sortKey(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}

func (l *lister) entry(name string, e fs.DirEntry) error {
	if e.IsDir() {
		within := name + "/"
		if name == ownDir || !strings.HasPrefix(within, l.prefix) && !strings.HasPrefix(l.prefix, within) ||
			l.after > within && !strings.HasPrefix(l.after, within) {
			return nil
		}
		err := l.folder(name)
		if isAbsent(err) {
			return nil // deleted meanwhile
		}
		return err
	}
	if !strings.HasPrefix(name, l.prefix) || name <= l.after {
		return nil
	}
	stat, err := l.stat(name, e)
	if err != nil || stat == nil {
		return err
	}
	return l.fn(infoOf(name, stat))
}

// stat describes a file, nil for what is no blob. A link to a file is a blob; one that leads nowhere or out
// of the folder is listed too, so that reading it fails and is noticed. A link to a folder ends the list with
// an error: following it could go round for ever, leaving it out would hide blobs.
func (l *lister) stat(name string, e fs.DirEntry) (fs.FileInfo, error) {
	stat, err := e.Info()
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fail("list", name, err)
	}
	if stat.Mode()&fs.ModeSymlink != 0 {
		target, err := l.b.root.Stat(name)
		if err != nil {
			return stat, nil
		}
		if target.IsDir() {
			return nil, &blob.Error{Op: "list", Name: name, Cause: blob.Fatal, Err: errors.New("a symbolic link to a folder is not followed: put the folder itself there")}
		}
		stat = target
	}
	if !stat.Mode().IsRegular() {
		return nil, nil
	}
	return stat, nil
}

func infoOf(name string, stat fs.FileInfo) blob.Info {
	return blob.Info{Name: name, Size: stat.Size(), ETag: etag(stat), Modified: stat.ModTime().UTC()}
}

func etag(stat fs.FileInfo) string {
	return fmt.Sprintf("%x-%x", stat.ModTime().UnixNano(), stat.Size())
}

func check(ctx context.Context, op, name string) error {
	if err := ctx.Err(); err != nil {
		return fail(op, name, err)
	}
	if own(name) {
		return &blob.Error{Op: op, Name: name, Cause: blob.Fatal, Err: errors.New("the name is kept for the store's own files")}
	}
	return blob.CheckName(name)
}

func own(name string) bool { return name == ownDir || strings.HasPrefix(name, ownDir+"/") }

// fail turns an error of the system into one of the contract; nil stays nil.
func fail(op, name string, err error) error {
	var e *blob.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &blob.Error{Op: op, Name: name, Cause: causeOf(err), Err: err}
}

func causeOf(err error) blob.Cause {
	switch {
	case isAbsent(err):
		return blob.Absent
	case errors.Is(err, fs.ErrExist):
		return blob.Exists
	case errors.Is(err, fs.ErrPermission):
		return blob.Denied
	case isFull(err):
		return blob.Throttled
	}
	return blob.Classify(err)
}
