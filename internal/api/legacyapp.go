package api

import (
	"net/http"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// crashesAbout tells a client what an app has and what it may ask for.
type crashesAbout struct {
	HasCrashes bool            `json:"has_crashes"`
	Features   crashesFeatures `json:"features"`
}

type crashesFeatures struct {
	ModifyStatus     bool `json:"crashgroup_modify_status"`
	ModifyAnnotation bool `json:"crashgroup_modify_annotation"`
	Search           bool `json:"search"`
	CrashFreeUsers   bool `json:"crashgroup_analytics_crashfreeusers"`
	ImpactedUsers    bool `json:"crashgroup_analytics_impactedusers"`
	DownloadRaw      bool `json:"crash_download_raw"`
}

func crashesInfo(q *request) error {
	groups, _, err := q.o.Store.Groups(q.ctx(), store.GroupQuery{App: q.app.Num, Limit: 1})
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, crashesAbout{len(groups) > 0, crashesFeatures{true, true, true, true, true, true}})
}

// appVersion is a version with a build that reports were seen of.
type appVersion struct {
	AppVersionID string `json:"app_version_id"`
	AppID        string `json:"app_id"`
	DisplayName  string `json:"display_name"`
	AppVersion   string `json:"app_version"`
	BuildNumber  string `json:"build_number"`
}

func listAppVersions(q *request) error {
	releases, err := q.o.Store.ErrorReleases(q.ctx(), q.app.Num)
	if err != nil {
		return err
	}
	all := make([]appVersion, len(releases))
	for i, r := range releases {
		all[i] = appVersion{
			AppVersionID: diag.DerivedID([]byte("version"), q.app.ID[:], []byte(r.Version), []byte(r.Build)).String(), AppID: q.app.ID.String(),
			DisplayName: r.Version + " (" + r.Build + ")", AppVersion: r.Version, BuildNumber: r.Build,
		}
	}
	return q.json(http.StatusOK, all)
}
