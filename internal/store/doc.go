// Package store keeps Lifeboat's rows: accounts, apps, settings and cursors, and what the pipeline derived
// from the journal. All SQL stands here.
//
// A DB has two halves. The register holds what no journal holds (accounts, apps, human words on groups,
// public group ids, export cursors); every change is durable when the method returns. The index holds rows
// derived from the journal; it may lose its last changes in a crash of the machine, never a part of one, and
// is rebuilt by emptying it (ResetIndex) and applying the same batches again.
//
// It promises: ids are compared as bytes; of copies of one log the one with the lowest feed number wins,
// whatever the size of the batches; every cursor is fenced by its holder's epoch; pages neither lose nor
// double a row while others write. Missing rows are diag.NotFound, taken names diag.Conflict. Messages of
// errors hold no personal data.
//
// The SQL is one text with $1 placeholders. What engines do differently is a Dialect, which an adapter (the
// package sqlite) brings along.
package store
