package api

import (
	"net/http"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// span reads the range of a call about use. Days count whole (A1). Without an end it ends now; without a start,
// and where it reaches back further than installs are told apart, it begins as far back as that. any is false
// if no day is in it.
func (q *request) span(p *params) (s store.SpanQuery, any bool) {
	start, end, now := p.time("start"), p.time("end"), diag.DeviceTimeOf(q.o.Clock.Now())
	if end == 0 {
		end = now
	}
	latest := diag.DeviceTimeOf(timeOfDay(dayOf(now.Time()) + aheadDays + 1)) // clocks of devices may be ahead
	end = min(end, latest)
	last := dayOf(end.Time().Add(-1))
	first := last - store.MaxSpan + 1
	if start != 0 {
		first = max(first, dayOf(start.Time()))
	}
	s = store.SpanQuery{App: q.app.Num, Start: diag.DeviceTimeOf(timeOfDay(first)), End: diag.DeviceTimeOf(timeOfDay(last + 1)), Versions: p.list("versions")}
	if s.Start == 0 {
		s.Start++ // the first day of 1970: 0 would be no start
	}
	if s.End == 0 {
		s.End = -1
	}
	return s, first <= last && (start == 0 || start < end)
}

// days is how many days are in a span.
func daysIn(s *store.SpanQuery) int { return dayOf(s.End.Time().Add(-1)) - dayOf(s.Start.Time()) + 1 }

// previous is the span of the same length before s.
func previous(s store.SpanQuery) store.SpanQuery {
	first := dayOf(s.Start.Time())
	s.Start, s.End = diag.DeviceTimeOf(timeOfDay(first-daysIn(&s))), diag.DeviceTimeOf(timeOfDay(first))
	if s.End == 0 {
		s.End = -1
	}
	return s
}

// shares are the values of a trait that a call asks for, and the number of devices.
func (q *request) shares(of store.Trait) (all []store.Share, total int64, err error) {
	p := q.params()
	span, any := q.span(p)
	top := p.top()
	if p.err != nil || !any {
		return nil, 0, p.err
	}
	all, total, err = q.o.Store.Shares(q.ctx(), span, of)
	return all[:min(top, len(all))], total, err
}

func analyticsVersions(q *request) error {
	shares, total, err := q.shares(store.TraitVersion)
	if err != nil {
		return err
	}
	a := contract.ActiveVersions{Total: total, Versions: make([]contract.VersionShare, len(shares))}
	for i, s := range shares {
		a.Versions[i] = contract.VersionShare{Version: s.Value, Count: s.N, PreviousCount: s.Previous}
	}
	return q.json(http.StatusOK, a)
}

func analyticsModels(q *request) error {
	shares, total, err := q.shares(store.TraitModel)
	if err != nil {
		return err
	}
	a := contract.Models{Total: total, Models: make([]contract.ModelShare, len(shares))}
	for i, s := range shares {
		a.Models[i] = contract.ModelShare{ModelName: s.Value, Count: s.N, PreviousCount: s.Previous}
	}
	return q.json(http.StatusOK, a)
}

func analyticsPlaces(q *request) error {
	shares, total, err := q.shares(store.TraitCountry)
	if err != nil {
		return err
	}
	a := contract.Places{Total: total, Places: make([]contract.PlaceShare, len(shares))}
	for i, s := range shares {
		a.Places[i] = contract.PlaceShare{Code: s.Value, Count: s.N, PreviousCount: s.Previous}
	}
	return q.json(http.StatusOK, a)
}

func analyticsLanguages(q *request) error {
	shares, total, err := q.shares(store.TraitLanguage)
	if err != nil {
		return err
	}
	a := contract.Languages{Total: total, Languages: make([]contract.LanguageShare, len(shares))}
	for i, s := range shares {
		a.Languages[i] = contract.LanguageShare{LanguageName: s.Value, Count: s.N, PreviousCount: s.Previous}
	}
	return q.json(http.StatusOK, a)
}

func analyticsSystems(q *request) error {
	shares, total, err := q.shares(store.TraitSystem)
	if err != nil {
		return err
	}
	a := contract.Systems{Total: total, OSes: make([]contract.SystemShare, len(shares))}
	for i, s := range shares {
		a.OSes[i] = contract.SystemShare{OSName: s.Value, Count: s.N, PreviousCount: s.Previous}
	}
	return q.json(http.StatusOK, a)
}

// activeDevices takes app_build for a build or a version: the CLI sends the version in it (Q29).
func activeDevices(q *request) error {
	p := q.params()
	span, any := q.span(p)
	span.Build = p.text("app_build")
	if p.err != nil {
		return p.err
	}
	var days []store.Actives
	if any {
		var err error
		if days, err = q.o.Store.ActiveWindows(q.ctx(), span); err != nil {
			return err
		}
	}
	n := len(days)
	a := contract.ActiveDevices{Daily: make([]contract.DayCount, n), Weekly: make([]contract.DayCount, n), Monthly: make([]contract.DayCount, n)}
	for i, d := range days {
		at := diag.FormatTime(d.Day.Time())
		a.Daily[i] = contract.DayCount{Datetime: at, Count: d.Daily}
		a.Weekly[i] = contract.DayCount{Datetime: at, Count: d.Weekly}
		a.Monthly[i] = contract.DayCount{Datetime: at, Count: d.Monthly}
	}
	return q.json(http.StatusOK, a)
}

// dayAt is how the day so many days behind the start of a span is written.
func dayAt(s *store.SpanQuery, i int) string {
	return diag.FormatTime(timeOfDay(dayOf(s.Start.Time())).Add(time.Duration(i) * oneDay))
}

// ratio is n per of, 0 if there is none.
func ratio(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}
