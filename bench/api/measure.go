package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lifeboat/bench/load"
	"lifeboat/internal/client"
	"lifeboat/internal/contract"
	"lifeboat/internal/e2e"
	"lifeboat/internal/server"
)

// waitIndexed waits until the pipeline has passed everything.
func waitIndexed(ctx context.Context, admin string) error {
	_, err := (&e2e.Process{Admin: admin}).WaitIndexed(30 * time.Minute)
	return err
}

// bench is one run against one server.
type bench struct {
	size
	*e2e.Process
	token   string
	groups  []string
	reports [][2]string // group and report
	lost    atomic.Int64
}

func measure(ctx context.Context, bin string, s size) error {
	p, err := e2e.Start(bin, s.dir)
	if err != nil {
		return err
	}
	defer p.Stop()
	token, err := server.AdminToken(s.dir)
	if err != nil {
		return err
	}
	b := &bench{size: s, Process: p, token: token}
	if _, err := p.WaitIndexed(30 * time.Minute); err != nil {
		return err
	}
	fmt.Printf("ready after %d ms; rest for %s\n", p.Ready.Milliseconds(), s.rest)
	time.Sleep(s.rest)
	if err := b.learn(ctx); err != nil {
		return err
	}
	fmt.Printf("%d groups learnt of, %d reports; %d reports/s come in meanwhile\n", len(b.groups), len(b.reports), s.incoming)
	stop := b.ingest()
	defer stop()
	var failed error
	for _, m := range b.mixes() {
		failed = errors.Join(failed, b.run(m))
	}
	took := stop()
	waited, err := p.WaitIndexed(time.Minute)
	if err != nil {
		return err
	}
	rss, peak := memory(p)
	fmt.Printf("incoming: %.0f reports/s, %d refused, the last one processed after %.1f s\n", took, b.lost.Load(), waited.Seconds())
	fmt.Printf("RSS %.0f MB, at most %.0f MB\n", rss, peak)
	return failed
}

func memory(p *e2e.Process) (now, peak float64) {
	a, _ := p.RSS()
	b, _ := p.PeakRSS()
	return float64(a) / 1e6, float64(b) / 1e6
}

// learn reads groups and reports to ask for, and warms the cache of pages.
func (b *bench) learn(ctx context.Context) error {
	api, err := client.New(b.URL, b.token)
	if err != nil {
		return err
	}
	var groups struct {
		ErrorGroups []contract.ErrorGroup `json:"errorGroups"`
	}
	if err := api.Call(ctx, "GET", "/apps/"+b.App+"/errors/errorGroups?$top=2000&$orderby="+url.QueryEscape("lastOccurrence desc"), nil, &groups); err != nil {
		return err
	}
	for _, g := range groups.ErrorGroups {
		b.groups = append(b.groups, g.ErrorGroupID)
	}
	if len(b.groups) == 0 {
		return errors.New("there are no groups")
	}
	for range 300 {
		g := b.groups[rand.IntN(len(b.groups))]
		var reports struct {
			Errors []contract.Report `json:"errors"`
		}
		if err := api.Call(ctx, "GET", "/apps/"+b.App+"/errors/errorGroups/"+g+"/errors?$top=20", nil, &reports); err != nil {
			return err
		}
		for _, r := range reports.Errors {
			b.reports = append(b.reports, [2]string{g, r.ErrorID})
		}
	}
	return nil
}

// ingest sends single crashes at a steady pace until stop is called, which returns how many came in per second.
func (b *bench) ingest() (stop func() float64) {
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	var sent atomic.Int64
	began := time.Now()
	for i := range senders {
		wait.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), uint64(i)))
			tick := time.NewTicker(time.Second * senders / time.Duration(max(1, b.incoming)))
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				if err := sendOne(b.URL, b.Secret, b.faults, rng); err != nil {
					b.lost.Add(1)
				}
				sent.Add(1)
			}
		})
	}
	return sync.OnceValue(func() float64 {
		cancel()
		wait.Wait()
		return float64(sent.Load()) / time.Since(began).Seconds()
	})
}

func sendOne(url, secret string, faults int, rng *rand.Rand) error {
	return post(url, secret, `{"logs":[`+load.Crash(rng, time.Now(), faults)+`]}`, rng)
}

// mix is calls made in turn.
type mix struct {
	name  string
	calls []call
	limit time.Duration // that the 95th percentile may take
	rate  int           // calls per second of all
}

type call struct {
	name string
	path func() string // behind the app
}

