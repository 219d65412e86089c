package api

import (
	"net/http"

	"lifeboat/internal/contract"
)

// Audiences choose who gets push messages. Nobody does here, so there are none.

func listAudiences(q *request) error {
	return q.json(http.StatusOK, contract.Audiences{Values: []string{}})
}

func audienceProperties(q *request) error {
	return q.json(http.StatusOK, contract.AudienceProperties{Values: map[string]string{}})
}
