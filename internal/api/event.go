package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"lifeboat/internal/contract"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
)

// events asks for events in a span.
func events(span *store.SpanQuery, names ...string) store.EventQuery {
	return store.EventQuery{App: span.App, Start: span.Start, End: span.End, Versions: span.Versions, Names: names}
}

// listEvents gives the total whether it is asked for or not.
func listEvents(q *request) error {
	p := q.params()
	span, any := q.span(p)
	names, top, skip, order := p.list("event_name"), p.top(), p.skip(), p.eventOrder()
	p.word("$inlinecount", "allpages", "none")
	if p.err != nil {
		return p.err
	}
	answer := contract.Events{Events: []contract.Event{}}
	if !any {
		return q.json(http.StatusOK, answer)
	}
	all, err := q.o.Store.Events(q.ctx(), events(&span, names...))
	if err != nil {
		return err
	}
	if answer.TotalDevices, err = q.o.Store.Devices(q.ctx(), span); err != nil {
		return err
	}
	slices.SortStableFunc(all, order)
	answer.Total = int64(len(all))
	all = all[min(skip, len(all)):]
	for _, e := range all[:min(top, len(all))] {
		answer.Events = append(answer.Events, contract.Event{
			ID: e.Name, Name: e.Name, DeviceCount: e.Now.Devices, PreviousDeviceCount: e.Previous.Devices, Count: e.Now.Count, PreviousCount: e.Previous.Count,
			CountPerDevice: ratio(e.Now.Count, e.Now.Devices), CountPerSession: ratio(e.Now.Count, e.Now.Sessions),
		})
	}
	return q.json(http.StatusOK, answer)
}

type eventCompare = func(a, b store.EventTotal) int

// eventColumns are what events can be ordered by.
func eventColumns(name string) eventCompare {
	switch strings.ToLower(name) {
	case "count":
		return func(a, b store.EventTotal) int { return cmp.Compare(a.Now.Count, b.Now.Count) }
	case "devicecount", "device_count", "devices":
		return func(a, b store.EventTotal) int { return cmp.Compare(a.Now.Devices, b.Now.Devices) }
	case "name":
		return func(a, b store.EventTotal) int { return cmp.Compare(a.Name, b.Name) }
	}
	return nil
}

// eventOrder reads $orderby of events. Without it those that were sent most come first; what is equal stands in
// the order of names.
func (p *params) eventOrder() eventCompare {
	text := p.text("$orderby", "$orderBy")
	if strings.TrimSpace(text) == "" {
		text = "count desc"
	}
	var all []eventCompare
	for part := range strings.SplitSeq(text, ",") {
		column, direction, _ := strings.Cut(strings.TrimSpace(part), " ")
		by, direction := eventColumns(column), strings.TrimSpace(direction)
		down := strings.EqualFold(direction, "desc")
		if by == nil || direction != "" && !down && !strings.EqualFold(direction, "asc") || len(all) == maxOrder {
			p.fail("$orderby takes at most %d columns with asc or desc behind them, separated by commas: count, deviceCount, name.", maxOrder)
			return nil
		}
		if down {
			all = append(all, func(a, b store.EventTotal) int { return by(b, a) })
		} else {
			all = append(all, by)
		}
	}
	return func(a, b store.EventTotal) int {
		for _, by := range all {
			if n := by(a, b); n != 0 {
				return n
			}
		}
		return 0
	}
}

// deleteEvent makes what has come of an event so far count no more. It is back when a device sends it again.
func deleteEvent(q *request) error {
	if err := q.o.Store.DeleteEvent(q.ctx(), q.app.Num, q.param("event_name"), q.o.JournalNow); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusOK)
}

// deleteEventLogs is the same: the logs stay where sessions and exports have them, for nothing else may change
// what was received.
func deleteEventLogs(q *request) error { return deleteEvent(q) }

// eventSpan is an event over a span.
type eventSpan struct {
	span   store.SpanQuery
	days   []store.EventUse
	totals store.EventTotal
}

// eventSpan reads the event of the path.
func (q *request) eventSpan() (e eventSpan, err error) {
	p := q.params()
	span, any := q.span(p)
	if p.err != nil {
		return e, p.err
	}
	e.span = span
	name := q.param("event_name")
	if !any {
		_, err := q.o.Store.EventProperties(q.ctx(), q.app.Num, name) // whether there is one
		return e, err
	}
	if e.days, err = q.o.Store.EventDays(q.ctx(), events(&span, name)); err != nil {
		return e, err
	}
	e.totals.Now, e.totals.Previous, err = q.eventUse(&span, name)
	return e, err
}

