package api

import (
	"net/http"
	"net/url"
	"strings"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
)

// need is what a route asks of its caller.
type need uint8

const (
	needSignature      need = iota // no token: the URL is signed
	needAnyone                     // no token: the handler asks for something else
	needToken                      // any token
	needUser                       // the token of a user
	needUserWrite                  // the same, and not a read-only one
	needOrgMember                  // a place in the organisation of the path
	needOrgMemberWrite             // the same, with a token that is not read-only
	needOrgAdmin                   // the rights of an administrator in the organisation
	needViewer                     // a role in the app
	needDeveloper
	needManager
	needViewerUser  // the same, with the token of a user
	needManagerUser //
	needManagerByID // manager; the path names the app by its id
	needOwner       // manager with the token of a user who is the app's owner, or leads the organisation that is
	needAdmin       // an administrator of the server
)

var needNames = [...]string{
	"signature", "anyone", "token", "user", "user, writing", "organisation member", "organisation member, writing", "organisation admin",
	"viewer", "developer", "manager", "viewer, user token", "manager, user token", "manager", "owner, user token", "admin",
}

// role is the least role in the app, if the route is one of an app.
func (n need) role() (diag.Role, bool) {
	switch n {
	case needViewer, needViewerUser:
		return diag.RoleViewer, true
	case needDeveloper:
		return diag.RoleDeveloper, true
	case needManager, needManagerUser, needManagerByID, needOwner:
		return diag.RoleManager, true
	}
	return diag.RoleNone, false
}

// orgRole is the least role in the organisation, if the route is one of an organisation; write says that a
// read-only token is not enough.
func (n need) orgRole() (least diag.OrgRole, write, ok bool) {
	switch n {
	case needOrgMember:
		return diag.OrgMember, false, true
	case needOrgMemberWrite:
		return diag.OrgMember, true, true
	case needOrgAdmin:
		return diag.OrgAdmin, true, true
	}
	return diag.OrgNone, false, false
}

// user reports whether the token must be one of a user though the route is one of an app.
func (n need) user() bool { return n == needViewerUser || n == needManagerUser }

