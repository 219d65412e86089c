package journal

import (
	"log/slog"
	"sync"
)

// maxDamage is where counting stops, so that a ruined disk costs neither memory nor a log without end.
const maxDamage = 4096

// damage remembers where segments are damaged, so that each place is counted and logged once however often
// it is read. The zero value is ready.
type damage struct {
	mu    sync.Mutex
	known map[damagedAt]struct{}
	count int64
	bytes int64
}

type damagedAt struct{ segment, offset int64 }

func (d *damage) note(log *slog.Logger, s *segment, offset, length int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := damagedAt{s.id(), offset}
	if _, ok := d.known[at]; ok || len(d.known) >= maxDamage {
		return
	}
	if d.known == nil {
		d.known = make(map[damagedAt]struct{})
	}
	d.known[at] = struct{}{}
	d.count++
	d.bytes += length
	log.Error("journal segment is damaged; the rest of it stays readable",
		"class", s.class.String(), "segment", s.number, "offset", offset, "bytes", length)
}

func (d *damage) totals() (count, bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count, d.bytes
}
