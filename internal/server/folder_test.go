package server_test

import (
	"bufio"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/server"
)

// TestFolderIsPrivate: nobody else on the machine can read what devices sent.
func TestFolderIsPrivate(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *server.Config) { c.TLSListen = "127.0.0.1:0" })
	w.makeApp("shop")
	w.post(crash(1, userID))
	names := map[string]bool{}
	err := filepath.WalkDir(w.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // a file that is gone again
		}
		info, err := d.Info()
		if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		names[d.Name()] = true
		return nil
	})
	w.ok(err)
	for _, name := range []string{"VERSION", "LOCK", "key", "admin.token", "register.db", "index.db", "journal", "spool", "ca.pem", "ca-key.pem"} {
		if !names[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFolderRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		used   bool // a server has made the folder
		change func(t *testing.T, c *server.Config)
		want   []string
	}{
		"other files": {false, func(t *testing.T, c *server.Config) { write(t, c.Data+"/photo.jpg", "") }, []string{"holds other files", "Choose an empty folder"}},
		"a file": {false, func(t *testing.T, c *server.Config) {
			c.Data = filepath.Join(c.Data, "file")
			write(t, c.Data, "")
		}, []string{"cannot be read"}},
		"below a file": {false, func(t *testing.T, c *server.Config) {
			write(t, c.Data+"/file", "")
			c.Data = filepath.Join(c.Data, "file", "data")
		}, []string{"The data folder"}},
		"VERSION lost":    {true, func(t *testing.T, c *server.Config) { os.Remove(c.Data + "/VERSION") }, []string{"no VERSION file", "restore VERSION"}},
		"VERSION empty":   {true, func(t *testing.T, c *server.Config) { write(t, c.Data+"/VERSION", "") }, []string{"damaged", "write 1 into it"}},
		"VERSION damaged": {true, func(t *testing.T, c *server.Config) { write(t, c.Data+"/VERSION", "one\n") }, []string{"damaged"}},
		"VERSION 0":       {true, func(t *testing.T, c *server.Config) { write(t, c.Data+"/VERSION", "0\n") }, []string{"damaged"}},
		"newer":           {true, func(t *testing.T, c *server.Config) { write(t, c.Data+"/VERSION", "2\n") }, []string{"has layout 2", "up to 1", "newer Lifeboat"}},
		"key lost":        {true, func(t *testing.T, c *server.Config) { os.Remove(c.Data + "/key") }, []string{"key of this data folder is missing", "--key-file"}},
		"key short":       {true, func(t *testing.T, c *server.Config) { write(t, c.Data+"/key", strings.Repeat("a", 62)) }, []string{"64 hex digits"}},
		"key long":        {true, func(t *testing.T, c *server.Config) { write(t, c.Data+"/key", strings.Repeat("a", 66)) }, []string{"64 hex digits"}},
		"key odd":         {true, func(t *testing.T, c *server.Config) { write(t, c.Data+"/key", strings.Repeat("a", 63)) }, []string{"64 hex digits"}},
		"key is no hex":   {true, func(t *testing.T, c *server.Config) { write(t, c.Data+"/key", strings.Repeat("x", 64)) }, []string{"64 hex digits"}},
		"no key file":     {false, func(t *testing.T, c *server.Config) { c.KeyFile = c.Data + "/../nokey" }, []string{"cannot be read"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := newConfig(t)
			if c.used {
				if err := open(t, config).Close(); err != nil {
					t.Fatal(err)
				}
			} else if err := os.Mkdir(config.Data, 0o700); err != nil {
				t.Fatal(err)
			}
			c.change(t, &config)
			s, err := server.Open(t.Context(), config)
			if err == nil {
				s.Close()
			}
			refuses(t, err, diag.Invalid, c.want...)
			if err != nil && strings.Contains(err.Error(), strings.Repeat("a", 60)) {
				t.Error("the error shows the key")
			}
		})
	}
}

// TestFolderAdopted: what a new disk holds, and what a first start leaves that was cut off, is no other file.
func TestFolderAdopted(t *testing.T) {
	t.Parallel()
	c := newConfig(t)
	if err := os.MkdirAll(filepath.Join(c.Data, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(c.Data, "LOCK"), "")
	write(t, filepath.Join(c.Data, "VERSION.new-123"), "")
	open(t, c)
}

func TestKeyFile(t *testing.T) {
	t.Parallel()
	c := newConfig(t)
	c.KeyFile = filepath.Join(t.TempDir(), "master")
	write(t, c.KeyFile, strings.Repeat("0A", 32)+"\n")
	if err := open(t, c).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(c.Data, "key")); err == nil {
		t.Error("a key was made beside the one that was named")
	}
}

// TestLock: nothing else opens a folder that is in use, be it in this process or another one.
func TestLock(t *testing.T) {
	t.Parallel()
	c := newConfig(t)
	inUse := func() {
		t.Helper()
		const words = "Another process uses the data folder"
		_, err := server.Open(t.Context(), c)
		refuses(t, err, diag.Conflict, words, c.Data)
		_, err = server.Reindex(t.Context(), c, nil)
		refuses(t, err, diag.Conflict, words)
		_, err = server.ResetAdmin(t.Context(), c)
		refuses(t, err, diag.Conflict, words)
	}
	s := open(t, c)
	inUse()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), holdFolder+"="+c.Data)
	stdin, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "open\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	inUse()
	other.Process.Kill() // the lock goes with the process, however that ends
	stdin.Close()
	other.Wait()
	open(t, c)
}

func TestReindexRefuses(t *testing.T) {
	t.Parallel()
	c := newConfig(t)
	_, err := server.Reindex(t.Context(), c, nil)
	refuses(t, err, diag.NotFound, "There is no data folder")
	if err := os.Mkdir(c.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = server.Reindex(t.Context(), c, nil)
	refuses(t, err, diag.NotFound, "not a data folder yet")
	if left, err := os.ReadDir(c.Data); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}
