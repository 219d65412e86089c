package sqlite_test

import (
	"testing"

	"lifeboat/internal/store"
	"lifeboat/internal/store/sqlite"
	"lifeboat/internal/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, o storetest.Options) *store.DB {
		return open(t, t.TempDir(), sqlite.Options{GroupHash: o.GroupHash})
	})
}

// open opens a store that is closed at the end of the test.
func open(t testing.TB, dir string, o sqlite.Options) *store.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
