package contract_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
)

// codes are the three ways to write a frame.
type codes struct{ raw, formatted, reason string }

func codesOf(f diag.Frame) codes {
	trace := contract.NewStackTrace(&diag.Report{Stack: diag.Stack{Exception: &diag.Exception{Frames: []diag.Frame{f}}}}, nil)
	frame := trace.Exception.Frames[0]
	return codes{frame.CodeRaw, frame.CodeFormatted, contract.NewReasonFrame(&diag.ReasonFrame{Frame: f}).CodeRaw}
}

func TestCodes(t *testing.T) {
	t.Parallel()
	const (
		java = "com.acme.Cart.total(Cart.java:42)"
		path = `C:\src\Cart.cs`
	)
	cases := map[string]struct {
		frame diag.Frame
		want  codes
	}{
		"java":                  {diag.Frame{Class: "com.acme.Cart", Method: "total", File: "Cart.java", Line: 42, Language: diag.LanguageJava}, codes{java, java, java}},
		"java native":           {diag.Frame{Class: "A", Method: "b", File: "A.java", Native: true, Language: diag.LanguageJava}, same("A.b(Native Method)")},
		"java without file":     {diag.Frame{Class: "a.b", Method: "c", Line: 7, Language: diag.LanguageJava}, same("a.b.c(Unknown Source:7)")},
		"java without anything": {diag.Frame{Class: "a.b", Method: "c", Language: diag.LanguageJava}, same("a.b.c(Unknown Source)")},
		"java without line":     {diag.Frame{Class: "a.b", Method: "c", File: "SourceFile", Language: diag.LanguageJava}, same("a.b.c(SourceFile)")},
		"objective-c": {
			diag.Frame{Class: "Cart", Method: "total:", Address: 0x10, Image: "Shop", Code: "-[Cart total:] + 4", Language: diag.LanguageObjectiveC},
			codes{"Shop 0x10 -[Cart total:] + 4", "-[Cart total:]", "-[Cart total:]"},
		},
		"objective-c of the class, symbolicated": {
			diag.Frame{
				Class: "Cart", Method: "total:", ClassMethod: true, File: "/src/Cart.m", Line: 30, Address: 0x10, Image: "Shop",
				Code: "0xc + 4", Language: diag.LanguageObjectiveC,
			},
			codes{"Shop 0x10 +[Cart total:]", "+[Cart total:] (Cart.m:30)", "+[Cart total:]"},
		},
		"objective-c block": {
			diag.Frame{Method: "__12-[Cart load]_block_invoke", Address: 0x10, Image: "Shop", Language: diag.LanguageObjectiveC},
			codes{"Shop 0x10 __12-[Cart load]_block_invoke", "__12-[Cart load]_block_invoke", "__12-[Cart load]_block_invoke"},
		},
		"swift": {
			diag.Frame{Class: "Cart", Method: "total", Params: "items:", File: "Cart.swift", Line: 3, Column: 9, Image: "Shop", Language: diag.LanguageSwift},
			codes{"Cart.total(items:) (Cart.swift:3)", "Cart.total(items:) (Cart.swift:3)", "Cart.total(items:)"},
		},
		"c++": {
			diag.Frame{Class: "acme::Cart", Method: "total", Params: "int", Address: 0x20, Image: "libshop.so", Language: diag.LanguageCpp},
			codes{"libshop.so 0x20 acme::Cart::total(int)", "acme::Cart::total(int)", "acme::Cart::total(int)"},
		},
		"c++, parameters in the name": {
			diag.Frame{Method: "std::terminate()", Params: "void", Address: 0x20, Language: diag.LanguageCpp},
			codes{"??? 0x20 std::terminate()", "std::terminate()", "std::terminate()"},
		},
		"mangled": {
			diag.Frame{Symbol: "_ZN4CartE", Address: 0x20, Image: "libshop.so"},
			codes{"libshop.so 0x20 _ZN4CartE", "_ZN4CartE", "_ZN4CartE"},
		},
		"address in an image": {
			diag.Frame{Address: 0x1040, Image: "Shop", Offset: 0x40},
			codes{"Shop 0x1040 0x1000 + 64", "Shop + 64", "Shop + 64"},
		},
		"address alone": {
			diag.Frame{Address: 0x1040},
			codes{"??? 0x1040 0x0 + 4160", "0x0000000000001040", "0x0000000000001040"},
		},
		"offset beyond the address": {
			diag.Frame{Address: 0x10, Image: "Shop", Offset: 0x40},
			codes{"Shop 0x10 0x0 + 16", "Shop + 64", "Shop + 64"},
		},
		"image and offset": {diag.Frame{Image: "Shop", Offset: 0x40}, same("Shop + 64")},
		"image alone":      {diag.Frame{Image: "Shop"}, same("Shop")},
		".net as sent": {
			diag.Frame{
				Class: "Acme.Cart", Method: "Total", Params: "Int32 x", File: path, Line: 42, Language: diag.LanguageCSharp,
				Code: `at Acme.Cart.Total(Int32 x) in C:\src\Cart.cs:line 42`,
			},
			codes{`Acme.Cart.Total(Int32 x) in C:\src\Cart.cs:line 42`, "Acme.Cart.Total(Int32 x) (Cart.cs:42)", "Acme.Cart.Total(Int32 x) (Cart.cs:42)"},
		},
		".net":        {diag.Frame{Class: "Acme.Cart", Method: ".ctor", Language: diag.LanguageCSharp}, same("Acme.Cart..ctor()")},
		".net native": {diag.Frame{Address: 0x1040, Image: "Acme", Offset: 0x40, Language: diag.LanguageCSharp}, codes{"Acme 0x1040 0x1000 + 64", "Acme + 64", "Acme + 64"}},
		"javascript as sent": {
			diag.Frame{Method: "total", File: "index.bundle", Line: 1, Column: 5, Language: diag.LanguageJavaScript, Code: "total@address at index.bundle:1:5"},
			codes{"total@address at index.bundle:1:5", "total (index.bundle:1:5)", "total (index.bundle:1:5)"},
		},
		"javascript":                  {diag.Frame{Method: "total", File: "http://host/js/cart.js", Line: 10, Column: 5, Language: diag.LanguageJavaScript}, same("total (http://host/js/cart.js:10:5)")},
		"javascript without names":    {diag.Frame{Line: 10, Column: 5, Language: diag.LanguageJavaScript}, same("10:5")},
		"language that nobody said":   {diag.Frame{Class: "Cart", Method: "total", File: "cart.x", Line: 1}, same("Cart.total (cart.x:1)")},
		"java, a file alone":          {diag.Frame{File: "Cart.java", Line: 1, Language: diag.LanguageJava}, same("Cart.java:1")},
		"a file alone":                {diag.Frame{File: "cart.x", Line: 1}, same("cart.x:1")},
		"text that nobody could read": {diag.Frame{Code: "#01 pc 00c0ffee"}, same("#01 pc 00c0ffee")},
		"nothing":                     {diag.Frame{}, codes{"???", "???", ""}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, codesOf(c.frame), cmp.AllowUnexported(codes{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func same(s string) codes { return codes{s, s, s} }

// TestReasonCodes: what grouping says goes before what the frame says.
func TestReasonCodes(t *testing.T) {
	t.Parallel()
	f := contract.NewReasonFrame(&diag.ReasonFrame{Frame: diag.Frame{Method: "main"}, CodeRaw: "raw", CodeFormatted: "formatted"})
	if f.CodeRaw != "raw" || f.CodeFormatted != "formatted" {
		t.Errorf("got %q and %q", f.CodeRaw, f.CodeFormatted)
	}
}

// TestAggregate: several causes, printed as .NET prints them.
func TestAggregate(t *testing.T) {
	t.Parallel()
	frame := func(method string) []diag.Frame {
		return []diag.Frame{{Class: "Acme.Cart", Method: method, File: "Cart.cs", Line: 1, Language: diag.LanguageCSharp}}
	}
	r := diag.Report{Kind: diag.KindHandledError, Stack: diag.Stack{Exception: &diag.Exception{
		Type: "System.AggregateException", Message: "Two.", Frames: frame("Wait"),
		Inner: []diag.Exception{
			{Type: "A", Frames: frame("First"), Inner: []diag.Exception{{Type: "Deep", Platform: diag.PlatformXamarin, Text: "   bei Acme.Cart.Tief()\r\n"}}},
			{Type: "B", Message: "b", Frames: frame("Second")},
		},
	}}}
	const want = `
System.AggregateException: Two.
 ---> A
 ---> Deep
   bei Acme.Cart.Tief()
   --- End of inner exception stack trace ---
   at Acme.Cart.First() in Cart.cs:line 1
   --- End of inner exception stack trace ---
   at Acme.Cart.Wait() in Cart.cs:line 1
---> (Inner Exception #1) B: b
   at Acme.Cart.Second() in Cart.cs:line 1
<---
`
	text := string(contract.Text(&r, nil))
	if got := text[strings.Index(text, "\n\n")+1:]; got != want {
		t.Errorf("-want +got:\n%s", cmp.Diff(want, got))
	}
}
