package api

import (
	"net/http"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
)

func noSuchSymbol() error { return diag.Errorf(diag.NotFound, "There is no such symbol.") }

func listSymbols(q *request) error {
	symbols, err := q.o.Store.Symbols(q.ctx(), q.app.Num)
	if err != nil {
		return err
	}
	all := make([]contract.Symbol, len(symbols))
	for i := range symbols {
		all[i] = contract.NewSymbol(&q.app, &symbols[i])
	}
	return q.json(http.StatusOK, all)
}

// symbolID is the id of the path.
func (q *request) symbolID() (string, error) {
	id, ok := diag.ParseSymbolID(q.param("symbol_id"))
	if !ok {
		return "", noSuchSymbol()
	}
	return id, nil
}

// symbol is the one of the path: one that was sent, else one that is ignored.
func (q *request) symbol() (contract.Symbol, error) {
	id, err := q.symbolID()
	if err != nil {
		return contract.Symbol{}, err
	}
	s, err := q.o.Store.Symbol(q.ctx(), q.app.Num, id)
	if err == nil {
		return contract.NewSymbol(&q.app, &s), nil
	}
	if !isNotFound(err) {
		return contract.Symbol{}, err
	}
	ignored, err := q.o.Store.SymbolIgnored(q.ctx(), q.app.Num, id)
	if err == nil && !ignored {
		err = noSuchSymbol()
	}
	if err != nil {
		return contract.Symbol{}, err
	}
	image, err := q.o.Store.MissingImage(q.ctx(), q.app.Num, id)
	if err != nil && !isNotFound(err) {
		return contract.Symbol{}, err
	}
	return contract.NewIgnoredSymbol(&q.app, id, image.Platform), nil
}

func getSymbol(q *request) error {
	s, err := q.symbol()
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, s)
}

// locateSymbol gives an address of the file that a symbol was sent in.
func locateSymbol(q *request) error {
	id, err := q.symbolID()
	if err != nil {
		return err
	}
	s, err := q.o.Store.Symbol(q.ctx(), q.app.Num, id)
	if err != nil {
		return err
	}
	u, err := q.o.Store.SymbolUpload(q.ctx(), q.app.Num, s.Upload)
	if err != nil {
		return err
	}
	return q.locateUpload(&u)
}

// symbolStatus says whether symbols are there, also of an id that is known from reports only.
func symbolStatus(q *request) error {
	id, err := q.symbolID()
	if err != nil {
		return err
	}
	set, err := q.o.Store.SymbolSet(q.ctx(), q.app.Num)
	if err != nil {
		return err
	}
	status := statusOf(set, id)
	if status == contract.SymbolMissing {
		if _, err := q.o.Store.MissingImage(q.ctx(), q.app.Num, id); err != nil {
			return err
		}
	}
	return q.json(http.StatusOK, contract.SymbolStatus{SymbolID: id, AppID: q.app.ID.String(), Status: status})
}

// ignoreSymbol has reports wait no more for symbols of an id. The id may be known from reports only.
func ignoreSymbol(q *request) error {
	id, err := q.symbolID()
	if err != nil {
		return err
	}
	_, missing := q.o.Store.MissingImage(q.ctx(), q.app.Num, id)
	_, there := q.o.Store.Symbol(q.ctx(), q.app.Num, id)
	if isNotFound(missing) && isNotFound(there) {
		return noSuchSymbol()
	}
	if err := q.o.Store.IgnoreSymbol(q.ctx(), q.app.Num, id, q.o.Clock.Now().UnixMilli()); err != nil {
		return err
	}
	return getSymbol(q)
}
