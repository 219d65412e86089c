package demo

import "time"

// An app is one of those that the demo registers. All names are invented.
type app struct {
	name, display, os, platform string
	namespace                   string
	sdk                         sdk
	wrapper                     object // members that a wrapper SDK puts into the device
}

func apps() []app {
	reactNative := object{}.add("wrapperSdkVersion", "5.0.3").add("wrapperSdkName", "appcenter.react-native")
	maui := func(runtime string) object {
		return object{}.add("wrapperSdkVersion", "5.0.7").add("wrapperSdkName", "appcenter.xamarin").add("wrapperRuntimeVersion", runtime)
	}
	unity := object{}.add("wrapperSdkVersion", "4.4.0").add("wrapperSdkName", "appcenter.unity").add("wrapperRuntimeVersion", "6.13.0 (Visual Studio built mono)")
	return []app{
		{"ferry-android", "Ferry", "Android", "Java", "com.example.ferry", android, nil},
		{"ferry-ios", "Ferry", "iOS", "Objective-C-Swift", "com.example.Ferry", apple, nil},
		{"tickets-android", "Tickets", "Android", "React-Native", "com.example.tickets", android, reactNative},
		{"tickets-ios", "Tickets", "iOS", "React-Native", "com.example.Tickets", apple, reactNative},
		{"crew-android", "Crew", "Android", "Xamarin", "com.example.crew", android, maui("34.0.113")},
		{"crew-ios", "Crew", "iOS", "Xamarin", "com.example.crew", apple, maui("17.2.8078")},
		{"desk", "Timetable Desk", "Windows", "WPF", "Example.Desk", windows, nil},
		{"till", "Ticket Till", "Windows", "WinForms", "Example.Till", windows, nil},
		{"kiosk", "Pier Kiosk", "Windows", "UWP", "Example.Kiosk", windows, nil},
		{"regatta", "Regatta", "Android", "Unity", "com.example.regatta", android, unity},
	}
}

// A phone is one installation of an app on one device.
type phone struct {
	name   string // seed of its install id
	app    string
	device string // file in traffic/devices
	user   string // what the app calls its user; "" = nobody
}

// The person whose copy is made uses the ferry app on a phone of each kind.
const user = "passenger-1042"

func phones() []phone {
	return []phone{
		{"pixel-1", "ferry-android", "pixel", user},
		{"pixel-2", "ferry-android", "pixel", "passenger-3181"},
		{"galaxy-1", "ferry-android", "galaxy", "passenger-2077"},
		{"galaxy-2", "ferry-android", "galaxy", "passenger-0555"},
		{"iphone-1", "ferry-ios", "iphone", user},
		{"ipad-1", "ferry-ios", "ipad", ""},
		{"pixel-3", "tickets-android", "pixel", ""},
		{"galaxy-3", "tickets-android", "galaxy", ""},
		{"iphone-2", "tickets-ios", "iphone", ""},
		{"galaxy-4", "crew-android", "galaxy", "crew-07"},
		{"galaxy-5", "crew-android", "galaxy", "crew-19"},
		{"ipad-2", "crew-ios", "ipad", "crew-07"},
		{"desk-1", "desk", "wpf", "seat-1"},
		{"desk-2", "desk", "wpf", "seat-4"},
		{"till-1", "till", "winforms", ""},
		{"till-2", "till", "winforms", ""},
		{"kiosk-1", "kiosk", "uwp", ""},
		{"moto-1", "regatta", "unity-phone", ""},
		{"moto-2", "regatta", "unity-phone", ""},
	}
}

// A session is what happens from one launch of an app to its fault, and what the SDK makes of that.
type session struct {
	phone   string
	version string
	ago     time.Duration // from its start until it is sent
	events  []event
	fault   string // file in traffic; "" = none
	number  int    // varies texts that must not split a group
	files   []file
	wave    int  // in which of the two minutes it is sent
	resend  bool // the answer got lost: the same logs come again in the next minute, batched and spelled anew
}

// An event is tracked so long after the session's start.
type event struct {
	after      time.Duration
	name       string
	properties []property
}

type property struct {
	name  string
	value any // string, int, float64 or bool
}

// A file is an attachment of the session's fault.
type file struct {
	name, contentType string
	data              string
	when              arrival
}

// arrival says when an attachment comes in, seen from its error.
type arrival uint8

const (
	after  arrival = iota // behind its error, as mostly
	before                // it overtakes its error
	late                  // a minute later, as with wrappers that wait for the app's word
)

