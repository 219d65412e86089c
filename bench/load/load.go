// Package load is what the benchmarks share: a server process to measure, synthetic traffic as SDKs send it,
// and a generator that keeps many connections busy while it takes as little of the processor as it can.
//
// It promises that traffic goes to loopback only, that runs are bounded, and that every process it starts is
// stopped by its process id.
package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Result is what one run of Run measured.
type Result struct {
	Requests int
	Logs     int
	Took     time.Duration
	P50, P99 time.Duration
	Max      time.Duration
	Foreign  float64 // share of the processors that other programs took, 0 to 1
}

// PerSecond is the rate of logs.
func (r Result) PerSecond() float64 {
	if r.Took <= 0 {
		return 0
	}
	return float64(r.Logs) / r.Took.Seconds()
}

func (r Result) String() string {
	return fmt.Sprintf("%8.0f requests/s  %8.0f logs/s  p50 %5.1f ms  p99 %5.1f ms  max %6.1f ms  foreign CPU %2.0f %%",
		float64(r.Requests)/r.Took.Seconds(), r.PerSecond(), ms(r.P50), ms(r.P99), ms(r.Max), 100*r.Foreign)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Source makes the bodies of one connection.
type Source interface {
	// Next returns the next body and how many logs it holds. The body is used until the next call.
	Next() (body []byte, logs int)
}

// Client says how requests are sent.
type Client int

const (
	// HTTP is Go's own client, as programs use it.
	HTTP Client = iota
	// Raw writes requests by hand over plain connections. It takes a third of the processor that HTTP takes, which
	// leaves more of a shared machine to the server and makes every comparison with an empty handler harder.
	Raw
)

// Run sends requests over so many connections, each one after the other, until one of the limits is reached.
// Every answer must be 200.
func (c Client) Run(address, secret string, connections, requests int, limit time.Duration, source func(connection int) Source) (Result, error) {
	foreign := watchForeign()
	var (
		wait  sync.WaitGroup
		parts = make([]part, connections)
	)
	started := time.Now()
	deadline := started.Add(limit)
	for i := range parts {
		share := requests*(i+1)/connections - requests*i/connections
		send := parts[i].raw
		if c == HTTP {
			send = parts[i].http
		}
		wait.Go(func() { parts[i].err = send(address, secret, share, deadline, source(i)) })
	}
	wait.Wait()
	r := Result{Took: time.Since(started), Foreign: foreign.share()}
	var all []time.Duration
	for i := range parts {
		if parts[i].err != nil {
			return r, fmt.Errorf("connection %d: %w", i, parts[i].err)
		}
		r.Requests += len(parts[i].times)
		r.Logs += parts[i].logs
		all = append(all, parts[i].times...)
	}
	if len(all) == 0 {
		return r, errors.New("no request was answered")
	}
	slices.Sort(all)
	r.P50, r.P99, r.Max = all[len(all)/2], all[len(all)*99/100], all[len(all)-1]
	return r, nil
}

// part is one connection's share.
type part struct {
	times []time.Duration
	logs  int
	err   error
}

// answerTime is when a request counts as lost.
const answerTime = 60 * time.Second

// installs is how many devices the logs come from.
const installs = 20_000

// install is some device's id.
func install(rng *rand.Rand) string {
	return fmt.Sprintf("77777777-7777-4777-8777-%012d", rng.IntN(installs))
}

func random() *rand.Rand { return rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1)) }

func (p *part) http(address, secret string, requests int, deadline time.Time, source Source) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: answerTime}
	defer client.CloseIdleConnections()
	rng := random()
	for range requests {
		if time.Now().After(deadline) {
			return nil
		}
		body, logs := source.Next()
		req, err := http.NewRequest("POST", "http://"+address+"/logs?api-version=1.0.0", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header["App-Secret"], req.Header["Install-Id"], req.Header["Content-Type"] = []string{secret}, []string{install(rng)}, []string{"application/json"}
		begun := time.Now()
		answer, err := client.Do(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("answer %s", answer.Status)
		}
		p.done(begun, logs)
	}
	return nil
}

func (p *part) done(begun time.Time, logs int) {
	p.times = append(p.times, time.Since(begun))
	p.logs += logs
}

func (p *part) raw(address, secret string, requests int, deadline time.Time, source Source) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 4096)
	var out []byte
	rng := random()
	for range requests {
		if time.Now().After(deadline) {
			return nil
		}
		body, logs := source.Next()
		out = append(out[:0], "POST /logs?api-version=1.0.0 HTTP/1.1\r\nHost: l\r\nApp-Secret: "...)
		out = append(append(append(out, secret...), "\r\nInstall-ID: "...), install(rng)...)
		out = append(out, "\r\nContent-Type: application/json\r\nContent-Length: "...)
		out = strconv.AppendInt(out, int64(len(body)), 10)
		out = append(append(out, "\r\n\r\n"...), body...)
		begun := time.Now()
		conn.SetDeadline(begun.Add(answerTime))
		if _, err := conn.Write(out); err != nil {
			return err
		}
		if err := readAnswer(r); err != nil {
			return err
		}
		p.done(begun, logs)
	}
	return nil
}

// readAnswer reads one HTTP/1.1 answer with a length and wants it to be 200.
func readAnswer(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(status) < 12 || string(status[9:12]) != "200" {
		return fmt.Errorf("answer %q", status)
	}
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if name, value, ok := strings.Cut(string(line), ":"); ok && strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return err
			}
		}
	}
	_, err = io.CopyN(io.Discard, r, int64(length))
	return err
}
