package diag

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Signature names one fault across versions: a hash of the algorithm's version, the platform family, handled
// or not, and the key lines. It is internal; the public id is a GroupID.
type Signature [16]byte

// Verdict is what grouping says of one report.
type Verdict struct {
	Signature Signature
	KeyLines  []string // what the signature was computed from, for "why together"
	Title     string   // type and deciding symbol as people write them
	Reason    ReasonFrame
}

// ReasonFrame is the frame that decided, with what the API shows of it.
type ReasonFrame struct {
	Frame            Frame
	ExceptionType    string // type of the deciding exception, or the signal
	ExceptionMessage string
	OSExceptionType  string // signal name
	CodeRaw          string // the frame in its platform's habit: "+[Cart total:]", "com.acme.Cart.total(Cart.java:42)"
	CodeFormatted    string
}

// GroupID is the public number of a group: unsigned 32 bits, given once and kept. One group holds one fault
// in one app version.
type GroupID uint32

// Format writes the id as the API does: crashes end in "u", handled errors do not.
func (g GroupID) Format(handled bool) string {
	if handled {
		return strconv.FormatUint(uint64(g), 10)
	}
	return strconv.FormatUint(uint64(g), 10) + "u"
}

// ParseGroupID reads a group id with or without its suffix. handled is meaningful only if the suffix was
// there or not as Format writes it; a search box may be given either.
func ParseGroupID(s string) (g GroupID, handled bool, ok bool) {
	digits, crash := strings.CutSuffix(s, "u")
	if digits == "" || len(digits) > 10 || digits[0] == '+' || digits[0] == '-' {
		return 0, false, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return GroupID(n), !crash, err == nil
}

// GroupKey is what a public group id stands for.
type GroupKey struct {
	App        int64 // App.Num
	Signature  Signature
	AppVersion string
	Handled    bool
}

// maxTicks is the number of .NET ticks (100 ns since the year 1) at the end of 9999-12-31.
const maxTicks = 3155378975999999999

// unixTicks is 1970-01-01 in .NET ticks.
const unixTicks = 621355968000000000

// ReportID is the public id of a report: 19 digits that fall as time rises, so that plain text order is
// newest first, then the GUID that the SDK gave the log.
func ReportID(t DeviceTime, id ID) string {
	ticks := int64(t)/100 + unixTicks
	if int64(t)%100 < 0 {
		ticks--
	}
	n := maxTicks - ticks
	if n < 0 {
		n = 0
	}
	return fmt.Sprintf("%019d-%s", n, id)
}

// ParseReportID reads a report id, or the bare GUID of one.
func ParseReportID(s string) (ID, bool) {
	if len(s) > 20 && s[19] == '-' {
		digits := true
		for i := 0; i < 19; i++ {
			digits = digits && s[i] >= '0' && s[i] <= '9'
		}
		if digits {
			s = s[20:]
		}
	}
	return ParseID(s)
}

// FormatTime writes a time as the API does: UTC with Z, no fraction for whole seconds, else three digits.
// Known clients fail on other numbers of digits.
func FormatTime(t time.Time) string {
	t = t.UTC()
	if t.Nanosecond() < int(time.Millisecond) {
		return t.Format("2006-01-02T15:04:05Z")
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}

// FormatMillis writes a time with exactly three digits of fraction.
func FormatMillis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
