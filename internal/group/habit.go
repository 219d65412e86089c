package group

import (
	"strings"

	"lifeboat/internal/diag"
)

// habit is the way in which a frame names code.
type habit uint8

const (
	none habit = iota
	java
	dotnet
	script // JavaScript
	native // of images: Objective-C, Swift, C++, C, and addresses
)

var habitNames = [...]string{none: "other", java: "java", dotnet: "dotnet", script: "javascript", native: "native"}

// habitOf tells a frame's habit from its language, else from what it has.
func habitOf(f *diag.Frame) habit {
	switch f.Language {
	case diag.LanguageJava:
		return java
	case diag.LanguageJavaScript:
		return script
	case diag.LanguageCSharp:
		if f.Class == "" && f.Method == "" {
			return nativeIf(f)
		}
		return dotnet
	case diag.LanguageObjectiveC, diag.LanguageObjectiveCpp, diag.LanguageSwift, diag.LanguageCpp, diag.LanguageC:
		return native
	}
	if h := nativeIf(f); h == native {
		return native
	}
	return guess(f)
}

func nativeIf(f *diag.Frame) habit {
	if f.Image != "" || f.Address != 0 || f.Symbol != "" {
		return native
	}
	return none
}

// guess is for frames of custom clients, whose language nobody said.
func guess(f *diag.Frame) habit {
	switch extension(f.File) {
	case ".java", ".kt", ".scala", ".groovy":
		return java
	case ".cs", ".vb", ".fs":
		return dotnet
	case ".js", ".jsx", ".ts", ".tsx", ".mjs", ".jsbundle", ".bundle":
		return script
	case ".c", ".cc", ".cpp", ".m", ".mm", ".swift", ".rs":
		return native
	}
	switch {
	case f.Class == "" && f.Method == "":
		return none
	case f.Class == "":
		return native
	case f.Class[0] >= 'a' && f.Class[0] <= 'z' && strings.Contains(f.Class, "."):
		return java
	}
	return dotnet
}

func extension(file string) string {
	if i := strings.LastIndexByte(file, '.'); i >= 0 && len(file)-i < 12 {
		return file[i:]
	}
	return ""
}

// baseName is the last part of a path of any system.
func baseName(path string) string {
	return path[strings.LastIndexAny(path, `/\`)+1:]
}

// keyLine is a frame as it stands in a key: what it names, and nothing that changes from build to build.
func keyLine(f *diag.Frame) string {
	switch habitOf(f) {
	case java:
		return join(javaName(f.Class, f.Method))
	case dotnet:
		return join(dotnetName(f.Class, f.Method))
	case script:
		if name := scriptName(f.Method); name != "" {
			return name
		}
		return strings.TrimSpace(namelessMark + " " + plainFile(f.File))
	case native:
		return nativeKey(f)
	}
	return join(f.Class, f.Method)
}

// namelessMark stands before the file of a function without a name.
const namelessMark = "(anonymous)"

func join(class, method string) string {
	switch {
	case class == "":
		return method
	case method == "":
		return class
	}
	return class + "." + method
}
