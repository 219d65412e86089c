// Package respond makes HTTP answers of handlers that return errors.
//
// It promises that every request gets one whole answer: a handler's own, or a body in which every known client
// finds what went wrong (contract.ErrorBody). The status follows from the error's kind in one place. What a
// person may not see stays on the server: of an unclassified error or a panic the answer has a correlation id
// only, and the log has no paths, queries, ids or tokens, but the route's pattern. Nothing is redirected.
package respond

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
)

// Handler answers a request, or returns an error before it has written anything.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Options of Wrap. Clock must be set.
type Options struct {
	Clock   diag.Clock
	Log     *slog.Logger
	MaxBody int64 // bytes of a request's body; 0: 1 MiB
	// ShowError writes the answer of a failed request where it is not to be JSON, as pages do; the headers that
	// follow from the status are set. nil: JSON.
	ShowError func(w http.ResponseWriter, r *http.Request, e contract.ErrorBody)
}

const defaultMaxBody = 1 << 20

// Wrap makes an http.Handler of h.
func Wrap(o Options, h Handler) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.ShowError == nil {
		o.ShowError = showJSON
	}
	return &funnel{o, h}
}

// funnel is the one place where requests end.
type funnel struct {
	Options
	handler Handler
}

// exchange is what is known of one request and its answer.
type exchange struct {
	http.ResponseWriter
	correlation string
	route       string
	form        contract.ErrorForm
	status      int // 0: nothing written yet
	bytes       int64
}

type exchangeKey struct{}

func of(r *http.Request) *exchange {
	x, _ := r.Context().Value(exchangeKey{}).(*exchange)
	return x
}

// Correlation is the id under which the log tells of the request, "" outside of Wrap.
func Correlation(r *http.Request) string {
	if x := of(r); x != nil {
		return x.correlation
	}
	return ""
}

// SetRoute names the route that takes the request, as the log shows it: a pattern, never a path with ids.
func SetRoute(r *http.Request, pattern string) {
	if x := of(r); x != nil {
		x.route = pattern
	}
}

// SetErrorForm chooses the form of the answer if the request fails.
func SetErrorForm(r *http.Request, form contract.ErrorForm) {
	if x := of(r); x != nil {
		x.form = form
	}
}

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= 200 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(b)
	x.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// ServeHTTP runs the handler and sees to it that the request is answered and logged.
func (f *funnel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := f.Clock.Monotonic()
	x := &exchange{ResponseWriter: w, correlation: diag.NewID(f.Clock.Now()).String(), route: "none"}
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	if r.Body != nil {
		r.Body = http.MaxBytesReader(w, r.Body, f.MaxBody)
	}
	setHeaders(w.Header(), x.correlation)
	cut := false
	if err := f.run(x, r); err != nil {
		cut = f.fail(x, r, err)
	}
	if x.status == 0 {
		x.status = http.StatusOK // as net/http answers for a handler that wrote nothing
	}
	f.Log.Info("request", "method", method(r), "route", x.route, "status", x.status, "bytes", x.bytes,
		"duration", f.Clock.Monotonic()-started, "correlation", x.correlation)
	if cut {
		panic(http.ErrAbortHandler) // the client must not take half an answer for a whole one
	}
}

// setHeaders sets what every answer has; a handler may change it.
func setHeaders(h http.Header, correlation string) {
	h.Set("X-Correlation-ID", correlation)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
}

// method is the request's method, if it is one: the text is the client's.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// run calls the handler and turns a panic into an error.
func (f *funnel) run(x *exchange, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p) // asked for by the handler; net/http hangs up without a word
		default:
			err = &panicError{what: describe(p), where: callers()}
		}
	}()
	return f.handler(x, r)
}

// panicError is a panic without the value it was raised with, which may hold anybody's data.
type panicError struct {
	what  string
	where []string
}

func (e *panicError) Error() string { return "panic: " + e.what }

func describe(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", p)
}

const maxCallers = 24

// callers says where the panic was raised: functions and lines, no arguments.
func callers() (where []string) {
	var pcs [maxCallers]uintptr
	const own = 4 // runtime.Callers, callers, the deferred function, gopanic
	frames := runtime.CallersFrames(pcs[:runtime.Callers(own, pcs[:])])
	for {
		f, more := frames.Next()
		where = append(where, fmt.Sprintf("%s:%d", f.Function, f.Line))
		if !more {
			return where
		}
	}
}

