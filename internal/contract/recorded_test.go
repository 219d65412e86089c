package contract_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
)

func id(t testing.TB, s string) diag.ID {
	t.Helper()
	id, ok := diag.ParseID(s)
	if !ok {
		t.Fatalf("not an id: %s", s)
	}
	return id
}

func deviceTime(t testing.TB, s string) diag.DeviceTime {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return diag.DeviceTimeOf(at)
}

// recorded builds what testdata/recorded.txtar shows, by the names that it has there.
func recorded(t testing.TB) map[string]any {
	created := deviceTime(t, "2024-01-02T03:04:05Z").Time().UnixMilli()
	ann := &diag.User{ID: id(t, "11111111-1111-4111-8111-111111111111"), Name: "ann", DisplayName: "Ann Example", Email: "ann@example.com"}
	shop := &diag.App{
		ID: id(t, "22222222-2222-4222-8222-222222222222"), Secret: id(t, "33333333-3333-4333-8333-333333333333"),
		Name: "shop-ios", DisplayName: "Shop", OS: "iOS", Platform: "Objective-C-Swift", ReleaseType: "Beta", CreatedAt: created, UpdatedAt: created,
	}
	token := &diag.Token{ID: id(t, "55555555-5555-4555-8555-555555555555"), Description: "CI", Scope: diag.ScopeAll, CreatedAt: created}
	report, verdict := trap(t)
	attachment := &diag.Attachment{
		ID: id(t, "66666666-6666-4666-8666-666666666666"), ErrorID: report.ID, ContentType: "text/plain", FileName: "log.txt", Size: 5,
	}
	return map[string]any{
		"user":          contract.NewUser(ann, diag.RoleManager),
		"app":           contract.NewApp(shop, contract.NewOwner(ann), diag.RoleManager),
		"token":         contract.NewToken(token, ""),
		"token created": contract.NewToken(token, "0123456789abcdef0123456789abcdef01234567"),
		"groups":        groups(verdict),
		"no groups":     contract.ErrorGroups{ErrorGroups: []contract.ErrorGroup{}},
		"reports":       contract.Reports{Errors: []contract.Report{contract.NewReport(report, true, false)}},
		"details":       contract.NewReportDetails(report, verdict, true, false),
		"stack trace":   contract.NewStackTrace(report, verdict),
		"attachments": []contract.Attachment{
			contract.NewAttachment(shop.ID, attachment, "attachments/2222/6666", deviceTime(t, "2024-05-09T19:37:06Z").Time()),
		},
		"session logs":    contract.NewSessionLogs([]diag.Event{addToCart(t)}, "77777777-7777-4777-8777-777777777777", false),
		"no session logs": contract.NewSessionLogs(nil, install, false),
		"exports":         exports(),
		"error":           contract.NewErrorBody(404, "NotFound", "Not found", "7f1c2e9a-0000-4000-8000-3b1d5a6c9e10"),
	}
}

// trap is a crash by signal.
func trap(t testing.TB) (*diag.Report, *diag.Verdict) {
	frame := diag.Frame{
		Class: "Cart", Method: "total:", ClassMethod: true, File: "Cart.m", Line: 30, Language: diag.LanguageObjectiveC,
		Address: 0x102a3c4d8, Image: "Shop", Symbol: "+[Cart total:]", Code: "+[Cart total:] + 88", AppCode: true, Relevant: true,
	}
	r := &diag.Report{
		ID: id(t, "5b0f3f0e-6a53-4c2f-9b77-0d3c0a5e1f11"), Kind: diag.KindAppleError, UserID: "u-1",
		Timestamp: deviceTime(t, "2024-05-09T19:37:05Z"), AppLaunch: deviceTime(t, "2024-05-09T19:30:00Z"), OSExceptionType: "SIGTRAP",
		Device: diag.Device{
			Model: "iPhone 13", OSName: "iOS", OSVersion: "17.4.1", Locale: "de_DE", CarrierName: "X", CarrierCountry: "DE",
		},
		Properties: []diag.Property{{Name: "cart", Value: "3"}},
		Stack: diag.Stack{
			Platform: diag.PlatformIOS,
			Threads:  []diag.Thread{{Crashed: true, Platform: diag.PlatformIOS, Frames: []diag.Frame{frame}}},
		},
	}
	return r, &diag.Verdict{Title: "SIGTRAP in +[Cart total:]", Reason: diag.ReasonFrame{
		Frame: frame, ExceptionType: "SIGTRAP", OSExceptionType: "SIGTRAP",
	}}
}

