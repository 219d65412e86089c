package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"lifeboat/internal/e2e"
)

// program is the binary: TestMain builds it and puts its folder first in PATH.
const program = "lifeboat"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "lifeboat-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	if _, err := e2e.Build(folder); err != nil {
		fmt.Fprintln(os.Stderr, "build the program:", err)
		return 1
	}
	os.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	return m.Run()
}

// start runs a server with an app on a folder of its own until the test ends.
func start(t *testing.T, flags ...string) *testServer {
	t.Helper()
	return startOn(t, filepath.Join(t.TempDir(), "data"), flags...)
}

// testServer is a server and what it says on stderr.
type testServer struct {
	*e2e.Process
	Log *record
}

func startOn(t *testing.T, data string, flags ...string) *testServer {
	t.Helper()
	log := new(record)
	p, err := e2e.Launch{Bin: program, Data: data, Flags: flags, Stderr: log}.WithApp()
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("the server said:\n%s", log)
		}
	})
	return &testServer{p, log}
}

// stop ends the server as an operator does. It must end well.
func (s *testServer) stop(t *testing.T) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Fatalf("stop: %v\n%s", err, s.Log)
	}
}

// record is a buffer that may be read while a process writes to it.
type record struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}
