package api

import "lifeboat/internal/diag"

// org.go
func listOrgs(q *request) error             { return notBuilt() }
func createOrg(q *request) error            { return notBuilt() }
func getOrg(q *request) error               { return notBuilt() }
func patchOrg(q *request) error             { return notBuilt() }
func deleteOrg(q *request) error            { return notBuilt() }
func listAdministeredOrgs(q *request) error { return notBuilt() }
func listOrgApps(q *request) error          { return notBuilt() }
func createOrgApp(q *request) error         { return createAppFor(q) }

// avatar.go
func setOrgAvatar(q *request) error    { return notBuilt() }
func deleteOrgAvatar(q *request) error { return notBuilt() }
func setAppAvatar(q *request) error    { return notBuilt() }
func deleteAppAvatar(q *request) error { return notBuilt() }

// subscription.go
func listOrgSubscriptions(q *request) error { return notBuilt() }
func listSubscriptions(q *request) error    { return notBuilt() }
func listAppSubscriptions(q *request) error { return notBuilt() }
func linkSubscription(q *request) error     { return notBuilt() }
func unlinkSubscription(q *request) error   { return notBuilt() }

// orguser.go
func listOrgTesters(q *request) error  { return notBuilt() }
func listOrgUsers(q *request) error    { return notBuilt() }
func getOrgUser(q *request) error      { return notBuilt() }
func patchOrgUser(q *request) error    { return notBuilt() }
func deleteOrgUser(q *request) error   { return notBuilt() }
func listOrgUserApps(q *request) error { return notBuilt() }

// invitation.go
func listOrgInvitations(q *request) error       { return notBuilt() }
func createOrgInvitation(q *request) error      { return notBuilt() }
func deleteOrgInvitation(q *request) error      { return notBuilt() }
func patchOrgInvitation(q *request) error       { return notBuilt() }
func resendOrgInvitation(q *request) error      { return notBuilt() }
func revokeOrgInvitation(q *request) error      { return notBuilt() }
func listSentInvitations(q *request) error      { return notBuilt() }
func acceptInvitation(q *request) error         { return notBuilt() }
func rejectInvitation(q *request) error         { return notBuilt() }
func acceptDistributionGroups(q *request) error { return notBuilt() }
func listAppInvitations(q *request) error       { return notBuilt() }
func createAppInvitation(q *request) error      { return notBuilt() }
func createAppInvitationFor(q *request) error   { return notBuilt() }
func patchAppInvitation(q *request) error       { return notBuilt() }
func deleteAppInvitation(q *request) error      { return notBuilt() }

// team.go
func listOrgTeams(q *request) error   { return notBuilt() }
func createTeam(q *request) error     { return notBuilt() }
func getTeam(q *request) error        { return notBuilt() }
func patchTeam(q *request) error      { return notBuilt() }
func deleteTeam(q *request) error     { return notBuilt() }
func listTeamUsers(q *request) error  { return notBuilt() }
func addTeamUser(q *request) error    { return notBuilt() }
func deleteTeamUser(q *request) error { return notBuilt() }
func listTeamApps(q *request) error   { return notBuilt() }
func addTeamApp(q *request) error     { return notBuilt() }
func patchTeamApp(q *request) error   { return notBuilt() }
func deleteTeamApp(q *request) error  { return notBuilt() }
func listAppTeams(q *request) error   { return notBuilt() }

// app.go
func patchApp(q *request) error { return notBuilt() }

// appuser.go
func listAppUsers(q *request) error  { return notBuilt() }
func patchAppUser(q *request) error  { return notBuilt() }
func deleteAppUser(q *request) error { return notBuilt() }

// transfer.go
func transferApp(q *request) error      { return notBuilt() }
func transferAppToOrg(q *request) error { return notBuilt() }

// webhook.go
func listWebhooks(q *request) error { return notBuilt() }

// bugtracker.go
func getBugTracker(q *request) error      { return notBuilt() }
func getBugTrackerIssue(q *request) error { return notBuilt() }

// search.go
func searchGroups(q *request) error  { return notBuilt() }
func searchReports(q *request) error { return notBuilt() }

// group.go

// symbolupload.go
func createSymbolUpload(q *request) error { return notBuilt() }
func listSymbolUploads(q *request) error  { return notBuilt() }
func getSymbolUpload(q *request) error    { return notBuilt() }
func patchSymbolUpload(q *request) error  { return notBuilt() }
func deleteSymbolUpload(q *request) error { return notBuilt() }
func locateSymbolUpload(q *request) error { return notBuilt() }

// symbol.go
func listSymbols(q *request) error  { return notBuilt() }
func getSymbol(q *request) error    { return notBuilt() }
func locateSymbol(q *request) error { return notBuilt() }
func symbolStatus(q *request) error { return notBuilt() }
func ignoreSymbol(q *request) error { return notBuilt() }

// symbolgroup.go
func listSymbolGroups(q *request) error { return notBuilt() }
func getSymbolGroup(q *request) error   { return notBuilt() }
func symbolGroupsInfo(q *request) error { return notBuilt() }

// analytics.go
func analyticsVersions(q *request) error  { return notBuilt() }
func analyticsModels(q *request) error    { return notBuilt() }
func analyticsPlaces(q *request) error    { return notBuilt() }
func analyticsLanguages(q *request) error { return notBuilt() }
func analyticsSystems(q *request) error   { return notBuilt() }
func activeDevices(q *request) error      { return notBuilt() }

// logflow.go
func genericLogFlow(q *request) error { return notBuilt() }
func logFlow(q *request) error        { return notBuilt() }

// session.go
func sessionCounts(q *request) error     { return notBuilt() }
func sessionDurations(q *request) error  { return notBuilt() }
func sessionsPerDevice(q *request) error { return notBuilt() }

// event.go
func listEvents(q *request) error          { return notBuilt() }
func deleteEvent(q *request) error         { return notBuilt() }
func deleteEventLogs(q *request) error     { return notBuilt() }
func eventCount(q *request) error          { return notBuilt() }
func eventDeviceCount(q *request) error    { return notBuilt() }
func eventPerSession(q *request) error     { return notBuilt() }
func eventPerDevice(q *request) error      { return notBuilt() }
func eventProperties(q *request) error     { return notBuilt() }
func eventPropertyCounts(q *request) error { return notBuilt() }

// audience.go
func listAudiences(q *request) error      { return notBuilt() }
func audienceProperties(q *request) error { return notBuilt() }

// legacygroup.go

// legacycrash.go
func deleteCrash(q *request) error { return notBuilt() }

// legacyattachment.go

// legacyapp.go
func crashesInfo(q *request) error     { return notBuilt() }
func listAppVersions(q *request) error { return notBuilt() }

// legacyanalytics.go
func crashCounts(q *request) error       { return notBuilt() }
func crashFreeDevices(q *request) error  { return notBuilt() }
func crashGroupTotals(q *request) error  { return notBuilt() }
func crashGroupOverall(q *request) error { return notBuilt() }
func crashGroupModels(q *request) error  { return notBuilt() }
func crashGroupSystems(q *request) error { return notBuilt() }
func crashGroupCounts(q *request) error  { return notBuilt() }

func notBuilt() error { return diag.Errorf(diag.NotFound, "Not built yet.") }
