package archtest

// A Kind says what a package is to the others.
type Kind string

const (
	Noun       Kind = "noun"       // what everybody speaks of: standard library only, no I/O
	Capability Kind = "capability" // does one thing; knows of other capabilities only those written in its entry
	Adapter    Kind = "adapter"    // one engine behind a capability's seam; named by the composition root only
	Feature    Kind = "feature"    // what Lifeboat does for somebody; never knows another feature
	Top        Kind = "top"        // puts features together, or drives them from outside
	Aid        Kind = "aid"        // for tests and generated files; never in the binary
)

// An Entry is one package and what its files may import of this module. Tests may also import every capability,
// adapter and aid, because a suite is worth most on the real engine.
type Entry struct {
	Path    string // below the module; "bench/..." is bench and all below it
	Kind    Kind
	May     []string // paths below internal/, or words of words
	Purpose string   // one line, as ARCHITECTURE.md shows it
	Pure    bool     // computes only: no files, network, database or processes
}

// Words that stand for several packages in Entry.May and Module.Where.
const (
	capabilities = "capabilities" // diag and every capability
	adapters     = "adapters"
	features     = "features"
	tops         = "tops"
	aids         = "aids"
	tests        = "tests" // test files and aids, in Module.Where only
)

// Packages is the table of ARCHITECTURE.md. A package that is not here may not exist.
func Packages() []Entry {
	return []Entry{
		{"internal/diag", Noun, nil, "apps, logs, reports, stacks, groups, installs; ids, error kinds, the clock", true},

		{"internal/journal", Capability, []string{"diag"}, "what devices sent, durable and numbered: append, follow, read, blank", false},
		{"internal/store", Capability, []string{"diag", "filter"}, "all SQL: the register, which no journal holds, and the index derived from it", false},
		{"internal/blob", Capability, []string{"diag"}, "a bucket: conditional put, ranged get, list, delete", false},
		{"internal/archive", Capability, []string{"diag", "blob"}, "the exported layout: names, records, exact scanner", false},
		{"internal/wire", Capability, []string{"diag"}, "the SDKs' JSON logs into nouns, every quirk of them", true},
		{"internal/contract", Capability, []string{"diag"}, "App Center's JSON shapes from nouns; one for API, export and person", true},
		{"internal/upload", Capability, []string{"diag"}, "files that arrive whole or in blocks, as a block blob does", false},
		{"internal/symbol", Capability, []string{"diag"}, "symbol files and the frames they give", false},
		{"internal/symbol/identity", Capability, []string{"diag"}, "which symbol files bytes are, and their ids", true},
		{"internal/group", Capability, []string{"diag"}, "which reports are the same fault, and its title", true},
		{"internal/report", Capability, []string{"diag", "journal", "store", "wire", "group", "symbol"}, "one report read in full, so that all who show it show the same", false},
		{"internal/filter", Capability, []string{"diag"}, "the API's filters: read, printed, matched against what is in memory", true},
		{"internal/auth", Capability, []string{"diag"}, "who is asking and what they may do", false},
		{"internal/respond", Capability, []string{"diag", "contract"}, "a handler that returns an error, made an HTTP answer; access log, limits", false},

		{"internal/blob/dir", Adapter, []string{"diag", "blob"}, "a bucket in a folder", false},
		{"internal/blob/azure", Adapter, []string{"diag", "blob"}, "a bucket in Azure Blob Storage", false},
		{"internal/store/sqlite", Adapter, []string{"diag", "store"}, "the store on SQLite", false},

		{"internal/ingest", Feature, []string{capabilities}, "takes what the SDKs send; answers when it is durable", false},
		{"internal/pipeline", Feature, []string{capabilities}, "follows the journal; writes rows, reports and groups", false},
		{"internal/export", Feature, []string{capabilities}, "closed minutes into buckets, each once", false},
		{"internal/purge", Feature, []string{capabilities}, "takes away what is past its time, and the room that it took", false},
		{"internal/backup", Feature, []string{capabilities}, "one file of a data folder, also of one at work, and back", false},
		{"internal/keeper", Feature, []string{capabilities}, "symbol uploads behind their door: looked into, expired, thrown away", false},
		{"internal/person", Feature, []string{capabilities}, "one person's copy out of an archive", false},
		{"internal/api", Feature, []string{capabilities}, "the REST API v0.1", false},
		{"internal/web", Feature, []string{capabilities}, "pages", false},

		{"internal/server", Top, []string{capabilities, features, adapters}, "composition root: configuration, open, run, close; the only one that names adapters", false},
		{"internal/client", Top, []string{"diag", "contract"}, "REST client of the commands", false},
		{"internal/demo", Top, []string{capabilities, features, "server", "client"}, "sample traffic and the demo's story", false},
		{"cmd/lifeboat", Top, []string{capabilities, features, "server", "client", "demo"}, "one file per command: parses and calls", false},
		{"internal/e2e", Top, []string{capabilities, features, adapters, tops, aids}, "the real binary, driven by scripts and real clients", false},
		{"bench/...", Top, []string{capabilities, features, adapters, tops, aids}, "figures and long runs", false},

		{"internal/journal/journaltest", Aid, []string{"diag", "journal"}, "a disk that crashes, synthetic logs", false},
		{"internal/journal/dictgen", Aid, []string{"diag"}, "writes the compression dictionaries", false},
		{"internal/store/storetest", Aid, []string{"diag", "filter", "store"}, "what every engine must pass", false},
		{"internal/blob/blobtest", Aid, []string{"diag", "blob"}, "what every bucket must pass; a bucket that fails half-way", false},
		{"internal/archive/archivetest", Aid, []string{"diag", "blob", "archive"}, "archives to test on", false},
		{"internal/archtest", Aid, nil, "this table, and the rules it stands for, checked on the files", false},
	}
}

