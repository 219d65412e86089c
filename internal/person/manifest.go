package person

import (
	"context"
	"errors"
	"time"

	"lifeboat/internal/archive"
	"lifeboat/internal/blob"
	"lifeboat/internal/diag"
)

// Manifest says what a copy holds, where it comes from and what it lacks. It is the file manifest.json of the
// ZIP; its fields are never renamed.
type Manifest struct {
	Format    string     `json:"format"` // "lifeboat-person-copy/1"
	Generator string     `json:"generator"`
	Started   time.Time  `json:"started"`
	Finished  time.Time  `json:"finished"`
	Complete  bool       `json:"complete"` // every source was read and everything pointed to is here
	Installs  []Install  `json:"installs"`
	Since     *time.Time `json:"since,omitempty"` // bounds of the search, as asked for
	Until     *time.Time `json:"until,omitempty"`
	Counts    Counts     `json:"counts"`
	Source    Source     `json:"source"`
	// Missing are payloads and attachments that records name and that are not in the copy; the first 10,000.
	Missing []Problem `json:"missing"`
	// Members are all files of the ZIP but this one, in their order.
	Members []Member `json:"members"`

	at map[diag.InstallID]int // where an install stands in Installs
}

// Install is one of the ids asked for.
type Install struct {
	ID      diag.InstallID `json:"installId"`
	Records int64          `json:"records"`
}

// Counts are of what the copy holds.
type Counts struct {
	Records int64 `json:"records"`
	// MessageIDs is how many logs the records are about: a crash is in the list of all logs and in that of
	// crashes, and an archive may hold a log twice.
	MessageIDs  int64            `json:"distinctMessageIds"`
	ByType      map[string]int64 `json:"byMessageType"` // records
	Payloads    int              `json:"payloads"`
	Attachments int              `json:"attachments"`
	Missing     int              `json:"missing"` // payloads and attachments that are named but not here
}

// Source is the archive that was searched.
type Source struct {
	Archive    string `json:"archive"`      // without secrets
	Listed     int64  `json:"blobsListed"`  // arrays of records within the time range
	Scanned    int64  `json:"blobsScanned"` // of these, read to the end
	Failed     int64  `json:"blobsUnreadable"`
	Bytes      int64  `json:"bytesScanned"`
	Records    int64  `json:"recordsScanned"`
	Quarantine struct {
		// Doubled records have several InstallId members; the last one counted.
		Doubled int64 `json:"severalInstallIds"`
		// Without are records that name no install: nobody's, so in no copy.
		Without int64 `json:"noInstallId"`
	} `json:"quarantined"`
	Unreadable []Problem `json:"unreadable"` // the first 10,000
}

// maxProblems bounds the lists of what is missing: an archive that went away while it was read would make them
// as long as itself.
const maxProblems = 10_000

// Problem is a blob that could not be read, and why. Blob is "" if the list of blobs itself broke off.
type Problem struct {
	Blob   string `json:"blob"`
	Reason string `json:"reason"`
}

// Member is one file of the ZIP.
type Member struct {
	Path        string `json:"path"`
	Size        int64  `json:"size"`
	SHA256      string `json:"sha256"`
	Blob        string `json:"blob,omitempty"`        // the blob that it is a copy of
	FileName    string `json:"fileName,omitempty"`    // of an attachment, as the app named it
	ContentType string `json:"contentType,omitempty"` // of an attachment, as the app said
}

func newManifest(o Options) *Manifest {
	m := &Manifest{Format: "lifeboat-person-copy/1", Generator: "lifeboat " + o.Version, Started: o.Clock.Now().UTC(), Missing: []Problem{}}
	m.Source.Archive, m.Source.Unreadable = o.Source.String(), []Problem{}
	m.Counts.ByType = map[string]int64{}
	m.at = map[diag.InstallID]int{}
	for _, id := range o.Installs {
		if _, twice := m.at[id]; !twice {
			m.at[id] = len(m.Installs)
			m.Installs = append(m.Installs, Install{ID: id})
		}
	}
	m.Since, m.Until = bound(o.Since), bound(o.Until)
	return m
}

func bound(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// nothing is not nil if all could be read and no record is there. That no array was found at all is told
// apart: most likely the wrong place was searched, and nobody should conclude that nothing is held.
func (m *Manifest) nothing() error {
	switch {
	case m.Counts.Records > 0 || !m.allRead():
		return nil
	case m.Source.Listed == 0:
		return diag.Wrap(diag.NotFound, ErrNothing, "%s holds no exported records at all (no blob yyyy/MM/dd/HH/mm/….v1.data within the time range); check that it is the folder or container that the export writes to", m.Source.Archive)
	}
	return diag.Wrap(diag.NotFound, ErrNothing, "none of %s in %s is of these installs", plural(m.Source.Records, "record", "records"), plural(m.Source.Scanned, "blob", "blobs"))
}

// allRead: every source was read to its end.
func (m *Manifest) allRead() bool { return len(m.Source.Unreadable) == 0 }

func (m *Manifest) unreadable(blob, why string) {
	m.Source.Failed++
	if len(m.Source.Unreadable) < maxProblems {
		m.Source.Unreadable = append(m.Source.Unreadable, Problem{blob, why})
	}
}

func (m *Manifest) missing(blob, why string) {
	m.Counts.Missing++
	if len(m.Missing) < maxProblems {
		m.Missing = append(m.Missing, Problem{blob, why})
	}
}

func (m *Manifest) count(f found) {
	m.Counts.Records++
	m.Installs[m.at[f.install]].Records++
	m.Counts.ByType[knownType(f.kind)]++
}

// knownType bounds what the archive can make us count.
func knownType(kind string) string {
	switch kind {
	case "EventLog", "PageLog", "StartSessionLog", "StartServiceLog", "CustomPropertyLog", "PushInstallationLog", "DistributionStartSessionLog", "CrashMetricsLog", "ErrorLog", "HandledErrorLog", "ErrorAttachmentLog":
		return kind
	}
	return "other"
}

// scanned counts a blob that was read: to its end if err is nil.
func (m *Manifest) scanned(name string, s archive.Stats, err error) {
	m.Source.Listed++
	m.Source.Bytes += s.Bytes
	m.Source.Records += s.Records
	m.Source.Quarantine.Doubled += s.Doubled
	m.Source.Quarantine.Without += s.Without
	if err != nil {
		m.unreadable(name, reason(err))
		return
	}
	m.Source.Scanned++
}

// reason is what a reader of the manifest can use of an error: where the content breaks, or what kind of
// refusal it was.
func reason(err error) string {
	var syntax *archive.SyntaxError
	var failed *blob.Error
	switch {
	case errors.As(err, &syntax):
		return syntax.Error()
	case errors.As(err, &failed) && failed.Err != nil && !errors.Is(err, context.Canceled):
		return failed.Cause.String() + ": " + failed.Err.Error()
	case errors.As(err, &failed):
		return failed.Cause.String()
	}
	return err.Error()
}
