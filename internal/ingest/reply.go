package ingest

import (
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/wire"
)

// outcome is how a request ends.
type outcome uint8

const (
	accepted outcome = iota // what is kept is durable, what is dropped is counted
	notContainer
	nothingValid
	denied
	wrongMethod
	incomplete
	tooLarge
	overloaded
	diskFull
	shuttingDown
	unavailable
	outcomeCount
)

// answers says what each outcome is on the wire. SDKs try again after 408 and 5xx, and after these only.
// Success, NoValidLogsFoundInLogContainer, AppSecretDenied and TooManyMessagesInflight are the original's words.
var answers = [outcomeCount]struct {
	status int
	word   string
	reason wire.Reason // of what the request did not bring
}{
	accepted:     {http.StatusOK, "Success", ""},
	notContainer: {http.StatusBadRequest, "InvalidLogContainer", "invalid_container"},
	nothingValid: {http.StatusBadRequest, "NoValidLogsFoundInLogContainer", ""}, // its logs have reasons of their own
	denied:       {http.StatusUnauthorized, "AppSecretDenied", "app_secret_denied"},
	wrongMethod:  {http.StatusMethodNotAllowed, "MethodNotAllowed", "method_not_allowed"},
	incomplete:   {http.StatusRequestTimeout, "RequestIncomplete", "request_incomplete"},
	tooLarge:     {http.StatusRequestEntityTooLarge, "LogContainerTooLarge", "container_too_large"},
	overloaded:   {http.StatusServiceUnavailable, "TooManyMessagesInflight", "overloaded"},
	diskFull:     {http.StatusServiceUnavailable, "ServiceUnavailable", "disk_full"},
	shuttingDown: {http.StatusServiceUnavailable, "ServiceUnavailable", "shutting_down"},
	unavailable:  {http.StatusServiceUnavailable, "ServiceUnavailable", "storage_failed"},
}

// final reports whether the device will not send the same logs again.
func (o outcome) final() bool { return answers[o].status < 500 && o != incomplete }

// Values of headers, shared by all answers.
var (
	jsonType = []string{"application/json; charset=utf-8"}
	onlyPost = []string{http.MethodPost}
	hangUp   = []string{"close"}
)

const (
	largeReply = 4 << 10 // bytes beyond which a client that does not read could hold us up
	replyTime  = 30 * time.Second

	leastRetry  = 10_000 // milliseconds
	retryJitter = 20_000
)

// answer writes the answer and counts the outcome. The body is never empty: SDKs on a JVM take an error
// without one as a reason to delete their logs.
func (q *request) answer(out outcome) {
	q.account(out)
	if out != accepted {
		q.valid, q.throttled = q.valid[:0], q.throttled[:0]
	}
	q.compose(out)
	q.free()
	header := q.w.Header()
	header["Content-Type"] = jsonType
	switch status := answers[out].status; {
	case status == http.StatusMethodNotAllowed:
		header["Allow"] = onlyPost
	case status == http.StatusServiceUnavailable:
		// Android looks for exactly these letters, so it must not be canonicalised.
		header["x-ms-retry-after-ms"] = []string{strconv.Itoa(leastRetry + rand.IntN(retryJitter))}
	case out == incomplete:
		header["Connection"] = hangUp
	}
	if len(q.reply) > largeReply {
		header["Connection"] = hangUp // or the deadline would be that of the next answer too
		_ = q.source.control.SetWriteDeadline(time.Now().Add(replyTime))
	}
	q.w.WriteHeader(answers[out].status)
	q.w.Write(q.reply) // an error means that the client is gone; what it sent is safe
}

// compose writes the body: the same members in every case, as third-party clients expect.
func (q *request) compose(out outcome) {
	b := append(q.reply[:0], `{"status":"`...)
	b = append(b, answers[out].word...)
	b = append(b, `","validDiagnosticsIds":`...)
	b = appendIDs(b, q.valid)
	b = append(b, `,"throttledDiagnosticsIds":`...)
	b = appendIDs(b, q.throttled)
	b = append(b, `,"correlationId":`...)
	b = appendID(b, &q.correlation)
	q.reply = append(b, '}')
}

func appendIDs(b []byte, ids []diag.ID) []byte {
	b = append(b, '[')
	for i := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendID(b, &ids[i])
	}
	return append(b, ']')
}

func appendID(b []byte, id *diag.ID) []byte {
	b = append(b, '"')
	b = hex.AppendEncode(b, id[0:4])
	for i := 4; i < 10; i += 2 {
		b = append(b, '-')
		b = hex.AppendEncode(b, id[i:i+2])
	}
	b = append(b, '-')
	b = hex.AppendEncode(b, id[10:16])
	return append(b, '"')
}
