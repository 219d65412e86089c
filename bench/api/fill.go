package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lifeboat/bench/load"
	"lifeboat/internal/client"
	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/server"
)

// pastClock is the machine's clock, set back.
type pastClock struct {
	diag.SystemClock
	back atomic.Int64 // nanoseconds
}

func (c *pastClock) Now() time.Time { return time.Now().Add(-time.Duration(c.back.Load())) }

const (
	perRequest = 20
	senders    = 8
	day        = 24 * time.Hour
)

// fill runs a server in this process, day after day, and sends it each day's share.
func fill(ctx context.Context, s size) error {
	clock := &pastClock{}
	clock.back.Store(int64(time.Duration(s.days) * day))
	srv, err := server.Open(ctx, server.Config{
		Data: s.dir, Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", Clock: clock, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		OwnerName: "admin", OwnerEmail: "admin@localhost",
	})
	if err != nil {
		return err
	}
	ready := make(chan server.Addresses, 1)
	srv.OnReady(func(a server.Addresses) { ready <- a })
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(running) }()
	var at server.Addresses
	select {
	case at = <-ready:
	case err := <-ended:
		return err
	}
	began := time.Now()
	err = fillDays(ctx, s, clock, at)
	stop()
	err = errors.Join(err, <-ended, srv.Close())
	fmt.Printf("filled with %d reports of %d days in %s\n", s.reports, s.days, time.Since(began).Round(time.Second))
	return err
}

func fillDays(ctx context.Context, s size, clock *pastClock, at server.Addresses) error {
	token, err := server.AdminToken(s.dir)
	if err != nil {
		return err
	}
	api, err := client.New(at.URL, token)
	if err != nil {
		return err
	}
	var app contract.App
	body := map[string]string{"name": "shop", "display_name": "Shop", "os": "Android", "platform": "Java"}
	if err := api.Call(ctx, http.MethodPost, "/apps", body, &app); err != nil {
		return err
	}
	for d := range s.days {
		clock.back.Store(int64(time.Duration(s.days-d) * day))
		share := s.reports*(d+1)/s.days - s.reports*d/s.days
		if err := sendDay(at.URL, app.AppSecret, clock.Now(), share, s.faults, uint64(d)); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "\rday %d of %d", d+1, s.days)
	}
	clock.back.Store(0)
	fmt.Fprintln(os.Stderr)
	return waitIndexed(ctx, at.Admin)
}

// sendDay sends a day's reports, and a session of some of the devices.
func sendDay(url, secret string, now time.Time, reports, faults int, seed uint64) error {
	var wait sync.WaitGroup
	errs := make([]error, senders)
	for i := range senders {
		n := reports*(i+1)/senders - reports*i/senders
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		wait.Go(func() {
			for n > 0 && errs[i] == nil {
				k := min(n, perRequest)
				errs[i] = send(url, secret, now, k, faults, rng)
				n -= k
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

func send(url, secret string, now time.Time, n, faults int, rng *rand.Rand) error {
	logs := []string{load.Session(rng, now)}
	for range n {
		logs = append(logs, load.Crash(rng, now, faults))
	}
	return post(url, secret, `{"logs":[`+strings.Join(logs, ",")+`]}`, rng)
}

func post(url, secret, body string, rng *rand.Rand) error {
	req, err := http.NewRequest("POST", url+"/logs?api-version=1.0.0", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("App-Secret", secret)
	req.Header.Set("Install-ID", load.Install(rng))
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("answer %s", answer.Status)
	}
	return nil
}
