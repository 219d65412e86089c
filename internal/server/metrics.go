package server

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/pprof"
	"slices"
	"strconv"

	"github.com/VictoriaMetrics/metrics"

	"lifeboat/internal/export"
)

// admin answers on the private listener.
func (s *Server) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		s.writeMetrics(w)
	})
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /condition", s.controlled(s.condition))
	mux.HandleFunc("POST /backup", s.controlled(s.backup))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// instanceHeader tells one server from another, so that an operator can find out where a URL leads to.
const instanceHeader = "X-Lifeboat-Instance"

// healthz: the process answers.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set(instanceHeader, s.instance)
	plain(w, http.StatusOK, "ok\n")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	io.WriteString(w, text)
}

// readyz: logs are taken.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	switch {
	case !s.ready.Load():
		plain(w, http.StatusServiceUnavailable, "draining\n")
	case s.disk.full.Load():
		plain(w, http.StatusServiceUnavailable, "the disk is nearly full\n")
	default:
		plain(w, http.StatusOK, "ready\n")
	}
}

func (s *Server) writeMetrics(w io.Writer) {
	s.writeIngestMetrics(w)
	s.writeJournalMetrics(w)
	s.writePipelineMetrics(w)
	s.writePurgeMetrics(w)
	s.writeSymbolMetrics(w)
	for _, e := range s.export.Stats() {
		writeExportMetrics(w, &e)
	}
	gauge(w, "lifeboat_disk_free_bytes", s.disk.free.Load())
	gauge(w, "lifeboat_disk_full", boolean(s.disk.full.Load()))
	metrics.WriteCounterUint64(w, "lifeboat_http_requests_total", uint64(s.requests.Load()))
	metrics.WriteProcessMetrics(w)
}

func (s *Server) writeIngestMetrics(w io.Writer) {
	i := s.ingest.Stats()
	counter(w, "lifeboat_ingest_requests_total", i.Requests)
	counter(w, "lifeboat_ingest_one_collector_total", i.OneCollector)
	counter(w, "lifeboat_ingest_wire_bytes_total", i.WireBytes)
	counter(w, "lifeboat_ingest_body_bytes_total", i.BodyBytes)
	gauge(w, "lifeboat_ingest_in_flight", uint64(i.InFlight))
	gauge(w, "lifeboat_ingest_memory_bytes", uint64(i.MemoryInUse))
	counters(w, "lifeboat_ingest_logs_total", "type", i.Logs)
	counters(w, "lifeboat_ingest_dropped_total", "reason", i.Dropped)
	counters(w, "lifeboat_ingest_refused_total", "reason", i.Refused)
	for _, status := range slices.Sorted(maps.Keys(i.Statuses)) {
		counter(w, `lifeboat_ingest_answers_total{status="`+strconv.Itoa(status)+`"}`, i.Statuses[status])
	}
}

func (s *Server) writeJournalMetrics(w io.Writer) {
	j := s.journal.Stats()
	gauge(w, "lifeboat_journal_segments", uint64(j.Segments))
	gauge(w, "lifeboat_journal_frames", uint64(j.Frames))
	gauge(w, "lifeboat_journal_bytes", uint64(j.Bytes))
	gauge(w, "lifeboat_journal_horizon", s.journal.Horizon())
	metrics.WriteGaugeFloat64(w, "lifeboat_journal_clock_ahead_seconds", s.journal.Skew().Seconds())
	counter(w, "lifeboat_journal_appended_total", j.Appended)
	counter(w, "lifeboat_journal_commits_total", j.Commits)
	counter(w, "lifeboat_journal_syncs_total", j.Syncs)
	counter(w, "lifeboat_journal_blanked_total", j.Blanked)
	counter(w, "lifeboat_journal_compacted_total", j.Compacted)
	counter(w, "lifeboat_journal_dropped_total", j.Dropped)
	counter(w, "lifeboat_journal_freed_bytes_total", j.Freed)
	counter(w, "lifeboat_journal_damaged_total", j.Damaged)
	counter(w, "lifeboat_journal_damaged_bytes_total", j.DamagedBytes)
	counter(w, "lifeboat_journal_torn_bytes_total", j.TornBytes)
}