func groups(v *diag.Verdict) contract.ErrorGroups {
	f := contract.NewReasonFrame(&v.Reason)
	return contract.ErrorGroups{
		NextLink: "/api/v0.1/apps/acme/shop-ios/errors/errorGroups?start=2024-05-01&$orderby=count%20desc&$top=1&$token=eyJvIjoxfQ",
		ErrorGroups: []contract.ErrorGroup{{
			ErrorGroupID: diag.GroupID(1204417733).Format(false), AppVersion: "3.1.0", AppBuild: "310", Count: 12, DeviceCount: 9,
			FirstOccurrence: "2024-05-02T06:14:27Z", LastOccurrence: "2024-05-09T19:37:10Z", ExceptionType: f.ExceptionType,
			ExceptionClassName: f.ClassName, ExceptionClassMethod: f.ClassMethod, ExceptionMethod: f.Method, ExceptionAppCode: f.AppCode,
			ExceptionFile: f.File, ExceptionLine: "30", CodeRaw: f.CodeRaw, State: contract.StateOpen,
		}},
	}
}

func addToCart(t testing.TB) diag.Event {
	return diag.Event{
		Log: diag.Log{
			Kind: diag.KindEvent, ID: id(t, "55555555-5555-4555-8555-555555555555"), Timestamp: deviceTime(t, "2024-05-09T19:36:59.12Z"),
			Session: id(t, "88888888-8888-4888-8888-888888888888"),
		},
		Device: diag.Device{
			SDKName: "appcenter.ios", SDKVersion: "5.0.4", OSName: "iOS", OSVersion: "17.4.1", Locale: "de_DE", TimeZoneOffset: 120,
			AppVersion: "3.1.0", AppBuild: "310",
		},
		Name: "add_to_cart", Properties: []diag.Property{{Name: "sku", Value: "0"}, {Name: "sku", Value: "1"}},
	}
}

func exports() contract.ExportConfigurations {
	entities := []string{"attachments", "crashes"}
	return contract.ExportConfigurations{Total: 1, Values: []contract.ExportConfiguration{{
		ID: "ab5a0975-0000-4000-8000-9ca377d4b48e", ExportType: "BlobStorage", CreationTime: "2022-09-23T17:06:20.036Z",
		LastRunTime: "2022-09-30T16:41:00Z", State: "Enabled", ResourceGroup: "appcenter-export-shop", ResourceName: "acmecrashes",
		ExportEntities: entities,
		ExportConfiguration: contract.ExportSettings{
			Type: "blob_storage_linked_subscription", SubscriptionID: "1330b91c-0000-4000-8000-5b3bd942c9de",
			BlobPathFormatKind: "WithoutAppId", ExportEntities: entities, Backfill: true,
		},
	}}}
}

// TestRecorded compares whole bodies, byte for byte, with the recorded ones.
func TestRecorded(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/recorded.txtar")
	if err != nil {
		t.Fatal(err)
	}
	bodies := recorded(t)
	for _, file := range txtar.Parse(data).Files {
		body, ok := bodies[file.Name]
		if !ok {
			t.Errorf("%s: nobody builds it", file.Name)
			continue
		}
		delete(bodies, file.Name)
		var b bytes.Buffer
		if err := contract.Encode(&b, body); err != nil {
			t.Fatal(err)
		}
		// A line for each member makes the difference readable.
		lines := strings.NewReplacer(",", ",\n")
		if diff := cmp.Diff(lines.Replace(string(file.Data)), lines.Replace(b.String())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file.Name, diff)
		}
	}
	for name := range bodies {
		t.Errorf("%s is not recorded", name)
	}
}
