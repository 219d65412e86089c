package store

import "strings"

// Holder is one place where data lie, and whether they tell of a person. A person is somebody who uses an
// app (an install id, a user id, text or payload from a device) or an account of this server.
type Holder struct {
	Half     string // register or index; "" for a place outside of the store
	Table    string // or what the place outside is called
	Column   string
	Personal bool
	Erasure  string // what erasing one person does to it; "" if it holds nothing personal
}

// holding is one table or one place outside: its personal columns with what erasure does to them, and the
// others.
type holding struct {
	half, table string
	personal    []erasure
	other       string // columns with nothing personal, with blanks between them
}

type erasure struct{ columns, does string }

// What erasure does.
const (
	rowGoes  = "the row is deleted"
	recounts = "the group is counted again without the person's reports; without any left it is deleted"
	ofOwner  = "kept: it is about who works on this server, not about who uses an app"
	hashKept = "kept: a keyed hash, so that the install stays blocked"

	logHashKept = "kept for a while: a keyed hash, so that the log stays out when it is sent again"
)

// holdings is the register of personal data. A column that a migration adds must be added here, too.
var holdings = [...]holding{
	{"register", "migrated", nil, "version release"},
	{"register", "counter", nil, "name value"},
	{"register", "account", []erasure{{"name name_key display_name email email_key", ofOwner}}, "num id password admin created_at"},
	{"register", "token", []erasure{{"description", ofOwner}}, "hash id account app scope created_at last_used_at expires_at admin_file"},
	{"register", "account_request", []erasure{{"account proof", "kept for a while after the end: it tells the person that their account is gone"}},
		"token kind state message created_at due_at done_at"},
	{"register", "app", []erasure{{"owner owner_key", ofOwner}}, "num id shard secret name name_key display_name description os platform " +
		"release_type created_at updated_at blocked crash_limit handled_limit prefixes keep_reports keep_events icon_url avatar"},
	{"register", "org", []erasure{{"name name_key display_name", ofOwner}}, "num id avatar created_at updated_at"},
	{"register", "org_user", nil, "org account role joined_at"},
	{"register", "invitation", []erasure{{"email email_key", ofOwner}}, "id org app role inviter hash created_at expires_at"},
	{"register", "team", []erasure{{"name name_key display_name", ofOwner}}, "num id org created_at"},
	{"register", "team_user", nil, "team account"},
	{"register", "team_app", nil, "shard app team role"},
	{"register", "avatar", []erasure{{"data", ofOwner}}, "id type"},
	{"register", "subscription", nil, "id tenant name"},
	{"register", "app_subscription", nil, "shard app subscription"},
	{"register", "floor", nil, "lane time"},
	{"register", "blank_intent", nil, "segment pos member"},
	{"register", "member", nil, "shard app account role"},
	{"register", "blocked_install", []erasure{{"hash", hashKept}}, "shard app created_at"},
	{"register", "dropped", nil, "shard app day reason n"},
	{"register", "group_id", nil, "shard app signature version handled grp"},
	{"register", "group_words", []erasure{{"annotation", "kept: people wrote it on this server; who wrote of a person there edits it"}},
		"shard app grp state"},
	{"register", "export", nil, "shard app id type entities handled_errors path_kind sealed secret_hash path subscription_id resource_name " +
		"resource_group blob_endpoint container prefix backfill state state_info created_at last_run from_minute watermark epoch"},

	{"register", "purge_cursor", nil, "shard app class through frames"},
	{"register", "gone_app", nil, "shard app"},
	{"register", "purged", nil, "shard app grp batch day build version handled n first_at"},
	{"register", "group_past", nil, "shard app grp type os_type class method file line app_code class_method code_raw framework language"},
	{"register", "tombstone", []erasure{{"hash", logHashKept}}, "shard app created_at"},
	{"register", "deletion", []erasure{{"id", "the row is deleted once the report is gone for good"}}, "shard app feed family created_at"},
	{"register", "event_deleted", nil, "shard app name at swept"},
	{"register", "symbol_upload", nil, "shard app id account kind file_name version build state problems size created_at committed_at changed_at last_used_at"},
	{"register", "symbol", nil, "shard app id upload num kind platform name path architecture alternates"},
	{"register", "symbol_ignored", nil, "shard app id created_at"},

	{"index", "migrated", nil, "version release"},
	// Versions, models, systems, countries, languages, content types and ids of images: what many people share.
	{"index", "word", nil, "num text"},
	{"index", "lane", nil, "shard through epoch"},
	{"index", "event", []erasure{{"install key other", rowGoes}}, "shard app space kind feed time ingress version build segment pos member"},
	{"index", "report", []erasure{{"id install user_id session", rowGoes}}, "num shard app grp time kind handled feed ingress version build model " +
		"os_name os_version country language state missing problem segment pos member"},
	{"index", "error_group", []erasure{{"latest", recounts}}, "shard app grp handled version signature type os_type class method file line " +
		"app_code class_method code_raw framework language n devices first_at last_at build past past_first"},
	{"index", "attachment", []erasure{{"id error_id install file_name", rowGoes}}, "shard app feed time ingress content_type size problem segment " +
		"pos member"},
	{"index", "duplicate", nil, "shard feed member app segment pos"},
	{"index", "problem", nil, "shard app feed member ingress what segment pos"},
	{"index", "tally", nil, "shard app kind n"},
	{"index", "search_app", nil, "shard app orphans stale"},
	{"index", "active", []erasure{{"install", rowGoes}}, "shard app day version build model os country language used"},
	{"index", "active_error", []erasure{{"install", rowGoes}}, "shard app day version build used"},
	{"index", "active_shared", []erasure{{"install", rowGoes}}, "shard app day version build used"},
	// Counts tell of nobody: those that a person was part of stay.
	{"index", "active_count", nil, "shard app used dim sub value day n"},
	{"index", "active_gap", nil, "shard app dim sub day gap value n"},
	{"index", "error_count", nil, "shard app handled dim sub value day n"},
	{"index", "group_count", nil, "shard app grp kind a b n devices"},
	{"index", "missing_symbol", nil, "shard app version build missing crashes errors last_at"},
	{"index", "image", nil, "shard app id name platform"},
	{"index", "purge_mark", nil, "shard app class through"},
	{"index", "session", []erasure{{"install session", rowGoes}}, "shard app first_at last_at begun version"},
	{"index", "session_count", nil, "shard app version day bucket n total"},
	{"index", "event_name", nil, "shard app name gen num"},
	{"index", "event_count", nil, "shard app event version day n devices sessions"},
	{"index", "event_seen", []erasure{{"install seen", rowGoes}}, "shard app day"},
	{"index", "event_property", nil, "shard app event property"},
	{"index", "event_value", []erasure{{"value", "kept: a count of how often devices sent it; deleting the event takes it away"}},
		"shard app event property version day rest n"},
	{"index", "event_cut", nil, "shard app day what n"},
	{"index", "arrival", nil, "shard app ingress feed segment pos"},

	// Places outside of the store's fixed tables. Their columns are what lies there.
	{"", "full-text table of each app in the index", []erasure{{"runs of three characters of what is searched", "taken out word by word before the row that they belong to is deleted; what a purge by age takes out is overwritten within about a day, or by DB.Scrub"}}, ""},
	{"", "write-ahead logs of both halves", []erasure{{"rows", "gone after DB.Scrub"}}, ""},
	{"", "journal segments", []erasure{{"header payload", "blanked: overwritten in place"}}, "footer dictionary"},
	{"", "export spool", []erasure{{"windows", "the person is taken out of blobs that are not yet put; those put are treated as archive"}}, ""},
	{"", "export archive", []erasure{{"blobs", "rewritten without the person's records"}}, ""},
	{"", "symbols", nil, "files"},
	{"", "data folder", nil, "VERSION LOCK key admin.token tls"},
}

// Holders is the register of personal data: every column of both halves, and the places outside of the store
// where data of the same people lie.
func Holders() []Holder {
	var all []Holder
	for _, h := range holdings {
		for _, p := range h.personal {
			for _, column := range strings.Fields(p.columns) {
				all = append(all, Holder{h.half, h.table, column, true, p.does})
			}
		}
		for _, column := range strings.Fields(h.other) {
			all = append(all, Holder{Half: h.half, Table: h.table, Column: column})
		}
	}
	return all
}