// The minidump is a header alone: what it would hold is the business of symbol files.
const minidump = "MDMP\x93\xa7\x00\x00\x00\x00\x00\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// onePixel is a PNG of one grey pixel.
const onePixel = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\nIDATx\x9cch\x00\x00\x00\x82\x00\x81w\xcdr\xb6\x00\x00\x00\x00IEND\xaeB`\x82"

const bookingLog = `+02 s trip list: 9 trips from the cache
+09 s seat map: GET /v1/trips/117/seats
+29 s seat map: 200, no bytes after a change from Wi-Fi to mobile
+31 s booking: resume
`

// The session whose crash the story follows is the first of phone pixel-1.
const featured = "pixel-1"

func sessions() []session {
	return append(append(ferry(), mobile()...), desktop()...)
}

func ferry() []session {
	booking := []event{
		{2 * time.Second, "Trip opened", []property{{"route", "North Pier - Skerry"}, {"departures", 9}}},
		{9 * time.Second, "Seats shown", []property{{"deck", 2}, {"free", 41}, {"window", true}}},
		{21 * time.Second, "Booking started", []property{{"price", 42.5}, {"returning", true}}},
	}
	browsing := []event{
		{3 * time.Second, "Trip opened", []property{{"route", "Skerry - Lighthouse"}, {"departures", 4}}},
		{15 * time.Second, "Timetable shown", []property{{"harbour", "Lighthouse"}}},
	}
	return []session{
		{phone: "pixel-1", version: "4.3.0", ago: 26 * time.Hour, events: booking, fault: "managedError.java", number: 117, files: []file{
			{"booking.log", "text/plain", bookingLog, after}, {"screen.png", "image/png", onePixel, after}}},
		{phone: "pixel-1", version: "4.3.0", ago: 3 * time.Hour, events: booking, fault: "managedError.java", number: 121, resend: true},
		{phone: "galaxy-1", version: "4.3.0", ago: 20 * time.Hour, events: browsing, fault: "managedError.java", number: 98},
		{phone: "pixel-2", version: "4.3.0", ago: 9 * time.Hour, events: booking, fault: "managedError.java", number: 117, files: []file{
			{"booking.log", "text/plain", bookingLog, before}}},
		{phone: "galaxy-2", version: "4.2.0", ago: 5 * 24 * time.Hour, events: browsing, fault: "managedError.java", number: 64},
		{phone: "pixel-2", version: "4.2.0", ago: 6 * 24 * time.Hour, events: booking, fault: "managedError.java", number: 60},
		{phone: "pixel-1", version: "4.3.0", ago: 50 * time.Hour, events: browsing, fault: "handledError.java"},
		{phone: "galaxy-1", version: "4.3.0", ago: 2 * time.Hour, events: browsing, fault: "handledError.java", wave: 1},
		{phone: "galaxy-2", version: "4.3.0", ago: 7 * time.Hour, events: browsing, fault: "managedError.ndk", files: []file{
			{"minidump.dmp", "application/octet-stream", minidump, after}}},
		{phone: "iphone-1", version: "4.3.0", ago: 30 * time.Hour, events: booking, fault: "appleError.exception", files: []file{
			{"deck-plan.txt", "text/plain", "deck plan of trip 117: a text where a list was expected\n", late}}},
		{phone: "ipad-1", version: "4.3.0", ago: 28 * time.Hour, events: browsing, fault: "appleError.exception"},
		{phone: "ipad-1", version: "4.3.0", ago: 5 * time.Hour, events: browsing, fault: "appleError.trap", wave: 1},
		{phone: "iphone-1", version: "4.3.0", ago: 4 * time.Hour, events: browsing, fault: "handledError.apple"},
	}
}

func mobile() []session {
	wallet := []event{
		{time.Second, "Wallet opened", []property{{"tickets", 2}}},
		{6 * time.Second, "Ticket shown", []property{{"kind", "return"}, {"offline", true}}},
	}
	boarding := []event{
		{4 * time.Second, "Boarding opened", []property{{"deck", "car"}}},
		{12 * time.Second, "Ticket scanned", []property{{"valid", true}}},
	}
	race := []event{{8 * time.Second, "Race begun", []property{{"boats", 4}, {"wind", 7.5}}}}
	return []session{
		{phone: "pixel-3", version: "1.9.0", ago: 8 * time.Hour, events: wallet, fault: "handledError.react-native"},
		{phone: "galaxy-3", version: "1.9.0", ago: 6 * time.Hour, events: wallet, fault: "handledError.react-native", wave: 1},
		{phone: "iphone-2", version: "1.9.0", ago: 7 * time.Hour, events: wallet, fault: "appleError.react-native"},
		{phone: "galaxy-4", version: "2.1.0", ago: 12 * time.Hour, events: boarding, fault: "managedError.maui"},
		{phone: "galaxy-5", version: "2.1.0", ago: 11 * time.Hour, events: boarding, fault: "managedError.maui"},
		{phone: "ipad-2", version: "2.1.0", ago: 10 * time.Hour, events: boarding, fault: "appleError.maui"},
		{phone: "moto-1", version: "0.8.2", ago: 15 * time.Hour, events: race, fault: "handledError.unity"},
		{phone: "moto-2", version: "0.8.2", ago: 90 * time.Minute, events: race, fault: "handledError.unity", wave: 1},
	}
}

func desktop() []session {
	report := []event{{time.Minute, "Report exported", []property{{"format", "pdf"}, {"pages", 3}}}}
	sale := []event{{40 * time.Second, "Sale begun", []property{{"lines", 2}}}}
	return []session{
		{phone: "desk-1", version: "6.3.0", ago: 14 * time.Hour, events: report, fault: "managedError.wpf", files: []file{
			{"settings.json", "application/json", "{\"theme\":\"dark\",\"pier\":\"north\"}\n", after}}},
		{phone: "desk-2", version: "6.3.0", ago: 13 * time.Hour, events: report, fault: "managedError.wpf"},
		{phone: "till-1", version: "3.0.1", ago: 9 * time.Hour, events: sale, fault: "handledError.winforms"},
		{phone: "till-1", version: "3.0.1", ago: 8 * time.Hour, events: sale, fault: "handledError.winforms"},
		{phone: "till-2", version: "3.0.1", ago: 5 * time.Hour, events: sale, fault: "handledError.winforms"},
		{phone: "kiosk-1", version: "1.4.0.0", ago: 16 * time.Hour, events: []event{{5 * time.Second, "Pier chosen", []property{{"pier", "north"}}}}, fault: "managedError.uwp"},
	}
}
