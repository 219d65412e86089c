package group

import "strings"

// namespaces is a set of beginnings of names, by their first byte.
type namespaces [128][]string

func newNamespaces(names ...string) *namespaces {
	var p namespaces
	for _, name := range names {
		p[name[0]] = append(p[name[0]], name)
	}
	return &p
}

// has reports whether a name lies below one of the prefixes.
func (p *namespaces) has(name string) bool {
	if name == "" || name[0] >= 128 {
		return false
	}
	for _, prefix := range p[name[0]] {
		if below(name, prefix) {
			return true
		}
	}
	return false
}

// The tables below are read only.
var (
	// javaSystem are packages of the runtime and of libraries that nobody debugs.
	javaSystem = newNamespaces("java.", "javax.", "jdk.", "sun.", "com.sun.", "android.", "androidx.", "com.android.",
		"dalvik.", "libcore.", "kotlin.", "kotlinx.", "com.google.android.", "org.chromium.", "okhttp3.", "okio.",
		"retrofit2.", "io.reactivex.", "dagger.", "com.squareup.", "org.json.", "com.google.gson.", "com.bumptech.",
		"mono.", "_COROUTINE.", "$Proxy", "org.apache.http.", "org.apache.harmony.", "org.xmlpull.", "org.xml.sax.", "org.w3c.dom.")

	// javaPlumbing starts, calls or reports other code.
	javaPlumbing = newNamespaces("java.lang.reflect.", "sun.reflect.", "jdk.internal.reflect.", "java.lang.invoke.",
		"java.lang.Thread", "java.lang.Throwable", "java.lang.Exception", "java.lang.Runtime", "java.lang.Daemons",
		"java.util.Objects", "java.util.concurrent.ThreadPoolExecutor", "java.util.concurrent.FutureTask",
		"java.util.concurrent.Executors", "java.util.concurrent.ForkJoin", "java.util.concurrent.CompletableFuture", "android.os.Handler",
		"android.os.Looper", "android.os.Parcel", "android.os.Binder", "android.os.BinderProxy",
		"android.app.ActivityThread", "com.android.internal.os.", "dalvik.system.", "kotlin.jvm.internal.",
		"kotlin.coroutines.", "kotlin.ResultKt", "kotlinx.coroutines.", "_COROUTINE.", "com.sun.proxy.", "jdk.proxy", "$Proxy", "mono.")

	// dotnetSystem are namespaces of the runtimes, of their bindings to systems, and of Unity's engine.
	dotnetSystem = newNamespaces("System", "Microsoft", "Mono", "MonoDroid", "Xamarin", "Android", "AndroidX",
		"Java", "Kotlin", "KotlinX", "UIKit", "AppKit", "Foundation", "CoreFoundation", "CoreGraphics", "CoreAnimation", "ObjCRuntime",
		"Windows", "WinRT", "ABI", "MS", "Interop", "Internal.Runtime", "UnityEngine", "UnityEditor", "Unity", "UnityEngineInternal")

	// dotnetPlumbing throws, awaits or calls other code.
	dotnetPlumbing = newNamespaces("System.Runtime.", "System.ThrowHelper", "System.Threading.", "System.Reflection.",
		"System.RuntimeMethodHandle", "System.RuntimeType", "System.Delegate", "System.MulticastDelegate",
		"System.Environment", "System.Object", "Java.Interop.", "Android.Runtime.", "ObjCRuntime",
		"Internal.Runtime.", "UnityEngine.Debug", "UnityEngine.Logger", "UnityEngine.DebugLogHandler", "UnityEngine.StackTraceUtility",
		"UnityEngine.UnitySynchronizationContext", "UnityEngine.SetupCoroutine", "System.Windows.Threading.", "MS.Internal.CulturePreservingExecutionContext", "MS.Win32.")

	// nativeSystem are libraries of Android, Linux, Windows and of engines, in lower case. Their endings and
	// versions follow.
	nativeSystem = newNamespaces("libc", "libm", "libdl", "libart", "libartbase", "libdvm", "liblog", "libutils", "libutilscallstack", "libbinder",
		"libcutils", "libgui", "libui", "libhwui", "libegl", "libglesv", "libglesv1_cm", "libglesv2", "libvulkan", "libandroid", "libandroid_runtime", "libandroidfw",
		"libnativehelper", "libnativeloader", "libunwind", "libunwindstack", "libbacktrace", "libsigchain", "libssl", "libcrypto",
		"libpthread", "librt", "libgcc_s", "libstdc", "libglib", "libgobject", "ld-linux", "ld", "linux-gate", "linux-vdso", "linker", "linker64",
		"app_process", "app_process32", "app_process64", "libunity", "libil2cpp", "libmonosgen", "libmonodroid", "libmono-btls-shared", "libmonobdwgc",
		"libcoreclr", "libclrjit", "libsystem", "libhermes", "libhermes_executor", "libhermestooling", "libjsc", "libjscexecutor", "libfbjni", "libjsi", "libreactnative",
		"libreactnativejni", "libflutter", "libwebviewchromium", "libmonochrome", "libmonochrome_64",
		"ntdll", "kernel32", "kernelbase", "ucrtbase", "ucrtbased", "vcruntime140", "vcruntime140_1", "vcruntime140d", "vcruntime140_app", "msvcp140", "msvcp140_app", "msvcrt", "user32", "win32u",
		"gdi32", "gdi32full", "combase", "rpcrt4", "ole32", "oleaut32", "advapi32", "sechost", "shcore", "shell32", "d3d11", "dxgi", "mscorlib", "mscorwks", "clr", "clrjit",
		"coreclr", "mrt100", "mrt100_app", "sharedlibrary", "system", "microsoft", "windows", "mono-2", "unityplayer", "gameassembly")

	systemFolders = [...]string{"/system/", "/system_ext/", "/apex/", "/vendor/", "/product/", "/odm/", "/lib/", "/lib32/", "/lib64/", "/usr/lib", "/dev/ashmem", "[vdso", "[vectors"}

	// appleFrameworks are the frameworks of Apple's systems that stand in stacks most often, for reports that
	// name images without their paths.
	appleFrameworks = newNamespaces("Foundation", "CoreFoundation", "UIKit", "UIKitCore", "UIFoundation", "AppKit",
		"SwiftUI", "SwiftUICore", "Combine", "CoreData", "CoreGraphics", "CoreText", "CoreImage", "CoreAudio", "CoreMedia",
		"CoreML", "CoreMotion", "CoreLocation", "CoreBluetooth", "CoreTelephony", "CoreServices", "CoreServicesInternal", "CoreSpotlight",
		"CoreVideo", "CoreUI", "CoreAutoLayout", "CFNetwork", "QuartzCore", "GraphicsServices", "AVFoundation", "AVFCore", "AVKit",
		"AudioToolbox", "AudioToolboxCore", "WebKit", "WebKitLegacy", "WebCore", "JavaScriptCore", "SafariServices", "MapKit", "Metal", "MetalKit", "MetalPerformanceShaders",
		"GameKit", "GameplayKit", "SceneKit", "SpriteKit", "ARKit", "RealityKit", "PhotosUI", "Photos", "PhotoLibrary", "ImageIO",
		"MobileCoreServices", "Network", "NetworkExtension", "Security", "LocalAuthentication", "StoreKit", "CloudKit", "Contacts", "ContactsUI",
		"EventKit", "EventKitUI", "MessageUI", "MediaPlayer", "MultipeerConnectivity", "UserNotifications", "UserNotificationsUI", "WatchKit", "WatchConnectivity",
		"WidgetKit", "Intents", "IntentsUI", "HealthKit", "HomeKit", "PassKit", "PDFKit", "PencilKit", "QuickLook", "SystemConfiguration", "VideoToolbox", "Vision",
		"Accelerate", "AddressBook", "AdSupport", "AuthenticationServices", "BackBoardServices", "FrontBoardServices", "RunningBoardServices", "BoardServices", "TextInput", "TextInputUI",
		"HIToolbox", "IOKit", "IOSurface", "Carbon", "Cocoa", "DiskArbitration", "ExtensionFoundation", "AttributeGraph", "Gestures",
		"dyld", "dyld_sim", "IMFoundation", "ManagedConfiguration", "MediaToolbox", "OpenGLES", "GLKit", "ProofReader", "ShareSheet", "XCTest", "XCTestCore", "libobjc", "libdispatch", "libsystem_c", "libsystem_kernel", "libsystem_pthread")
)

// appleSystem decides by an image's name alone. Libraries with a bare file name are the system's.
func appleSystem(name string) bool {
	return strings.HasPrefix(name, "lib") && strings.HasSuffix(name, ".dylib") || appleFrameworks.has(name)
}
