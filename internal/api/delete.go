package api

import (
	"net/http"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/store"
)

// deleteReport deletes one error for good (X15).
func deleteReport(q *request) error {
	row, err := q.rowInGroup()
	if err != nil {
		return err
	}
	answer, err := q.deleteRow(row)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, answer)
}

// deleteRow deletes a report with its attachments and takes their logs out of the journal. What a crash
// leaves undone is done after the next start. Exported copies are the owner's and stay.
func (q *request) deleteRow(row *store.ReportRow) (contract.DeleteCounter, error) {
	answer := contract.DeleteCounter{
		AppID: q.app.ID.String(), ErrorGroupID: row.Group.Format(row.Handled), ErrorID: diag.ReportID(row.Time, row.ID),
	}
	done, err := q.o.Store.DeleteReport(q.ctx(), q.app.Num, row.ID, q.o.Clock.Now().UnixMilli())
	if err != nil {
		return answer, err
	}
	answer.ErrorsDeleted, answer.AttachmentsDeleted = done.Reports, done.Attachments
	numbers := map[journal.Class][]uint64{}
	for _, f := range done.Frames {
		c := journal.Reports
		if f.Family == diag.FamilyAttachment {
			c = journal.Attachments
		}
		numbers[c] = append(numbers[c], f.Number)
	}
	for c, of := range numbers {
		blanked, damaged, err := q.o.Reports.Journal.BlankNumbers(q.ctx(), c, of)
		if err != nil {
			return answer, err
		}
		answer.BlobsSucceeded += blanked
		answer.BlobsFailed += damaged
	}
	return answer, nil
}
