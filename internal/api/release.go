package api

import (
	"cmp"
	"net/http"
	"slices"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
)

// listReleases lists the versions that reports were seen of, the newest first: scripts look here for the latest
// one. Releases themselves are none of ours.
func listReleases(q *request) error {
	found, err := q.o.Store.ErrorReleases(q.ctx(), q.app.Num)
	if err != nil {
		return err
	}
	all := make([]contract.Release, len(found))
	for i, f := range found { // in the order in which they were first seen
		all[i] = contract.Release{
			Origin: "appcenter", ID: int64(i + 1), ShortVersion: f.Version, Version: f.Build, UploadedAt: diag.FormatMillis(f.First.Time()), Enabled: true,
		}
	}
	slices.SortFunc(all, func(a, b contract.Release) int {
		return cmp.Or(compareVersions(b.ShortVersion, a.ShortVersion), compareVersions(b.Version, a.Version))
	})
	return q.json(http.StatusOK, all[:min(len(all), maxTop)])
}

// askedReleases are the releases whose downloads are asked for.
type askedReleases struct {
	Releases []struct {
		Release           string `json:"release"`
		DistributionGroup string `json:"distribution_group"`
	} `json:"releases"`
}

const maxReleases = 1000

// releaseCounts counts downloads: nothing is downloaded from here.
func releaseCounts(q *request) error {
	var body askedReleases
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	if len(body.Releases) > maxReleases {
		return diag.Errorf(diag.Invalid, "releases takes at most %d entries.", maxReleases)
	}
	answer := contract.ReleaseCounts{Counts: make([]contract.ReleaseCount, len(body.Releases))}
	for i, r := range body.Releases {
		answer.Counts[i] = contract.ReleaseCount{ReleaseID: r.Release, DistributionGroup: r.DistributionGroup}
	}
	return q.json(http.StatusOK, answer)
}
