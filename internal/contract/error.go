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
