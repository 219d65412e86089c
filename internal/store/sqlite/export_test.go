package sqlite

import (
	"context"
	"io/fs"

	"lifeboat/internal/store"
)

// OpenMigrations is Open with other migrations than the real ones.
func OpenMigrations(ctx context.Context, dir string, migrations fs.FS) (*store.DB, error) {
	return open(ctx, dir, Options{}, dialect{}, migrations)
}

// OpenWatched is Open with a look at the text of every statement.
func OpenWatched(ctx context.Context, dir string, see func(text string)) (*store.DB, error) {
	return open(ctx, dir, Options{}, watched{see: see}, nil)
}

type watched struct {
	dialect
	see func(text string)
}

func (w watched) Rewrite(text string) string {
	text = w.dialect.Rewrite(text)
	w.see(text)
	return text
}