// answers says what each kind of error is on the wire. The codes are those of the published description and
// the two that were seen besides; statuses without one of their own share the code of their class.
var answers = [...]struct {
	status int
	code   string
	title  string // the message of an error that has none
}{
	diag.Internal:        {http.StatusInternalServerError, "InternalServerError", "The server failed."},
	diag.Invalid:         {http.StatusBadRequest, "BadRequest", "The request is not valid."},
	diag.NotFound:        {http.StatusNotFound, "NotFound", "Not found."},
	diag.Denied:          {http.StatusForbidden, "Forbidden", "Forbidden"},
	diag.Unauthenticated: {http.StatusUnauthorized, "Unauthorized", "Unauthorized."},
	diag.Conflict:        {http.StatusConflict, "Conflict", "There is one already."},
	diag.TooLarge:        {http.StatusRequestEntityTooLarge, "BadRequest", "The request is too large."},
	diag.Busy:            {http.StatusServiceUnavailable, "InternalServerError", "The server is busy. Try again in a moment."},
	diag.RateLimited:     {http.StatusTooManyRequests, "RateLimitExceeded", "Rate limit is exceeded. Try again in a minute."},
}

// retryAfter is how many seconds a client should wait for a server that is busy: some try again only if told.
const retryAfter = "5"

// fail answers for a handler that returned an error. cut tells that it had begun to answer before.
func (f *funnel) fail(x *exchange, r *http.Request, err error) (cut bool) {
	kind := kindOf(err)
	if kind == diag.Internal && r.Context().Err() == nil {
		f.logFailure(x, err)
	}
	if x.status != 0 {
		return true
	}
	answer := answers[kind]
	status, message, wait := answer.status, answer.title, time.Minute
	if e, ok := errors.AsType[*diag.Error](err); ok && e.Message != "" {
		message = e.Message
		if e.Wait > 0 {
			wait = e.Wait
		}
	}
	if m, ok := errors.AsType[*methodError](err); ok {
		status = http.StatusMethodNotAllowed
		x.Header().Set("Allow", strings.Join(m.allow, ", "))
	}
	f.failHeaders(x, status, wait)
	f.ShowError(x, r, contract.NewErrorBody(status, answer.code, message, x.correlation))
	return false
}

// kindOf is the error's kind; a body beyond the limit is the client's doing, whoever read it.
func kindOf(err error) diag.ErrorKind {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return diag.TooLarge
	}
	return diag.KindOf(err)
}

func (f *funnel) failHeaders(x *exchange, status int, wait time.Duration) {
	switch status {
	case http.StatusTooManyRequests: // without the header the CLI does not try again
		x.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
	case http.StatusUnauthorized:
		x.Header().Set("WWW-Authenticate", `Bearer realm="Lifeboat"`)
	case http.StatusServiceUnavailable:
		x.Header().Set("Retry-After", retryAfter)
	case http.StatusRequestEntityTooLarge:
		x.Header().Set("Connection", "close")
	}
}

func (f *funnel) logFailure(x *exchange, err error) {
	attrs := []any{"route", x.route, "correlation", x.correlation, "error", err}
	if p, ok := errors.AsType[*panicError](err); ok {
		attrs = append(attrs, "where", p.where)
	}
	f.Log.Error("request failed", attrs...)
}

func showJSON(w http.ResponseWriter, r *http.Request, e contract.ErrorBody) {
	form := contract.ErrorWords
	if x := of(r); x != nil {
		form = x.form
	}
	_ = JSON(w, e.StatusCode, e.In(form)) // a body of texts can be encoded; that the client is gone is nobody's fault
}

// methodError is a path that is there, asked with a method that it does not have.
type methodError struct {
	error
	allow []string
}

func (e *methodError) Unwrap() error { return e.error }

// MethodNotAllowed is the error for a path that is there, but not with this method.
func MethodNotAllowed(allow ...string) error {
	return &methodError{diag.Errorf(diag.Invalid, "This path takes %s only.", strings.Join(allow, ", ")), allow}
}

// JSON answers with v. It writes nothing if v cannot be encoded.
func JSON(w http.ResponseWriter, status int, v any) error {
	var b bytes.Buffer
	if err := contract.Encode(&b, v); err != nil {
		return fmt.Errorf("respond: encode %T: %w", v, err)
	}
	body := bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that hung up gets nothing
	return nil
}

// Empty answers without a body.
func Empty(w http.ResponseWriter, status int) error {
	if status != http.StatusNoContent {
		w.Header().Set("Content-Length", "0")
	}
	w.WriteHeader(status)
	return nil
}

// File answers with bytes to be saved under a name.
func File(w http.ResponseWriter, contentType, name string, body []byte) error {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Disposition", Disposition(name))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body)
	return nil
}