// route is one call. The path's "~" stands for /v0.1/apps/{owner_name}/{app_name}.
type route struct {
	method string
	path   string
	need   need
	serve  func(*request) error
	errors contract.ErrorForm
	extra  bool     // not in the published description: an alias, or an extension of ours
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
		// Account.
		{method: "GET", path: "/v0.1/user", need: needUser, serve: getUser},
		{method: "PATCH", path: "/v0.1/user", need: needUserWrite, serve: patchUser},
		{method: "GET", path: "/v0.1/user/metadata/optimizely", need: needUser, serve: getUserMetadata, extra: true},
		{method: "GET", path: "/v0.1/user/export/serviceConnections", need: needUser, serve: listServiceConnections, extra: true},
		{method: "GET", path: "/v0.1/user/notifications/emailSettings", need: needUser, serve: getEmailSettings, errors: contract.ErrorAlerts, extra: true},
		{method: "GET", path: "/v0.1/api_tokens", need: needUser, serve: listTokens},
		{method: "POST", path: "/v0.1/api_tokens", need: needUser, serve: createToken},
		{method: "DELETE", path: "/v0.1/api_tokens/{api_token_id}", need: needUser, serve: deleteToken},
		{method: "GET", path: "~/api_tokens", need: needDeveloper, serve: listAppTokens},
		{method: "POST", path: "~/api_tokens", need: needDeveloper, serve: createAppToken},
		{method: "DELETE", path: "~/api_tokens/{api_token_id}", need: needDeveloper, serve: deleteAppToken},
		{method: "POST", path: "/v0.1/user/dsr/export", need: needUser, serve: startUserExport},
		{method: "GET", path: "/v0.1/user/dsr/export/{token}", need: needUser, serve: getUserExport},
		{method: "GET", path: "/v0.1/user/dsr/export", need: needUser, serve: getUserExport, extra: true},
		{method: "POST", path: "/v0.1/user/dsr/export/{token}/cancel", need: needUser, serve: cancelUserExport},
		{method: "POST", path: "/v0.1/user/dsr/delete", need: needUserWrite, serve: startUserDeletion},
		{method: "GET", path: "/v0.1/user/dsr/delete", need: needAnyone, serve: getUserDeletion, extra: true},
		{method: "GET", path: "/v0.1/user/dsr/delete/{token}", need: needAnyone, serve: getUserDeletion},
		{method: "POST", path: "/v0.1/user/dsr/delete/{token}/cancel", need: needUser, serve: cancelUserDeletion},
		{method: "GET", path: "/v0.1/admin/users", need: needAdmin, serve: listUsers, extra: true},
		{method: "POST", path: "/v0.1/admin/users", need: needAdmin, serve: createUser, extra: true},
		{method: "GET", path: "/v0.1/admin/users/{user_name}", need: needAdmin, serve: getAccount, extra: true},
		{method: "PATCH", path: "/v0.1/admin/users/{user_name}", need: needAdmin, serve: patchAccount, extra: true},
		{method: "DELETE", path: "/v0.1/admin/users/{user_name}", need: needAdmin, serve: deleteAccount, extra: true},

		// Organisations.
		{method: "GET", path: "/v0.1/orgs", need: needUser, serve: listOrgs},
		{method: "POST", path: "/v0.1/orgs", need: needUserWrite, serve: createOrg},
		{method: "GET", path: "/v0.1/orgs/{org_name}", need: needOrgMember, serve: getOrg},
		{method: "PATCH", path: "/v0.1/orgs/{org_name}", need: needOrgAdmin, serve: patchOrg},
		{method: "DELETE", path: "/v0.1/orgs/{org_name}", need: needOrgAdmin, serve: deleteOrg},
		{method: "GET", path: "/v0.1/administeredOrgs", need: needUser, serve: listAdministeredOrgs, extra: true},
		{method: "POST", path: "/v0.1/orgs/{org_name}/avatar", need: needOrgAdmin, serve: setOrgAvatar, extra: true},
		{method: "DELETE", path: "/v0.1/orgs/{org_name}/avatar", need: needOrgAdmin, serve: deleteOrgAvatar, extra: true},
		{method: "GET", path: "/v0.1/orgs/{org_name}/apps", need: needOrgMember, serve: listOrgApps},
		{method: "POST", path: "/v0.1/orgs/{org_name}/apps", need: needOrgMemberWrite, serve: createOrgApp},
		{method: "GET", path: "/v0.1/orgs/{org_name}/azure_subscriptions", need: needOrgMember, serve: listSubscriptions},
		{method: "GET", path: "/v0.1/orgs/{org_name}/testers", need: needOrgMember, serve: listOrgTesters, extra: true},
		{method: "GET", path: "/v0.1/orgs/{org_name}/users", need: needOrgMember, serve: listOrgUsers},
		{method: "GET", path: "/v0.1/orgs/{org_name}/users/{user_name}", need: needOrgMember, serve: getOrgUser},
		{method: "PATCH", path: "/v0.1/orgs/{org_name}/users/{user_name}", need: needOrgAdmin, serve: patchOrgUser},
		{method: "DELETE", path: "/v0.1/orgs/{org_name}/users/{user_name}", need: needOrgAdmin, serve: deleteOrgUser},
		{method: "GET", path: "/v0.1/orgs/{org_name}/users/{user_name}/apps", need: needOrgMember, serve: listOrgUserApps, extra: true},
		{method: "GET", path: "/v0.1/orgs/{org_name}/invitations", need: needOrgAdmin, serve: listOrgInvitations},
		{method: "POST", path: "/v0.1/orgs/{org_name}/invitations", need: needOrgAdmin, serve: createOrgInvitation},
		{method: "DELETE", path: "/v0.1/orgs/{org_name}/invitations", need: needOrgAdmin, serve: deleteOrgInvitation},
		{method: "PATCH", path: "/v0.1/orgs/{org_name}/invitations/{email}", need: needOrgAdmin, serve: patchOrgInvitation},
		{method: "POST", path: "/v0.1/orgs/{org_name}/invitations/{email}/resend", need: needOrgAdmin, serve: resendOrgInvitation},
		{method: "POST", path: "/v0.1/orgs/{org_name}/invitations/{email}/revoke", need: needOrgAdmin, serve: revokeOrgInvitation},
		{method: "POST", path: "/v0.1/orgs/{org_name}/invitations/{email}/link", need: needOrgAdmin, serve: linkOrgInvitation, extra: true},
		{method: "GET", path: "/v0.1/orgs/{org_name}/teams", need: needOrgMember, serve: listOrgTeams, extra: true},
		{method: "POST", path: "/v0.1/orgs/{org_name}/teams", need: needOrgAdmin, serve: createTeam, extra: true},
		{method: "GET", path: "/v0.1/orgs/{org_name}/teams/{team_name}", need: needOrgMember, serve: getTeam, extra: true},
		{method: "PATCH", path: "/v0.1/orgs/{org_name}/teams/{team_name}", need: needOrgAdmin, serve: patchTeam, extra: true},
		{method: "DELETE", path: "/v0.1/orgs/{org_name}/teams/{team_name}", need: needOrgAdmin, serve: deleteTeam, extra: true},
		{method: "GET", path: "/v0.1/orgs/{org_name}/teams/{team_name}/users", need: needOrgMember, serve: listTeamUsers, extra: true},
		{method: "POST", path: "/v0.1/orgs/{org_name}/teams/{team_name}/users", need: needOrgAdmin, serve: addTeamUser, extra: true},
		{method: "DELETE", path: "/v0.1/orgs/{org_name}/teams/{team_name}/users/{user_name}", need: needOrgAdmin, serve: deleteTeamUser, extra: true},
		{method: "GET", path: "/v0.1/orgs/{org_name}/teams/{team_name}/apps", need: needOrgMember, serve: listTeamApps, extra: true},
		{method: "POST", path: "/v0.1/orgs/{org_name}/teams/{team_name}/apps", need: needOrgAdmin, serve: addTeamApp, extra: true},
		{method: "PATCH", path: "/v0.1/orgs/{org_name}/teams/{team_name}/apps/{app_name}", need: needOrgAdmin, serve: patchTeamApp, extra: true},
		{method: "DELETE", path: "/v0.1/orgs/{org_name}/teams/{team_name}/apps/{app_name}", need: needOrgAdmin, serve: deleteTeamApp, extra: true},
		{method: "GET", path: "/v0.1/invitations/sent", need: needUser, serve: listSentInvitations, extra: true},
		{method: "POST", path: "/v0.1/user/invitations/orgs/{invitation_token}/accept", need: needUserWrite, serve: acceptInvitation, extra: true},
		{method: "POST", path: "/v0.1/user/invitations/orgs/{invitation_token}/reject", need: needUserWrite, serve: rejectInvitation, extra: true},
		{method: "POST", path: "/v0.1/user/invitations/apps/{invitation_token}/accept", need: needUserWrite, serve: acceptInvitation, extra: true},
		{method: "POST", path: "/v0.1/user/invitations/apps/{invitation_token}/reject", need: needUserWrite, serve: rejectInvitation, extra: true},
		{method: "POST", path: "/v0.1/user/invitations/distribution_groups/accept", need: needUserWrite, serve: acceptDistributionGroups, extra: true},
		{method: "PUT", path: "/v0.1/admin/azure_subscriptions/{azure_subscription_id}", need: needAdmin, serve: putSubscription, extra: true},
		{method: "DELETE", path: "/v0.1/admin/azure_subscriptions/{azure_subscription_id}", need: needAdmin, serve: deleteSubscription, extra: true},
		{method: "GET", path: "/v0.1/azure_subscriptions", need: needUser, serve: listSubscriptions},

		// Apps.
		{method: "GET", path: "/v0.1/apps", need: needToken, serve: listApps},
		{method: "POST", path: "/v0.1/apps", need: needUserWrite, serve: createApp},
		{method: "GET", path: "~", need: needViewer, serve: getApp},
		{method: "PATCH", path: "~", need: needManager, serve: patchApp},
		{method: "DELETE", path: "~", need: needManager, serve: deleteApp},
		{method: "POST", path: "~/avatar", need: needManager, serve: setAppAvatar, extra: true},
		{method: "DELETE", path: "~/avatar", need: needManager, serve: deleteAppAvatar, extra: true},
		{method: "GET", path: "~/ingestion_limits", need: needViewer, serve: getLimits, extra: true},
		{method: "PUT", path: "~/ingestion_limits", need: needManager, serve: putLimits, extra: true},
		{method: "GET", path: "~/users", need: needViewer, serve: listAppUsers},
		{method: "PATCH", path: "~/users/{user_email}", need: needManager, serve: patchAppUser},
		{method: "DELETE", path: "~/users/{user_email}", need: needManager, serve: deleteAppUser},
		{method: "GET", path: "~/invitations", need: needViewer, serve: listAppInvitations, extra: true},
		{method: "POST", path: "~/invitations", need: needManagerUser, serve: createAppInvitation, extra: true},
		{method: "POST", path: "~/invitations/{user_email}", need: needManagerUser, serve: createAppInvitationFor, extra: true},
		{method: "PATCH", path: "~/invitations/{user_email}", need: needManager, serve: patchAppInvitation, extra: true},
		{method: "DELETE", path: "~/invitations/{user_email}", need: needManager, serve: deleteAppInvitation, extra: true},
		{method: "POST", path: "~/invitations/{user_email}/link", need: needManagerUser, serve: linkAppInvitation, extra: true},
		{method: "GET", path: "~/teams", need: needViewer, serve: listAppTeams, extra: true},
		{method: "POST", path: "~/transfer/{destination_owner_name}", need: needOwner, serve: transferApp, extra: true},
		{method: "POST", path: "~/transfer_to_org", need: needOwner, serve: transferAppToOrg, extra: true},
		{method: "GET", path: "~/azure_subscriptions", need: needViewer, serve: listAppSubscriptions},
		{method: "POST", path: "~/azure_subscriptions", need: needManagerUser, serve: linkSubscription},
		{method: "DELETE", path: "~/azure_subscriptions/{azure_subscription_id}", need: needManagerUser, serve: unlinkSubscription},
		{method: "GET", path: "~/webhooks", need: needViewer, serve: listWebhooks, errors: contract.ErrorAlerts, extra: true},
		{method: "GET", path: "~/notifications/emailSettings", need: needViewerUser, serve: getAppEmailSettings, errors: contract.ErrorAlerts, extra: true},
		{method: "GET", path: "~/bugtracker", need: needViewer, serve: getBugTracker, errors: contract.ErrorAlerts, extra: true},
		{method: "GET", path: "~/bugtracker/crashGroup/{crash_group_id}", need: needViewer, serve: getBugTrackerIssue, errors: contract.ErrorAlerts, extra: true},
		{method: "GET", path: "~/releases", need: needViewer, serve: listReleases, extra: true},
		{method: "GET", path: "~/recent_releases", need: needViewer, serve: listReleases, extra: true},
		{method: "PUT", path: "~/devices/block_logs", need: needManager, serve: blockApp},
		{method: "PUT", path: "~/devices/block_logs/{install_id}", need: needManager, serve: blockInstall},

		// Errors.
		{method: "GET", path: "~/errors/errorGroups", need: needViewer, serve: listGroups},
		{method: "GET", path: "~/errors/errorGroups/search", need: needViewer, serve: searchGroups},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}", need: needViewer, serve: getGroup},
		{method: "PATCH", path: "~/errors/errorGroups/{errorGroupId}", need: needDeveloper, serve: patchGroup},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/stacktrace", need: needViewer, serve: groupStackTrace},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/models", need: needViewer, serve: groupModels},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/operatingSystems", need: needViewer, serve: groupSystems},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/errorCountsPerDay", need: needViewer, serve: groupCountsPerDay},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/errorfreeDevicePercentages", need: needViewer, serve: groupErrorFree},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/errors", need: needViewer, serve: listReports},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/errors/latest", need: needViewer, serve: getLatestReport},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/errors/{errorId}", need: needViewer, serve: getReport},
		{method: "DELETE", path: "~/errors/errorGroups/{errorGroupId}/errors/{errorId}", need: needManager, serve: deleteReport},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/errors/{errorId}/stacktrace", need: needViewer, serve: reportStackTrace},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/errors/{errorId}/download", need: needViewer, serve: downloadReport},
		{method: "GET", path: "~/errors/errorGroups/{errorGroupId}/errors/{errorId}/location", need: needViewer, serve: locateLog},
		{method: "GET", path: "~/errors/errorCountsPerDay", need: needViewer, serve: countsPerDay},
		{method: "GET", path: "~/errors/errorfreeDevicePercentages", need: needViewer, serve: errorFree},
		{method: "GET", path: "~/errors/available_versions", need: needViewer, serve: availableVersions},
		{method: "GET", path: "~/errors/availableAppBuilds", need: needViewer, serve: availableBuilds},
		{method: "GET", path: "~/errors/search", need: needViewer, serve: searchReports},
		{method: "GET", path: "~/errors/retention_settings", need: needViewer, serve: getRetention},
		{method: "PUT", path: "~/errors/retention_settings", need: needManager, serve: putRetention},
		{method: "GET", path: "~/retention_settings", need: needViewer, serve: getRetention, extra: true},
		{method: "PUT", path: "~/retention_settings", need: needManager, serve: putRetention, extra: true},
		{method: "GET", path: "~/errors/{errorId}/session_logs", need: needViewer, serve: sessionLogs, extra: true},
		{method: "GET", path: "~/errors/{errorId}/sessionLogs", need: needViewer, serve: sessionLogs},
		{method: "GET", path: "~/errors/{errorId}/attachments", need: needViewer, serve: listAttachments},
		{method: "GET", path: "~/errors/{errorId}/attachments/{attachmentId}/text", need: needViewer, serve: attachmentText},
		{method: "GET", path: "~/errors/{errorId}/attachments/{attachmentId}/location", need: needViewer, serve: locateAttachment},
		{method: "DELETE", path: "/v0.1/apps/{app_id}/errors/errorGroups/{errorGroupId}/errors/{errorId}", need: needManagerByID, serve: deleteReport, extra: true},

		// Export.
		{method: "GET", path: "~/export_configurations", need: needViewer, serve: listExports},
		{method: "POST", path: "~/export_configurations", need: needManager, serve: createExport},
		{method: "GET", path: "~/export_configurations/{export_configuration_id}", need: needViewer, serve: getExport},
		{method: "PATCH", path: "~/export_configurations/{export_configuration_id}", need: needManager, serve: patchExport},
		{method: "DELETE", path: "~/export_configurations/{export_configuration_id}", need: needManager, serve: deleteExport},
		{method: "POST", path: "~/export_configurations/{export_configuration_id}/enable", need: needManager, serve: enableExport},
		{method: "POST", path: "~/export_configurations/{export_configuration_id}/disable", need: needManager, serve: disableExport},

		// Symbols.
		{method: "POST", path: "~/symbol_uploads", need: needDeveloper, serve: createSymbolUpload},
		{method: "GET", path: "~/symbol_uploads", need: needViewer, serve: listSymbolUploads},
		{method: "GET", path: "~/symbol_uploads/{symbol_upload_id}", need: needViewer, serve: getSymbolUpload},
		{method: "PATCH", path: "~/symbol_uploads/{symbol_upload_id}", need: needDeveloper, serve: patchSymbolUpload},
		{method: "DELETE", path: "~/symbol_uploads/{symbol_upload_id}", need: needDeveloper, serve: deleteSymbolUpload},
		{method: "GET", path: "~/symbol_uploads/{symbol_upload_id}/location", need: needViewer, serve: locateSymbolUpload},
		{method: "GET", path: "~/symbols", need: needViewer, serve: listSymbols},
		{method: "GET", path: "~/symbols/{symbol_id}", need: needViewer, serve: getSymbol},
		{method: "GET", path: "~/symbols/{symbol_id}/location", need: needViewer, serve: locateSymbol},
		{method: "GET", path: "~/symbols/{symbol_id}/status", need: needViewer, serve: symbolStatus},
		{method: "POST", path: "~/symbols/{symbol_id}/ignore", need: needDeveloper, serve: ignoreSymbol},
		{method: "GET", path: "~/diagnostics/symbol_groups", need: needViewer, serve: listSymbolGroups},
		{method: "GET", path: "~/diagnostics/symbol_groups/{symbol_group_id}", need: needViewer, serve: getSymbolGroup},
		{method: "GET", path: "~/diagnostics/symbol_groups_info", need: needViewer, serve: symbolGroupsInfo},
		{method: "GET", path: "~/symbol_groups", need: needViewer, serve: listSymbolGroups, extra: true},
		{method: "GET", path: "~/symbol_groups/{symbol_group_id}", need: needViewer, serve: getSymbolGroup, extra: true},
		{method: "GET", path: "~/symbol_groups_info", need: needViewer, serve: symbolGroupsInfo, extra: true},

		// Analytics.
		{method: "GET", path: "~/analytics/versions", need: needViewer, serve: analyticsVersions, errors: contract.ErrorNumbers},
		{method: "GET", path: "~/analytics/generic_log_flow", need: needViewer, serve: genericLogFlow},
		{method: "GET", path: "~/analytics/log_flow", need: needViewer, serve: logFlow},
		{method: "GET", path: "~/analytics/models", need: needViewer, serve: analyticsModels, errors: contract.ErrorNumbers},
		{method: "GET", path: "~/analytics/places", need: needViewer, serve: analyticsPlaces, errors: contract.ErrorNumbers},
		{method: "GET", path: "~/analytics/languages", need: needViewer, serve: analyticsLanguages, errors: contract.ErrorNumbers},
		{method: "GET", path: "~/analytics/oses", need: needViewer, serve: analyticsSystems, errors: contract.ErrorNumbers},
		{method: "GET", path: "~/analytics/active_device_counts", need: needViewer, serve: activeDevices, errors: contract.ErrorNumbers},
		{method: "GET", path: "~/analytics/session_counts", need: needViewer, serve: sessionCounts},
		{method: "GET", path: "~/analytics/session_durations_distribution", need: needViewer, serve: sessionDurations, errors: contract.ErrorNumbers},
		{method: "GET", path: "~/analytics/sessions_per_device", need: needViewer, serve: sessionsPerDevice, errors: contract.ErrorNumbers, extra: true},
		{method: "GET", path: "~/analytics/events", need: needViewer, serve: listEvents, errors: contract.ErrorNumbers},
		{method: "DELETE", path: "~/analytics/events/{event_name}", need: needManager, serve: deleteEvent, errors: contract.ErrorNumbers},
		{method: "DELETE", path: "~/analytics/event_logs/{event_name}", need: needManager, serve: deleteEventLogs, errors: contract.ErrorNumbers},
		{method: "GET", path: "~/analytics/events/{event_name}/event_count", need: needViewer, serve: eventCount, errors: contract.ErrorNumbers, extra: true},
		{method: "GET", path: "~/analytics/events/{event_name}/device_count", need: needViewer, serve: eventDeviceCount, errors: contract.ErrorNumbers, extra: true},
		{method: "GET", path: "~/analytics/events/{event_name}/count_per_session", need: needViewer, serve: eventPerSession, errors: contract.ErrorNumbers, extra: true},
		{method: "GET", path: "~/analytics/events/{event_name}/count_per_device", need: needViewer, serve: eventPerDevice, errors: contract.ErrorNumbers, extra: true},
		{method: "GET", path: "~/analytics/events/{event_name}/properties", need: needViewer, serve: eventProperties, errors: contract.ErrorNumbers},
		{method: "GET", path: "~/analytics/events/{event_name}/properties/{event_property_name}/counts", need: needViewer, serve: eventPropertyCounts, errors: contract.ErrorNumbers},
		{method: "GET", path: "~/analytics/audiences", need: needViewer, serve: listAudiences, extra: true},
		{method: "GET", path: "~/analytics/audiences/metadata/custom_properties", need: needViewer, serve: audienceProperties, extra: true},
		{method: "GET", path: "~/analytics/audiences/metadata/device_properties", need: needViewer, serve: audienceProperties, extra: true},
		{method: "POST", path: "~/analytics/distribution/release_counts", need: needViewer, serve: releaseCounts, extra: true},

		// Legacy.
		{method: "GET", path: "~/crash_groups", need: needViewer, serve: listCrashGroups},
		{method: "GET", path: "~/crash_groups/{crash_group_id}", need: needViewer, serve: getCrashGroup},
		{method: "PATCH", path: "~/crash_groups/{crash_group_id}", need: needDeveloper, serve: patchCrashGroup},
		{method: "GET", path: "~/crash_groups/{crash_group_id}/stacktrace", need: needViewer, serve: crashGroupStackTrace},
		{method: "GET", path: "~/crash_groups/{crash_group_id}/crashes", need: needViewer, serve: listCrashes},
		{method: "GET", path: "~/crash_groups/{crash_group_id}/crashes/{crash_id}", need: needViewer, serve: getCrash},
		{method: "DELETE", path: "~/crash_groups/{crash_group_id}/crashes/{crash_id}", need: needManager, serve: deleteCrash},
		{method: "GET", path: "~/crash_groups/{crash_group_id}/crashes/{crash_id}/stacktrace", need: needViewer, serve: crashStackTrace},
		{method: "GET", path: "~/crash_groups/{crash_group_id}/crashes/{crash_id}/raw/location", need: needViewer, serve: locateCrash},
		{method: "GET", path: "~/crash_groups/{crash_group_id}/crashes/{crash_id}/native", need: needViewer, serve: crashNative},
		{method: "GET", path: "~/crash_groups/{crash_group_id}/crashes/{crash_id}/native/download", need: needViewer, serve: crashNativeDownload},
		{method: "GET", path: "~/crashes/{crash_id}/attachments", need: needViewer, serve: listCrashAttachments},
		{method: "GET", path: "~/crashes/{crash_id}/attachments/{attachment_id}/text", need: needViewer, serve: crashAttachmentText},
		{method: "GET", path: "~/crashes/{crash_id}/attachments/{attachment_id}/location", need: needViewer, serve: locateCrashAttachment},
		{method: "GET", path: "~/crashes/{crash_id}/session_logs", need: needViewer, serve: sessionLogs},
		{method: "GET", path: "~/crashes_info", need: needViewer, serve: crashesInfo},
		{method: "GET", path: "~/versions", need: needViewer, serve: listAppVersions},
		{method: "GET", path: "~/analytics/crash_counts", need: needViewer, serve: crashCounts, errors: contract.ErrorNumbers},
		{method: "GET", path: "~/analytics/crashfree_device_percentages", need: needViewer, serve: crashFreeDevices, errors: contract.ErrorNumbers},
		{method: "POST", path: "~/analytics/crash_groups", need: needViewer, serve: crashGroupTotals, errors: contract.ErrorNumbers},
		{method: "GET", path: "~/analytics/crash_groups/{crash_group_id}/overall", need: needViewer, serve: crashGroupOverall, errors: contract.ErrorNumbers},
		{method: "GET", path: "~/analytics/crash_groups/{crash_group_id}/models", need: needViewer, serve: crashGroupModels, errors: contract.ErrorNumbers},
		{method: "GET", path: "~/analytics/crash_groups/{crash_group_id}/operating_systems", need: needViewer, serve: crashGroupSystems, errors: contract.ErrorNumbers},
		{method: "GET", path: "~/analytics/crash_groups/{crash_group_id}/crash_counts", need: needViewer, serve: crashGroupCounts, errors: contract.ErrorNumbers},

		// Addresses that are signed, and the description of all this.
		{method: "GET", path: "/blobs/avatars/{avatar_id}", need: needAnyone, serve: serveAvatar, extra: true},
		{method: "GET", path: "/blobs/dsr/{file}", need: needSignature, serve: serveUserExport},
		{method: "GET", path: "/openapi.json", need: needAnyone, serve: serveDescription, extra: true},
		{method: "GET", path: "/blobs/{app}/symbol_uploads/{symbol_upload_id}", need: needSignature, serve: serveSymbolUpload},
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
	Need         string // as in needNames
	Extra        bool   // not in the published description
	Summary      string
	Query        []string // names of parameters
	Body         bool     // takes one
	Status       int      // of a success
}

