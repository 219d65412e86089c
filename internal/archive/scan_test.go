package archive_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/archive"
	"lifeboat/internal/diag"
)

const (
	mine   = "c1f2a7b0-33b0-4d6e-9f10-a1b2c3d4e5f6"
	theirs = "c1f2a7b0-33b0-4d6e-9f10-a1b2c3d4e5f7"
)

func scan(r io.Reader, ids ...string) (got []string, stats archive.Stats, err error) {
	return scanHolding(archive.MaxHeld, r, ids...)
}

// scanHolding returns the records of these installs; of those that are not held, what stands in the blob.
func scanHolding(held int, r io.Reader, ids ...string) (got []string, stats archive.Stats, err error) {
	var read bytes.Buffer
	var installs []diag.InstallID
	for _, id := range ids {
		installs = append(installs, diag.ParseInstallID(id))
	}
	scanner := archive.NewScanner(archive.NewInstalls(installs...))
	scanner.Hold(held)
	stats, err = scanner.Scan(io.TeeReader(r, &read), func(m *archive.Match) error {
		record := m.Bytes
		if record == nil {
			record = read.Bytes()[m.Offset : m.Offset+m.Size]
		}
		got = append(got, string(record))
		return nil
	})
	return got, stats, err
}

// reference is the same rule written over encoding/json, which reads the blob whole.
func reference(body []byte, ids ...string) (got []string, valid bool) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	var records []json.RawMessage
	if json.Unmarshal(body, &records) != nil || records == nil {
		return nil, false
	}
	for _, raw := range records {
		var members map[string]json.RawMessage // names are compared exactly, the last of several wins
		if json.Unmarshal(raw, &members) != nil {
			continue
		}
		var install *string
		if json.Unmarshal(members["InstallId"], &install) != nil || install == nil {
			continue
		}
		for _, id := range ids {
			if diag.ParseInstallID(*install) == diag.ParseInstallID(id) {
				got = append(got, string(raw))
				break
			}
		}
	}
	return got, true
}

func TestScanFinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"nothing":          {`[]`, nil},
		"plain":            {`[{"InstallId":"` + mine + `"},{"InstallId":"` + theirs + `"}]`, []string{`{"InstallId":"` + mine + `"}`}},
		"mark and space":   {"\xef\xbb\xbf \r\n\t[ {\n \"A\" : 1 ,\t\"InstallId\" : \"" + mine + "\" } , {} ] \n", []string{"{\n \"A\" : 1 ,\t\"InstallId\" : \"" + mine + "\" }"}},
		"upper case":       {`[{"InstallId":"` + strings.ToUpper(mine) + `"}]`, []string{`{"InstallId":"` + strings.ToUpper(mine) + `"}`}},
		"no dashes":        {`[{"InstallId":" {` + strings.ReplaceAll(mine, "-", "") + `} "}]`, []string{`{"InstallId":" {` + strings.ReplaceAll(mine, "-", "") + `} "}`}},
		"escaped value":    {`[{"InstallId":"\u0063` + mine[1:] + `"}]`, []string{`{"InstallId":"\u0063` + mine[1:] + `"}`}},
		"escaped name":     {`[{"\u0049nstallId":"` + mine + `"},{"Install\u0049d":"` + mine + `"}]`, []string{`{"\u0049nstallId":"` + mine + `"}`, `{"Install\u0049d":"` + mine + `"}`}},
		"other name":       {`[{"installId":"` + mine + `","InstallID":"` + mine + `","\u0069nstallId":"` + mine + `","InstallId ":"` + mine + `"}]`, nil},
		"mentioned":        {`[{"Properties":"{\"InstallId\":\"` + mine + `\"}","X":{"InstallId":"` + mine + `"},"Y":[{"InstallId":"` + mine + `"}],"InstallId":"` + theirs + `"}]`, nil},
		"nested array":     {`[[{"InstallId":"` + mine + `"}]]`, nil},
		"last one wins":    {`[{"InstallId":"` + mine + `","InstallId":"` + theirs + `"},{"InstallId":"` + theirs + `","InstallId":"` + mine + `"}]`, []string{`{"InstallId":"` + theirs + `","InstallId":"` + mine + `"}`}},
		"last is no text":  {`[{"InstallId":"` + mine + `","InstallId":null},{"InstallId":"` + mine + `","InstallId":["` + mine + `"]},{"InstallId":1}]`, nil},
		"id inside longer": {`[{"InstallId":"x` + mine + `"},{"InstallId":"` + mine + `x"}]`, nil},
		"no objects":       {`[1,-0.5e+7,"` + mine + `",true,false,null,[],{"a":{}}]`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for how, r := range map[string]io.Reader{"at once": strings.NewReader(c.body), "byte by byte": iotest.OneByteReader(strings.NewReader(c.body)), "data with EOF": iotest.DataErrReader(strings.NewReader(c.body))} {
				got, stats, err := scan(r, mine)
				if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
					t.Errorf("%s: %v\n%s", how, err, diff)
				}
				if stats.Bytes != int64(len(c.body)) || stats.Matches != int64(len(c.want)) {
					t.Errorf("%s: %+v for %d bytes", how, stats, len(c.body))
				}
			}
			if want, valid := reference([]byte(c.body), mine); !valid || !cmp.Equal(want, c.want) {
				t.Errorf("the reference finds %q", want)
			}
		})
	}
}

