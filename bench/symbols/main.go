// Command symbols measures uploads of symbol files through the blob leg: in blocks as the official client sends
// them, and whole. It starts the server itself, and compares with the disk: the same bytes written to a file and
// synced.
//
//	go run ./bench/symbols [-mib 1024] [-dir FOLDER]
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"lifeboat/internal/client"
	"lifeboat/internal/contract"
	"lifeboat/internal/e2e"
)

const (
	mib      = 1 << 20
	block    = 4 * mib
	inFlight = 5 // as the official client has
)

func main() {
	size := flag.Int64("mib", 1024, "how large the file is")
	dir := flag.String("dir", "", "where the data folder is made; default: the system's folder for such")
	flag.Parse()
	if err := run(context.Background(), *dir, *size*mib); err != nil {
		fmt.Fprintln(os.Stderr, "symbols:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, size int64) error {
	work, err := os.MkdirTemp(dir, "lifeboat-symbols-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	bin, err := e2e.Build(work)
	if err != nil {
		return err
	}
	if err := disk(filepath.Join(work, "plain"), size); err != nil {
		return err
	}
	p, err := e2e.Start(bin, filepath.Join(work, "data"))
	if err != nil {
		return err
	}
	defer p.Kill()
	api, err := p.Client()
	if err != nil {
		return err
	}
	for name, send := range map[string]func(string, int64) error{"in blocks of 4 MiB": inBlocks, "whole": whole} {
		if err := measure(ctx, p, api, name, size, send); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return p.Stop()
}

// pattern gives so many bytes.
func pattern(size int64) io.Reader {
	piece := bytes.Repeat([]byte("symbols!"), mib/8)
	readers := make([]io.Reader, 0, size/mib+1)
	for left := size; left > 0; left -= mib {
		readers = append(readers, bytes.NewReader(piece[:min(left, mib)]))
	}
	return io.MultiReader(readers...)
}

func rate(size int64, took time.Duration) string {
	return fmt.Sprintf("%.0f MB/s (%.1f s)", float64(size)/1e6/took.Seconds(), took.Seconds())
}

// disk writes the same bytes without a server.
func disk(path string, size int64) error {
	began := time.Now()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, pattern(size), make([]byte, 256<<10))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	fmt.Println("a file, synced:", rate(size, time.Since(began)))
	return os.Remove(path)
}

func measure(ctx context.Context, p *e2e.Process, api *client.Client, name string, size int64, send func(string, int64) error) error {
	var begun contract.SymbolUploadBegun
	if err := api.Call(ctx, http.MethodPost, "/apps/"+p.App+"/symbol_uploads", map[string]string{"symbol_type": "Breakpad"}, &begun); err != nil {
		return err
	}
	before, err := p.RSS()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := send(begun.UploadURL, size); err != nil {
		return err
	}
	took := time.Since(began)
	peak, err := p.PeakRSS()
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s, RSS %.0f MB before, at most %.0f MB\n", name, rate(size, took), float64(before)/1e6, float64(peak)/1e6)
	return api.Call(ctx, http.MethodPatch, "/apps/"+p.App+"/symbol_uploads/"+begun.SymbolUploadID, map[string]string{"status": "aborted"}, nil)
}

func put(address string, body io.Reader, size int64) error {
	r, err := http.NewRequest(http.MethodPut, address, body)
	if err != nil {
		return err
	}
	r.ContentLength = size
	r.Header.Set("X-Ms-Blob-Type", "BlockBlob")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s: %s", answer.Status, text)
	}
	return err
}

func whole(address string, size int64) error { return put(address, pattern(size), size) }

func inBlocks(address string, size int64) error {
	var wait sync.WaitGroup
	slots, failed := make(chan struct{}, inFlight), make(chan error, size/block+1)
	list := "<BlockList>"
	for at := int64(0); at < size; at += block {
		id := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%048d", at))
		list += "<Latest>" + id + "</Latest>"
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			n := min(block, size-at)
			if err := put(address+"&comp=block&blockid="+url.QueryEscape(id), pattern(n), n); err != nil {
				failed <- err
			}
		})
	}
	wait.Wait()
	close(failed)
	if err := <-failed; err != nil {
		return err
	}
	list += "</BlockList>"
	return put(address+"&comp=blocklist", strings.NewReader(list), int64(len(list)))
}
