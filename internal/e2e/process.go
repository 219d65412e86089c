// Package e2e drives the real binary as its users do: by its command line, over HTTP, with signals and kills.
//
// It promises that traffic goes to loopback only and that every process it starts is stopped by its process id.
package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lifeboat/internal/client"
	"lifeboat/internal/contract"
	"lifeboat/internal/server"
)

// Process is a running server.
type Process struct {
	Data            string
	URL, TLS, Admin string        // TLS is "" without --tls-listen
	Line            string        // the ready line
	Ready           time.Duration // from start to the ready line
	Secret          string        // of the app that Start made, or found
	App             string        // OWNER/NAME of it

	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended
	err   error         // how; read it after ended
}

// Launch says how to start a server.
type Launch struct {
	Bin, Data string
	Flags     []string
	Env       []string  // beside this process's own
	Stderr    io.Writer // nil: this process's own
}

// Build compiles the binary into folder.
func Build(folder string) (string, error) {
	bin := filepath.Join(folder, "lifeboat")
	cmd := exec.Command("go", "build", "-o", bin, "lifeboat/cmd/lifeboat")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return bin, cmd.Run()
}

// Start runs the binary on a data folder and sees to it that there is an app.
func Start(bin, data string, flags ...string) (*Process, error) {
	return Launch{Bin: bin, Data: data, Flags: flags}.WithApp()
}

// WithApp starts the server and sees to it that there is an app.
func (l Launch) WithApp() (*Process, error) {
	p, err := l.Start()
	if err != nil {
		return nil, err
	}
	if err := p.findApp(); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

// Start starts the server and waits for its ready line.
func (l Launch) Start() (*Process, error) {
	p := &Process{Data: l.Data, ended: make(chan struct{})}
	p.cmd = exec.Command(l.Bin, append([]string{"serve", "--data", l.Data, "--listen", "127.0.0.1:0", "--log-level", "WARN"}, l.Flags...)...)
	p.cmd.Env = append(os.Environ(), l.Env...)
	p.cmd.Stderr = l.Stderr
	if l.Stderr == nil {
		p.cmd.Stderr = os.Stderr
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	r := bufio.NewReader(out)
	p.Line, err = r.ReadString('\n')
	p.Ready = time.Since(started)
	go func() {
		io.Copy(io.Discard, r)
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	if err != nil {
		<-p.ended
		return nil, fmt.Errorf("the server did not start: %w", errors.Join(err, p.err))
	}
	p.readLine()
	return p, nil
}

// readLine takes the addresses out of the ready line.
func (p *Process) readLine() {
	for _, field := range strings.Fields(p.Line) {
		switch name, v, _ := strings.Cut(field, "="); name {
		case "url":
			p.URL = v
		case "tls":
			p.TLS = v
		case "admin":
			p.Admin = v
		}
	}
}

// Address is host and port of the listener.
func (p *Process) Address() string { return strings.TrimPrefix(p.URL, "http://") }

// Client speaks to the server as its administrator.
func (p *Process) Client() (*client.Client, error) {
	token, err := server.AdminToken(p.Data)
	if err != nil {
		return nil, err
	}
	return client.New(p.URL, token)
}

func (p *Process) findApp() error {
	api, err := p.Client()
	if err != nil {
		return err
	}
	var apps []contract.App
	if err := api.Call(context.Background(), "GET", "/apps", nil, &apps); err != nil {
		return err
	}
	if len(apps) == 0 {
		apps = make([]contract.App, 1)
		body := map[string]string{"name": "shop", "display_name": "Shop", "os": "Android", "platform": "Java"}
		if err := api.Call(context.Background(), "POST", "/apps", body, &apps[0]); err != nil {
			return err
		}
	}
	p.Secret, p.App = apps[0].AppSecret, apps[0].Owner.Name+"/"+apps[0].Name
	return nil
}

// stopTime is how long a stop may take.
const stopTime = 60 * time.Second

// Stop ends the server as an operator does and waits for it. It returns nil if the server ended with 0.
func (p *Process) Stop() error {
	p.Terminate()
	select {
	case <-p.ended:
		return p.err
	case <-time.After(stopTime):
		p.Kill()
		return errors.New("the server did not stop in time")
	}
}

// Terminate tells the server to end and does not wait.
func (p *Process) Terminate() { p.cmd.Process.Signal(syscall.SIGTERM) }

// Kill ends the server as a power cut does to a process, and waits until it is gone. It may be gone already.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// RSS is the server's resident memory in bytes, PeakRSS the most that it ever was.
func (p *Process) RSS() (int64, error)     { return p.memory("VmRSS:") }
func (p *Process) PeakRSS() (int64, error) { return p.memory("VmHWM:") }

func (p *Process) memory(name string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, name); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("/proc has no %s", name)
}

// Metrics reads the server's metrics by their names with labels.
func (p *Process) Metrics() (map[string]float64, error) {
	answer, err := http.Get(p.Admin + "/metrics")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	all := map[string]float64{}
	for s := bufio.NewScanner(answer.Body); s.Scan(); {
		if i := strings.LastIndexByte(s.Text(), ' '); i > 0 && s.Text()[0] != '#' {
			if v, err := strconv.ParseFloat(s.Text()[i+1:], 64); err == nil {
				all[s.Text()[:i]] = v
			}
		}
	}
	return all, nil
}

// WaitIndexed waits until the pipeline has passed everything, and returns how long that took.
func (p *Process) WaitIndexed(limit time.Duration) (time.Duration, error) {
	for started := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		m, err := p.Metrics()
		switch {
		case err != nil:
			return 0, err
		case m["lifeboat_pipeline_lag_frames"] == 0:
			return time.Since(started), nil
		case time.Since(started) > limit:
			return 0, fmt.Errorf("after %s %0.f frames still wait", limit, m["lifeboat_pipeline_lag_frames"])
		}
	}
}
