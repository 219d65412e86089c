//go:build unix

package ingest_test

import (
	"syscall"
	"time"
)

// processorTime is what this process has used so far. It does not count what others do on the same machine.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
