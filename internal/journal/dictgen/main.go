// Command dictgen makes the zstd dictionary that journal segments are written with. It is made from invented
// logs only, so that the dictionary, which every copy of the program holds, holds nobody's data. The same
// flags make the same file.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"

	"github.com/klauspost/compress/zstd"

	"lifeboat/internal/diag"
)

func main() {
	out := flag.String("out", "", "file to write")
	id := flag.Uint("id", 1, "id of the dictionary")
	samples := flag.Int("samples", 1500, "logs to learn frequencies from")
	flag.Parse()
	if err := run(*out, uint32(*id), *samples); err != nil {
		fmt.Fprintln(os.Stderr, "dictgen:", err)
		os.Exit(1)
	}
}

func run(out string, id uint32, samples int) error {
	m := maker{rand.New(rand.NewPCG(1, uint64(id)))}
	built, err := zstd.BuildDict(zstd.BuildDictOptions{
		ID: id, Contents: m.frames(samples), History: m.history(), Offsets: [3]int{1, 4, 8}, Level: zstd.SpeedFastest,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(out, built, 0o644)
}

// frames are payloads as the journal gets them: mostly one report each, else some events of one request.
func (m maker) frames(n int) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		a := m.app()
		e := diag.Envelope{
			Install: diag.InstallID(m.guid()), Correlation: diag.ID(m.bytes(16)), Received: 1_793_000_000_000 + m.Int64N(1<<31),
		}
		switch {
		case i%10 < 6:
			e.Logs = [][]byte{[]byte(m.report(a))}
		case i%10 < 9:
			for range 1 + m.IntN(4) {
				e.Logs = append(e.Logs, []byte(m.event(a)))
			}
		default:
			e.Logs = [][]byte{[]byte(m.attachment(a))}
		}
		list[i] = e.Append(nil)
	}
	return list
}
