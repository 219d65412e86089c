package api

import (
	"net/http"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
)

// The states of a configuration that people can bring about.
const (
	exportEnabled  = "Enabled"
	exportDisabled = "Disabled"
	exportDeleted  = "Deleted"
)

func listExports(q *request) error {
	rows, err := q.o.Store.Exports(q.ctx(), q.app.Num)
	if err != nil {
		return err
	}
	answer := contract.ExportConfigurations{Values: []contract.ExportConfiguration{}}
	for i := range rows {
		if rows[i].State != exportDeleted {
			answer.Values = append(answer.Values, configuration(&rows[i]))
		}
	}
	answer.Total = len(answer.Values)
	return q.json(http.StatusOK, answer)
}

// configuration is what is shown of one: everything but its secrets (Q15).
func configuration(e *store.Export) contract.ExportConfiguration {
	c := contract.ExportConfiguration{
		ID: e.ID.String(), ExportType: exportKind(e.Type), CreationTime: millis(e.CreatedAt), State: e.State, StateInfo: e.StateInfo,
		ResourceGroup: e.ResourceGroup, ResourceName: e.ResourceName, ExportEntities: e.Entities,
		BlobEndpoint: e.BlobEndpoint, Container: e.Container, Prefix: e.Prefix,
		ExportConfiguration: contract.ExportSettings{
			Type: e.Type, SubscriptionID: e.SubscriptionID, BlobPathFormatKind: e.PathKind, Path: e.Path, ExportEntities: e.Entities,
			ResourceName: e.ResourceName, ResourceGroup: e.ResourceGroup, Backfill: e.Backfill,
		},
	}
	if e.LastRun != 0 {
		c.LastRunTime = diag.FormatTime(diag.IngressTime(e.LastRun).Time())
	}
	if !e.HandledErrors {
		c.ExportConfiguration.HandledErrors = &e.HandledErrors
	}
	return c
}

func millis(unix int64) string { return diag.FormatMillis(diag.IngressTime(unix).Time()) }

func noSuchExport() error {
	return diag.Errorf(diag.NotFound, "There is no such export configuration.")
}

// export is the configuration of the path.
func (q *request) export() (store.Export, error) {
	id, ok := diag.ParseID(q.param("export_configuration_id"))
	if !ok {
		return store.Export{}, noSuchExport()
	}
	e, err := q.o.Store.Export(q.ctx(), q.app.Num, id)
	if err == nil && e.State == exportDeleted {
		err = noSuchExport()
	}
	return e, err
}

func getExport(q *request) error {
	e, err := q.export()
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, configuration(&e))
}

// createExport tries the target before it answers (Q17).
func createExport(q *request) error {
	body, err := q.exportRequest()
	if err != nil {
		return err
	}
	now := q.o.Clock.Now()
	e := store.Export{
		ID: diag.NewID(now), App: q.app.Num, HandledErrors: true, PathKind: withoutAppID, Backfill: true, State: exportEnabled, CreatedAt: now.UnixMilli(),
	}
	if err := body.create(&e); err != nil {
		return err
	}
	if err := q.o.Targets.Check(q.ctx(), &e, body.secret()); err != nil {
		return err
	}
	e.Prefix = q.prefix(e.PathKind)
	e.From = q.firstWindow(e.Backfill)
	e.Watermark = e.From - 1
	if err := q.o.Store.CreateExport(q.ctx(), e); err != nil {
		return err
	}
	q.o.ExportsChanged()
	return q.json(http.StatusAccepted, configuration(&e))
}

// prefix is what stands in front of the folders of the minutes.
func (q *request) prefix(pathKind string) string {
	if pathKind == withAppID {
		return q.app.ID.String() + "/"
	}
	return ""
}

// firstWindow is where a new export begins: with the oldest log that is not too old, or now.
func (q *request) firstWindow(backfill bool) diag.Minute {
	now := q.o.JournalNow()
	if !backfill {
		return diag.MinuteOf(now)
	}
	oldest := q.o.Oldest()
	if oldest == 0 {
		return diag.MinuteOf(now)
	}
	return diag.MinuteOf(min(now, max(oldest, now-diag.IngressTime(q.o.Backfill.Milliseconds()))))
}

// patchExport merges: what the body leaves out stays. The secret is tried again, whether new or not.
func patchExport(q *request) error {
	body, err := q.exportRequest()
	if err != nil {
		return err
	}
	e, err := q.export()
	if err != nil {
		return err
	}
	if err := body.patch(&e); err != nil {
		return err
	}
	return q.changeExport(e, body.secret(), func(now *store.Export) error { return body.patch(now) }, true)
}

func enableExport(q *request) error {
	e, err := q.export()
	if err != nil {
		return err
	}
	if e.State == exportEnabled {
		return respond.Empty(q.w, http.StatusOK)
	}
	return q.changeExport(e, "", func(now *store.Export) error {
		now.State, now.StateInfo = exportEnabled, ""
		return nil
	}, false)
}

func disableExport(q *request) error {
	q.exports.Lock()
	defer q.exports.Unlock()
	e, err := q.export()
	if err != nil {
		return err
	}
	e.State, e.StateInfo = exportDisabled, ""
	if err := q.o.Store.UpdateExport(q.ctx(), e); err != nil {
		return err
	}
	q.o.ExportsChanged()
	return respond.Empty(q.w, http.StatusOK)
}

// changeExport tries the target of a changed configuration, then makes the change on the configuration as it
// is by then: trying can take its time, and others may have changed it meanwhile.
func (q *request) changeExport(e store.Export, secret string, change func(*store.Export) error, show bool) error {
	if err := q.o.Targets.Check(q.ctx(), &e, secret); err != nil {
		return err
	}
	q.exports.Lock()
	defer q.exports.Unlock()
	now, err := q.export()
	if err != nil {
		return err
	}
	if err := change(&now); err != nil {
		return err
	}
	now.Sealed, now.SecretHash, now.ResourceName = e.Sealed, e.SecretHash, e.ResourceName
	now.BlobEndpoint, now.Container, now.Prefix = e.BlobEndpoint, e.Container, q.prefix(now.PathKind)
	if err := q.o.Store.UpdateExport(q.ctx(), now); err != nil {
		return err
	}
	q.o.ExportsChanged()
	if !show {
		return respond.Empty(q.w, http.StatusOK)
	}
	return q.json(http.StatusOK, configuration(&now))
}

func deleteExport(q *request) error {
	e, err := q.export()
	if err != nil {
		return err
	}
	if err := q.o.Store.DeleteExport(q.ctx(), q.app.Num, e.ID); err != nil {
		return err
	}
	q.o.ExportsChanged()
	return respond.Empty(q.w, http.StatusOK)
}
