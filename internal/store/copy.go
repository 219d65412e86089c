package store

import "context"

// CopyRegister writes the register as of one moment to a new file, for a backup: in the engine's own form, whole
// and without what was deleted. Writing to the register goes on meanwhile. The file is made with mode 0600 and is not
// synced; after an error it may be there in part.
func (db *DB) CopyRegister(ctx context.Context, path string) error {
	return db.register.explain(db.register.readers.use(ctx, func(c *conn) error {
		return db.register.dialect.Copy(ctx, c.sql, path)
	}))
}
