package export_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/blob/blobtest"
)

func diff(t *testing.T, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestMinute(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var b blobtest.Memory
		w.configure(&b)
		w.send(event(1), event(2), crash(1), handled(1), attach(1, crashID(1)))
		w.index()
		w.export(2)
		diff(t, map[string][]string{
			"crashes":     {line("00:01", "ErrorLog", crashID(1))},
			"errors":      {line("00:01", "HandledErrorLog", handledID(1))},
			"attachments": {line("00:01", "ErrorAttachmentLog", id("attachment", 1))},
			"logs": sorted(line("00:01", "ErrorLog", crashID(1)), line("00:01", "HandledErrorLog", handledID(1)),
				line("00:01", "ErrorAttachmentLog", id("attachment", 1)), line("00:01", "EventLog", id("event", 1)), line("00:01", "EventLog", id("event", 2))),
		}, kept(t, &b))
	})
}
