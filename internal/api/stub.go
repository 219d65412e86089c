package api

import "lifeboat/internal/diag"

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

func notBuilt() error { return diag.Errorf(diag.NotFound, "Not built yet.") }
