//go:build !unix

package ingest_test

import "time"

func processorTime() time.Duration { return 0 }
