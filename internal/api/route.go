package api

import (
	"net/http"
	"net/url"
	"strings"

	"lifeboat/internal/diag"
)

// need is what a route asks of its caller.
type need uint8

const (
	needSignature need = iota // no token: the URL is signed
	needToken                 // any token
	needUser                  // the token of a user
	needUserWrite             // the same, and not a read-only one
	needAdmin                 // the same, of an administrator
	needViewer                // a role in the app
	needDeveloper
	needManager
)

var needNames = [...]string{"signature", "token", "user", "user, writing", "admin", "viewer", "developer", "manager"}

// role is the least role in the app, if the route is one of an app.
func (n need) role() (diag.Role, bool) {
	if n < needViewer {
		return diag.RoleNone, false
	}
	return diag.RoleViewer + diag.Role(n-needViewer), true
}

// route is one call. The path's "~" stands for /v0.1/apps/{owner_name}/{app_name}.
type route struct {
	method string
	path   string
	need   need
	serve  func(*request) error
	names  []string // of the path's parameters
}

const (
	version = "v0.1"
	blobs   = "blobs"
	appPath = "/" + version + "/apps/{owner_name}/{app_name}"
)

// routes is the whole API.
func routes() []route {
	all := []route{
		{method: "GET", path: "/v0.1/user", need: needUser, serve: getUser},
		{method: "GET", path: "/v0.1/api_tokens", need: needUser, serve: listTokens},
		{method: "POST", path: "/v0.1/api_tokens", need: needUser, serve: createToken},
		{method: "DELETE", path: "/v0.1/api_tokens/{api_token_id}", need: needUser, serve: deleteToken},

		{method: "GET", path: "/v0.1/apps", need: needToken, serve: listApps},
		{method: "POST", path: "/v0.1/apps", need: needUserWrite, serve: createApp},
		{method: "POST", path: "/v0.1/orgs/{org_name}/apps", need: needAdmin, serve: createAppFor},
		{method: "GET", path: "~", need: needViewer, serve: getApp},
		{method: "DELETE", path: "~", need: needManager, serve: deleteApp},
		{method: "PUT", path: "~/devices/block_logs", need: needManager, serve: blockApp},
		{method: "PUT", path: "~/devices/block_logs/{install_id}", need: needManager, serve: blockInstall},

		{method: "GET", path: "~/errors/errorGroups", need: needViewer, serve: listGroups},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}", need: needViewer, serve: getGroup},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/stacktrace", need: needViewer, serve: groupStackTrace},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/errors", need: needViewer, serve: listReports},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/errors/{errorId}", need: needViewer, serve: getReport},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/errors/{errorId}/stacktrace", need: needViewer, serve: reportStackTrace},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/errors/{errorId}/download", need: needViewer, serve: downloadReport},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/errors/{errorId}/location", need: needViewer, serve: locateLog},
		{method: "GET", path: "~/errors/{errorId}/session_logs", need: needViewer, serve: sessionLogs},
		{method: "GET", path: "~/errors/{errorId}/sessionLogs", need: needViewer, serve: sessionLogs},
		{method: "GET", path: "~/crashes/{crash_id}/session_logs", need: needViewer, serve: sessionLogs},
		{method: "GET", path: "~/errors/{errorId}/attachments", need: needViewer, serve: listAttachments},
		{method: "GET", path: "~/errors/{errorId}/attachments/{attachmentId}/text", need: needViewer, serve: attachmentText},
		{method: "GET", path: "~/errors/{errorId}/attachments/{attachmentId}/location", need: needViewer, serve: locateAttachment},

		{method: "GET", path: "~/export_configurations", need: needViewer, serve: listExports},
		{method: "POST", path: "~/export_configurations", need: needManager, serve: createExport},
		{method: "GET", path: "~/export_configurations/{export_configuration_id}", need: needViewer, serve: getExport},
		{method: "PATCH", path: "~/export_configurations/{export_configuration_id}", need: needManager, serve: patchExport},
		{method: "DELETE", path: "~/export_configurations/{export_configuration_id}", need: needManager, serve: deleteExport},
		{method: "POST", path: "~/export_configurations/{export_configuration_id}/enable", need: needManager, serve: enableExport},
		{method: "POST", path: "~/export_configurations/{export_configuration_id}/disable", need: needManager, serve: disableExport},

		{method: "GET", path: "/blobs/{app}/{errorId}/log", need: needSignature, serve: serveLog},
		{method: "GET", path: "/blobs/{app}/{errorId}/attachments/{attachmentId}", need: needSignature, serve: serveAttachment},
	}
	for i := range all {
		all[i].path = strings.Replace(all[i].path, "~", appPath, 1)
	}
	return all
}

// Route describes one call, for documents and tests.
type Route struct {
	Method, Path string
	Need         string // signature, token, user, "user, writing", admin, viewer, developer, manager
}

// Routes lists all calls.
func Routes() []Route {
	var all []Route
	for _, r := range routes() {
		all = append(all, Route{r.method, r.path, needNames[r.need]})
	}
	return all
}

// node is what can follow the segments before it.
type node struct {
	literals map[string]*node
	any      *node
	routes   []*route
}

func plant(routes []route) *node {
	root := newNode()
	for i := range routes {
		r, n := &routes[i], root
		for s := range strings.SplitSeq(r.path[1:], "/") {
			name, parameter := strings.CutPrefix(s, "{")
			if parameter {
				r.names = append(r.names, strings.TrimSuffix(name, "}"))
			}
			n = n.below(s, parameter)
		}
		n.routes = append(n.routes, r)
	}
	return root
}

func newNode() *node { return &node{literals: map[string]*node{}} }

// below is the node behind a segment of a pattern; it is made if there is none.
func (n *node) below(segment string, parameter bool) *node {
	next := n.literals[segment]
	if parameter {
		next = n.any
	}
	if next != nil {
		return next
	}
	next = newNode()
	if parameter {
		n.any = next
	} else {
		n.literals[segment] = next
	}
	return next
}

// find walks down the segments, literals first, and collects those that stand for parameters.
func (n *node) find(segments []string) (end *node, values []string) {
	for _, s := range segments {
		next := n.literals[s]
		if next == nil {
			next = n.any
			values = append(values, s)
		}
		if next == nil {
			return nil, nil
		}
		n = next
	}
	return n, values
}

// route is the one for a method; HEAD is answered as GET (Q40).
func (n *node) route(method string) *route {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, r := range n.routes {
		if r.method == method {
			return r
		}
	}
	return nil
}

func (n *node) methods() (all []string) {
	for _, r := range n.routes {
		all = append(all, r.method)
		if r.method == http.MethodGet {
			all = append(all, http.MethodHead)
		}
	}
	return all
}

const (
	maxSegments = 16
	maxSegment  = 300 // bytes; the longest that can be meant is a name of 100 characters, escaped
)

// split cuts a path into its segments (T1): without slashes doubled in front, one at the end, and a leading
// "api".
func split(escaped string) (segments []string, ok bool) {
	path := strings.TrimSuffix(strings.TrimLeft(escaped, "/"), "/")
	if strings.HasPrefix(path, "api/"+version+"/") {
		path = strings.TrimPrefix(path, "api/")
	}
	segments = strings.Split(path, "/")
	if len(segments) > maxSegments {
		return nil, false
	}
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		if err != nil || plain == "" || len(s) > maxSegment {
			return nil, false
		}
		segments[i] = plain
	}
	return segments, true
}
