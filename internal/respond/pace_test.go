package respond_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/respond"
)

// TestPace: a body that goes on is read to its end, whatever deadline stood before; one that stalls, or creeps, is
// cut off, and can still be answered.
func TestPace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pace   respond.Pace
		length int
		sent   string
		status int
	}{
		"whole":  {respond.Pace{}, 5, "12345", 200},
		"stalls": {respond.Pace{Stall: 20 * time.Millisecond}, 6, "12345", 408},
		"creeps": {respond.Pace{Grace: 20 * time.Millisecond, Rate: 1 << 30}, 6, "12345", 408},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Hour))
			body, err := io.ReadAll(c.pace.Body(w, r))
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
				w.WriteHeader(http.StatusRequestTimeout)
			case err != nil || string(body) != c.sent:
				w.WriteHeader(http.StatusInternalServerError)
			}
		}))
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", c.length, c.sent)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || answer.StatusCode != c.status {
			t.Errorf("%s: %v, %v, want %d", name, answer, err, c.status)
		}
		conn.Close()
		s.Close()
	}
}
