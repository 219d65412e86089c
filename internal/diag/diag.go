// Package diag holds the nouns of crash diagnostics and the rules that belong to them: apps, logs, reports,
// stacks, frames, images, groups, attachments, installs, ids, times, error kinds and the clock.
//
// It promises to do no I/O and to import only the standard library, so that every other package can share
// its vocabulary without sharing anything else.
package diag
