package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store/sqlite"
)

// TestCopyRegister: copies taken while apps are made are whole registers, each with the apps that there were.
func TestCopyRegister(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const apps = 60
	var made sync.WaitGroup
	made.Go(func() {
		for i := range apps {
			createApp(t, db, fmt.Sprintf("app-%d", i))
		}
	})
	last := 0
	for i := 0; last < apps && i < 1000; i++ {
		copied := filepath.Join(t.TempDir(), "register.db")
		if err := db.CopyRegister(t.Context(), copied); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("the copy is %v, %v", info, err)
		}
		other, err := sqlite.Open(t.Context(), filepath.Dir(copied), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		all, err := other.Apps(t.Context())
		if err := other.Close(); err != nil {
			t.Error(err)
		}
		if err != nil || len(all) < last {
			t.Fatalf("%d apps after %d, %v", len(all), last, err)
		}
		last = len(all)
		for n, a := range all {
			if a.Name != fmt.Sprintf("app-%d", n) {
				t.Errorf("app %d is %s", n, a.Name)
			}
		}
	}
	made.Wait()
	if last != apps {
		t.Errorf("%d apps in the last copy", last)
	}
	// Readers still cannot write, and a file that is there is kept.
	if _, err := db.Users(t.Context()); err != nil {
		t.Error(err)
	}
	there := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(there, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := db.CopyRegister(t.Context(), there); err == nil || diag.KindOf(err) != diag.Internal {
		t.Errorf("an existing file: %v", err)
	}
}
