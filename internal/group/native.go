package group

import (
	"strconv"
	"strings"

	"lifeboat/internal/diag"
)

// nativeKey is a frame of an image as it stands in a key. The names of Objective-C and Swift hold the class;
// other functions need their module. One without a name is called by its distance from the image's start, if
// the image is the app's: nothing else tells two places apart before symbols are there, and it is the same on
// every device.
func nativeKey(f *diag.Frame) string {
	name := nativeName(f)
	switch {
	case name.function == "" && f.AppCode && f.Image != "":
		return module(f.Image) + "+0x" + strconv.FormatUint(f.Offset, 16)
	case name.function == "":
		return module(f.Image)
	case name.selector || name.swift || f.Image == "":
		return name.String()
	}
	return module(f.Image) + " " + name.String()
}

// module is an image's name without folder, ending and version, in lower case.
func module(image string) string {
	name := strings.ToLower(baseName(image))
	for _, ending := range [...]string{".so", ".dll", ".exe", ".debug.dylib", ".dylib"} {
		if i := strings.LastIndex(name, ending); i > 0 && strings.Trim(name[i+len(ending):], ".0123456789") == "" {
			return name[:i]
		}
	}
	return name
}

// symbol is a native function as people call it.
type symbol struct {
	class    string // "" for a plain function
	function string // "" if unknown
	selector bool   // Objective-C
	static   bool
	swift    bool
	closure  string // " block", ".closure": code that stands in the function
}

func (s symbol) String() string {
	if !s.selector {
		if s.class != "" && !s.swift {
			return s.class + "::" + s.function + s.closure
		}
		return join(s.class, s.function) + s.closure
	}
	sign := "-["
	if s.static {
		sign = "+["
	}
	return sign + s.class + " " + s.function + "]" + s.closure
}

// nativeName reads a frame's class and method, or its raw symbol.
func nativeName(f *diag.Frame) symbol {
	name := f.Method
	if name == "" {
		name = f.Symbol
	}
	name = cut(name)
	switch {
	case name == "":
		return symbol{}
	case f.Class != "" && objectiveC(f):
		return symbol{class: f.Class, function: name, selector: true, static: f.ClassMethod}
	case f.Class != "" && f.Language == diag.LanguageSwift:
		return symbol{class: f.Class, function: swiftText(name, "").function, swift: true}
	case f.Class != "":
		return symbol{class: cppName(f.Class), function: cppName(name)}
	}
	return symbolName(name, f)
}

func objectiveC(f *diag.Frame) bool {
	return f.Language == diag.LanguageObjectiveC || f.Language == diag.LanguageObjectiveCpp
}

// symbolName reads a raw symbol, mangled or not.
func symbolName(name string, f *diag.Frame) symbol {
	if s, ok := blockName(name); ok {
		return s
	}
	if s, ok := selectorName(name); ok {
		return s
	}
	if s, ok := swiftName(name); ok {
		return s
	}
	if f.Language == diag.LanguageSwift && !strings.HasPrefix(strings.TrimLeft(name, "_"), "$") || swiftLike(name) {
		return swiftText(name, f.Image)
	}
	if plain, ok := itaniumName(name); ok {
		name = plain
	}
	return symbol{function: cppName(name)}
}

// selectorName reads -[Class selector:].
func selectorName(name string) (symbol, bool) {
	if len(name) < 5 || name[0] != '-' && name[0] != '+' || name[1] != '[' || name[len(name)-1] != ']' {
		return symbol{}, false
	}
	class, selector, ok := strings.Cut(name[2:len(name)-1], " ")
	return symbol{class: class, function: selector, selector: true, static: name[0] == '+'}, ok
}

// blockName reads what clang calls a block: __29-[Cart load:]_block_invoke_2, __load_block_invoke.12.
func blockName(name string) (symbol, bool) {
	i := strings.Index(name, "_block_invoke")
	if i < 0 || !strings.HasPrefix(name, "__") {
		return symbol{}, false
	}
	outer := strings.TrimLeft(name[:i], "_")
	outer = outer[digits(outer):]
	s, ok := selectorName(outer)
	if !ok {
		s = symbol{function: outer}
		if plain, ok := itaniumName("_" + outer); ok {
			s.function = cppName(plain)
		}
	}
	s.closure = " block"
	return s, true
}

