package load

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// foreign watches how much of the processors other programs take: machines are shared, and a figure that was
// missed while somebody else worked says little. All is in ticks of /proc.
type foreign struct{ all, busy, own float64 }

// watchForeign begins to watch.
func watchForeign() foreign {
	all, busy := processors()
	return foreign{all, busy, ownTicks()}
}

// share is what others took of all processors since then, 0 to 1. Where there is no /proc it is 0.
func (f foreign) share() float64 {
	all, busy := processors()
	if all <= f.all {
		return 0
	}
	return max(0, busy-f.busy-(ownTicks()-f.own)) / (all - f.all)
}

// processors reads the first line of /proc/stat: user nice system idle iowait irq softirq steal.
func processors() (all, busy float64) {
	b, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(b), "\n")
	for i, field := range strings.Fields(line) {
		v, err := strconv.ParseFloat(field, 64)
		if err != nil || i > 8 {
			continue // "cpu", and guest time, which user time holds already
		}
		all += v
		if i != 4 && i != 5 {
			busy += v
		}
	}
	return all, busy
}

// ownTicks is the processor time of this process and everything that it has started.
func ownTicks() (sum float64) {
	type process struct {
		parent int
		ticks  float64
	}
	all := map[int]process{}
	names, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(b), ") ") // the name before may hold blanks
		f := strings.Fields(rest)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if len(f) < 15 {
			continue
		}
		parent, _ := strconv.Atoi(f[1])
		p := process{parent: parent}
		for _, ticks := range f[11:13] { // utime, stime
			v, _ := strconv.ParseFloat(ticks, 64)
			p.ticks += v
		}
		if pid == os.Getpid() {
			for _, ticks := range f[13:15] { // of children that have ended
				v, _ := strconv.ParseFloat(ticks, 64)
				p.ticks += v
			}
		}
		all[pid] = p
	}
	for pid, p := range all {
		for up := pid; up > 1; up = all[up].parent {
			if up == os.Getpid() {
				sum += p.ticks
				break
			}
		}
	}
	return sum
}
