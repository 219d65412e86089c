// Command soak kills the server at random moments under load for hundreds of rounds, and then wants every log
// that was answered 200 exactly once: in the journal, in the index and in the exported archive.
//
//	go run ./bench/soak [-rounds 300] [-seed N]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"lifeboat/internal/e2e"
)

func main() {
	rounds := flag.Int("rounds", 300, "how often the server is killed")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the random moments")
	flag.Parse()
	if err := soak(*rounds, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func soak(rounds int, seed uint64) error {
	dir, err := os.MkdirTemp("", "lifeboat-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin, err := e2e.Build(dir)
	if err != nil {
		return err
	}
	fmt.Println("seed", seed)
	k := e2e.Kill{Bin: bin, Dir: dir, Rounds: rounds, Archive: true, Seed: seed, Say: os.Stdout}
	found, err := k.Run(context.Background())
	fmt.Printf("%+v\n", found)
	return err
}
