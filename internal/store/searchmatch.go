package store

import (
	"slices"
	"strconv"
	"strings"

	"lifeboat/internal/diag"
	query "lifeboat/internal/filter"
)

// truth is yes, no, or not known without reading the log.
type truth int8

const (
	no truth = iota - 1
	unknown
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// decide finds out what a filter says as far as leaf knows its parts.
func decide(e query.Expr, leaf func(query.Expr) truth) truth {
	switch e := e.(type) {
	case nil:
		return yes
	case query.And:
		least := yes
		for _, part := range e {
			least = min(least, decide(part, leaf))
		}
		return least
	case query.Or:
		most := no
		for _, part := range e {
			most = max(most, decide(part, leaf))
		}
		return most
	case query.Not:
		return -decide(e.Of, leaf)
	}
	return leaf(e)
}

// reportValue is what a report has in a field, but for its message.
func (s *searcher) reportValue(r *ReportRow, field string) query.Value {
	switch field {
	case "exceptionMethod":
		return query.TextValue(r.Reason.Method)
	case "exceptionClassName":
		return query.TextValue(r.Reason.Class)
	case "exceptionType":
		return query.TextValue(r.Reason.Type)
	case "exceptionFile":
		return query.TextValue(r.Reason.File)
	case "exceptionLine":
		return lineValue(r.Reason.Line)
	case "errorType":
		return kindValue(r.Handled)
	case "errorGroupId":
		return query.IDValue(strconv.FormatUint(uint64(r.Group), 10))
	case "appVersion":
		return query.TextValue(r.AppVersion)
	case "appBuild":
		return query.TextValue(r.AppBuild)
	case "state":
		return s.stateValue(r.Group)
	case "userId":
		return query.TextValue(r.UserID)
	case "deviceName":
		return query.TextValue(r.Model)
	case "osVersion":
		return query.TextValue(r.OSVersion)
	case "osType":
		return query.TextValue(r.OSName)
	case "country":
		return query.TextValue(r.Country)
	case "language":
		return query.TextValue(r.Language)
	case "timestamp":
		return query.TimeValue(r.Time)
	case "lastOccurrence":
		return query.TimeValue(s.last[r.Group])
	case "errorId":
		return query.IDValue(r.ID.String())
	case "installId":
		return query.IDValue(string(r.Install))
	}
	return query.NullValue(query.Text)
}

// groupValue is what a group has in a field, but for its message.
func (s *searcher) groupValue(g *GroupSummary, field string) query.Value {
	switch field {
	case "exceptionMethod":
		return query.TextValue(g.Reason.Method)
	case "exceptionClassName":
		return query.TextValue(g.Reason.Class)
	case "exceptionType":
		return query.TextValue(g.Reason.Type)
	case "exceptionFile":
		return query.TextValue(g.Reason.File)
	case "exceptionLine":
		return lineValue(g.Reason.Line)
	case "errorType":
		return kindValue(g.Handled)
	case "errorGroupId":
		return query.IDValue(strconv.FormatUint(uint64(g.ID), 10))
	case "appVersion":
		return query.TextValue(g.AppVersion)
	case "appBuild":
		return query.TextValue(g.AppBuild)
	case "state":
		return s.stateValue(g.ID)
	case "lastOccurrence":
		return query.TimeValue(g.Last)
	case "firstOccurrence":
		return query.TimeValue(g.First)
	case "count":
		return query.NumberValue(g.Count)
	case "deviceCount":
		return query.NumberValue(g.Devices)
	}
	return query.NullValue(query.Text)
}

func lineValue(line int) query.Value {
	if line == 0 {
		return query.NullValue(query.Number)
	}
	return query.NumberValue(int64(line))
}

func kindValue(handled bool) query.Value {
	if handled {
		return query.WordValue(query.Handled)
	}
	return query.WordValue(query.Unhandled)
}

func (s *searcher) words(g diag.GroupID) GroupWords {
	if w, ok := s.said[g]; ok {
		return w
	}
	return GroupWords{State: StateOpen}
}

func (s *searcher) stateValue(g diag.GroupID) query.Value { return query.WordValue(s.words(g).State) }

// of decides a filter by a thing's values; message is nil if it is not read yet.
func of(e query.Expr, value func(string) query.Value, message *string) truth {
	return decide(e, func(leaf query.Expr) truth {
		if query.FieldOf(leaf) != "exceptionMessage" {
			return truthOf(query.Match(leaf, value))
		}
		if message == nil {
			return unknown
		}
		return truthOf(query.Match(leaf, func(string) query.Value { return query.TextValue(*message) }))
	})
}

// inTexts says whether a folded text stands in one of the others.
func inTexts(folded string, texts []string) bool {
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(query.Fold(s), folded) })
}

