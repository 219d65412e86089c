package sqlite

import (
	"context"
	"io/fs"

	"lifeboat/internal/store"
)

// OpenMigrations is Open with other migrations than the real ones.
func OpenMigrations(ctx context.Context, dir string, migrations fs.FS) (*store.DB, error) {
	return open(ctx, dir, Options{}, migrations)
}
