package api

import (
	"net/http"

	"lifeboat/internal/contract"
)

func listCrashAttachments(q *request) error {
	attachments, err := q.attachments()
	if err != nil {
		return err
	}
	all := make([]contract.CrashAttachment, len(attachments))
	for i, a := range attachments {
		all[i] = contract.NewCrashAttachment(a)
	}
	return q.json(http.StatusOK, all)
}

// crashAttachmentText is the bare text, not an object around it.
func crashAttachmentText(q *request) error {
	content, err := q.attachmentText()
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, content)
}

func locateCrashAttachment(q *request) error { return locateAttachment(q) }