// eventUse is how an event was used in a span and before it.
func (q *request) eventUse(span *store.SpanQuery, name string) (now, before store.EventUse, err error) {
	for _, of := range []struct {
		span store.SpanQuery
		use  *store.EventUse
	}{{*span, &now}, {previous(*span), &before}} {
		all, err := q.o.Store.Events(q.ctx(), events(&of.span, name))
		if err != nil {
			return now, before, err
		}
		if len(all) > 0 {
			*of.use = all[0].Now
		}
	}
	return now, before, nil
}

// counts are the days with a number each.
func (e *eventSpan) counts(of func(*store.EventUse) int64) []contract.DayCount {
	all := make([]contract.DayCount, len(e.days))
	for i := range e.days {
		all[i] = contract.DayCount{Datetime: dayAt(&e.span, i), Count: of(&e.days[i])}
	}
	return all
}

// rates are the days with an average each.
func (e *eventSpan) rates(of func(*store.EventUse) float64) []contract.DayRate {
	all := make([]contract.DayRate, len(e.days))
	for i := range e.days {
		all[i] = contract.DayRate{Datetime: dayAt(&e.span, i), Count: of(&e.days[i])}
	}
	return all
}

func eventCount(q *request) error {
	e, err := q.eventSpan()
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, contract.EventCount{Total: e.totals.Now.Count, PreviousTotal: e.totals.Previous.Count,
		Days: e.counts(func(u *store.EventUse) int64 { return u.Count })})
}

func eventDeviceCount(q *request) error {
	e, err := q.eventSpan()
	if err != nil {
		return err
	}
	var devices int64
	if len(e.days) > 0 {
		if devices, err = q.o.Store.Devices(q.ctx(), e.span); err != nil {
			return err
		}
	}
	return q.json(http.StatusOK, contract.EventDevices{Total: devices, WithEvent: e.totals.Now.Devices, PreviousWithEvent: e.totals.Previous.Devices,
		Days: e.counts(func(u *store.EventUse) int64 { return u.Devices })})
}

func eventPerSession(q *request) error {
	e, err := q.eventSpan()
	if err != nil {
		return err
	}
	rate := func(u *store.EventUse) float64 { return ratio(u.Count, u.Sessions) }
	return q.json(http.StatusOK, contract.EventPerSession{Average: rate(&e.totals.Now), PreviousAverage: rate(&e.totals.Previous), Days: e.rates(rate)})
}

func eventPerDevice(q *request) error {
	e, err := q.eventSpan()
	if err != nil {
		return err
	}
	rate := func(u *store.EventUse) float64 { return ratio(u.Count, u.Devices) }
	return q.json(http.StatusOK, contract.EventPerDevice{Average: rate(&e.totals.Now), PreviousAverage: rate(&e.totals.Previous), Days: e.rates(rate)})
}

func eventProperties(q *request) error {
	names, err := q.o.Store.EventProperties(q.ctx(), q.app.Num, q.param("event_name"))
	if err != nil {
		return err
	}
	if names == nil {
		names = []string{}
	}
	return q.json(http.StatusOK, contract.EventProperties{EventProperties: names})
}

// defaultValues is how many values of a property are listed.
const defaultValues = 10

func eventPropertyCounts(q *request) error {
	p := q.params()
	span, any := q.span(p)
	top := defaultValues
	if p.text("$top", "top") != "" {
		top = p.top()
	}
	if p.err != nil {
		return p.err
	}
	name := q.param("event_name")
	answer := contract.PropertyCounts{Values: []contract.PropertyCount{}}
	if !any {
		if _, err := q.o.Store.EventProperties(q.ctx(), q.app.Num, name); err != nil {
			return err
		}
		return q.json(http.StatusOK, answer)
	}
	all, total, err := q.o.Store.PropertyValues(q.ctx(), events(&span, name), q.param("event_property_name"))
	if err != nil {
		return err
	}
	answer.Total = total
	for _, v := range all[:min(top, len(all))] {
		answer.Values = append(answer.Values, contract.PropertyCount{Name: v.Value, Count: v.N, PreviousCount: v.Previous})
	}
	return q.json(http.StatusOK, answer)
}