func (s *Server) writePipelineMetrics(w io.Writer) {
	p := s.pipeline.Stats()
	gauge(w, "lifeboat_pipeline_through", p.Through)
	gauge(w, "lifeboat_pipeline_lag_frames", s.lag())
	counter(w, `lifeboat_pipeline_rows_total{kind="event"}`, p.Events)
	counter(w, `lifeboat_pipeline_rows_total{kind="report"}`, p.Reports)
	counter(w, `lifeboat_pipeline_rows_total{kind="attachment"}`, p.Attachments)
	counter(w, `lifeboat_pipeline_rows_total{kind="problem"}`, p.Problems)
	counter(w, "lifeboat_pipeline_duplicates_total", p.Duplicates)
	counter(w, "lifeboat_pipeline_gone_total", p.Gone)
	counter(w, "lifeboat_pipeline_deleted_total", p.Deleted)
	counter(w, "lifeboat_pipeline_purged_total", p.Purged)
	counter(w, "lifeboat_pipeline_batches_total", p.Batches)
	counter(w, "lifeboat_pipeline_retries_total", p.Retries)
}

func (s *Server) writePurgeMetrics(w io.Writer) {
	p := s.purge.Stats()
	counter(w, `lifeboat_purge_rows_total{kind="report"}`, p.Reports)
	counter(w, `lifeboat_purge_rows_total{kind="attachment"}`, p.Attachments)
	counter(w, `lifeboat_purge_rows_total{kind="event"}`, p.Events)
	counter(w, `lifeboat_purge_rows_total{kind="other"}`, p.Others)
	counter(w, "lifeboat_purge_frames_total", p.Frames)
	counter(w, "lifeboat_purge_unexported_total", p.Unexported)
	counter(w, "lifeboat_purge_deletions_total", p.Deletions)
	counter(w, "lifeboat_purge_passes_total", p.Passes)
	counter(w, "lifeboat_purge_failures_total", p.Failures)
	gauge(w, "lifeboat_purge_held_by_export", uint64(p.Held))
	metrics.WriteGaugeFloat64(w, "lifeboat_purge_lag_seconds", p.Lag.Seconds())
	if !p.Last.IsZero() {
		gauge(w, "lifeboat_purge_last_timestamp_seconds", uint64(p.Last.Unix()))
	}
}

func (s *Server) writeSymbolMetrics(w io.Writer) {
	k := s.keeper.Stats()
	counter(w, `lifeboat_symbol_uploads_total{state="indexed"}`, k.Indexed)
	counter(w, `lifeboat_symbol_uploads_total{state="failed"}`, k.Failed)
	counter(w, "lifeboat_symbol_uploads_removed_total", k.Removed)
	counter(w, "lifeboat_symbol_upload_errors_total", k.Errors)
	gauge(w, "lifeboat_symbol_uploads_unfinished_bytes", uint64(max(0, s.uploads.Unfinished())))
}

func writeExportMetrics(w io.Writer, e *export.Stat) {
	label := `{configuration="` + e.ID.String() + `"}`
	metrics.WriteGaugeFloat64(w, "lifeboat_export_lag_seconds"+label, e.Lag.Seconds())
	gauge(w, "lifeboat_export_failing"+label, boolean(e.Failing))
	counter(w, "lifeboat_export_windows_total"+label, e.Windows)
	counter(w, "lifeboat_export_empty_windows_total"+label, e.Empty)
	counter(w, "lifeboat_export_blobs_total"+label, e.Blobs)
	counter(w, "lifeboat_export_bytes_total"+label, e.Bytes)
	counter(w, "lifeboat_export_failures_total"+label, e.Failures)
	counter(w, "lifeboat_export_conflicts_total"+label, e.Conflicts)
	counter(w, "lifeboat_export_skipped_total"+label, e.Skipped)
}

func counters(w io.Writer, name, label string, values map[string]int64) {
	for _, v := range slices.Sorted(maps.Keys(values)) {
		counter(w, fmt.Sprintf("%s{%s=%q}", name, label, v), values[v])
	}
}

func counter(w io.Writer, name string, n int64) {
	metrics.WriteCounterUint64(w, name, uint64(max(n, 0)))
}
func gauge(w io.Writer, name string, n uint64) { metrics.WriteGaugeUint64(w, name, n) }

func boolean(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