// A Module is an import path from outside, with all below it, and where files that are not tests may name it.
// Tests may name every module of the table.
type Module struct {
	Path  string
	Where []string // paths below internal/, cmd/lifeboat or bench/..., or words of words; nil: nowhere
}

// Modules lists every foreign module that may be used. One that is missing needs a reason in its commit message
// and a line here.
func Modules() []Module {
	return []Module{
		{"github.com/Azure/azure-sdk-for-go/sdk", []string{"blob/azure"}},
		{"github.com/VictoriaMetrics/metrics", []string{features, "respond", "server"}},
		{"github.com/alecthomas/kong", []string{"cmd/lifeboat"}},
		{"github.com/cespare/xxhash/v2", []string{capabilities, features, aids, "bench/..."}},
		{"github.com/getkin/kin-openapi", []string{tests}},
		{"github.com/go-json-experiment/json", []string{"wire"}},
		{"github.com/google/go-cmp", []string{tests}},
		{"github.com/klauspost/compress", []string{capabilities, features, tops, aids}},
		{"github.com/rogpeppe/go-internal", []string{tests}},
		{"golang.org/x/crypto", []string{"auth", "server"}},
		{"golang.org/x/net", []string{tests}}, // html: a page is checked by its elements
		{"golang.org/x/sync", []string{capabilities, adapters, features, tops, aids}},
		{"golang.org/x/sys", []string{"journal", "blob/dir", "server"}},
		{"golang.org/x/term", []string{"client", "demo", "cmd/lifeboat"}},
		{"golang.org/x/time", []string{features, "respond", "server"}},
		{"modernc.org/sqlite", []string{"store/sqlite"}},
		{"pgregory.net/rapid", []string{tests}},
	}
}

// Restricted lists the packages of the standard library that not everybody may import.
func Restricted() []Module {
	return []Module{
		{"database/sql", []string{"store", "store/sqlite", "bench/..."}},
		{"html/template", []string{"person", "web"}},
		{"log", nil}, // log/slog, by a logger that is passed in
		{"log/slog", []string{capabilities, adapters, features, tops, aids}},
		{"net/http", []string{"auth", "respond", "blob/azure", "ingest", "api", "web", "server", "client", "demo", "e2e", "bench/..."}},
		{"net/http/pprof", []string{"server"}},
		{"os/exec", []string{"e2e", "bench/...", aids}},
		{"plugin", nil},
		{"testing", []string{tests, "e2e", "bench/..."}},
		{"text/template", nil}, // of our output, HTML is what needs templates, and it needs escaping
		{"unsafe", []string{"wire"}},
	}
}

// MachineTime lists the capabilities and features that may ask the machine for the time, because deadlines of the
// network are set in it.
func MachineTime() []string { return []string{"ingest", "respond"} }
