package api

import "lifeboat/internal/contract"

// parameters are those of queries, by name.
func parameters() map[string]parameter {
	return map[string]parameter{
		"start":                {kind: "date-time", about: "From this time on; open without it."},
		"end":                  {kind: "date-time", about: "Up to this time and without it; open without it."},
		"date":                 {kind: "date-time", about: "Read, and not needed."},
		"date_from":            {kind: "date-time", about: "From this time on."},
		"date_to":              {kind: "date-time", about: "Up to this time and without it."},
		"last_occurrence_from": {kind: "date-time", about: "Groups whose last report is of this time or later."},
		"last_occurrence_to":   {kind: "date-time", about: "Groups whose last report is before this time."},
		"version":              {kind: "string", about: "The app's version, exactly."},
		"app_version":          {kind: "string", about: "The app's version, exactly."},
		"app_build":            {kind: "string", about: "The app's build, exactly."},
		"versions":             {kind: "string", about: "Versions of the app, with | between them."},
		"event_name":           {kind: "string", about: "Names of events, with | between them."},
		"errorType":            {kind: "string", words: "all unhandledError handledError", about: "Crashes, handled errors or both, in any letter case."},
		"error_type":           {kind: "string", words: "CrashingErrors HandledErrors", about: "Crashes or handled errors."},
		"groupState":           {kind: "string", words: "open closed ignored", about: "In any letter case."},
		"group_status":         {kind: "string", words: "open closed ignored", about: "In any letter case."},
		"group_type":           {kind: "string", words: "GroupType1 GroupType2", about: "Crashes or handled errors."},
		"group_text_search":    {kind: "string", about: "Words that must all be in the group."},
		"$top":                 {kind: "integer", about: "How many; 0 for as many as there may be. top is the same."},
		"top":                  {kind: "integer", about: "How many."},
		"$skip":                {kind: "integer", about: "How many to leave out first."},
		"$token":               {kind: "string", about: "From the nextLink of the page before."},
		"continuation_token":   {kind: "string", about: "From the page before."},
		"$orderby":             {kind: "string", about: "Columns with asc or desc behind them, with commas between them."},
		"$orderBy":             {kind: "string", words: "display_name name", about: "Rising; without it the order is that of creation."},
		"$filter":              {kind: "string", about: "A filter as in docs/search.md over version."},
		"filter":               {kind: "string", about: "A filter as in docs/search.md."},
		"q":                    {kind: "string", about: "Words that must all be found."},
		"order":                {kind: "string", words: "asc desc", about: "Of sort."},
		"sort":                 {kind: "string", about: "The column to sort by."},
		"$inlinecount":         {kind: "string", words: "allpages none", about: "Whether the total is wanted."},
		"interval":             {kind: "string", words: "P1D P1W P30D", about: "The length of one entry."},
		"model":                {kind: "string", about: "The device's model, exactly."},
		"os":                   {kind: "string", about: "The system's name, version, or both."},
		"format":               {kind: "string", words: "json txt text", about: "Of the file."},
		"status":               {kind: "string", words: "all uploaded processed", about: "Of uploads."},
		"symbol_type":          {kind: "string", words: "Apple JavaScript Breakpad AndroidProguard UWP", about: "Of uploads."},
		"email":                {kind: "string", about: "The address of the account."},
		"token":                {kind: "string", about: "The request's token, if it is not in the path."},
		"installId":            {kind: "string", about: "An extension: reports of one install."},
		"userId":               {kind: "string", about: "An extension: reports of one user."},
		"include_report":       {kind: "boolean", about: "Read, and not needed."},
		"include_log":          {kind: "boolean", about: "Read, and not needed."},
		"include_details":      {kind: "boolean", about: "Whether the device's details are wanted."},
		"include_stacktrace":   {kind: "boolean", about: "Whether the stack trace is wanted."},
		"grouping_only":        {kind: "boolean", about: "Read, and not needed."},
		"retention_delete":     {kind: "boolean", about: "Read, and not needed."},
		"se":                   {kind: "string", about: "When the signature ends."},
		"sig":                  {kind: "string", about: "The signature."},
	}
}

// location is an address that needs no token.
type location struct {
	URI string `json:"uri"`
}

