package api

import (
	"net/http"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
)

func genericLogFlow(q *request) error {
	after, err := q.later()
	if err != nil {
		return err
	}
	logs, more, last, err := q.o.Reports.Received(q.ctx(), &q.app, after)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, contract.NewGenericLogFlow(logs, more, last))
}

func logFlow(q *request) error {
	after, err := q.later()
	if err != nil {
		return err
	}
	logs, more, last, err := q.o.Reports.Received(q.ctx(), &q.app, after)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, contract.NewLogFlow(logs, more, last))
}

// later is when the log flow begins: logs that came strictly later than start (Q28), or all of the UTC day.
func (q *request) later() (diag.IngressTime, error) {
	p := q.params()
	start := p.time("start")
	if p.err != nil {
		return 0, p.err
	}
	if start == 0 {
		return diag.IngressTimeOf(timeOfDay(dayOf(q.o.Clock.Now()))) - 1, nil
	}
	return diag.IngressTimeOf(start.Time()), nil
}