func TestOtherIDsAreComparedExactly(t *testing.T) {
	t.Parallel()
	const body = `[{"InstallId":"a"},{"InstallId":"a "},{"InstallId":"A"},{"InstallId":"ä1"},{"InstallId":"\u00e41"},{"InstallId":"device-7"},{"InstallId":"DEVICE-7"},{"InstallId":" device-7"},{"InstallId":""},{"InstallId":"aé"}]`
	for id, want := range map[string][]string{
		"a":        {`{"InstallId":"a"}`, `{"InstallId":"a "}`},
		"ä1":       {`{"InstallId":"ä1"}`, `{"InstallId":"\u00e41"}`},
		"device-7": {`{"InstallId":"device-7"}`, `{"InstallId":" device-7"}`},
		"aé":       {`{"InstallId":"aé"}`},
	} {
		got, _, err := scan(strings.NewReader(body), id)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v\n%s", id, err, diff)
		}
	}
}

func TestMatchSaysWhatItPointsTo(t *testing.T) {
	t.Parallel()
	body := `[{"InstallId":"` + mine + `","MessageType":"ErrorLog","MessageId":"m1","Properties":"2017/12/09/04/03/crashes/e.json"},
		{"InstallId":"` + mine + `","MessageType":"HandledErrorLog","Properties":"{\"k\":\"v\"}"},
		{"InstallId":"` + mine + `","MessageType":"EventLog","Properties":"a/b.json"},
		{"InstallId":"` + mine + `","MessageType":"ErrorAttachmentLog","Properties":"a\/b","MessageId":7},
		{"InstallId":"` + mine + `","MessageType":"ErrorAttachmentLog"}]`
	var got []string
	_, err := archive.NewScanner(archive.NewInstalls(mine)).Scan(strings.NewReader(body), func(m *archive.Match) error {
		pointer, ok := m.Pointer()
		if !ok {
			pointer = "-"
		}
		if at := body[m.Offset : m.Offset+int64(len(m.Bytes))]; at != string(m.Bytes) {
			t.Errorf("at offset %d stands %q", m.Offset, at)
		}
		got = append(got, m.MessageID+" "+pointer)
		return nil
	})
	if diff := cmp.Diff([]string{"m1 2017/12/09/04/03/crashes/e.json", " -", " -", " a/b", " -"}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestStatsCountWhatIsOdd(t *testing.T) {
	t.Parallel()
	_, stats, err := scan(strings.NewReader(`[{"InstallId":"a","InstallId":"b"},{},7,{"InstallId":1},{"InstallId":"a"},{"InstallId":"a","InstallId":null}]`), "b")
	stats.Bytes = 0
	if diff := cmp.Diff(archive.Stats{Records: 6, Matches: 1, Doubled: 2, Without: 4}, stats); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestScanRefuses(t *testing.T) {
	t.Parallel()
	for body, offset := range map[string]int64{
		"": 0, " ": 1, "\xef\xbb\xbf": 3, "{}": 0, "null": 0, "[": 1, "[1": 2, "[1,": 3, "[1,]": 3, "[,1]": 1, "[1 2]": 3, "[1]x": 3, "[1][2]": 3, `["a]`: 4,
		`[{"a":1]`: 7, `[{"a" 1}]`: 6, `[{a:1}]`: 2, `[{"a":1,}]`: 8, `[{"a":}]`: 6, "[\"\x01\"]": 2, `["\x"]`: 3, `["\u12g4"]`: 6, "[01]": 2, "[-]": 2, "[1.]": 3, "[1e]": 3, "[.5]": 1,
		"[tru]": 4, "[nul": 4, "[NaN]": 1, "\x1f\x8b\x08\x00": 0, "[1]\x00": 3, `[{"a":[1}]`: 8, `[{"a":1 "b":2}]`: 8, `[{"InstallId":"` + mine: 51,
	} {
		for _, held := range []int{archive.MaxHeld, 16} {
			_, _, err := scanHolding(held, strings.NewReader(body), mine)
			var syntax *archive.SyntaxError
			if !errors.As(err, &syntax) {
				t.Errorf("%q: %v", body, err)
				continue
			}
			if syntax.Offset != offset {
				t.Errorf("%q: error at %d, want %d: %v", body, syntax.Offset, offset, err)
			}
		}
		if _, valid := reference([]byte(body), mine); valid {
			t.Errorf("%q: the reference accepts it", body)
		}
	}
}

// What was found before the damage is still data about the person.
func TestFoundBeforeDamage(t *testing.T) {
	t.Parallel()
	got, _, err := scan(strings.NewReader(`[{"InstallId":"`+mine+`"},{"Inst`), mine)
	if len(got) != 1 || err == nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestErrorsOfOthersPassThrough(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	_, _, err := scan(io.MultiReader(strings.NewReader(`[{"InstallId":`), iotest.ErrReader(broken)), mine)
	if err != broken {
		t.Errorf("reader: %v", err)
	}
	_, err = archive.NewScanner(archive.NewInstalls(mine)).Scan(strings.NewReader(`[{"InstallId":"`+mine+`"}]`), func(*archive.Match) error { return broken })
	if err != broken {
		t.Errorf("callback: %v", err)
	}
}

func TestDepth(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{9998, 9999, 10000, 1_000_000} {
		for _, element := range []string{strings.Repeat("[", depth) + strings.Repeat("]", depth), strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)} {
			body := "[" + element + "]"
			compare(t, []byte(body))
		}
	}
}

// Records that are larger than the window, and windows that end at every place of a record.
func TestLargeAndTorn(t *testing.T) {
	t.Parallel()
	small := `{"Model":"x","InstallId":"` + mine + `","n":[1,2.5,true,{"k":"\u00e4\n"}]}`
	for _, fill := range []int{0, 1, 1000, 256<<10 - len(small)/2, 3 << 20} {
		big := fmt.Sprintf(`{"A":"%s","InstallId":"%s"}`, strings.Repeat("x", fill), mine)
		for shift := range len(small) + 3 {
			if fill > 1<<20 && shift > 3 {
				break
			}
			body := "[" + strings.Repeat(" ", shift) + big + "," + small + "," + strings.ReplaceAll(small, mine, theirs) + "]"
			got, stats, err := scan(strings.NewReader(body), mine)
			if err != nil || len(got) != 2 || got[0] != big || got[1] != small || stats.Records != 3 {
				t.Fatalf("fill %d shift %d: %d found, %+v, %v", fill, shift, len(got), stats, err)
			}
		}
	}
}

// Records of any size are read through; those that are too large to be held are told by their place.
func TestRecordsOverTheBound(t *testing.T) {
	t.Parallel()
	big := func(id string, fill int) string {
		return fmt.Sprintf(`{"MessageId":"old","InstallId":"%s","X":{"InstallId":"%s"},"Fill":"%s","MessageId":"m\u0031","Message\u0054ype":"ErrorLog","Properties":"a\/b","n":[1.5e-7,0,-3,true,null,{}]}`,
			id, theirs, strings.Repeat("x", fill))
	}
	var sizes []int
	body := "["
	for i, fill := range []int{archive.MaxHeld - 1000, archive.MaxHeld, 5 << 20, 10, archive.MaxHeld + 1} {
		if i > 0 {
			body += " ,\n"
		}
		id := mine
		if fill > archive.MaxHeld && fill < 5<<20 {
			id = theirs
		} else {
			sizes = append(sizes, len(big(id, fill)))
		}
		body += big(id, fill)
	}
	body += "]"
	var got []int
	stats, err := archive.NewScanner(archive.NewInstalls(mine)).Scan(iotest.DataErrReader(strings.NewReader(body)), func(m *archive.Match) error {
		got = append(got, int(m.Size))
		if want := body[m.Offset : m.Offset+m.Size]; m.Bytes != nil && string(m.Bytes) != want || m.Bytes == nil && m.Size <= archive.MaxHeld || want[0] != '{' || want[m.Size-1] != '}' {
			t.Errorf("%d bytes at %d", m.Size, m.Offset)
		}
		pointer, ok := m.Pointer()
		if m.MessageID != "m1" || m.MessageType != "ErrorLog" || pointer != "a/b" || !ok || m.Install != mine {
			t.Errorf("%q %q %q %q", m.MessageID, m.MessageType, pointer, m.Install)
		}
		return nil
	})
	if diff := cmp.Diff(sizes, got); diff != "" || err != nil || stats.Records != 5 || stats.Bytes != int64(len(body)) {
		t.Error(stats, err, diff)
	}
}

// Not parallel: it counts what the process allocates.
func TestLargeInConstantMemory(t *testing.T) {
	const size = 20 << 20
	endless := io.MultiReader(strings.NewReader(`[{"A":"`), io.LimitReader(repeat('x'), size), strings.NewReader(`","B":`), io.LimitReader(repeat('7'), size/10), strings.NewReader(`,"InstallId":"`+mine+`"}`),
		io.LimitReader(repeat(' '), size), strings.NewReader(`]`))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	matches := 0
	stats, err := archive.NewScanner(archive.NewInstalls(mine)).Scan(endless, func(m *archive.Match) error { matches++; return nil })
	runtime.ReadMemStats(&after)
	if err != nil || matches != 1 || stats.Bytes < 2*size {
		t.Errorf("%d found, %+v, %v", matches, stats, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
		t.Errorf("%d bytes allocated", n)
	}
}

type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

func TestMembers(t *testing.T) {
	t.Parallel()
	var got []string
	for name, value := range archive.Members([]byte(` { "a" : "x\n" , "\u0062":{"c":[1]}, "a":null } `)) {
		got = append(got, name+"="+string(value))
	}
	if diff := cmp.Diff([]string{`a="x\n"`, `b={"c":[1]}`, "a=null"}, got); diff != "" {
		t.Error(diff)
	}
	for range archive.Members([]byte(`{}`)) {
		t.Error("an empty object has a member")
	}
	if got := archive.Text([]byte(`"\ud800 ä` + "\xff" + `"`)); got != "\ufffd ä\ufffd" {
		t.Errorf("got %q", got)
	}
}

// FuzzScan compares with encoding/json: same verdict on the blob, same records found.
func FuzzScan(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		f.Add(hostileArray(r))
	}
	f.Add([]byte("\xef\xbb\xbf[]"))
	for _, numbers := range []string{`[[1.],2]`, `[[ 1e+ ]]`, `[[1.5E-3,0,-0.0e1]]`, `[[1ee]]`, `[[  -  ]]`, `[[ 012345678901 ]]`, `[123456789012345678901]`, `[[ tru, 1 ]]`, `[[ 1 2 ]    ]`, `[[             }]`, `[{        ]       ]`} {
		f.Add([]byte(numbers))
	}
	f.Add([]byte(`[{"a":{"b":[1e5,-0.1,{}]}},"\ud83d\ude00"]`))
	f.Fuzz(func(t *testing.T, body []byte) { compare(t, body) })
}

// compare scans as usual, and so that hardly any record is held.
func compare(t *testing.T, body []byte) {
	t.Helper()
	for _, held := range []int{archive.MaxHeld, 16} {
		compareHolding(t, held, body)
	}
}

func compareHolding(t *testing.T, held int, body []byte) {
	t.Helper()
	got, stats, err := scanHolding(held, iotest.HalfReader(bytes.NewReader(body)), mine, "a")
	want, valid := reference(body, mine, "a")
	if valid != (err == nil) {
		t.Fatalf("%s: scan says %v, encoding/json valid=%v", short(body), err, valid)
	}
	if !valid {
		return
	}
	if !slices.Equal(want, got) {
		t.Fatalf("%s: found %d records, want %d", short(body), len(got), len(want))
	}
	if stats.Bytes != int64(len(body)) {
		t.Fatalf("%s: %d of %d bytes", short(body), stats.Bytes, len(body))
	}
}

func short(body []byte) string {
	if len(body) > 1000 {
		return fmt.Sprintf("%q … %q", body[:300], body[len(body)-600:])
	}
	return fmt.Sprintf("%q", body)
}

func TestHostileArrays(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 700 {
		body := hostileArray(r)
		compare(t, body)
		body[r.IntN(len(body))] = byte(r.IntN(256)) // nearly always damage
		compare(t, body)
	}
}

// TestAlikeRecords: records of one writer are alike, and a scan may read one by comparing it with others. Each
// changed byte must weigh as much as in a record that is the first.
func TestAlikeRecords(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		array := strings.Trim(strings.TrimPrefix(string(hostileArray(r)), "\xef\xbb\xbf"), " \r\n\t")
		records := array[1 : len(array)-1]
		for range 5 {
			compareHolding(t, 8<<10, alike(records, r.IntN(len(records)), r.IntN(3), randomPiece(r)))
		}
	}
}

// TestAlikeAtEveryByte changes every byte of a record that others were alike to, in every way that could matter.
func TestAlikeAtEveryByte(t *testing.T) {
	t.Parallel()
	for _, record := range []string{
		`{"A":"x","InstallId":"` + mine + `","N":12,"P":"{\"a\":\"\u00e4\\\\\"}","Z":"z"}`,
		`{ "N" : [1, {"a":null}] , "InstallId" : "` + mine + `" , "T":true , "E":"\\\\\\" }`,
		`{"L":"` + strings.Repeat("long ", 52) + `","InstallId":"` + mine + `","O":{"o":` + strings.Repeat("[", 130) + strings.Repeat("]", 130) + `}}`,
	} {
		for at := range record {
			for _, piece := range []string{"", "\"", "\\", ",", "}", ":", " ", "0", "x", "\n", "\x00", `","B":"`, `","InstallId":"` + theirs} {
				compareHolding(t, 8<<10, alike(record, at, len(piece)&1, piece))
			}
		}
	}
}

func randomPiece(r *rand.Rand) string {
	pieces := []string{"", "\"", "\\", "\\\\", `\u0`, ",", "}", "{", "]", ":", " ", "\n", "0", "1", ".", "e", "x", "\x01", `",`, `","`, `":"`, `"}`, `"},{"`, `"InstallId":"a",`}
	return pieces[r.IntN(len(pieces))]
}

// alike is an array that has the records several times, between them once with a piece of theirs replaced.
func alike(records string, at, length int, piece string) []byte {
	changed := records[:at] + piece + records[min(at+length, len(records)):]
	return []byte("[" + records + "," + records + "," + changed + "," + records + "]")
}

// FuzzAlike is FuzzScan for records that are alike.
func FuzzAlike(f *testing.F) {
	f.Add(`{"A":"x","InstallId":"`+mine+`","N":12,"P":"{\"a\":\"\u00e4\\\\\"}"}`, uint16(40), uint16(1), `","`)
	f.Add(`{ "N" : [1, {"a":null}] , "InstallId" : "a" , "T":true }`, uint16(10), uint16(2), "1.")
	r := rand.New(rand.NewPCG(7, 8))
	for range 50 {
		f.Add(strings.Trim(string(hostileArray(r)), "\xef\xbb\xbf[] \r\n\t"), uint16(r.IntN(400)), uint16(r.IntN(4)), randomPiece(r))
	}
	f.Fuzz(func(t *testing.T, records string, at, length uint16, piece string) {
		compareHolding(t, 8<<10, alike(records, int(at)%(len(records)+1), int(length), piece))
	})
}

// hostileArray makes a valid array of records that try to be mistaken for others.
func hostileArray(r *rand.Rand) []byte {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	space := func() string { return pick("", "", "", " ", "\n  ", "\r\n\t") }
	id := func() string {
		return pick(mine, mine, theirs, strings.ToUpper(mine), `\u0063`+mine[1:], "{"+mine+"}", " "+mine, strings.ReplaceAll(mine, "-", ""), "a", "a ", "A", "", `\"a`, mine+"x", "\xff"+mine)
	}
	text := func() string {
		return `"` + pick(id(), `say \"InstallId\":\"`+mine+`\"`, `\\`, `\\\"`, strings.Repeat("x", r.IntN(40)), "ä\u2028", `{\"InstallId\":\"`+mine+`\"}`, `],[{`) + `"`
	}
	var value func(depth int) string
	name := func() string {
		return pick(`"InstallId"`, `"InstallId"`, `"Install\u0049d"`, `"installid"`, `"Properties"`, `"MessageType"`, `""`, text())
	}
	object := func(depth int) string {
		var b strings.Builder
		b.WriteString("{" + space())
		for i := range r.IntN(5) {
			if i > 0 {
				b.WriteString(space() + "," + space())
			}
			b.WriteString(name() + space() + ":" + space() + value(depth+1))
		}
		return b.String() + space() + "}"
	}
	value = func(depth int) string {
		switch n := r.IntN(10); {
		case n < 6 || depth > 4:
			return text()
		case n == 6:
			return pick("0", "-1", "1.5e-7", "true", "false", "null", "123456789")
		case n == 7:
			return "[" + space() + value(depth+1) + space() + "," + value(depth+1) + "]"
		}
		return object(depth)
	}
	var b bytes.Buffer
	b.WriteString(pick("", "", "\xef\xbb\xbf") + space() + "[" + space())
	for i := range 1 + r.IntN(6) {
		if i > 0 {
			b.WriteString(space() + "," + space())
		}
		b.WriteString(object(0))
	}
	b.WriteString(space() + "]" + space())
	return b.Bytes()
}
