package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/store"
)

// Source is an open data folder.
type Source struct {
	Dir     string
	Layout  Layout
	Store   *store.DB
	Journal *journal.Journal
	Head    Head // Format, Version and CreatedAt are filled in
	Clock   diag.Clock
}

// Taking is a backup that has begun: its register is taken. Close must be called in the end.
type Taking struct {
	s        Source
	register string // a temporary file
	journal  *journal.Copy
	Bytes    int64 // that Write will read, about
}

// tempMark is in the name of the register's copy. A crash leaves the file: see Sweep.
const tempMark = ".backup-"

// Sweep removes what a crash has left of backups of a folder that nobody uses.
func Sweep(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, register+tempMark+"*"))
	for _, name := range left {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// Take takes the register and notes how far the journal has come. An error of kind Busy says that the disk has no
// room for the register's copy.
func Take(ctx context.Context, s Source) (*Taking, error) {
	now := s.Clock.Now().UTC()
	s.Head.Format, s.Head.Version, s.Head.CreatedAt = format, version, now.Format(time.RFC3339)
	t := &Taking{s: s, register: filepath.Join(s.Dir, register+tempMark+diag.NewID(now).String())}
	if err := s.Store.CopyRegister(ctx, t.register); err != nil {
		t.Close()
		return nil, fmt.Errorf("backup: the register: %w", err)
	}
	t.journal = s.Journal.Copy()
	t.Bytes = t.journal.Bytes
	if info, err := os.Stat(t.register); err == nil {
		t.Bytes += info.Size()
	}
	for _, folder := range s.Layout.Folders {
		err := walk(s.Dir, folder, func(_, path string) error {
			if info, err := os.Lstat(path); err == nil {
				t.Bytes += info.Size()
			}
			return nil
		})
		if err != nil {
			t.Close()
			return nil, err
		}
	}
	return t, nil
}

// Close removes what Take has made.
func (t *Taking) Close() error {
	if err := os.Remove(t.register); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Write writes the file. progress, which may be nil, is told of bytes of Bytes.
func (t *Taking) Write(ctx context.Context, w io.Writer, progress func(n int64)) (Manifest, error) {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return Manifest{}, err
	}
	out := &writer{ctx: ctx, tar: tar.NewWriter(z), at: t.s.Clock.Now(), progress: progress, m: Manifest{Head: t.s.Head, Horizon: t.journal.Horizon}}
	if err := t.write(out); err != nil {
		z.Close() // stops its work; what was written is no backup
		return out.m, fmt.Errorf("backup: %w", err)
	}
	if err := errors.Join(out.tar.Close(), z.Close()); err != nil {
		return out.m, fmt.Errorf("backup: %w", err)
	}
	return out.m, nil
}

// write writes everything in order: what a reader must know first, then the register, then the journal, which
// is the same age or younger.
func (t *Taking) write(out *writer) error {
	if err := out.json(headName, t.s.Head); err != nil {
		return err
	}
	small := []string{t.s.Layout.Marker}
	if t.s.Head.WithKey {
		small = append(small, t.s.Layout.Secrets...)
	}
	for _, name := range small {
		if err := out.file(name, filepath.Join(t.s.Dir, name)); err != nil {
			return err
		}
	}
	if err := out.file(register, t.register); err != nil {
		return err
	}
	if err := t.journal.Each(out.ctx, func(f journal.CopiedFile) error {
		out.m.Frames += int64(f.Frames)
		return out.member(t.s.Layout.Journal+"/"+f.Name, f.Size, f.Body)
	}); err != nil {
		return err
	}
	for _, folder := range t.s.Layout.Folders {
		if err := walk(t.s.Dir, folder, out.file); err != nil {
			return err
		}
	}
	return out.json(manifestName, out.m)
}

// walk yields the files below a folder that are in a backup: those that are whole. Who writes a file gives it
// its name when it is.
func walk(dir, folder string, yield func(name, path string) error) error {
	return filepath.WalkDir(filepath.Join(dir, filepath.FromSlash(folder)), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		switch name = filepath.ToSlash(name); {
		case name != folder && (odd(d.Name()) || unfinished(d.Name())):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		return yield(name, path)
	})
}

// unfinished are the names that files have while they are being written.
func unfinished(name string) bool {
	return strings.HasSuffix(name, ".tmp") || strings.Contains(name, ".new-") || strings.Contains(name, tempMark)
}

// writer writes members.
type writer struct {
	ctx      context.Context
	tar      *tar.Writer
	at       time.Time
	progress func(int64)
	m        Manifest
	room     []byte
}

// file writes a file, if it is still there.
func (w *writer) file(name, path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return w.member(name, info.Size(), f)
}

func (w *writer) member(name string, size int64, body io.Reader) error {
	if len(w.m.Members) >= maxMembers {
		return diag.Errorf(diag.TooLarge, "The data folder has more than %d files, which no backup holds.", maxMembers)
	}
	if err := w.begin(name, size); err != nil {
		return err
	}
	sum := sha256.New()
	if w.room == nil {
		w.room = make([]byte, 256<<10)
	}
	for left := size; left > 0; {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		n, err := body.Read(w.room[:min(left, int64(len(w.room)))])
		sum.Write(w.room[:n])
		if _, failed := w.tar.Write(w.room[:n]); failed != nil {
			return failed
		}
		left -= int64(n)
		w.tell(n)
		if err == io.EOF && left > 0 {
			return fmt.Errorf("%s has become shorter while it was read", name)
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	w.m.Members = append(w.m.Members, Member{name, size, hex.EncodeToString(sum.Sum(nil))})
	w.m.Bytes += size
	return nil
}

func (w *writer) tell(n int) {
	if w.progress != nil {
		w.progress(int64(n))
	}
}

func (w *writer) begin(name string, size int64) error {
	return w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: w.at})
}

// json writes a member that is about the file itself.
func (w *writer) json(name string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if err := w.begin(name, int64(len(b))); err != nil {
		return err
	}
	_, err = w.tar.Write(b)
	return err
}