// inGroup says whether a word is a group's id or stands in its texts.
func (tm *term) inGroup(g diag.GroupID, version string, r *Reason) bool {
	if tm.ids.isGroup && tm.ids.group == g {
		return true
	}
	if g != 0 && !tm.anyhow && !tm.groups[g] {
		return false
	}
	texts := searchedReason(version, r)
	return inTexts(tm.text, texts[:])
}

// inRow says whether a word is an id of a report or stands in its row or its group's.
func (tm *term) inRow(r *ReportRow) bool {
	if !tm.ids.report.IsZero() && tm.ids.report == r.ID || tm.ids.install == r.Install {
		return true
	}
	texts := r.searched()
	return inTexts(tm.text, texts[:]) || tm.inGroup(r.Group, r.AppVersion, &r.Reason)
}

// matches decides whether a report is a hit. It reads the log only if the rows do not say.
func (s *searcher) matches(r *ReportRow) (bool, error) {
	if err := s.findLast(r.Group); err != nil {
		return false, err
	}
	value := func(field string) query.Value { return s.reportValue(r, field) }
	byFilter := of(s.filter, value, nil)
	if byFilter == no {
		return false, nil
	}
	var open []*term
	for i := range s.terms {
		if tm := &s.terms[i]; !tm.inRow(r) {
			open = append(open, tm)
		}
	}
	if byFilter == yes && open == nil {
		return true, nil
	}
	texts, err := s.texts(r)
	if err != nil {
		return false, err
	}
	if of(s.filter, value, &texts.Message) != yes {
		return false, nil
	}
	open = slices.DeleteFunc(open, func(tm *term) bool { return inTexts(tm.text, texts.All) })
	return s.inFiles(r, open)
}

// findLast reads when a group's last report was, if the filter asks for that.
func (s *searcher) findLast(g diag.GroupID) error {
	if _, known := s.last[g]; known || s.last == nil {
		return nil
	}
	var group GroupSummary
	err := group.load(s.t, s.shard, s.app, g)
	s.last[g] = group.Last
	if gone(err) {
		return nil
	}
	return err
}

// texts reads a report's texts, none if its log is gone.
func (s *searcher) texts(r *ReportRow) (LogTexts, error) {
	if s.read--; s.read < 0 {
		return LogTexts{}, errBroad
	}
	texts, err := s.db.texts.ReportTexts(s.t.ctx, r)
	if gone(err) {
		return LogTexts{}, nil
	}
	texts.All = boundTexts(texts.All, MaxReportText)
	return texts, err
}

// inFiles says whether all of the words stand in attachments of a report.
func (s *searcher) inFiles(r *ReportRow, open []*term) (bool, error) {
	if len(open) == 0 {
		return true, nil
	}
	if slices.ContainsFunc(open, func(tm *term) bool { return !tm.allFile && !tm.reports[r.ID] }) {
		return false, nil
	}
	files, err := s.db.attachments(s.t, s.shard, s.app, "SELECT "+attachmentColumns+
		" FROM attachment WHERE shard = $1 AND app = $2 AND error_id = $3 ORDER BY feed, member", s.shard, s.app, r.ID[:])
	if err != nil {
		return false, err
	}
	for i := range files {
		if s.read--; s.read < 0 {
			return false, errBroad
		}
		text, err := s.db.texts.AttachmentText(s.t.ctx, &files[i])
		if err != nil && !gone(err) {
			return false, err
		}
		texts := append(boundTexts([]string{text}, MaxAttachmentText), files[i].FileName)
		open = slices.DeleteFunc(open, func(tm *term) bool { return inTexts(tm.text, texts) })
	}
	return len(open) == 0, nil
}
