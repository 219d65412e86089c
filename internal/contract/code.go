package contract

import (
	"fmt"
	"strconv"
	"strings"

	"lifeboat/internal/diag"
)

// habit is the way in which a runtime writes the levels of its stacks.
type habit uint8

const (
	habitOther      habit = iota // Cart.total (cart.x:10), where nobody said the language
	habitJava                    // com.acme.Cart.total(Cart.java:42)
	habitDotNet                  // Acme.Cart.Total(System.Int32 x) (Cart.cs:42)
	habitJavaScript              // total (cart.js:10:5)
	habitNative                  // image, address, symbol and offset
)

// habitOf is the habit of a frame. A frame that has nothing but an address is native whatever its language:
// .NET Native sends such ones.
func habitOf(f *diag.Frame) habit {
	named := f.Class != "" || f.Method != ""
	switch {
	case f.Language == diag.LanguageJavaScript:
		return habitJavaScript
	case named && f.Language == diag.LanguageJava:
		return habitJava
	case named && f.Language == diag.LanguageCSharp:
		return habitDotNet
	case f.Address != 0 || f.Image != "" || f.Symbol != "" || f.Language != "":
		return habitNative
	}
	return habitOther
}

// unknownCode stands for a frame of which nothing is known. The API requires a text.
const unknownCode = "???"

// codeRaw is the frame as the device wrote it, as far as it did; else in the habit of its platform.
func codeRaw(f *diag.Frame) string {
	if habitOf(f) == habitNative && f.Address != 0 {
		return fmt.Sprintf("%s 0x%x %s", imageName(f), f.Address, nativeCode(f))
	}
	if f.Code != "" {
		return strings.TrimPrefix(f.Code, "at ") // the word belongs to the trace, not to the frame
	}
	return codeFormatted(f)
}

// codeFormatted is the frame as people write it: the function, then its place in brackets. Grouping writes the
// frame that decided alike.
func codeFormatted(f *diag.Frame) string {
	name, at := symbol(f), place(f)
	switch {
	case habitOf(f) == habitJava:
		return name + "(" + javaPlace(f) + ")"
	case name == "":
		return bareCode(f)
	case at == "":
		return name
	}
	return name + " (" + at + ")"
}

// symbol is the function's full name as its language writes it, "" if it is unknown.
func symbol(f *diag.Frame) string {
	switch habitOf(f) {
	case habitNative:
		return nativeSymbol(f)
	case habitDotNet:
		return join(f.Class, ".", f.Method) + "(" + f.Params + ")"
	}
	return join(f.Class, ".", f.Method)
}

func nativeSymbol(f *diag.Frame) string {
	var name string
	switch f.Language {
	case diag.LanguageObjectiveC, diag.LanguageObjectiveCpp:
		if f.Class == "" {
			return f.Method
		}
		sign := "-"
		if f.ClassMethod {
			sign = "+"
		}
		return sign + "[" + f.Class + " " + f.Method + "]"
	case diag.LanguageCpp:
		name = join(f.Class, "::", f.Method)
	default:
		name = join(f.Class, ".", f.Method)
	}
	if name == "" {
		return f.Symbol
	}
	if f.Params != "" && !strings.HasSuffix(name, ")") {
		name += "(" + f.Params + ")"
	}
	return name
}

func join(class, dot, method string) string {
	if class == "" || method == "" {
		return class + method
	}
	return class + dot + method
}

// nativeCode is the last column of a native frame: "symbol + offset", or "base + offset" where no symbol is
// known. Once symbols are there, the numbers that the device wrote give way to the name.
func nativeCode(f *diag.Frame) string {
	name := symbol(f)
	if f.Code != "" && (name == "" || !strings.HasPrefix(f.Code, "0x")) {
		return f.Code
	}
	if name != "" {
		return name
	}
	if f.Image != "" && f.Offset <= f.Address {
		return fmt.Sprintf("0x%x + %d", f.Address-f.Offset, f.Offset)
	}
	return fmt.Sprintf("0x0 + %d", f.Address) // as Apple writes it
}

// bareCode stands for a function without a name.
func bareCode(f *diag.Frame) string {
	switch {
	case f.Image != "" && f.Offset != 0:
		return fmt.Sprintf("%s + %d", f.Image, f.Offset)
	case f.Address != 0:
		return strings.TrimSpace(f.Image + " " + address(f.Address))
	case f.File != "" || f.Line > 0:
		return place(f)
	case f.Code != "":
		return f.Code
	case f.Image != "":
		return f.Image
	}
	return unknownCode
}

func imageName(f *diag.Frame) string {
	if f.Image == "" {
		return unknownCode
	}
	return f.Image
}

// javaPlace is what Java writes between the brackets.
func javaPlace(f *diag.Frame) string {
	switch {
	case f.Native:
		return "Native Method"
	case f.File == "" && f.Line > 0:
		return "Unknown Source:" + strconv.Itoa(f.Line)
	case f.File == "":
		return "Unknown Source"
	}
	return place(f)
}

// place is the frame's file and line as far as they are known. JavaScript has columns, and its folders stay:
// every other file is called index.js.
func place(f *diag.Frame) string {
	script := f.Language == diag.LanguageJavaScript
	var parts []string
	if f.File != "" && script {
		parts = append(parts, f.File)
	} else if f.File != "" {
		parts = append(parts, baseName(f.File))
	}
	if f.Line > 0 {
		parts = append(parts, strconv.Itoa(f.Line))
	}
	if f.Line > 0 && f.Column > 0 && script {
		parts = append(parts, strconv.Itoa(f.Column))
	}
	return strings.Join(parts, ":")
}

// baseName is the last part of a path of any system.
func baseName(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }

// address is 0x and 16 hex digits, "" for none.
func address(a uint64) string {
	if a == 0 {
		return ""
	}
	return fmt.Sprintf("0x%016x", a)
}
