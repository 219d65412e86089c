package api

import (
	"net/http"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
)

// The numbers of crashes in the spelling of before errors/*: crashes only, one version at a time.

// crashDays is contract.ErrorCounts in the old spelling.
type crashDays struct {
	Count   int64               `json:"count"`
	Crashes []contract.DayCount `json:"crashes"`
}

func crashCounts(q *request) error {
	p := q.params()
	crashes := false
	query := store.ErrorQuery{App: q.app.Num, Start: p.time("start"), End: p.time("end"), Versions: p.list("versions"), Handled: &crashes}
	if p.err != nil {
		return p.err
	}
	counts, err := q.errorCounts(query)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, crashDays{counts.Count, counts.Errors})
}

// crashFree is contract.ErrorFree in the old spelling.
type crashFree struct {
	AveragePercentage float64                  `json:"average_percentage"`
	DailyPercentages  []contract.DayPercentage `json:"daily_percentages"`
}

func crashFreeDevices(q *request) error {
	p := q.params()
	crashes := false
	query := store.ActivityQuery{App: q.app.Num, Start: p.time("start"), End: p.time("end"), Versions: some(p.text("version")), Handled: &crashes}
	if p.err != nil {
		return p.err
	}
	free, err := q.errorFree(query)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, crashFree{free.AveragePercentage, free.DailyPercentages})
}

// maxCrashGroups is how many groups one question may name.
const maxCrashGroups = 1000

// crashGroupNames is a question about groups.
type crashGroupNames struct {
	CrashGroups []crashGroupName `json:"crash_groups"`
}

type crashGroupName struct {
	CrashGroupID string `json:"crash_group_id"`
	AppVersion   string `json:"app_version"`
}

// crashTotals are a group's numbers over all its reports.
type crashTotals struct {
	CrashCount  int64 `json:"crash_count"`
	DeviceCount int64 `json:"device_count"`
}

type crashGroupTotal struct {
	crashGroupName
	Overall crashTotals `json:"overall"`
}

// crashGroupTotals answers for every group that was named, with zeros for one that is not there.
func crashGroupTotals(q *request) error {
	var body crashGroupNames
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	if len(body.CrashGroups) == 0 || len(body.CrashGroups) > maxCrashGroups {
		return diag.Errorf(diag.Invalid, "crash_groups must name 1 to %d groups.", maxCrashGroups)
	}
	all := make([]crashGroupTotal, len(body.CrashGroups))
	for i, name := range body.CrashGroups {
		all[i].crashGroupName = name
		id, _, ok := diag.ParseGroupID(name.CrashGroupID)
		if !ok {
			continue
		}
		g, err := q.o.Store.Group(q.ctx(), q.app.Num, id)
		if err != nil && diag.KindOf(err) == diag.NotFound {
			continue
		}
		if err != nil {
			return err
		}
		if name.AppVersion == "" || name.AppVersion == g.AppVersion {
			all[i].Overall = crashTotals{g.Count, g.Devices}
		}
	}
	return q.json(http.StatusOK, all)
}

// counts reports whether a group is of the version that is asked for; it counts as empty for another one.
func (q *request) counts(g *store.GroupSummary) bool {
	version := q.params().text("version")
	return version == "" || version == g.AppVersion
}

func crashGroupOverall(q *request) error {
	g, err := q.summary()
	if err != nil {
		return err
	}
	if !q.counts(&g) {
		return q.json(http.StatusOK, crashTotals{})
	}
	return q.json(http.StatusOK, crashTotals{g.Count, g.Devices})
}

// crashModels are the models of a group's devices.
type crashModels struct {
	CrashCount int64        `json:"crash_count"`
	Models     []crashModel `json:"models"`
}

type crashModel struct {
	ModelName  string `json:"model_name"`
	CrashCount int64  `json:"crash_count"`
}

func crashGroupModels(q *request) error {
	g, names, err := q.groupNames(q.o.Store.GroupModels)
	if err != nil {
		return err
	}
	answer := crashModels{Models: []crashModel{}}
	if q.counts(&g) {
		answer.CrashCount = g.Count
		for _, n := range names {
			answer.Models = append(answer.Models, crashModel{n.Name, n.N})
		}
	}
	return q.json(http.StatusOK, answer)
}

// crashSystems are the systems of a group's devices.
type crashSystems struct {
	CrashCount       int64         `json:"crash_count"`
	OperatingSystems []crashSystem `json:"operating_systems"`
}

type crashSystem struct {
	OperatingSystemName string `json:"operating_system_name"`
	CrashCount          int64  `json:"crash_count"`
}

func crashGroupSystems(q *request) error {
	g, names, err := q.groupNames(q.o.Store.GroupSystems)
	if err != nil {
		return err
	}
	answer := crashSystems{OperatingSystems: []crashSystem{}}
	if q.counts(&g) {
		answer.CrashCount = g.Count
		for _, n := range names {
			answer.OperatingSystems = append(answer.OperatingSystems, crashSystem{n.Name, n.N})
		}
	}
	return q.json(http.StatusOK, answer)
}

func crashGroupCounts(q *request) error {
	p := q.params()
	start, end, version := p.time("start"), p.time("end"), p.text("version")
	if p.err != nil {
		return p.err
	}
	g, err := q.summary()
	if err != nil {
		return err
	}
	counts, err := q.groupErrorCounts(&g, start, end, version)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, crashDays{counts.Count, counts.Errors})
}
