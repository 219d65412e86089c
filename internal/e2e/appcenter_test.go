//go:build appcenter

package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestAppCenterCLI runs testdata/appcenter: the official command line client as npm has it, over HTTPS, against a
// server with a CA of its own. LIFEBOAT_TEST_CLI is the path of its main file (tools/appcenter-cli/run --install).
// Beside the commands of TestScript there are
//
//	appcenter CODE ARG…          run the client with $TOKEN; it must end with CODE
//	appcenter- CODE ARG…         the same with neither token nor environment on the command line
//	fill FILE BYTES              make a file of random bytes
//	breaker BYTES [once]         start a proxy to the server that serve starts next, at $PROXY: every connection
//	                             is cut after so many bytes of the client; with once, the first such alone
//	uploaded APP ID FILE         the upload's original must be the file, byte for byte
func TestAppCenterCLI(t *testing.T) {
	t.Parallel()
	cli := os.Getenv("LIFEBOAT_TEST_CLI")
	if _, err := os.Stat(cli); err != nil {
		t.Fatalf("LIFEBOAT_TEST_CLI names no file: %v", err)
	}
	cmds := map[string]func(*testscript.TestScript, bool, []string){
		"appcenter":  func(ts *testscript.TestScript, _ bool, args []string) { appcenterCmd(ts, cli, args, true) },
		"appcenter-": func(ts *testscript.TestScript, _ bool, args []string) { appcenterCmd(ts, cli, args, false) },
		"fill":       fillCmd,
		"breaker":    breakerCmd,
		"uploaded":   uploadedCmd,
	}
	for name, cmd := range scriptCmds() {
		cmds[name] = cmd
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "appcenter"), RequireUniqueNames: true, ContinueOnError: true, Setup: setupCLI, Cmds: cmds,
	})
}

func setupCLI(env *testscript.Env) error {
	env.Setenv("MOBILE_CENTER_TELEMETRY", "off")
	env.Setenv("NODE_EXTRA_CA_CERTS", filepath.Join(env.WorkDir, "data", "tls", "ca.pem"))
	env.Setenv("NO_COLOR", "1")
	return setup(env)
}

func appcenterCmd(ts *testscript.TestScript, cli string, args []string, token bool) {
	if len(args) < 2 {
		ts.Fatalf("usage: appcenter CODE ARG…")
	}
	ts.Setenv("APPCENTER_ENDPOINT", ts.Getenv("TLS"))
	argv := append([]string{cli}, args[1:]...)
	if token {
		argv = append(argv, "--env", "local", "--token", ts.Getenv("TOKEN"))
	}
	code := 0
	if err := ts.Exec("node", argv...); err != nil {
		exit := new(exec.ExitError)
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("appcenter %v ended with %d, want %s", args[1:], code, args[0])
	}
}

// fillCmd writes bytes that no archive or protocol has a shorter form for.
func fillCmd(ts *testscript.TestScript, neg bool, args []string) {
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	random := rand.NewChaCha8([32]byte{1})
	piece := make([]byte, 1<<20)
	for size > 0 {
		n := min(size, int64(len(piece)))
		random.Read(piece[:n])
		if _, err := f.Write(piece[:n]); err != nil {
			ts.Fatalf("%v", fmt.Errorf("fill %s: %w", args[0], err))
		}
		size -= n
	}
}

// breakerCmd forwards to the plain listener of the script's server.
func breakerCmd(ts *testscript.TestScript, neg bool, args []string) {
	limit, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv("PROXY", "http://"+l.Addr().String())
	b := &breaker{server: serverOf(ts), limit: limit, once: len(args) > 1 && args[1] == "once"}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go b.forward(c)
		}
	}()
}

type breaker struct {
	server *running
	limit  int64
	once   bool
	broken atomic.Int64
}

func (b *breaker) forward(c net.Conn) {
	defer c.Close()
	up, err := net.Dial("tcp", strings.TrimPrefix(b.server.URL, "http://"))
	if err != nil {
		return
	}
	defer up.Close()
	go func() {
		io.Copy(c, up)
		c.Close()
	}()
	if b.once && b.broken.Load() > 0 {
		io.Copy(up, c)
		return
	}
	if n, _ := io.CopyN(up, c, b.limit); n == b.limit {
		b.broken.Add(1)
	}
}

func uploadedCmd(ts *testscript.TestScript, neg bool, args []string) {
	var at struct {
		URI string `json:"uri"`
	}
	req, err := http.NewRequest("GET", ts.Getenv("URL")+"/v0.1/apps/"+args[0]+"/symbol_uploads/"+args[1]+"/location", nil)
	ts.Check(err)
	req.Header.Set("X-API-Token", ts.Getenv("TOKEN"))
	answer, err := http.DefaultClient.Do(req)
	ts.Check(err)
	ts.Check(json.NewDecoder(answer.Body).Decode(&at))
	answer.Body.Close()
	if base := ts.Getenv("PROXY"); base != "" {
		at.URI = strings.Replace(at.URI, base, ts.Getenv("URL"), 1)
	}
	answer, err = http.Get(at.URI)
	ts.Check(err)
	defer answer.Body.Close()
	got, want := sha256.New(), sha256.New()
	_, err = io.Copy(got, answer.Body)
	ts.Check(err)
	f, err := os.Open(ts.MkAbs(args[2]))
	ts.Check(err)
	defer f.Close()
	_, err = io.Copy(want, f)
	ts.Check(err)
	if answer.StatusCode != http.StatusOK || !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		ts.Fatalf("%s: status %d, not the file that was sent", args[1], answer.StatusCode)
	}
}
