package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// printJSON writes one object on one line of stdout.
func printJSON(v any) {
	e := json.NewEncoder(os.Stdout)
	e.SetEscapeHTML(false)
	e.Encode(v) // a closed stdout is nobody's business
}

// bar is a line of progress on a terminal; elsewhere it is silent.
type bar struct {
	w    io.Writer // nil: silent
	mu   sync.Mutex
	last time.Time
	size int
}

const barInterval = 100 * time.Millisecond

func newBar() *bar {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return &bar{}
	}
	return &bar{w: os.Stderr}
}

// set shows a text in place of the one before, not too often.
func (b *bar) set(format string, args ...any) {
	if b.w == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now(); now.Sub(b.last) >= barInterval {
		b.last = now
		text := fmt.Sprintf(format, args...)
		fmt.Fprintf(b.w, "\r%-*s", b.size, text)
		b.size = len(text)
	}
}

// clear takes the line away.
func (b *bar) clear() {
	if b.w == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size > 0 {
		fmt.Fprintf(b.w, "\r%*s\r", b.size, "")
		b.size = 0
	}
}

// megabytes is a size for people.
func megabytes(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%d KB", (n+999)/1000)
}
