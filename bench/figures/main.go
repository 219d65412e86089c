// Command figures measures the server's figures with the real binary on this machine: ingestion beside an
// empty handler, processing, memory, disk, start and reindexing. docs/benchmarks.md says how to read them.
//
//	go run ./bench/figures [-only ingest,events,memory,million] [-runs 3]
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lifeboat/bench/load"
	"lifeboat/internal/e2e"
)

func main() {
	only := flag.String("only", "ingest,events,memory,million", "which figures, separated by commas")
	runs := flag.Int("runs", 3, "how often the rates are measured; the best counts")
	dir := flag.String("dir", "", "where data folders are made; default: the system's place for temporary files")
	empty := flag.Bool("empty-handler", false, "serve the handler that only reads bodies (used by this program itself)")
	raw := flag.Bool("raw", false, "send with the generator that takes less of the processor than Go's HTTP client")
	flag.Parse()
	client := load.HTTP
	if *raw {
		client = load.Raw
	}
	if *empty {
		serveEmpty()
		return
	}
	if err := measure(strings.Split(*only, ","), *runs, *dir, client); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

// serveEmpty is the peer: net/http with a handler that reads the body and answers what ingestion answers.
func serveEmpty() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	answer := []byte(`{"status":"Success","validDiagnosticsIds":[],"throttledDiagnosticsIds":[],"correlationId":"00000000-0000-4000-8000-000000000000"}`)
	http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Write(answer)
	}))
}

// bench is one run of this program.
type bench struct {
	bin, dir string
	runs     int
	client   load.Client
}

func measure(only []string, runs int, dir string, client load.Client) error {
	dir, err := os.MkdirTemp(dir, "lifeboat-figures-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, runs: runs, client: client}
	if b.bin, err = e2e.Build(dir); err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		run  func() error
	}{{"ingest", b.ingest}, {"events", b.events}, {"memory", b.memory}, {"million", b.million}} {
		if slices.Contains(only, part.name) {
			fmt.Printf("== %s\n", part.name)
			if err := part.run(); err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
		}
	}
	return nil
}

// The load of one run of the rates.
const (
	connections = 64
	runTime     = 10 * time.Second
	noLimit     = 1 << 30
)

// folder is a fresh data folder.
func (b *bench) folder(name string) string {
	f := filepath.Join(b.dir, name)
	os.RemoveAll(f)
	return f
}

// ingest compares single crashes with the empty handler, runs alternating.
func (b *bench) ingest() error {
	var best, peer load.Result
	var processed float64
	for range b.runs {
		e, err := b.emptyRun()
		if err != nil {
			return err
		}
		fmt.Println("empty handler ", e)
		r, rate, err := b.rate(b.folder("ingest"), load.Crashes(1))
		if err != nil {
			return err
		}
		fmt.Println("single crashes", r)
		if e.PerSecond() > peer.PerSecond() {
			peer = e
		}
		if r.PerSecond() > best.PerSecond() {
			best = r
		}
		processed = max(processed, rate)
	}
	fmt.Printf("single crashes: %.0f/s, %.0f %% of the empty handler's %.0f/s, p99 %.1f ms; processed meanwhile %.0f/s\n",
		best.PerSecond(), 100*best.PerSecond()/peer.PerSecond(), peer.PerSecond(), float64(best.P99)/1e6, processed)
	return b.backlog("ingest", "crashes")
}

func (b *bench) emptyRun() (load.Result, error) {
	self, err := os.Executable()
	if err != nil {
		return load.Result{}, err
	}
	cmd := exec.Command(self, "-empty-handler")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return load.Result{}, err
	}
	if err := cmd.Start(); err != nil {
		return load.Result{}, err
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	var address string
	if _, err := fmt.Fscanln(out, &address); err != nil {
		return load.Result{}, err
	}
	return b.client.Run(address, "none", connections, noLimit, runTime/2, load.Crashes(1))
}

// rate runs a load on a server and tells what was processed of it meanwhile, per second. Nothing may be lost.
func (b *bench) rate(data string, source func(int) load.Source) (load.Result, float64, error) {
	p, err := e2e.Start(b.bin, data)
	if err != nil {
		return load.Result{}, 0, err
	}
	defer p.Stop()
	if _, err := p.WaitIndexed(time.Minute); err != nil { // what a kill has left behind
		return load.Result{}, 0, err
	}
	before, err := rows(p)
	if err != nil {
		return load.Result{}, 0, err
	}
	r, err := b.client.Run(p.Address(), p.Secret, connections, noLimit, runTime, source)
	if err != nil {
		return r, 0, err
	}
	at, err := rows(p)
	if err != nil {
		return r, 0, err
	}
	waited, err := p.WaitIndexed(2 * time.Minute)
	if err != nil {
		return r, 0, err
	}
	after, err := rows(p)
	if err != nil {
		return r, 0, err
	}
	if int(after-before) != r.Logs {
		return r, 0, fmt.Errorf("%d logs were answered 200, %.0f have a row", r.Logs, after-before)
	}
	if left := after - at; left > 0.02*float64(r.Logs) {
		fmt.Printf("  backlog of %.0f logs indexed in %.2f s: %.0f logs/s\n", left, waited.Seconds(), left/waited.Seconds())
	}
	return r, (at - before) / r.Took.Seconds(), nil
}

// rows is how many logs are indexed and processed.
func rows(p *e2e.Process) (float64, error) {
	m, err := p.Metrics()
	return m[`lifeboat_pipeline_rows_total{kind="event"}`] + m[`lifeboat_pipeline_rows_total{kind="report"}`], err
}

// backlog has the last folder indexed anew, all of it being a backlog then.
func (b *bench) backlog(folder, what string) error {
	out, err := exec.Command(b.bin, "reindex", "--data", filepath.Join(b.dir, folder)).CombinedOutput()
	fmt.Printf("backlog of %s: %s", what, out)
	return err
}

func (b *bench) events() error {
	var best load.Result
	for range b.runs {
		r, _, err := b.rate(b.folder("events"), load.Events(2))
		if err != nil {
			return err
		}
		fmt.Println("50 events each", r)
		if r.PerSecond() > best.PerSecond() {
			best = r
		}
	}
	fmt.Printf("batches of 50 events: %.0f durable logs/s, p99 %.1f ms\n", best.PerSecond(), float64(best.P99)/1e6)
	return b.backlog("events", "events")
}
