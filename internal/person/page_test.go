package person_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"lifeboat/internal/archive"
	"lifeboat/internal/blob"
	"lifeboat/internal/person"
)

// elements returns every element of a page, and fails the test if the page is not well nested.
func elements(t testing.TB, page string) (found []*html.Node) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			found = append(found, n)
		}
	}
	return found
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

// texts returns the texts of all elements of a name.
func texts(t testing.TB, page, element string) (found []string) {
	t.Helper()
	for _, n := range elements(t, page) {
		if n.Data == element {
			found = append(found, textOf(n))
		}
	}
	return found
}

// Nothing that an archive holds becomes markup, and the page asks for nothing from anywhere.
func TestPageIsInert(t *testing.T) {
	t.Parallel()
	evil := []string{`<script>alert(1)</script>`, `\"><img src=x onerror=alert(1)>`, `javascript:alert(1)`, `</style><svg onload=alert(1)>`, `{{.}}`, `\u202e`, `&lt;b&gt;`, `</bdi></td><a href=http://evil.example>x`}
	var records []string
	for i, text := range evil {
		for _, kind := range []string{"ErrorLog", "HandledErrorLog", "ErrorAttachmentLog", "EventLog", text} {
			more := []string{`"` + text + `":"` + text + `"`, `"Raw":{"x":"` + text + `"}`}
			for _, name := range []string{"AppId", "AppVersion", "Model", "OsName", "UserId", "EventName", "ExceptionType", "ExceptionMessage", "ExceptionClassName", "FileName", "ContentType", "Properties"} {
				more = append(more, `"`+name+`":"`+text+`"`)
			}
			records = append(records, `{"InstallId":"`+mine+`","MessageId":"`+fmt.Sprint(i, kind)+`","MessageType":"`+kind+`",`+strings.Join(more, ",")+`}`)
		}
	}
	_, files := mustCopy(t, request(t, memory(t, map[string]string{logsName: array(records...), "<script>/2017/12/09/04/04/x.v1.data": "<script>"})))
	allowed := map[string]bool{}
	for name := range files {
		allowed[name] = true
	}
	counts := map[string]int{}
	for _, n := range elements(t, files["index.html"]) {
		counts[n.Data]++
		for _, a := range n.Attr {
			target := (a.Key == "href" || a.Key == "src") && !strings.HasPrefix(a.Val, "#") && !allowed[a.Val]
			if target || strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
	}
	for _, name := range []string{"script", "img", "svg", "iframe", "object", "link", "form", "b"} {
		if counts[name] > 0 && !(name == "b" && counts[name] == 4) {
			t.Errorf("%d elements %s", counts[name], name)
		}
	}
	if css := texts(t, files["index.html"], "style"); len(css) != 1 || regexp.MustCompile(`url\(|@import|//`).MatchString(css[0]) {
		t.Errorf("%d styles, or one that loads something", len(css))
	}
	if !strings.Contains(files["index.html"], `content="default-src 'none'; style-src 'unsafe-inline'`) {
		t.Error("no policy")
	}
}

// Every field of every record has a line in the dictionary, also those that we do not know.
func TestPageExplainsEveryField(t *testing.T) {
	t.Parallel()
	_, files := mustCopy(t, request(t, memory(t, map[string]string{logsName: array(record(mine, "1", "EventLog", `"Brand New":1`, `"OsName":"Android"`, `"Änderung":null`))})))
	_, dictionary, _ := strings.Cut(files["index.html"], `id="fields"`)
	got := map[string]bool{}
	for _, name := range texts(t, dictionary, "th") {
		got[name] = true
	}
	for _, name := range []string{"InstallId", "MessageId", "MessageType", "Timestamp", "Brand New", "OsName", "Änderung"} {
		if !got[name] {
			t.Errorf("%s is not explained", name)
		}
	}
}

// The page counts logs where the archive lists them twice, and tells them in the order of time.
func TestPageTells(t *testing.T) {
	t.Parallel()
	at := func(r, when string) string { return strings.Replace(r, "2017-12-09T04:02:53.618Z", when, 1) }
	b := memory(t, map[string]string{
		"2017/12/09/04/03/logs.v1.data": array(
			at(record(mine, "5B0F3F0E-6A53-4C2F-9B77-0D3C0A5E1F11", "ErrorLog", `"Properties":"e.json"`), "2017-12-08T23:00:00.000Z"),
			record(mine, "2", "StartSessionLog"), record(mine, "3", "EventLog", `"EventName":"Checkout"`, `"UserId":"ann"`)),
		"2017/12/09/04/03/crashes/crashes.v1.data": array(
			at(record(mine, "5b0f3f0e-6a53-4c2f-9b77-0d3c0a5e1f11", "ErrorLog", `"Properties":"e.json"`, `"ExceptionType":"NullPointerException"`, `"ExceptionMessage":"cart"`, `"OemName":"Google"`, `"Model":"Pixel 7"`, `"OsName":"Android"`, `"OsVersion":"14"`), "2017-12-08T23:00:00.000Z")),
		"2017/12/09/04/04/errors/errors.v1.data": array(record(mine, "4", "HandledErrorLog", `"Properties":"gone"`)),
		"e.json":                                 "{}",
	})
	m, files := mustCopy(t, request(t, b))
	if m.Counts.Records != 5 || m.Counts.MessageIDs != 4 {
		t.Errorf("%+v", m.Counts)
	}
	page := files["index.html"]
	if diff := cmp.Diff([]string{"1", "1", "2", "0"}, texts(t, page, "b")); diff != "" {
		t.Errorf("counts: %s", diff)
	}
	if diff := cmp.Diff([]string{"Saturday, 9 December 2017", "Friday, 8 December 2017"}, texts(t, page, "h3")); diff != "" {
		t.Errorf("days: %s", diff)
	}
	if diff := cmp.Diff([]string{"The app reported an error and went on", "The app noted an event", "The app was opened", "The app crashed"}, texts(t, page, "h4")); diff != "" {
		t.Errorf("entries: %s", diff)
	}
	for _, want := range []string{"This copy is not complete", "NullPointerException: cart", "Google Pixel 7, Android 14", "ann", "Checkout", `href="payloads/0001-e.json"`, "Named but not there", "8 December 2017 to 9 December 2017"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// A huge copy shows its newest records, says so, and stays within bounds.
func TestPageOfManyRecords(t *testing.T) {
	t.Parallel()
	blobs := map[string]string{}
	for day := range 90 {
		var records []string
		for i := range 20 {
			records = append(records, strings.Replace(record(mine, fmt.Sprint(day, "-", i), "EventLog", `"Fill":"`+strings.Repeat("x", 5000)+`"`), "2017-12-09", fmt.Sprintf("20%02d-12-09", day), 1))
		}
		blobs[fmt.Sprintf("20%02d/12/09/04/03/logs.v1.data", day)] = array(records...)
	}
	m, files := mustCopy(t, request(t, memory(t, blobs)))
	page := files["index.html"]
	shown := strings.Count(page, "<article")
	if m.Counts.Records != 1800 || shown < 100 || shown > 1000 || len(page) > 12<<20 {
		t.Errorf("%d of %d records on %d bytes", shown, m.Counts.Records, len(page))
	}
	if note := fmt.Sprintf("shows the %d newest records", shown); !strings.Contains(page, note) || !strings.Contains(page, fmt.Sprintf("The other %d are not lost", 1800-shown)) {
		t.Error("the page does not say that it is cut")
	}
	if !strings.Contains(page, "9 December 2089") || strings.Contains(page, "Monday, 9 December 2019") {
		t.Error("the page does not show the newest")
	}
	if rows := strings.Count(page, `class="bar"><span`); rows != 90 {
		t.Errorf("%d rows in the timeline", rows)
	}
	if !strings.Contains(page, "… and 904 more bytes") {
		t.Error("a long value is not cut with a word")
	}
}

// FuzzNames: whatever an app calls an attachment, it unpacks inside its folder on every system.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"a.png", "..", "../../etc/passwd", `C:\CON`, "nul.txt", strings.Repeat("ä", 300), "a\x00b", ".", "", "x.tar.gz", "\u202egnp.exe"} {
		f.Add(name, "p/1")
		f.Add("", name)
	}
	safe := regexp.MustCompile(`^(attachments|payloads)/\d{4,}-[A-Za-z0-9._-]{0,79}[A-Za-z0-9_-]$`)
	f.Fuzz(func(t *testing.T, fileName, pointer string) {
		r := fmt.Sprintf(`{"InstallId":%s,"MessageType":"ErrorAttachmentLog","Properties":%s,"FileName":%s}`, archive.AppendString(nil, mine), archive.AppendString(nil, pointer), archive.AppendString(nil, fileName))
		b := memory(t, map[string]string{logsName: array(r)})
		if _, err := b.Put(t.Context(), pointer, []byte("x"), blob.PutOptions{}); err != nil {
			return // no name of a blob
		}
		o := request(t, b)
		m, err := person.Copy(t.Context(), o)
		if err != nil {
			return // the blob took the place of the array
		}
		for _, member := range m.Members {
			if strings.Contains(member.Path, "attachments/") && !safe.MatchString(member.Path) {
				t.Errorf("%q becomes %q", fileName, member.Path)
			}
		}
	})
}
