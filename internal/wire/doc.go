// Package wire reads what App Center SDKs send: the JSON of POST /logs, cut into logs (SplitContainer),
// looked at as far as storing needs (Peek; ReadContainer does both at once) and decoded in full into the nouns of diag (DecodeEvent,
// DecodeReport, DecodeAttachment).
//
// It promises to take every log that a device can have meant. Keys may repeat (the last one counts), bytes
// may be no UTF-8 (they become U+FFFD in decoded text, the raw log keeps them), numbers may be texts and
// texts numbers, null is absence. Nothing panics, and nothing that a body says can make the work or the
// memory grow beyond a fixed multiple of its size: nesting, exceptions, threads and frames are bounded, and
// what is cut is said in Report.Problem.
//
// Stacks come as lists of frames, as text in the habit of some runtime, or as both; DecodeReport gives frames
// in every case. Frame.Code keeps the line as the device wrote it. Columns are those of the text: JavaScript
// engines count them from 1, Hermes ("address at") and React Native's own form (name@line:column without a
// file) from 0.
package wire
