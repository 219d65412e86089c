// Command export measures how long after its end a busy minute is in Azure Blob Storage: 59,000 events, 1,000
// crashes and 200 attachments, written to Azurite, which it starts itself.
//
//	go run ./bench/export
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"lifeboat/bench/load"
	"lifeboat/internal/e2e"
)

func main() {
	limit := flag.Duration("limit", 4*time.Minute, "when to give up")
	flag.Parse()
	if err := measure(*limit); err != nil {
		fmt.Fprintln(os.Stderr, "export:", err)
		os.Exit(1)
	}
}

// The minute.
const (
	events      = 59_000
	crashes     = 1_000
	attachments = 200
)

func measure(limit time.Duration) error {
	dir, err := os.MkdirTemp("", "lifeboat-export-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin, err := e2e.Build(dir)
	if err != nil {
		return err
	}
	endpoint, stop, err := azurite()
	if err != nil {
		return err
	}
	defer stop()
	p, err := e2e.Start(bin, dir+"/data", "--export-host", strings.TrimPrefix(endpoint, "http://"))
	if err != nil {
		return err
	}
	defer p.Stop()
	if err := configure(p, endpoint); err != nil {
		return err
	}
	end, err := fill(p)
	if err != nil {
		return err
	}
	return wait(p, end, limit)
}

// account is Azurite's built-in one, which everybody knows (https://learn.microsoft.com/azure/storage/common/storage-use-azurite).
const account = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;BlobEndpoint="

func configure(p *e2e.Process, endpoint string) error {
	api, err := p.Client()
	if err != nil {
		return err
	}
	return api.Call(context.Background(), "POST", "/apps/"+p.App+"/export_configurations", map[string]any{
		"type": "blob_storage_connection_string", "connection_string": account + endpoint + "/devstoreaccount1", "exportEntities": []string{"crashes"},
	}, nil)
}

// azurite starts the emulator on a free port.
func azurite() (endpoint string, stop func(), err error) {
	cmd := exec.Command("tools/azurite/run")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	}
	for s := bufio.NewScanner(out); s.Scan(); {
		if _, url, ok := strings.Cut(s.Text(), "listens on "); ok {
			go io.Copy(io.Discard, out)
			return strings.TrimSuffix(strings.Fields(url)[0], "."), stop, nil
		}
	}
	stop()
	return "", nil, errors.New("the emulator did not start")
}

// fill sends everything at the beginning of a minute and returns when that minute ends.
func fill(p *e2e.Process) (end time.Time, err error) {
	if left := time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)); left < 45*time.Second {
		time.Sleep(left + time.Second) // begin with a fresh minute
	}
	end = time.Now().Truncate(time.Minute).Add(time.Minute)
	for _, part := range []struct {
		n      int
		source func(int) load.Source
	}{{events / 50, load.Events(1)}, {crashes - attachments, load.Crashes(2)}, {attachments, load.CrashesWithAttachment(3)}} {
		r, err := load.HTTP.Run(p.Address(), p.Secret, 16, part.n, 40*time.Second, part.source)
		if err != nil {
			return end, err
		}
		fmt.Println(r)
	}
	if time.Now().After(end) {
		return end, errors.New("the logs did not all fit into one minute: try again on a quieter machine")
	}
	return end, nil
}

// wait watches the configuration until the minute is exported.
func wait(p *e2e.Process, end time.Time, limit time.Duration) error {
	api, err := p.Client()
	if err != nil {
		return err
	}
	for time.Since(end) < limit {
		var list struct {
			Values []struct {
				LastRunTime time.Time `json:"last_run_time"`
				StateInfo   string    `json:"state_info"`
			} `json:"values"`
		}
		if err := api.Call(context.Background(), "GET", "/apps/"+p.App+"/export_configurations", nil, &list); err != nil {
			return err
		}
		if len(list.Values) > 0 && !list.Values[0].LastRunTime.Before(end) {
			fmt.Printf("the minute of %d events, %d crashes and %d attachments was exported %.1f s after its end\n", events, crashes, attachments, time.Since(end).Seconds())
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the minute was not exported in time")
}
