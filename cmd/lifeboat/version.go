package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is the version of the program. Builds of a release set it with -ldflags "-X main.release=1.2.3".
var release = "0.1.0-dev"

// commit is set likewise where the build cannot know it by itself.
var commit = ""

// version says version and commit.
func version() string {
	return fmt.Sprintf("lifeboat %s (commit %s, %s, %s/%s)", release, revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func revision() string {
	info, ok := debug.ReadBuildInfo()
	if commit != "" || !ok {
		return orUnknown(commit)
	}
	hash, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			hash = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	if len(hash) > 12 {
		hash = hash[:12]
	}
	return orUnknown(hash) + dirty
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
