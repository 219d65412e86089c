package respond

import (
	"io"
	"net/http"
	"time"
)

// Pace bounds how long a large body may take, on the machine's clock: as long as it goes on, and not for ever.
type Pace struct {
	Grace time.Duration // allowed in any case; 0: a minute
	Rate  int64         // bytes a second that a body must bring beyond that; 0: 4096
	Stall time.Duration // without a byte; 0: a minute
	End   time.Duration // for what is done with the body, and the answer; 0: 10 minutes
}

func (p *Pace) setDefaults() {
	if p.Grace <= 0 {
		p.Grace = time.Minute
	}
	if p.Rate <= 0 {
		p.Rate = 4096
	}
	if p.Stall <= 0 {
		p.Stall = time.Minute
	}
	if p.End <= 0 {
		p.End = 10 * time.Minute
	}
}

// Body is the request's body under the pace, in place of whatever deadlines the connection had. A body that is too
// slow ends with os.ErrDeadlineExceeded.
func (p Pace) Body(w http.ResponseWriter, r *http.Request) io.Reader {
	p.setDefaults()
	return &paced{Pace: p, body: r.Body, control: http.NewResponseController(w), start: time.Now()}
}

type paced struct {
	Pace
	body    io.Reader
	control *http.ResponseController
	start   time.Time
	until   time.Time // the deadline
	n       int64     // bytes read
}

func (p *paced) Read(b []byte) (int, error) {
	p.extend(time.Now())
	n, err := p.body.Read(b)
	p.n += int64(n)
	if err == io.EOF { // net/http reads ahead while the body is worked on: that must not end the request
		_ = p.control.SetReadDeadline(time.Time{})
		_ = p.control.SetWriteDeadline(time.Now().Add(p.End))
	}
	return n, err
}

// extend moves the deadlines as far as the bytes so far have earned, if it is worth it.
func (p *paced) extend(now time.Time) {
	until := p.start.Add(p.Grace + time.Duration(p.n/p.Rate)*time.Second)
	if stalled := now.Add(p.Stall); until.After(stalled) {
		until = stalled
	}
	if !p.until.IsZero() && until.Sub(p.until) < time.Second {
		return
	}
	p.until = until
	// A writer without deadlines (a recorder) has no network that could be slow.
	_ = p.control.SetReadDeadline(until)
	_ = p.control.SetWriteDeadline(until.Add(p.End))
}
