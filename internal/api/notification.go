package api

import (
	"net/http"

	"lifeboat/internal/respond"
)

// emailSettings is who gets mail of what. This server sends none, so that all of it is off.
type emailSettings struct {
	RequestID   string         `json:"request_id"`
	ETag        string         `json:"eTag"`
	AppID       string         `json:"appId,omitempty"`
	UserID      string         `json:"userId"`
	Enabled     bool           `json:"enabled"`
	UserEnabled *bool          `json:"user_enabled,omitempty"` // with an app: of all apps
	Settings    []emailSetting `json:"settings"`
}

type emailSetting struct {
	EventType    string `json:"event_type"`
	Value        string `json:"value"`
	DefaultValue string `json:"default_value"`
}

const emailsDisabled = "Disabled"

func (q *request) emailSettings() emailSettings {
	return emailSettings{
		RequestID: respond.Correlation(q.r), ETag: "1", UserID: q.caller.User.ID.String(),
		Settings: []emailSetting{{"crash_newCrashGroupCreated", emailsDisabled, emailsDisabled}},
	}
}

func getEmailSettings(q *request) error { return q.json(http.StatusOK, q.emailSettings()) }

func getAppEmailSettings(q *request) error {
	s := q.emailSettings()
	s.AppID, s.UserEnabled = q.app.ID.String(), new(bool)
	return q.json(http.StatusOK, s)
}
