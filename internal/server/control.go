package server

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
)

// control is how commands find the server that uses a data folder, and show it that they can read the folder:
// whoever reaches the private listener is not let at everything that devices sent for that alone.
type control struct {
	URL    string `json:"url"`    // of the private listener
	Secret string `json:"secret"` // of this start
}

// controlFile holds it while the server accepts traffic.
const controlFile = "control"

func (s *Server) openControl(admin string) error {
	b, err := json.Marshal(control{admin, s.secret})
	if err != nil {
		return err
	}
	return writeDurably(s.folder.in(controlFile), b)
}

func (s *Server) closeControl() {
	if err := os.Remove(s.folder.in(controlFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("the file control cannot be removed; it is of no use to anybody", "error", err)
	}
}

func newSecret() string { return rand.Text() }

// controlled lets commands through that have read the file control.
func (s *Server) controlled(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(secret), []byte(s.secret)) != 1 {
			tellControl(w, http.StatusUnauthorized, "This is for commands that can read the data folder.")
			return
		}
		if err := h(w, r); err != nil {
			s.tellFailure(w, err)
		}
	}
}

// tellFailure answers a command: whoever reads the data folder may know what went wrong.
func (s *Server) tellFailure(w http.ResponseWriter, err error) {
	var known *diag.Error
	status, message := http.StatusInternalServerError, err.Error()
	if errors.As(err, &known) {
		message = known.Message
	}
	switch diag.KindOf(err) {
	case diag.Invalid:
		status = http.StatusBadRequest
	case diag.Conflict:
		status = http.StatusConflict
	case diag.Busy:
		status = http.StatusServiceUnavailable
	default:
		s.log.Error("a command failed", "error", err)
	}
	tellControl(w, status, message)
}

func tellControl(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(contract.ErrorBody{StatusCode: status, Message: message})
}

// used reports whether a process uses the data folder.
func used(data string) (bool, error) {
	if err := prepareFolder(data, false); err != nil {
		return false, err
	}
	lock, err := takeLock((&folder{path: data}).in(lockFile))
	if err != nil {
		return diag.KindOf(err) == diag.Conflict, errUnless(diag.KindOf(err) == diag.Conflict, err)
	}
	releaseLock(lock)
	return false, nil
}

func errUnless(fine bool, err error) error {
	if fine {
		return nil
	}
	return err
}

// callControl asks the server that uses a data folder. The answer's body is the caller's to close.
func callControl(ctx context.Context, data, method, path string) (*http.Response, error) {
	b, err := os.ReadFile((&folder{path: data}).in(controlFile))
	var c control
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		return nil, diag.Wrap(diag.Busy, err, "A process uses the data folder %s, but does not accept traffic: it is starting, stopping, or no server. Try again in a moment.", data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Secret)
	transport := &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: controlTime} // no proxy: it is this machine
	answer, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return nil, diag.Wrap(diag.Busy, err, "The server that uses %s does not answer at %s. Try again in a moment.", data, c.URL)
	}
	if answer.StatusCode == http.StatusOK {
		return answer, nil
	}
	defer answer.Body.Close()
	return nil, controlRefusal(answer)
}

// controlTime is how long a server may take to begin its answer: the register is copied before.
const controlTime = 10 * time.Minute

func controlRefusal(answer *http.Response) error {
	var e contract.ErrorBody
	b, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil || json.Unmarshal(b, &e) != nil || e.Message == "" {
		return fmt.Errorf("the server answers %s", answer.Status)
	}
	switch answer.StatusCode {
	case http.StatusBadRequest:
		return diag.Errorf(diag.Invalid, "%s", e.Message)
	case http.StatusConflict:
		return diag.Errorf(diag.Conflict, "%s", e.Message)
	case http.StatusServiceUnavailable:
		return diag.Errorf(diag.Busy, "%s", e.Message)
	}
	return diag.Errorf(diag.Internal, "%s", e.Message)
}
