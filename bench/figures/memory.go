package main

import (
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"time"

	"lifeboat/bench/load"
	"lifeboat/internal/e2e"
)

// memory measures a fresh folder at rest, and the time after 100,000 crashes.
func (b *bench) memory() error {
	data := b.folder("memory")
	p, err := e2e.Start(b.bin, data)
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := rss(p, "fresh folder, 30 s after ready", 30*time.Second); err != nil {
		return err
	}
	const crashes = 100_000
	r, err := b.client.Run(p.Address(), p.Secret, connections, crashes, 5*time.Minute, load.Crashes(3))
	if err != nil {
		return err
	}
	fmt.Println("100,000 crashes", r)
	if _, err := p.WaitIndexed(time.Minute); err != nil {
		return err
	}
	if err := rss(p, "60 s after a load of 100,000 crashes", 60*time.Second); err != nil {
		return err
	}
	if err := p.Stop(); err != nil {
		return err
	}
	size, err := folderSize(data)
	if err != nil {
		return err
	}
	fmt.Printf("disk after a clean stop: %.0f bytes per crash, indexes included\n", float64(size)/float64(r.Logs))
	return nil
}

func rss(p *e2e.Process, what string, wait time.Duration) error {
	time.Sleep(wait)
	n, err := p.RSS()
	fmt.Printf("RSS %s: %.1f MB\n", what, float64(n)/1e6)
	return err
}

func folderSize(folder string) (sum int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}

// million measures a folder of 1,000,000 logs: start, memory, rates, reindexing.
func (b *bench) million() error {
	data := b.folder("million")
	if err := b.fill(data); err != nil {
		return err
	}
	out, err := exec.Command(b.bin, "reindex", "--data", data).CombinedOutput()
	fmt.Printf("reindex: %s", out)
	if err != nil {
		return err
	}
	p, err := e2e.Start(b.bin, data)
	if err != nil {
		return err
	}
	fmt.Printf("ready after a clean stop: %.3f s\n", p.Ready.Seconds())
	if err := rss(p, "with 1,000,000 logs, 30 s after ready", 30*time.Second); err != nil {
		return err
	}
	if _, err := b.client.Run(p.Address(), p.Secret, connections, noLimit, time.Second, load.Crashes(6)); err != nil {
		return err
	}
	p.Kill()
	if p, err = e2e.Start(b.bin, data); err != nil {
		return err
	}
	fmt.Printf("ready after kill -9: %.3f s\n", p.Ready.Seconds())
	if err := p.Stop(); err != nil {
		return err
	}
	r, _, err := b.rate(data, load.Events(7))
	if err != nil {
		return err
	}
	fmt.Println("50 events each, on top of a million", r)
	r, processed, err := b.rate(data, load.Crashes(8))
	if err != nil {
		return err
	}
	fmt.Println("single crashes, on top of a million", r)
	fmt.Printf("processed meanwhile: %.0f/s\n", processed)
	return nil
}

// fill makes a folder of 950,000 events and 50,000 crashes.
func (b *bench) fill(data string) error {
	p, err := e2e.Start(b.bin, data)
	if err != nil {
		return err
	}
	defer p.Stop()
	if _, err := b.client.Run(p.Address(), p.Secret, connections, 19_000, 5*time.Minute, load.Events(4)); err != nil {
		return err
	}
	if _, err := b.client.Run(p.Address(), p.Secret, connections, 50_000, 5*time.Minute, load.Crashes(5)); err != nil {
		return err
	}
	_, err = p.WaitIndexed(5 * time.Minute)
	return err
}
