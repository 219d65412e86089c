package contract

import "strings"

// ErrorBody is the answer of a failed request: every member that some client looks for, in one body.
type ErrorBody struct {
	ID         string      `json:"id"` // the correlation id
	StatusCode int         `json:"statusCode"`
	Code       string      `json:"code"`
	Message    string      `json:"message"`
	Error      ErrorDetail `json:"error"`
}

// ErrorDetail is the part that the account, errors and export calls document.
type ErrorDetail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// NewErrorBody makes the body of a failed request. Where the caller cannot help himself (401, 404 and the
// server's own failures) the message ends with the correlation id, so that people quote it.
func NewErrorBody(status int, code, message, correlation string) ErrorBody {
	if correlation != "" && (status == 401 || status == 404 || status >= 500) {
		if message = strings.TrimRight(message, ". "); message != "" {
			message += ". "
		}
		message += "Correlation ID: " + correlation
	}
	return ErrorBody{
		ID: correlation, StatusCode: status, Code: code, Message: message,
		Error: ErrorDetail{Code: code, Message: message},
	}
}

// ErrorForm is which of the documented forms a call's errors have (Q3).
type ErrorForm uint8

// The forms.
const (
	ErrorWords   ErrorForm = iota // codes are words
	ErrorNumbers                  // error.code is a number: most numbers about use
	ErrorAlerts                   // code is a number, and request_id is there: webhooks, notifications, bug trackers
)

// numberedError is ErrorBody where error.code is a number.
type numberedError struct {
	ErrorBody
	Error numberedDetail `json:"error"`
}

type numberedDetail struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// alertError is ErrorBody where code is a number.
type alertError struct {
	ErrorBody
	RequestID string `json:"request_id"`
	Code      int    `json:"code"`
}

// In is the body in a form. Numbers are the documented ones: what has none of its own has that of its class.
// The status itself stands in statusCode.
func (e ErrorBody) In(form ErrorForm) any {
	switch form {
	case ErrorNumbers:
		return numberedError{e, numberedDetail{documented(e.StatusCode, 403), e.Message}}
	case ErrorAlerts:
		return alertError{e, e.ID, documented(e.StatusCode, 404, 409)}
	}
	return e
}

// documented is a status if it is one of those, else 400 or 500.
func documented(status int, own ...int) int {
	for _, n := range own {
		if n == status {
			return n
		}
	}
	if status >= 500 {
		return 500
	}
	return 400
}
