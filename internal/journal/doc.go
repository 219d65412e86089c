// Package journal keeps what devices sent and what symbolication made of it, in append-only segment files.
//
// It promises:
//   - What Append has answered is on disk: every class segment that the commit touched is synced, and the
//     folder of a new one. A request is never split over two commits.
//   - Every frame has a feed number and an ingress time. Neither ever goes back, not even after a restart
//     with the clock set back. Numbers may have holes.
//   - Followers see frames in the order of their numbers, and only those of whole, synced commits.
//   - When CloseUpTo(t) has returned, no later commit is stamped below t, also after a restart.
//   - Only bytes behind the last whole frame of an unsealed segment are ever cut. Damage anywhere else is
//     kept, skipped and counted.
//   - Blank takes one frame's content out of the files and moves no other frame.
//   - Compact writes a sealed segment anew without what is blank. Locators of the file before stay good until
//     Retire. Whatever is interrupted, every live frame is read once and nothing blank returns.
//
// A failed write or sync leaves the files in doubt: the journal then answers nothing any more and calls
// Options.OnFatal.
//
// # Files
//
// A segment is DIR/<class>/<day>-<number>.seg, or <day>-<number>.<generation>.seg once it was written anew. It is a sequence of Zstandard frames as RFC 8878 defines
// them, so that "zstd -d -D <dictionary>" reads the payloads of any segment: our own headers are skippable
// frames (RFC 8878, section 3.1.2), which a decoder passes over.
//
//	segment header   skippable frame 0: version, class, number, day, dictionary, salt, checksum
//	frame            skippable frame 1: number, time, kind, app, ids, sizes, checksums; then one zstd frame
//	blanked frame    skippable frame 2 of the same total length: number and time, else zeros
//	footer           skippable frame 3: where each frame begins; only in a sealed segment
//
// Integers are little-endian.
package journal
