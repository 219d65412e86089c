package api_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
)

// The images of the reports below: both are the app's, with ids as the device writes them.
const (
	shopID    = "0de51bc637f33d2fa3b13a6b6a6b6a6b"
	cartID    = "1de51bc637f33d2fa3b13a6b6a6b6a6b"
	systemID  = "2de51bc637f33d2fa3b13a6b6a6b6a6b"
	shopStart = 0x100000000
	cartStart = 0x200000000
)

// appleCrash is a crash whose frames lie in images of the app: shop, cart, or both. handled makes it an error.
func appleCrash(n int, version, build string, handled bool, images ...string) string {
	frames := `{"address":"0x0000000180001000"}`
	for _, i := range images {
		at := shopStart
		if i == "cart" {
			at = cartStart
		}
		frames += fmt.Sprintf(`,{"address":"0x%016x"}`, at+0x4000+n)
	}
	return fmt.Sprintf(`{"type":"appleError","id":%q,"timestamp":"2024-05-09T19:37:05.000Z","fatal":%t,"primaryArchitectureId":16777228,"architectureVariantId":0,
		"osExceptionType":"SIGTRAP","osExceptionCode":"0","osExceptionAddress":"0x0","applicationPath":"/private/var/containers/Bundle/Application/X/Shop.app/Shop",
		"threads":[{"id":0,"frames":[%s]}],"device":{"sdkName":"appcenter.ios","sdkVersion":"5.0.6","osName":"iOS","osVersion":"17.4","model":"iPhone14,5","appVersion":%q,"appBuild":%q,"locale":"sv_SE","timeZoneOffset":0,"appNamespace":"com.acme.shop"},
		"binaries":[{"id":"0DE51BC6-37F3-3D2F-A3B1-3A6B6A6B6A6B","startAddress":"0x%x","endAddress":"0x%x","name":"Shop","path":"/private/var/containers/Bundle/Application/X/Shop.app/Shop","primaryArchitectureId":16777228,"architectureVariantId":0},
			{"id":%q,"startAddress":"0x%x","endAddress":"0x%x","name":"Cart","path":"/private/var/containers/Bundle/Application/X/Shop.app/Frameworks/Cart.framework/Cart"},
			{"id":%q,"startAddress":"0x180000000","endAddress":"0x190000000","name":"libsystem_c.dylib","path":"/usr/lib/system/libsystem_c.dylib"}]}`,
		crashID(n), !handled, frames, version, build, shopStart, shopStart+0xfffff, cartID, cartStart, cartStart+0xfffff, systemID)
}

type missingGroups struct {
	contract.MissingSymbolGroups
}

// brief is what a list says, in short.
func (l missingGroups) brief() string {
	all := []string{fmt.Sprint(l.TotalCrashCount)}
	for _, g := range l.Groups {
		s := fmt.Sprintf("%s(%s) %d+%d %s", g.AppVer, g.AppBuild, g.CrashCount, g.ErrorCount, g.Status)
		for _, m := range g.MissingSymbols {
			s += " " + m.Name + ":" + m.Status
		}
		all = append(all, s)
	}
	return strings.Join(all, "; ")
}

func (w *world) missing(query, want string) missingGroups {
	w.Helper()
	var l missingGroups
	w.call("GET", "~/diagnostics/symbol_groups"+query).want(200).into(&l.MissingSymbolGroups)
	if l.brief() != want {
		w.Errorf("%q: %s\nwant %s", query, l.brief(), want)
	}
	return l
}

func TestSymbolGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.missing("?top=2147483647", "0")
	w.send(appleCrash(1, "1.0", "10", false, "shop"), appleCrash(2, "1.0", "10", false, "shop", "cart"), appleCrash(3, "1.0", "10", true, "cart"))
	w.send(appleCrash(4, "2.0", "20", false, "cart"), appleCrash(4, "2.0", "20", false, "cart"), appleCrash(5, "2.0", "21", true, "cart"), spec{n: 6}.log(), appleCrash(7, "2.0", "20", false))
	l := w.missing("?top=2147483647", "3; 1.0(10) 2+1 active Shop:missing Cart:missing; 2.0(20) 1+0 active Cart:missing; 2.0(21) 0+1 active Cart:missing")
	if m := l.Groups[0].MissingSymbols[0]; m.SymbolID != shopID || m.Platform != "iOS" || l.Groups[0].AppID != w.app.ID.String() {
		t.Errorf("%+v", l.Groups[0])
	}
	w.missing("?top=1", "3; 1.0(10) 2+1 active Shop:missing Cart:missing")
	w.missing("", l.brief())
	w.call("GET", "~/symbol_groups").want(200, `"total_crash_count":3`)
	w.call("GET", "~/diagnostics/symbol_groups_info").want(200, `{"total_crash_count":3}`)
	w.call("GET", "~/diagnostics/symbol_groups/"+l.Groups[1].SymbolGroupID).want(200, `{"total_crash_count":1,"groups":[{"symbol_group_id":"`+l.Groups[1].SymbolGroupID, `"app_build":"20"`)
	w.call("GET", "~/diagnostics/symbol_groups/nothing").want(404)
	w.call("GET", "~/diagnostics/symbol_groups/"+shopID).want(404)
	w.call("GET", "~/diagnostics/symbol_groups?top=x").want(400)
	w.call("GET", "~/symbols/"+shopID+"/status").want(200, `{"symbol_id":"`+shopID+`","app_id":"`+w.app.ID.String()+`","status":"missing"}`)
	w.call("GET", "~/symbols/"+systemID+"/status").want(404) // the system's own images are not asked for
	w.call("GET", "~/symbols/"+shopID).want(404)

	for filter, want := range map[string]string{
		"app_ver eq '2.0'":                               "1; 2.0(20) 1+0 active Cart:missing; 2.0(21) 0+1 active Cart:missing",
		"app_ver eq '2.0' and app_build ne '20'":         "0; 2.0(21) 0+1 active Cart:missing",
		"symbol_id eq '" + strings.ToUpper(shopID) + "'": "2; 1.0(10) 2+1 active Shop:missing Cart:missing",
		"status eq 'closed'":                             "0",
	} {
		w.missing("?filter="+url.QueryEscape(filter), want)
	}
	w.call("GET", "~/diagnostics/symbol_groups?filter=name+eq+1").want(400, "Cannot filter on the")

	// To ignore one id leaves the reports that lack another one.
	w.call("POST", "~/symbols/"+cartID+"/ignore").want(200, `"status":"ignored"`, `"platform":"iOS"`, `"symbol_upload_id":""`, `"alternate_symbol_ids":[]`)
	w.missing("", "2; 1.0(10) 2+0 active Shop:missing Cart:ignored")
	w.call("GET", "~/symbols/"+cartID).want(200, `"status":"ignored"`)
	w.call("GET", "~/symbols/"+cartID+"/status").want(200, `"status":"ignored"`)
	w.call("GET", "~/symbols/"+cartID+"/location").want(404)
	w.call("POST", "~/symbols/"+systemID+"/ignore").want(404)
	w.call("POST", "~/symbols/nothing/ignore").want(404)
	w.missing("?filter="+url.QueryEscape("status eq 'closed'"), "0; 2.0(20) 0+0 closed Cart:ignored; 2.0(21) 0+0 closed Cart:ignored")

	// An upload makes its ids available at once, ignored or not.
	b := w.upload(apple, "x")
	w.call("PATCH", "~/symbol_uploads/"+b.ID, `{"status":"committed"}`).want(200)
	w.finish(b.ID, diag.UploadIndexed, diag.Symbol{ID: shopID, Kind: "Apple", Platform: "iOS", Alternates: []string{cartID}}, diag.Symbol{ID: cartID, Kind: "Apple", Platform: "iOS", Alternates: []string{shopID}})
	w.missing("", "0")
	w.missing("?filter="+url.QueryEscape("status eq 'Closed' and symbol_id in ('"+shopID+"')"), "0; 1.0(10) 0+0 closed Shop:available Cart:available")
	w.call("GET", "~/symbols/"+strings.ToUpper(shopID)).want(200, `"status":"available"`, `"alternate_symbol_ids":["`+cartID+`"]`, `"symbol_upload_id":"`+b.ID+`"`, `"type":"Apple"`)
	w.call("GET", "~/symbols/"+cartID+"/status").want(200, `"status":"available"`)
	w.call("GET", "~/symbols/"+cartID+"/location").want(200, `"uri":"https://crashes.example/blobs/`)
	var symbols []contract.Symbol
	w.call("GET", "~/symbols").want(200).into(&symbols)
	if ids := []string{symbols[0].SymbolID, symbols[1].SymbolID}; len(symbols) != 2 || !slices.Equal(ids, []string{shopID, cartID}) {
		t.Errorf("%+v", symbols)
	}
	w.call("POST", "~/symbols/"+shopID+"/ignore").want(200, `"status":"ignored"`, b.ID)

	// Without it they are missing again.
	w.call("DELETE", "~/symbol_uploads/"+b.ID).want(200)
	w.missing("", "2; 1.0(10) 1+1 active Shop:ignored Cart:missing; 2.0(20) 1+0 active Cart:missing; 2.0(21) 0+1 active Cart:missing")
}

// TestMissingMapping: R8 writes the beginning of a mapping's hash, or all of it, in place of files.
func TestMissingMapping(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const hash = "7f3e9c0a7f3e9c0a7f3e9c0a7f3e9c0a7f3e9c0a7f3e9c0a7f3e9c0a7f3e9c0a"
	obfuscated := func(n int, id string) string {
		return strings.Replace(spec{n: n}.log(), "Cart.java", "r8-map-id-"+id, 1)
	}
	w.send(obfuscated(1, hash), obfuscated(2, hash[:7]), obfuscated(3, hash[:6]), obfuscated(4, "8"+hash[1:]), obfuscated(5, "../../"+strings.Repeat("x", 1000)))
	w.missing("", "4; 2.1.0(210) 4+0 active mapping.txt:missing mapping.txt:missing mapping.txt:missing mapping.txt:missing")
	b := w.upload(`{"symbol_type":"AndroidProguard","version":"2.1.0","build":"210"}`, "x")
	w.call("PATCH", "~/symbol_uploads/"+b.ID, `{"status":"committed"}`).want(200)
	w.finish(b.ID, diag.UploadIndexed, diag.Symbol{ID: shopID, Kind: "AndroidProguard", Alternates: []string{hash}})
	w.missing("", "2; 2.1.0(210) 2+0 active mapping.txt:missing mapping.txt:available mapping.txt:available mapping.txt:missing")
}

// TestMissingOfDeleted: reports that are gone lack nothing.
func TestMissingOfDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(appleCrash(1, "1.0", "10", false, "shop"), appleCrash(2, "1.0", "10", false, "shop"))
	group := w.groups("").ErrorGroups[0].ID
	w.missing("", "2; 1.0(10) 2+0 active Shop:missing")
	w.call("DELETE", "~/errors/errorGroups/"+group+"/errors/"+crashID(2)).want(200)
	w.missing("", "1; 1.0(10) 1+0 active Shop:missing")
	w.call("DELETE", "~/errors/errorGroups/"+group+"/errors/"+crashID(1)).want(200)
	w.missing("", "0")
}