// nativePlumbing reports whether a frame stops, throws, allocates or starts, and never is the fault.
func nativePlumbing(f *diag.Frame) bool {
	name := f.Method
	if name == "" {
		name = f.Symbol
	}
	if name == "" || len(name) > 200 {
		return false
	}
	if objectiveC(f) && f.Class != "" {
		return f.Class == "NSException" || f.Class == "NSAssertionHandler" || f.Class == "RCTExceptionsManager" ||
			strings.HasPrefix(name, "doesNotRecognizeSelector:")
	}
	bare := strings.TrimLeft(name, "_")
	if i := strings.IndexAny(bare, "(@"); i > 0 {
		bare = bare[:i]
	}
	if plumbingNames[bare] {
		return true
	}
	return hasAnyPrefix(bare, "Unwind_", "assert", "cxa_", "swift_", "objc_", "Swift runtime failure", "operator new", "operator delete",
		"std::terminate", "std::__terminate", "std::abort", "std::__throw_", "std::__1::__throw_", "std::__ndk1::__throw_",
		"Znwm", "Znwj", "ZdlPv", "ZSt9terminate", "scudo_", "art::art_sigsegv", "core::panicking::", "std::panicking::", "rust_begin_unwind", "rust_panic",
		"scrt_", "$ss17_assertionFailure", "$ss18_fatalErrorMessage", "$ss5print", "Swift._assertionFailure", "Swift._fatalErrorMessage", "swift::fatalError", "swift::warning") ||
		strings.HasSuffix(bare, "V5$mainyyFZ") || strings.HasSuffix(bare, "C5$mainyyFZ")
}

// plumbingNames are whole names, without leading underscores and parameters. The table is read only.
var plumbingNames = map[string]bool{
	"main": true, "start": true, "wmain": true, "WinMain": true, "wWinMain": true, "invoke_main": true, "mainCRTStartup": true,
	"UIApplicationMain": true, "NSApplicationMain": true, "NSExtensionMain": true, "libc_start_main": true, "libc_start_call_main": true,
	"libc_init": true, "libc_start_main_impl": true, "start_thread": true, "thread_start": true, "pthread_start": true, "pthread_body": true, "clone": true, "clone3": true,
	"BaseThreadInitThunk": true, "RtlUserThreadStart": true, "start_wqthread": true, "pthread_wqthread": true,

	"abort": true, "abort_message": true, "raise": true, "kill": true, "tgkill": true, "gsignal": true, "pthread_kill": true, "pthread_kill_implementation": true,
	"terminate": true, "demangling_terminate_handler": true, "stack_chk_fail": true, "fortify_fatal": true, "fortify_chk_fail": true, "chk_fail_overflow": true,
	"RaiseException": true, "CxxThrowException": true, "RaiseFailFastException": true, "invalid_parameter": true, "invoke_watson": true, "purecall": true,
	"exceptionPreprocess": true, "CFThrowFormattedException": true, "forwarding": true, "forwarding___": true, "CF_forwarding_prep_0": true, "CF_forwarding_prep_1": true,
	"NSThrowOutOfMemory": true, "RCTFatal": true, "RCTFormatError": true, "sigtramp": true, "restore_rt": true, "kernel_rt_sigreturn": true, "rt_sigreturn": true,
	"KiUserExceptionDispatcher": true, "KiUserExceptionDispatch": true, "RtlDispatchException": true, "RtlRaiseException": true, "UnhandledExceptionFilter": true,

	"malloc": true, "calloc": true, "realloc": true, "free": true, "je_malloc": true, "je_free": true, "tiny_malloc": true, "malloc_zone_malloc": true,
	"malloc_error_break": true, "malloc_vreport": true, "malloc_report": true, "malloc_printerr": true, "int_free": true, "int_malloc": true,
	"memcpy": true, "memmove": true, "memset": true, "memcpy_base": true, "memmove_base": true, "platform_memmove": true, "platform_memset": true, "strlen": true, "strcmp": true,
	"RtlFreeHeap": true, "RtlAllocateHeap": true, "HeapFree": true, "HeapAlloc": true, "free_base": true, "malloc_base": true,
}
