package wire

import (
	"slices"
	"strconv"
	"strings"

	"lifeboat/internal/diag"
)

// DecodeReport decodes an error log in full. It never fails: what cannot be read is left out and said in
// Report.Problem, and the raw log stays what it was.
//
// Every exception and thread carries the platform that it comes from; Stack.Platform is that of the outermost
// exception, which is the one to show, else that of the threads. A JavaScript error that React Native carried
// through a native exception stands outermost, with the native exception as its Inner. The frames of an
// uncaught NSException are the last-exception backtrace of its thread.
func DecodeReport(l diag.Log, install diag.InstallID) diag.Report {
	r := errorLog{Report: diag.Report{
		ID: l.ID, Kind: l.Kind, Handled: l.Kind == diag.KindHandledError,
		Timestamp: l.Timestamp, Install: install, Session: l.Session,
	}}
	d := newDecoder(l.Raw)
	for name := range d.members() {
		r.member(d, name)
	}
	r.broken = d.end() != nil
	r.limit = d.limit
	r.settle()
	r.Problem = r.problem()
	return r.Report
}

// errorLog is a report while it is read, with what the log says but a report does not keep.
type errorLog struct {
	diag.Report
	exceptionType, exceptionReason string // Apple: of an uncaught NSException
	cpuType, cpuSubtype            int64
	broken                         bool
	limit                          limit
}

// member reads the value of one member of the log.
func (r *errorLog) member(d *decoder, name string) {
	switch name {
	case "device":
		r.Device = d.device()
	case "fatal":
		fatal, ok := d.boolean()
		r.Handled = r.Kind == diag.KindHandledError || ok && !fatal
	case "userId":
		r.UserID = shorten(d.text(), maxUserID)
	case "appLaunchTimestamp":
		r.AppLaunch = d.timestamp()
	case "processId":
		r.ProcessID = d.decimal()
	case "parentProcessId":
		r.ParentProcessID = d.decimal()
	case "errorThreadId":
		r.ErrorThreadID = d.decimal()
	case "isTestMessage":
		r.TestMessage, _ = d.boolean()
	case "properties":
		r.Properties = d.properties()
	case "primaryArchitectureId":
		r.cpuType, _ = d.integer()
	case "architectureVariantId":
		r.cpuSubtype, _ = d.integer()
	case "exception":
		r.Stack.Exception = d.exception(1)
	case "threads":
		r.Stack.Threads = d.threads()
	case "binaries":
		r.Stack.Images = d.images()
	case "registers":
		r.Stack.Registers = d.properties()
	default:
		if text := r.textMember(name); text != nil {
			*text = d.text()
		} else {
			d.skip()
		}
	}
}

// textMember is where the text of a member goes, nil if it is unknown.
func (r *errorLog) textMember(name string) *string {
	switch name {
	case "processName":
		return &r.ProcessName
	case "parentProcessName":
		return &r.ParentProcessName
	case "errorThreadName":
		return &r.ErrorThreadName
	case "architecture":
		return &r.Architecture
	case "osExceptionType":
		return &r.OSExceptionType
	case "osExceptionCode":
		return &r.OSExceptionCode
	case "osExceptionAddress":
		return &r.OSExceptionAddress
	case "exceptionType":
		return &r.exceptionType
	case "exceptionReason":
		return &r.exceptionReason
	case "selectorRegisterValue":
		return &r.SelectorRegister
	case "applicationPath":
		return &r.ApplicationPath
	case "dataResidencyRegion":
		return &r.DataResidencyRegion
	case "distributionGroupId":
		return &r.DistributionGroupID
	}
	return nil
}

// settle turns what the log lists into a stack: it decides platforms, reads texts, finds images.
func (r *errorLog) settle() {
	base := basePlatform(&r.Report)
	if r.Architecture == "" {
		r.Architecture = cpuName(r.cpuType, r.cpuSubtype)
	}
	r.settleImages(base)
	images := newImageIndex(r.Stack.Images)
	if r.Stack.Exception != nil {
		r.settleException(r.Stack.Exception, base, images, 1)
	}
	for i := range r.Stack.Threads {
		r.settleThread(&r.Stack.Threads[i], base, images)
	}
	if r.Stack.Exception == nil {
		r.Stack.Exception = r.uncaught()
	}
	r.Stack.Exception = r.javaScript(r.Stack.Exception)
	r.Stack.Platform = base
	if r.Stack.Exception != nil {
		r.Stack.Platform = r.Stack.Exception.Platform
	}
}

// settleException does so for an exception and its causes; the outermost exception is level 1.
func (r *errorLog) settleException(e *diag.Exception, inherited diag.Platform, images imageIndex, level int) {
	e.Platform = exceptionPlatform(e, &r.Device, inherited)
	lang := language(e.Platform, &r.Device)
	for i := range e.Frames {
		e.Frames[i].Language = lang
	}
	if cause := causeOfText(e); cause != nil && len(e.Inner) == 0 && r.limit.exception(level+1) {
		e.Inner = []diag.Exception{*cause}
	}
	e.Frames = combine(e.Platform, e.Frames, framesOfText(e, &r.limit))
	settleNative(e.Platform, e.Frames, images)
	if e.Platform == diag.PlatformUnity {
		splitUnityMessage(e)
	}
	for i := range e.Inner {
		r.settleException(&e.Inner[i], e.Platform, images, level+1)
	}
}

func (r *errorLog) settleThread(t *diag.Thread, base diag.Platform, images imageIndex) {
	t.Platform = base
	t.Crashed = strconv.FormatInt(t.ID, 10) == r.ErrorThreadID || r.ErrorThreadID == "" && t.Exception != nil
	lang := language(base, &r.Device)
	for i := range t.Frames {
		t.Frames[i].Language = lang
	}
	settleNative(base, t.Frames, images)
	if t.Exception != nil {
		r.settleException(t.Exception, base, images, 1)
	}
}

// settleNative finds images and symbols of frames that are addresses.
func settleNative(p diag.Platform, frames []diag.Frame, images imageIndex) {
	for i := range frames {
		images.locate(&frames[i])
		if p == diag.PlatformIOS {
			readCode(&frames[i])
		}
	}
}

// uncaught is the exception of an Apple crash that an uncaught NSException caused, nil for a plain signal.
// Where it was thrown is the last-exception backtrace of the crashed thread.
func (r *errorLog) uncaught() *diag.Exception {
	e := &diag.Exception{Type: r.exceptionType, Message: r.exceptionReason, Platform: diag.PlatformIOS}
	for _, t := range r.Stack.Threads {
		if t.Exception == nil {
			continue
		}
		if e.Type == "" && e.Message == "" {
			e.Type, e.Message = t.Exception.Type, t.Exception.Message
		}
		e.Frames = slices.Clone(t.Exception.Frames)
		break
	}
	if e.Type == "" && e.Message == "" && e.Frames == nil {
		return nil
	}
	return e
}

// problem says what is wrong with the log, for a person.
func (r *errorLog) problem() string {
	var problems []string
	if r.broken {
		problems = append(problems, "The log is not valid JSON; what comes before the error was read.")
	}
	if r.Stack.Exception == nil && len(r.Stack.Threads) == 0 {
		problems = append(problems, "The log has no exception that can be read.")
	}
	if cuts := r.limit.problem(); cuts != "" {
		problems = append(problems, cuts)
	}
	return strings.Join(problems, " ")
}