// textContent is the text of an attachment.
type textContent struct {
	Content string `json:"content"`
}

const (
	rangeOf = "start end "
	groupOf = rangeOf + "version app_build "
)

// operations describes the handlers by name. TestDescription fails for one that is missing.
func operations() map[string]operation {
	return map[string]operation{
		"listGroups":        {"Lists the error groups.", groupOf + "groupState errorType $orderby $top $token installId userId", nil, 0, contract.ErrorGroups{}},
		"getGroup":          {"Shows an error group.", "", nil, 0, contract.ErrorGroup{}},
		"groupModels":       {"Counts the reports of an error group by model.", "$top", nil, 0, contract.GroupModels{}},
		"groupSystems":      {"Counts the reports of an error group by operating system.", "$top", nil, 0, contract.GroupSystems{}},
		"groupCountsPerDay": {"Counts the reports of an error group on every day.", rangeOf + "version", nil, 0, contract.ErrorCounts{}},
		"groupErrorFree":    {"Shows the percentage of devices without an error of the group on every day.", rangeOf, nil, 0, contract.ErrorFree{}},
		"countsPerDay":      {"Counts reports on every day.", groupOf + "errorType", nil, 0, contract.ErrorCounts{}},
		"errorFree":         {"Shows the percentage of devices without an error on every day.", rangeOf + "versions app_build errorType", nil, 0, contract.ErrorFree{}},
		"availableVersions": {"Lists the versions that reports were seen of, the highest first.", rangeOf + "errorType $top $skip $filter $inlinecount", nil, 0, contract.Versions{}},
		"availableBuilds":   {"Lists the builds that reports were seen of, the highest first.", rangeOf + "version errorType $top", nil, 0, contract.Builds{}},
		"listReleases":      {"Lists the versions that reports were seen of in the shape of releases.", "", nil, 0, []contract.Release{}},
		"releaseCounts":     {"Counts downloads of releases: none.", "", askedReleases{}, 0, contract.ReleaseCounts{}},
		"getLatestReport":   {"Shows the newest report of an error group.", "", nil, 0, contract.ReportDetails{}},
		"groupStackTrace":   {"Shows the stack trace of a group's newest report.", "", nil, 0, contract.StackTrace{}},
		"listReports":       {"Lists the reports of a group, the newest first.", rangeOf + "model os $top $token installId userId", nil, 0, contract.Reports{}},
		"getReport":         {"Shows a report.", "", nil, 0, contract.ReportDetails{}},
		"reportStackTrace":  {"Shows the stack trace of a report.", "", nil, 0, contract.StackTrace{}},
		"downloadReport":    {"Downloads a report.", "format", nil, 0, file{}},
		"locateLog":         {"Gives an address of the log as it was received.", "", nil, 0, location{}},
		"sessionLogs":       {"Shows the last logs of the report's session.", "date", nil, 0, contract.SessionLogs{}},
		"listAttachments":   {"Lists the attachments of a report.", "", nil, 0, []contract.Attachment{}},
		"attachmentText":    {"Shows the text of an attachment.", "", nil, 0, textContent{}},
		"locateAttachment":  {"Gives an address of an attachment.", "", nil, 0, location{}},
		"serveLog":          {"Downloads the log that an address names.", "se sig", nil, 0, file{}},
		"serveAttachment":   {"Downloads the attachment that an address names.", "se sig", nil, 0, file{}},

		"listExports":   {"Lists the export configurations.", "", nil, 0, contract.ExportConfigurations{}},
		"createExport":  {"Makes an export configuration.", "", exportRequest{}, 202, contract.ExportConfiguration{}},
		"getExport":     {"Shows an export configuration.", "", nil, 0, contract.ExportConfiguration{}},
		"patchExport":   {"Changes an export configuration.", "", exportRequest{}, 0, contract.ExportConfiguration{}},
		"deleteExport":  {"Deletes an export configuration; what was exported stays.", "", nil, 0, nil},
		"enableExport":  {"Goes on with an export.", "", nil, 0, nil},
		"disableExport": {"Halts an export.", "", nil, 0, nil},

		"listCrashGroups":       {"Lists the error groups.", "last_occurrence_from last_occurrence_to app_version group_type group_status group_text_search $orderby continuation_token", nil, 0, contract.CrashGroups{}},
		"getCrashGroup":         {"Shows an error group.", "", nil, 0, contract.CrashGroup{}},
		"patchCrashGroup":       {"Changes the state or the note of an error group.", "", crashGroupChange{}, 0, contract.CrashGroup{}},
		"crashGroupStackTrace":  {"Shows the stack trace of a group's newest report.", "grouping_only", nil, 0, contract.StackTrace{}},
		"listCrashes":           {"Lists the newest reports of a group.", "include_report include_log date_from date_to app_version error_type", nil, 0, []contract.Crash{}},
		"getCrash":              {"Shows a report.", "include_report include_log include_details include_stacktrace grouping_only", nil, 0, contract.Crash{}},
		"crashStackTrace":       {"Shows the stack trace of a report.", "grouping_only", nil, 0, contract.StackTrace{}},
		"locateCrash":           {"Gives an address of the log as it was received.", "", nil, 0, location{}},
		"crashNative":           {"Shows a report as text.", "", nil, 0, ""},
		"crashNativeDownload":   {"Downloads a report as text.", "", nil, 0, file{}},
		"listCrashAttachments":  {"Lists the attachments of a report.", "", nil, 0, []contract.CrashAttachment{}},
		"crashAttachmentText":   {"Shows the text of an attachment.", "", nil, 0, ""},
		"locateCrashAttachment": {"Gives an address of an attachment.", "", nil, 0, location{}},

		"getUser":                {"Shows the caller.", "", nil, 0, contract.User{}},
		"patchUser":              {"Changes the caller's name or password.", "", userChange{}, 0, contract.User{}},
		"getUserMetadata":        {"Says that nothing is tried out on the caller.", "", nil, 0, userMetadata{}},
		"listServiceConnections": {"Lists credentials for other services: there are none.", "", nil, 0, []struct{}{}},
		"getEmailSettings":       {"Shows what mail the caller gets: none is sent.", "", nil, 0, emailSettings{}},
		"getAppEmailSettings":    {"Shows what mail of the app the caller gets: none is sent.", "", nil, 0, emailSettings{}},
		"listTokens":             {"Lists the caller's tokens, not those of apps.", "", nil, 0, []contract.Token{}},
		"createToken":            {"Makes a token of the caller. It is shown once.", "", tokenBody{}, 201, contract.Token{}},
		"deleteToken":            {"Revokes a token of the caller; current is the one in use.", "", nil, 204, nil},
		"listAppTokens":          {"Lists the tokens of the app: all to a manager, else those that the caller made.", "", nil, 0, []contract.Token{}},
		"createAppToken":         {"Makes a token for the app; full ones take a manager. It is shown once.", "", tokenBody{}, 201, contract.Token{}},
		"deleteAppToken":         {"Revokes a token of the app.", "", nil, 204, nil},
		"startUserExport":        {"Asks for a copy of the caller's account.", "", nil, 202, contract.AccountRequest{}},
		"getUserExport":          {"Tells how far the copy is, and where it is.", "", nil, 0, contract.AccountRequestStatus{}},
		"cancelUserExport":       {"Cancels the request for a copy.", "", nil, 202, contract.AccountRequest{}},
		"startUserDeletion":      {"Asks for the caller's account to be deleted, in seven days.", "", nil, 202, contract.AccountRequest{}},
		"getUserDeletion":        {"Tells how far the deletion is, to whoever knows the address.", "token email", nil, 0, contract.AccountRequestStatus{}},
		"cancelUserDeletion":     {"Cancels the deletion.", "", cancelBody{}, 202, contract.AccountRequest{}},
		"serveUserExport":        {"Downloads the copy of an account that an address names.", "se sig", nil, 0, file{}},
		"listUsers":              {"Lists all accounts.", "", nil, 0, []contract.Account{}},
		"createUser":             {"Makes an account.", "", accountBody{}, 201, contract.Account{}},
		"getAccount":             {"Shows an account, by name or address.", "", nil, 0, contract.Account{}},
		"patchAccount":           {"Changes an account; an empty password takes it away.", "", accountBody{}, 0, contract.Account{}},
		"deleteAccount":          {"Deletes an account with its tokens.", "", nil, 204, nil},
	}
}
