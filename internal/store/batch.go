package store

import "context"

// Batch is what the pipeline read from the journal in one go. It is applied as a whole or not at all.
type Batch struct {
	After   uint64 // the index's cursor before
	Through uint64 // and behind the batch
	Epoch   int64  // of the holder; see ClaimIndex

	Events      []EventRow
	Reports     []ReportRow
	Attachments []AttachmentRow
	Problems    []ProblemRow
}

// Applied says what became of a batch's rows.
type Applied struct {
	Events, Reports, Attachments int // new rows
	Duplicates                   int // copies of rows that were there before
	Gone                         int // rows of apps that the register does not know: deleted ones
}

func (db *DB) IndexCursor(ctx context.Context) (through uint64, epoch int64, err error) {
	return 0, 0, errPending
}
func (db *DB) ClaimIndex(ctx context.Context) (through uint64, epoch int64, err error) {
	return 0, 0, errPending
}
func (db *DB) ApplyBatch(ctx context.Context, b Batch) (Applied, error) { return Applied{}, errPending }

// ResetIndex empties the index; the register stays.
func (db *DB) ResetIndex(ctx context.Context) error { return errPending }
