//go:build unix

package person_test

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/person"
)

// TestFullDisk runs itself again as a process that may not write files over a bound.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for _, blocks := range []string{"1", "100", "1000"} { // of 512 or 1,024 bytes: within the header, the records, an attachment
		folder := t.TempDir()
		c := exec.Command("sh", "-c", `ulimit -f `+blocks+` && exec "$0" -test.run '^TestOnFullDisk$'`, os.Args[0])
		c.Env = append(os.Environ(), "ON_FULL_DISK="+folder)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s blocks: %v\n%s", blocks, err, out)
		}
		if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
			t.Errorf("%s blocks: %d files left, %v", blocks, len(entries), err)
		}
	}
}

func TestOnFullDisk(t *testing.T) {
	folder := os.Getenv("ON_FULL_DISK")
	if folder == "" {
		return // the test above is the one that counts
	}
	signal.Ignore(syscall.SIGXFSZ) // a write over the bound is an error, not the end of the process
	e := &endless{names: []string{logsName}, body: func(name string) filled {
		if name == logsName {
			return filled{`[{"InstallId":"` + mine + `","MessageType":"ErrorAttachmentLog","Properties":"a","Fill":"`, 300_000, `"}]`}
		}
		return filled{fill: 3 << 20}
	}}
	o := request(t, e)
	o.File = folder + "/copy.zip"
	m, err := person.Copy(t.Context(), o)
	if err == nil || diag.KindOf(err) == diag.Invalid || person.ExitCode(m, err) != person.ExitIncomplete || errors.Is(err, person.ErrNothing) {
		t.Errorf("got %v", err)
	}
}
