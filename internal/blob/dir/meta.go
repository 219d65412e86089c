package dir

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
	"syscall"

	"lifeboat/internal/blob"
)

// description is what stands in a file below .lifeboat/meta.
type description struct {
	ContentType string            `json:"contentType,omitempty"`
	Disposition string            `json:"disposition,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
}

// describe stores what o says about body, durably and before the blob itself appears, and returns the hash
// that it is filed under. Without anything to say it stores nothing.
func (b *Bucket) describe(name string, body []byte, o blob.PutOptions) (string, error) {
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if o.ContentType == "" && o.Disposition == "" && len(o.Metadata) == 0 {
		return "", nil
	}
	text, err := json.Marshal(description{o.ContentType, o.Disposition, o.Metadata})
	if err != nil {
		return "", err
	}
	folder := path.Join(metaDir, name)
	if err := b.makeDirs(folder); err != nil {
		return "", err
	}
	temp, err := b.writeTemp(text)
	if err != nil {
		return "", err
	}
	if err := b.root.Rename(temp, path.Join(folder, hash+".json")); err != nil {
		b.root.Remove(temp)
		return "", err
	}
	return hash, b.syncDir(folder)
}

// recall fills in what was described. The body is hashed only if there is a description at all.
func (b *Bucket) recall(info *blob.Info) error {
	folder := path.Join(metaDir, info.Name)
	if _, err := b.root.Stat(folder); err != nil {
		return nil
	}
	hash, err := b.hash(info.Name)
	if err != nil {
		return err
	}
	text, err := b.root.ReadFile(path.Join(folder, hash+".json"))
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var d description
	if err := json.Unmarshal(text, &d); err != nil {
		return err
	}
	info.ContentType, info.Disposition, info.Metadata = d.ContentType, d.Disposition, d.Metadata
	return nil
}

func (b *Bucket) hash(name string) (string, error) {
	f, err := b.root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// forget removes the descriptions of a blob's earlier bodies: all but the one filed under keep.
func (b *Bucket) forget(name, keep string) error {
	folder := path.Join(metaDir, name)
	entries, err := fs.ReadDir(b.root.FS(), folder)
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || e.Name() == keep+".json" {
			continue
		}
		if err := b.root.Remove(path.Join(folder, e.Name())); err != nil && !isAbsent(err) {
			return err
		}
	}
	return b.syncDir(folder)
}

// isAbsent: a name below a file (ENOTDIR) is as absent as one that never was.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || blob.Classify(err) == blob.Absent
}

// isFull: a full disk passes when somebody makes room, and says nothing about the blob.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }
