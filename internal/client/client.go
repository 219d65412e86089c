// Package client speaks the REST API for Lifeboat's own commands.
//
// It promises that the token stands in a header and in nothing else, that answers are bounded, and that a
// refusal comes back as a diag.Error with the server's words.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
)

// Client talks to one server. Make it with New.
type Client struct {
	base, token string
	http        *http.Client
}

const (
	callTime  = 2 * time.Minute
	maxAnswer = 64 << 20
)

// New makes a client of the server at base (http://HOST:PORT) that speaks with the token.
func New(base, token string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, diag.Errorf(diag.Invalid, "%q is no server's URL: it should be like http://127.0.0.1:8080.", base)
	}
	return &Client{base: strings.TrimRight(base, "/"), token: token, http: &http.Client{Timeout: callTime, CheckRedirect: stay}}, nil
}

// stay follows no redirect: the token would go along to wherever it leads, and a POST would become a GET.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Call sends one request below /v0.1. in is the body or nil; out takes the answer or is nil. path's variable
// parts must be escaped (url.PathEscape).
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/v0.1"+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("X-API-Token", c.token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer answer.Body.Close()
	return read(answer, out)
}

func (c *Client) unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return diag.Wrap(diag.Busy, err, "No server answers at %s (%v). Start it with `lifeboat serve`, or name another one with --url.", c.base, err)
}

func read(answer *http.Response, out any) error {
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if len(b) > maxAnswer {
		return diag.Errorf(diag.TooLarge, "The server's answer has more than %d bytes.", maxAnswer)
	}
	if to, err := answer.Location(); err == nil && answer.StatusCode/100 == 3 {
		return diag.Errorf(diag.Invalid, "The server sends us on to %s://%s. If that is right, name it with --url.", to.Scheme, to.Host)
	}
	if answer.StatusCode/100 != 2 {
		return refusal(answer.StatusCode, b)
	}
	if out == nil || len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("the server's answer is not what was expected: %w", err)
	}
	return nil
}

func refusal(status int, b []byte) error {
	var e contract.ErrorBody
	if json.Unmarshal(b, &e) != nil || e.Message == "" {
		e.Message = fmt.Sprintf("The server answers %d %s.", status, http.StatusText(status))
	}
	return diag.Errorf(kind(status), "%s", e.Message)
}

func kind(status int) diag.ErrorKind {
	switch status {
	case http.StatusUnauthorized:
		return diag.Unauthenticated
	case http.StatusForbidden:
		return diag.Denied
	case http.StatusNotFound:
		return diag.NotFound
	case http.StatusConflict:
		return diag.Conflict
	case http.StatusRequestEntityTooLarge:
		return diag.TooLarge
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return diag.Busy
	}
	if status/100 == 4 {
		return diag.Invalid
	}
	return diag.Internal
}