func (b *bench) mixes() []mix {
	since := func(days int) string { return time.Now().AddDate(0, 0, -days).UTC().Format("2006-01-02T15:04:05Z") }
	fixed := func(p string) func() string { return func() string { return p } }
	filter := func(f string) func() string {
		return fixed("/errors/search?$top=100&filter=" + url.QueryEscape(f))
	}
	group := func(rest string) func() string {
		return func() string { return "/errors/errorGroups/" + b.groups[rand.IntN(len(b.groups))] + rest }
	}
	report := func(rest string) func() string {
		return func() string {
			r := b.reports[rand.IntN(len(b.reports))]
			return "/errors/errorGroups/" + r[0] + "/errors/" + r[1] + rest
		}
	}
	return []mix{
		{"reading", []call{
			{"list groups (30)", fixed("/errors/errorGroups?$top=30")},
			{"group detail", group("")},
			{"list reports of a group", group("/errors?$top=30")},
			{"report detail", report("")},
			{"stack trace", report("/stacktrace")},
		}, 20 * time.Millisecond, b.calls},
		{"groups of a window", []call{
			{"list groups (30) of 7 days", fixed("/errors/errorGroups?$top=30&start=" + since(7))},
			{"list groups (30) of 28 days", fixed("/errors/errorGroups?$top=30&start=" + since(28))},
			{"list groups (30) of a version", fixed("/errors/errorGroups?$top=30&version=3.1.1")},
			{"list groups (30) by last occurrence", fixed("/errors/errorGroups?$top=30&$orderby=" + url.QueryEscape("lastOccurrence desc"))},
		}, 20 * time.Millisecond, 10},
		{"numbers", []call{
			{"counts per day, 90 days", fixed("/errors/errorCountsPerDay?errorType=unhandledError&start=" + since(90))},
			{"error-free devices, 90 days", fixed("/errors/errorfreeDevicePercentages?errorType=unhandledError&start=" + since(90))},
			{"counts per day of a group", group("/errorCountsPerDay?start=" + since(90))},
			{"models of a group", group("/models")},
			{"versions", fixed("/errors/available_versions?start=" + since(90))},
		}, 50 * time.Millisecond, 20},
		{"numbers of several versions", []call{
			{"error-free devices of 3 versions", fixed("/errors/errorfreeDevicePercentages?errorType=unhandledError&versions=3.0.0|3.1.1|3.2.2&start=" + since(90))},
		}, 50 * time.Millisecond, 1},
		{"search", []call{
			{"text: a class", fixed("/errors/search?q=CartOrder")},
			{"text: a user", func() string { return fmt.Sprintf("/errors/search?q=user-%d", 10000+rand.IntN(40000)) }},
			{"text: two words of a message", fixed("/errors/search?q=" + url.QueryEscape("Cart ready"))},
			{"text: nothing", fixed("/errors/search?q=zzzzqqqq")},
			{"text in groups", fixed("/errors/errorGroups/search?q=Cart")},
			{"filter: three terms", filter("exceptionType eq 'java.io.IOException' and deviceName eq 'Pixel_7' and osVersion eq '14'")},
			{"filter: three terms, rare", filter("contains(exceptionMessage,'Cart') and userId eq 'user-4711' and appVersion eq '3.1.1'")},
			{"filter: three terms in groups", fixed("/errors/errorGroups/search?filter=" + url.QueryEscape("exceptionType eq 'java.io.IOException' and contains(exceptionMethod,'load') and appVersion eq '3.1.1'"))},
		}, 200 * time.Millisecond, 10},
	}
}

// run makes the calls of a mix at a steady pace, whether earlier ones have been answered or not.
func (b *bench) run(m mix) error {
	took := make([][]time.Duration, len(m.calls))
	var (
		mu     sync.Mutex
		wait   sync.WaitGroup
		failed error
	)
	tick := time.NewTicker(time.Second / time.Duration(m.rate))
	defer tick.Stop()
	n := int(b.took.Seconds() * float64(m.rate))
	for i := range n {
		<-tick.C
		c := i % len(m.calls)
		path := m.calls[c].path()
		wait.Go(func() {
			d, err := b.get(path)
			mu.Lock()
			defer mu.Unlock()
			took[c] = append(took[c], d)
			if err != nil && failed == nil {
				failed = fmt.Errorf("%s: %w", m.calls[c].name, err)
			}
		})
	}
	wait.Wait()
	_, peak := memory(b.Process)
	fmt.Printf("%s at %d calls/s (peak RSS %.0f MB)\n", m.name, m.rate, peak)
	for c, all := range took {
		slices.Sort(all)
		p95 := all[len(all)*95/100]
		verdict := "met"
		if p95 > m.limit {
			verdict = "MISSED"
		}
		fmt.Printf("  %-36s p50 %7.1f ms  p95 %7.1f ms  max %7.1f ms  (%d calls; p95 of %d ms %s)\n",
			m.calls[c].name, ms(all[len(all)/2]), ms(p95), ms(all[len(all)-1]), len(all), m.limit.Milliseconds(), verdict)
	}
	return failed
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (b *bench) get(path string) (time.Duration, error) {
	req, err := http.NewRequest("GET", b.URL+"/v0.1/apps/"+b.App+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("X-API-Token", b.token)
	began := time.Now()
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	took := time.Since(began)
	if err == nil && (answer.StatusCode != http.StatusOK || !json.Valid(body)) {
		err = fmt.Errorf("%s %.200s", answer.Status, body)
	}
	return took, err
}
