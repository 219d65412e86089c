package server

import (
	"context"
	"errors"

	"lifeboat/internal/journal"
	"lifeboat/internal/store"
	"lifeboat/internal/store/sqlite"
)

// Offline is a data folder that no server uses, opened by a tool.
type Offline struct {
	Store   *store.DB
	Journal *journal.Journal
	folder  *folder
}

// OpenOffline opens an existing folder. rebuild throws the index away first.
func OpenOffline(ctx context.Context, c Config, rebuild bool) (*Offline, error) {
	if err := c.setDefaults(); err != nil {
		return nil, err
	}
	f, err := openFolder(c.Data, c.KeyFile, false)
	if err != nil {
		return nil, err
	}
	o := &Offline{folder: f}
	if o.Store, err = sqlite.Open(ctx, f.path, sqlite.Options{Rebuild: rebuild, LogKey: derive(f.key, forLogs)}); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	if o.Journal, err = openJournal(ctx, f, o.Store, &c, nil); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

// Close closes the folder.
func (o *Offline) Close() error {
	var errs []error
	if o.Journal != nil {
		errs = append(errs, o.Journal.Close())
	}
	if o.Store != nil {
		errs = append(errs, o.Store.Close())
	}
	o.folder.close()
	return errors.Join(errs...)
}
