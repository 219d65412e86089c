package api

import (
	"net/http"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// interval is how many days one entry of a list spans.
func (p *params) interval() int {
	switch p.word("interval", "P1D", "P1W", "P30D") {
	case "P1W":
		return 7
	case "P30D":
		return 30
	}
	return 1
}

// sum adds numbers of sessions up.
func sum(all []store.Sessions) (s store.Sessions) {
	for i := range all {
		for j, n := range all[i].Buckets {
			s.Buckets[j] += n
		}
		s.N += all[i].N
		s.Total += all[i].Total
	}
	return s
}

// average is how long one of the sessions lasted.
func average(s *store.Sessions) time.Duration {
	if s.N == 0 {
		return 0
	}
	return s.Total / time.Duration(s.N)
}

func sessionCounts(q *request) error {
	p := q.params()
	span, any := q.span(p)
	length := p.interval()
	if p.err != nil {
		return p.err
	}
	answer := []contract.DayCount{}
	if !any {
		return q.json(http.StatusOK, answer)
	}
	days, err := q.o.Store.SessionDays(q.ctx(), span)
	if err != nil {
		return err
	}
	for i := 0; i < len(days); i += length {
		answer = append(answer, contract.DayCount{Datetime: dayAt(&span, i), Count: sum(days[i:min(i+length, len(days))]).N})
	}
	return q.json(http.StatusOK, answer)
}

// buckets are the names of lengths of sessions.
func buckets() (names [store.SessionBuckets]string) {
	for i := range names {
		names[i] = store.SessionBound(i).String() + "-"
		if i+1 < len(names) {
			names[i] += store.SessionBound(i + 1).String()
		}
	}
	return names
}

func sessionDurations(q *request) error {
	p := q.params()
	span, any := q.span(p)
	if p.err != nil {
		return p.err
	}
	var now, before store.Sessions
	if any {
		for _, of := range []struct {
			span store.SpanQuery
			sum  *store.Sessions
		}{{span, &now}, {previous(span), &before}} {
			days, err := q.o.Store.SessionDays(q.ctx(), of.span)
			if err != nil {
				return err
			}
			*of.sum = sum(days)
		}
	}
	answer := contract.SessionDurations{
		Distribution:    make([]contract.DurationBucket, store.SessionBuckets),
		AverageDuration: contract.Duration(average(&now)), PreviousAverageDuration: contract.Duration(average(&before)),
	}
	for i, name := range buckets() {
		answer.Distribution[i] = contract.DurationBucket{Bucket: name, Count: now.Buckets[i]}
	}
	return q.json(http.StatusOK, answer)
}

func sessionsPerDevice(q *request) error {
	p := q.params()
	span, any := q.span(p)
	length := p.interval()
	if p.err != nil {
		return p.err
	}
	answer := contract.SessionsPerDevice{Intervals: []contract.DayRate{}}
	if !any {
		return q.json(http.StatusOK, answer)
	}
	var err error
	if answer.Total, answer.Average, err = q.perDevice(span); err != nil {
		return err
	}
	if answer.PreviousTotal, answer.PreviousAverage, err = q.perDevice(previous(span)); err != nil {
		return err
	}
	for i, n := 0, daysIn(&span); i < n; i += length {
		part := span
		first := dayOf(span.Start.Time())
		part.Start, part.End = dayStart(first+i), dayStart(first+min(i+length, n))
		_, rate, err := q.perDevice(part)
		if err != nil {
			return err
		}
		answer.Intervals = append(answer.Intervals, contract.DayRate{Datetime: dayAt(&span, i), Count: rate})
	}
	return q.json(http.StatusOK, answer)
}

// dayStart is when a day begins, as an end of a range that is not open.
func dayStart(day int) diag.DeviceTime {
	if t := diag.DeviceTimeOf(timeOfDay(day)); t != 0 {
		return t
	}
	return 1 // of 1970; 0 would leave the range open
}

// perDevice counts the sessions of a span, and how many each device had on average.
func (q *request) perDevice(span store.SpanQuery) (n int64, rate float64, err error) {
	days, err := q.o.Store.SessionDays(q.ctx(), span)
	if err != nil {
		return 0, 0, err
	}
	devices, err := q.o.Store.Devices(q.ctx(), span)
	n = sum(days).N
	return n, ratio(n, devices), err
}
