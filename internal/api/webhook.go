package api

import "net/http"

// webhooks is the list of an app's webhooks. No published call makes one.
type webhooks struct {
	Values []webhook `json:"values"`
}

type webhook struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	URL        string   `json:"url"`
	Enabled    bool     `json:"enabled"`
	EventTypes []string `json:"event_types"`
}

func listWebhooks(q *request) error { return q.json(http.StatusOK, webhooks{Values: []webhook{}}) }
