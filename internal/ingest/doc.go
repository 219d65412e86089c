// Package ingest is the front door for devices: POST …/logs as the App Center SDKs speak it.
//
// It promises:
//   - 2xx is answered only when the journal has made everything durable that the answer says was taken.
//   - A status that makes an SDK delete its logs (4xx other than 408) is given only for a wrong app secret, a
//     body that is no container of logs or is too large, and a method other than POST; with Options.Strict also
//     where the original did. One bad log never costs its neighbours: it is dropped and counted by reason.
//   - Every answer has a body of JSON. Nothing is ever redirected, and 429, 403 and 415 are never answered.
//   - What a request can cost is bounded before it is known who sends it: inflated bytes by Options.MaxBody,
//     those of all requests together by Options.MemoryBudget, the time by Options.Pace. Nothing panics.
//
// Duplicates are not its business: a log that is sent twice is stored twice, and the pipeline finds it.
package ingest
