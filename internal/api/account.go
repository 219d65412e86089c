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

const maxBody = 64 << 10 // bytes of a request's body; none of ours needs more

func getUser(q *request) error {
	role := diag.RoleNone
	if q.caller.User.Admin {
		role = diag.RoleManager
	}
	return q.json(http.StatusOK, contract.NewUser(&q.caller.User, role))
}

// listTokens lists the tokens of the user. Those of apps are listed with their app.
func listTokens(q *request) error {
	tokens, err := q.o.Store.Tokens(q.ctx(), q.caller.User.Num)
	if err != nil {
		return err
	}
	all := []contract.Token{}
	for i := range tokens {
		if tokens[i].App == 0 {
			all = append(all, contract.NewToken(&tokens[i], ""))
		}
	}
	return q.json(http.StatusOK, all)
}

const maxDescription = 1000 // characters

func createToken(q *request) error {
	var body struct {
		Description string   `json:"description"`
		Scope       []string `json:"scope"`
	}
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	scope, err := q.scope(body.Scope)
	if err != nil {
		return err
	}
	if utf8.RuneCountInString(body.Description) > maxDescription {
		return diag.Errorf(diag.Invalid, "description is too long: at most %d characters.", maxDescription)
	}
	now := q.o.Clock.Now()
	text, hash := auth.NewToken()
	token := diag.Token{ID: diag.NewID(now), User: q.caller.User.Num, Description: body.Description, Scope: scope, CreatedAt: now.UnixMilli()}
	if err := q.o.Store.CreateToken(q.ctx(), token, hash); err != nil {
		return err
	}
	return q.json(http.StatusCreated, contract.NewToken(&token, text))
}

// scope is that of a new token: never more than the caller's own (Q31).
func (q *request) scope(asked []string) (string, error) {
	for _, s := range asked {
		if s != diag.ScopeAll && s != diag.ScopeViewer {
			return "", diag.Errorf(diag.Invalid, `scope must be a list of "all" or "viewer".`)
		}
	}
	all := len(asked) == 0 || slices.Contains(asked, diag.ScopeAll)
	switch {
	case all && len(asked) > 0 && q.caller.ReadOnly():
		return "", diag.Errorf(diag.Denied, "Forbidden. A read-only token can make read-only tokens only.")
	case all && !q.caller.ReadOnly():
		return diag.ScopeAll, nil
	}
	return diag.ScopeViewer, nil
}

// deleteToken deletes a token of the user; "current" is the caller's own. A read-only token can delete itself
// alone.
func deleteToken(q *request) error {
	id, ok := diag.ParseID(q.param("api_token_id"))
	if q.param("api_token_id") == "current" {
		id, ok = q.caller.Token.ID, true
	}
	if q.caller.ReadOnly() && id != q.caller.Token.ID {
		return diag.Errorf(diag.Denied, "Forbidden. This token is read-only.")
	}
	if !ok {
		return diag.Errorf(diag.NotFound, "There is no such token.")
	}
	if err := q.o.Store.DeleteToken(q.ctx(), q.caller.User.Num, id); err != nil {
		return err
	}
	q.o.Gate.Forget(id)
	return respond.Empty(q.w, http.StatusNoContent)
}
