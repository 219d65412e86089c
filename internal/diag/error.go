package diag

import (
	"errors"
	"fmt"
	"time"
)

// ErrorKind is the closed set of ways in which a request can fail. The HTTP status follows from it in one
// place (respond), the exit code of a command in another.
type ErrorKind uint8

// The kinds. Internal is the zero value: an error that nobody classified is our fault.
const (
	Internal ErrorKind = iota
	Invalid
	NotFound
	Denied
	Unauthenticated
	Conflict
	TooLarge
	Busy
	RateLimited
)

var errorKindNames = [...]string{"internal", "invalid", "not found", "denied", "unauthenticated", "conflict", "too large", "busy", "rate limited"}

func (k ErrorKind) String() string { return errorKindNames[k] }

// Error is a failure with words for a person. Message says what to do next and may be shown to anybody;
// Err is the cause and never leaves the server.
type Error struct {
	Kind    ErrorKind
	Message string
	Err     error
	Wait    time.Duration // of RateLimited: when to try again
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Message, e.Err)
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error whose message is for a person.
func Errorf(kind ErrorKind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error with a cause that stays on the server.
func Wrap(kind ErrorKind, err error, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), Err: err}
}

// LimitedFor is the error of somebody who comes too often, and may come again after a while.
func LimitedFor(wait time.Duration) *Error {
	wait = max(wait, time.Second)
	seconds := (wait + time.Second - 1) / time.Second
	e := Errorf(RateLimited, "Rate limit is exceeded. Try again in %d seconds.", seconds)
	e.Wait = seconds * time.Second
	return e
}

// KindOf is the kind of the first Error in err's chain, Internal if there is none.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
