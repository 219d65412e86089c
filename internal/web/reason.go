package web

// reason says in plain words why something was not taken, and what to do.
type reason struct{ title, advice string }

// wrongSecret is the reason that an app which is not connected yet is likely to meet.
const wrongSecret = "app_secret_denied"

// words of a reason, as ingestion counts it. docs/compatibility.md says what happens in each case.
func words(name string) reason {
	switch name {
	case wrongSecret:
		return reason{"Unknown app secret", "An app sends a secret that belongs to no app here, and deletes what it had stored. Compare the secret in the app with the secrets on this page."}
	case "invalid_container":
		return reason{"Not a container of logs", "The body was no JSON with a list \"logs\", or said gzip and was none. SDKs do not do this: look at your own clients and at proxies."}
	case "container_too_large":
		return reason{"Request too large", "More than 32 MiB after unpacking. Send fewer logs in one request."}
	case "method_not_allowed":
		return reason{"Not a POST", "Something asked /logs with another method, often after a redirect. Let devices reach /logs without a redirect."}
	case "request_incomplete":
		return reason{"Broke off or came too slowly", "Devices send it again. If it happens all the time, look at the time limits of a proxy in front."}
	case "overloaded":
		return reason{"Server was busy", "Devices send it again. If the number keeps growing, give the server more memory."}
	case "disk_full":
		return reason{"Disk nearly full", "Devices keep their logs and send again. Make room on the disk of the data folder."}
	case "shutting_down":
		return reason{"Server was stopping", "Devices send it again. Nothing to do."}
	case "storage_failed":
		return reason{"Storage failed", "Devices send it again. The server's log says what failed."}
	case "not_an_object":
		return reason{"Log is no JSON object", "SDKs do not do this: look at your own clients."}
	case "unknown_type":
		return reason{"Unknown type of log", "No App Center SDK sends it: look at your own clients."}
	case "legacy_type":
		return reason{"Log of Mobile Center", "The app carries an SDK from before 2017. Update it."}
	case "missing_error_id":
		return reason{"Attachment of no error", "Its errorId is no GUID, so it belongs to nothing: look at your own clients."}
	case "bad_attachment":
		return reason{"Unreadable attachment", "Its data is not base64: look at your own clients."}
	case "attachment_too_large":
		return reason{"Attachment over 7 MiB", "Attach less: 7 MiB is the limit of all SDKs."}
	case "too_old":
		return reason{"Older than 25 days", "The device was offline for long, or its clock is wrong."}
	case "too_new":
		return reason{"More than 3 days ahead", "The clock of the device is wrong."}
	case "throttled":
		return reason{"Over the rate limit", "The app's limit a minute was reached. Raise it, or take it away."}
	case "app_blocked":
		return reason{"App is blocked", "Its logs are dropped because it was blocked."}
	case "install_blocked":
		return reason{"Install is blocked", "Its logs are dropped because it was blocked."}
	case "error_deleted":
		return reason{"Error was deleted", "Somebody deleted the error here; a copy of it, or an attachment, came later and stays out."}
	case "missing_device":
		return reason{"Log without device", "The server runs with --strict-ingest, which wants one. Without it the log is kept."}
	case "missing_id":
		return reason{"Error without id", "The server runs with --strict-ingest, which wants one. Without it the error is kept."}
	case "missing_exception":
		return reason{"Error without exception", "The server runs with --strict-ingest, which wants one. Without it the error is kept."}
	}
	return reason{clip(name, 60), "The server's log says more."}
}

// exportWords says in plain words what an export configuration is doing.
func exportWords(state string) string {
	switch state {
	case "waiting":
		return "Up to date"
	case "indexing":
		return "Waiting for the index"
	case "rendering", "writing":
		return "Writing"
	case "retrying":
		return "Failing, trying again"
	case "fenced":
		return "Run by another process"
	case "Invalid":
		return "Stopped: the target refuses"
	}
	return clip(state, 40)
}
