package api

import "lifeboat/internal/diag"

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
