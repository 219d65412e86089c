package e2e_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"lifeboat/internal/e2e"
	"lifeboat/internal/server"
)

// TestScript runs testdata/script: the command line as users and scripts see it. Beside testscript's own
// commands there are
//
//	[!] serve [FLAG…]            start a server on $DATA; sets URL, TLS, ADMIN and TOKEN; its ready line is stdout;
//	                             with ! it must not start: its words are stderr, "exit CODE" is stdout
//	stop                         SIGTERM; the server must end with 0; its words are stderr
//	exits CODE PROGRAM [ARG…]    run a program that must end with CODE
//	[!] http METHOD PATH [FILE]  ask the server with $TOKEN; the status and the body are stdout; ! wants no 2xx
//	basic METHOD PATH USER FILE  ask the server with a name and the password in FILE; status and body are stdout
//	[!] post FILE [gzip]         send FILE as an SDK does with $SECRET and $INSTALL; @now@ in it is the time
//	pick NAME PATH               set NAME to the member of the JSON on stdout, like errors.0.errorId
//	waitindexed                  wait until everything sent is readable
//	mode FILE MODE               the file's mode must be like -rw-------
//	empty FOLDER                 the folder must hold nothing
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), RequireUniqueNames: true, ContinueOnError: true, Setup: setup,
		Cmds: scriptCmds(),
	})
}

func scriptCmds() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"serve": serveCmd, "stop": stopCmd, "exits": exitsCmd, "http": httpCmd, "post": postCmd, "basic": basicCmd,
		"pick": pickCmd, "waitindexed": waitIndexedCmd, "mode": modeCmd, "empty": emptyCmd,
	}
}

// running is the server of one script.
type running struct {
	*e2e.Process
	log *record
}

type runningKey struct{}

const scriptInstall = "77777777-7777-4777-8777-777777777777"

func setup(env *testscript.Env) error {
	env.Values[runningKey{}] = &running{}
	env.Setenv("DATA", filepath.Join(env.WorkDir, "data"))
	env.Setenv("INSTALL", scriptInstall)
	env.Setenv("HOME", env.WorkDir)
	return nil
}

func serverOf(ts *testscript.TestScript) *running { return ts.Value(runningKey{}).(*running) }

func serveCmd(ts *testscript.TestScript, neg bool, args []string) {
	r := serverOf(ts)
	r.log = new(record)
	p, err := e2e.Launch{Bin: program, Data: ts.Getenv("DATA"), Flags: args, Stderr: r.log}.Start()
	if neg {
		if err == nil {
			p.Kill()
			ts.Fatalf("the server started")
		}
		io.WriteString(ts.Stderr(), r.log.String())
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			fmt.Fprintf(ts.Stdout(), "exit %d\n", exit.ExitCode())
		}
		return
	}
	if err != nil {
		ts.Fatalf("%v\n%s", err, r.log)
	}
	ts.Defer(p.Kill)
	r.Process = p
	token, err := server.AdminToken(p.Data)
	ts.Check(err)
	for name, value := range map[string]string{"URL": p.URL, "TLS": p.TLS, "ADMIN": p.Admin, "TOKEN": token} {
		ts.Setenv(name, value)
	}
	io.WriteString(ts.Stdout(), p.Line)
}

func stopCmd(ts *testscript.TestScript, neg bool, args []string) {
	r := serverOf(ts)
	if err := r.Stop(); err != nil {
		ts.Fatalf("%v\n%s", err, r.log)
	}
	io.WriteString(ts.Stderr(), r.log.String())
}

func exitsCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG…]")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit := new(exec.ExitError)
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s ended with %d, want %s", args[1], code, args[0])
	}
}

func httpCmd(ts *testscript.TestScript, neg bool, args []string) {
	var body []byte
	if len(args) > 2 {
		body = []byte(ts.ReadFile(args[2]))
	}
	req, err := http.NewRequest(args[0], ts.Getenv("URL")+args[1], bytes.NewReader(body))
	ts.Check(err)
	req.Header.Set("X-API-Token", ts.Getenv("TOKEN"))
	tell(ts, neg, req)
}

func basicCmd(ts *testscript.TestScript, neg bool, args []string) {
	req, err := http.NewRequest(args[0], ts.Getenv("URL")+args[1], nil)
	ts.Check(err)
	req.SetBasicAuth(args[2], strings.TrimSpace(ts.ReadFile(args[3])))
	answer, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d\n%s", answer.StatusCode, b)
}

func postCmd(ts *testscript.TestScript, neg bool, args []string) {
	body := []byte(strings.ReplaceAll(ts.ReadFile(args[0]), "@now@", time.Now().UTC().Format("2006-01-02T15:04:05.000Z")))
	zipped := len(args) > 1 && args[1] == "gzip"
	if zipped {
		body = gzipped(body)
	}
	req, err := http.NewRequest("POST", ts.Getenv("URL")+"/logs?api-version=1.0.0", bytes.NewReader(body))
	ts.Check(err)
	req.Header.Set("App-Secret", ts.Getenv("SECRET"))
	req.Header.Set("Install-ID", ts.Getenv("INSTALL"))
	req.Header.Set("Content-Type", "application/json")
	if zipped {
		req.Header.Set("Content-Encoding", "gzip")
	}
	tell(ts, neg, req)
}

// tell sends a request and writes status and body of the answer.
func tell(ts *testscript.TestScript, neg bool, req *http.Request) {
	answer, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d\n%s", answer.StatusCode, b)
	if ok := answer.StatusCode/100 == 2; ok == neg {
		ts.Fatalf("%s %s: %d %s", req.Method, req.URL.Path, answer.StatusCode, b)
	}
}

func gzipped(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(body)
	w.Close()
	return b.Bytes()
}

func pickCmd(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile("stdout")
	if i := strings.IndexAny(text, "{["); i >= 0 {
		text = text[i:]
	}
	var v any
	ts.Check(json.Unmarshal([]byte(text), &v))
	for name := range strings.SplitSeq(args[1], ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[name]
		case []any:
			i, err := strconv.Atoi(name)
			ts.Check(err)
			if i >= len(at) {
				ts.Fatalf("%s: %d elements", args[1], len(at))
			}
			v = at[i]
		}
	}
	if v == nil {
		ts.Fatalf("%s is not there", args[1])
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

// indexTime is how long the pipeline may take on a busy machine.
const indexTime = 20 * time.Second

func waitIndexedCmd(ts *testscript.TestScript, neg bool, args []string) {
	_, err := serverOf(ts).WaitIndexed(indexTime)
	ts.Check(err)
}

func modeCmd(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := info.Mode().String(); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}

func emptyCmd(ts *testscript.TestScript, neg bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(entries) > 0 {
		ts.Fatalf("%s holds %s and %d more", args[0], entries[0].Name(), len(entries)-1)
	}
}
