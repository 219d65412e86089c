package api

import (
	"net/http"
	"slices"
	"unicode/utf8"

	"lifeboat/internal/auth"
	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
)

// listTokens lists the tokens of the user. Those of apps are listed with their app.
func listTokens(q *request) error {
	tokens, err := q.o.Store.Tokens(q.ctx(), q.caller.User.Num)
	if err != nil {
		return err
	}
	return q.showTokens(tokens, func(t *diag.Token) bool { return t.App == 0 })
}

// listAppTokens lists the tokens of the app to its managers; others see their own.
func listAppTokens(q *request) error {
	tokens, err := q.o.Store.AppTokens(q.ctx(), q.app.Num)
	if err != nil {
		return err
	}
	return q.showTokens(tokens, func(t *diag.Token) bool { return q.role == diag.RoleManager || t.User == q.caller.User.Num })
}

func (q *request) showTokens(tokens []diag.Token, seen func(*diag.Token) bool) error {
	all := []contract.Token{}
	for i := range tokens {
		if seen(&tokens[i]) {
			all = append(all, contract.NewToken(&tokens[i], ""))
		}
	}
	return q.json(http.StatusOK, all)
}

const maxDescription = 1000 // characters

// tokenBody is what a caller says of a token to be made.
type tokenBody struct {
	Description string   `json:"description"`
	Scope       []string `json:"scope"`
	ExpiresAt   string   `json:"expires_at"` // an extension
}

func createToken(q *request) error {
	var body tokenBody
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	scope, err := scopeOf(body.Scope, !q.caller.ReadOnly(), "A read-only token can make read-only tokens only.")
	if err != nil {
		return err
	}
	return q.newToken(&body, 0, scope)
}

// createAppToken makes a token for one app. Full ones are a manager's to give.
func createAppToken(q *request) error {
	var body tokenBody
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	scope, err := scopeOf(body.Scope, q.role == diag.RoleManager, "Only a manager of the app can make a full token of it; others make read-only ones.")
	if err != nil {
		return err
	}
	return q.newToken(&body, q.app.Num, scope)
}

// scopeOf is that of a new token: never more than the caller's own (Q31).
func scopeOf(asked []string, full bool, refusal string) (string, error) {
	for _, s := range asked {
		if s != diag.ScopeAll && s != diag.ScopeViewer {
			return "", diag.Errorf(diag.Invalid, `scope must be a list of "all" or "viewer".`)
		}
	}
	all := len(asked) == 0 || slices.Contains(asked, diag.ScopeAll)
	switch {
	case all && len(asked) > 0 && !full:
		return "", diag.Errorf(diag.Denied, "Forbidden. %s", refusal)
	case all && full:
		return diag.ScopeAll, nil
	}
	return diag.ScopeViewer, nil
}

func (q *request) newToken(body *tokenBody, app int64, scope string) error {
	if utf8.RuneCountInString(body.Description) > maxDescription {
		return diag.Errorf(diag.Invalid, "description is too long: at most %d characters.", maxDescription)
	}
	expires, err := q.expiry(body.ExpiresAt)
	if err != nil {
		return err
	}
	now := q.o.Clock.Now()
	text, hash := auth.NewToken()
	token := diag.Token{
		ID: diag.NewID(now), User: q.caller.User.Num, App: app, Description: body.Description, Scope: scope, CreatedAt: now.UnixMilli(), ExpiresAt: expires,
	}
	if err := q.o.Store.CreateToken(q.ctx(), token, hash); err != nil {
		return err
	}
	return q.json(http.StatusCreated, contract.NewToken(&token, text))
}

// expiry is when a new token ends: not after the one that made it (Q31), 0 for never.
func (q *request) expiry(asked string) (int64, error) {
	own := q.caller.Token.ExpiresAt
	if asked == "" {
		return own, nil
	}
	at, ok := diag.ParseTime(asked)
	switch {
	case !ok:
		return 0, diag.Errorf(diag.Invalid, "expires_at must be a time such as 2030-01-31T12:00:00Z.")
	case !at.After(q.o.Clock.Now()):
		return 0, diag.Errorf(diag.Invalid, "expires_at is in the past.")
	case own != 0 && at.UnixMilli() > own:
		return 0, diag.Errorf(diag.Denied, "Forbidden. A token cannot make one that outlives it.")
	}
	return at.UnixMilli(), nil
}

// current is the word that stands for the caller's own token.
const current = "current"

// deleteToken deletes a token of the user. A read-only token can delete itself alone.
func deleteToken(q *request) error {
	id, ok := diag.ParseID(q.param("api_token_id"))
	if q.param("api_token_id") == current {
		id, ok = q.caller.Token.ID, !q.caller.WithPassword()
	}
	if q.caller.ReadOnly() && id != q.caller.Token.ID {
		return diag.Errorf(diag.Denied, "Forbidden. This token is read-only.")
	}
	if !ok {
		return noSuchToken()
	}
	if err := q.o.Store.DeleteToken(q.ctx(), q.caller.User.Num, id); err != nil {
		return err
	}
	q.o.Gate.Forget(id)
	return respond.Empty(q.w, http.StatusNoContent)
}

// deleteAppToken deletes a token of the app: any as its manager, else one that the caller made.
func deleteAppToken(q *request) error {
	id, ok := diag.ParseID(q.param("api_token_id"))
	if q.param("api_token_id") == current {
		id, ok = q.caller.Token.ID, q.caller.AppToken()
	}
	if !ok {
		return noSuchToken()
	}
	maker := q.caller.User.Num
	if q.role == diag.RoleManager {
		maker = 0 // whoever it was
	}
	if err := q.o.Store.DeleteAppToken(q.ctx(), q.app.Num, maker, id); err != nil {
		return err
	}
	q.o.Gate.Forget(id)
	return respond.Empty(q.w, http.StatusNoContent)
}

func noSuchToken() error { return diag.Errorf(diag.NotFound, "There is no such token.") }