// Routes lists all calls.
func Routes() []Route {
	var all []Route
	known := operations()
	for _, r := range routes() {
		o := known[r.name()]
		all = append(all, Route{r.method, r.path, needNames[r.need], r.extra, o.summary, strings.Fields(o.query), o.body != nil, o.code()})
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

// find walks down the segments, literals first, and collects those that stand for parameters. Where a literal
// leads nowhere it tries the parameter: an app may have any name.
func (n *node) find(segments []string) (end *node, values []string) {
	if len(segments) == 0 {
		if len(n.routes) == 0 {
			return nil, nil
		}
		return n, nil
	}
	if next := n.literals[segments[0]]; next != nil {
		if end, values = next.find(segments[1:]); end != nil {
			return end, values
		}
	}
	if n.any == nil {
		return nil, nil
	}
	end, values = n.any.find(segments[1:])
	if end == nil {
		return nil, nil
	}
	return end, append([]string{segments[0]}, values...)
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
	maxSegment  = 768 // bytes; the longest that can be meant is the name of an event, 256 bytes, escaped
)

// split cuts a path into its segments (T1): without slashes doubled in front, one at the end, and a leading
// "api". ok says that they can be those of something; which route was meant can be told all the same.
func split(escaped string) (segments []string, ok bool) {
	path := strings.TrimSuffix(strings.TrimLeft(escaped, "/"), "/")
	if strings.HasPrefix(path, "api/"+version+"/") {
		path = strings.TrimPrefix(path, "api/")
	}
	segments = strings.SplitN(path, "/", maxSegments+1)
	if len(segments) > maxSegments {
		return nil, false
	}
	ok = true
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		if err != nil || plain == "" || len(s) > maxSegment {
			ok = false
		}
		segments[i] = plain
	}
	return segments, ok
}
