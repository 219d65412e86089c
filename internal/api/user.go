package api

import (
	"net/http"
	"strings"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
)

const maxBody = 64 << 10 // bytes of a request's body; none of ours needs more

func getUser(q *request) error { return q.showUser(&q.caller.User) }

func (q *request) showUser(u *diag.User) error {
	role := diag.RoleNone
	if u.Admin {
		role = diag.RoleManager
	}
	return q.json(http.StatusOK, contract.NewUser(u, role))
}

// userChange is what people change of their own account; the passwords are an extension.
type userChange struct {
	DisplayName *string `json:"display_name"`
	OldPassword string  `json:"old_password"`
	NewPassword string  `json:"new_password"`
}

// patchUser changes the caller's display name and, which the original could not, the password.
func patchUser(q *request) error {
	var body userChange
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	user, err := q.o.Store.User(q.ctx(), q.caller.User.Num)
	if err != nil {
		return err
	}
	if body.DisplayName != nil {
		user.DisplayName = strings.TrimSpace(*body.DisplayName)
		if err := diag.CheckDisplayName(user.DisplayName); err != nil {
			return err
		}
	}
	if body.NewPassword != "" {
		if err := q.changePassword(&user, body.OldPassword, body.NewPassword); err != nil {
			return err
		}
	}
	if body.DisplayName != nil {
		if err := q.o.Store.UpdateUser(q.ctx(), user); err != nil {
			return err
		}
	}
	q.o.Gate.ForgetUser(user.Num)
	return q.showUser(&user)
}

// changePassword replaces the caller's password. The old one must be known: a token that leaked is not to become
// a password. The first password takes a token that does not expire, for the same reason.
func (q *request) changePassword(u *diag.User, before, after string) error {
	switch {
	case u.HasPassword:
		_, err := q.o.Gate.ByPassword(q.ctx(), q.r.RemoteAddr, u.Name, before)
		if err != nil && diag.KindOf(err) == diag.Unauthenticated {
			return diag.Errorf(diag.Denied, "Forbidden. old_password is wrong.")
		}
		if err != nil {
			return err
		}
	case q.caller.Token.ExpiresAt != 0:
		return diag.Errorf(diag.Denied, "Forbidden. This token expires, so it cannot set the first password. Ask an administrator to set it.")
	}
	hash, err := q.o.Gate.HashPassword(q.ctx(), after)
	if err != nil {
		return err
	}
	u.HasPassword = true
	return q.o.Store.SetPassword(q.ctx(), u.Num, hash)
}

func checkEmail(s string) error {
	if !diag.ValidEmail(s) {
		return diag.Errorf(diag.Invalid, "email must be an address such as ann@example.com.")
	}
	return nil
}

type userMetadata struct {
	UserID   string   `json:"userId"`
	Metadata struct{} `json:"metadata"`
}

// getUserMetadata: the original kept its experiments with people here.
func getUserMetadata(q *request) error {
	return q.json(http.StatusOK, userMetadata{UserID: q.caller.User.ID.String()})
}

// listServiceConnections: nobody's credentials for other services are kept here.
func listServiceConnections(q *request) error { return q.json(http.StatusOK, []struct{}{}) }

// listUsers is the first of the calls by which administrators of the server look after accounts. They are ours:
// the original had no such administrator.
func listUsers(q *request) error {
	users, err := q.o.Store.Users(q.ctx())
	if err != nil {
		return err
	}
	all := []contract.Account{}
	for i := range users {
		all = append(all, contract.NewAccount(&users[i]))
	}
	return q.json(http.StatusOK, all)
}

// account is the user of the path, by name or e-mail address.
func (q *request) account() (diag.User, error) {
	return q.o.Store.UserByLogin(q.ctx(), q.param("user_name"))
}

func getAccount(q *request) error {
	u, err := q.account()
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, contract.NewAccount(&u))
}

// accountBody is what an administrator says of an account; nil members are left as they are.
type accountBody struct {
	Name        string  `json:"name"`
	Email       *string `json:"email"`
	DisplayName *string `json:"display_name"`
	Admin       *bool   `json:"admin"`
	Password    *string `json:"password"`
}

// put enters the body into an account.
func (b *accountBody) put(u *diag.User) error {
	if b.Email != nil {
		u.Email = strings.TrimSpace(*b.Email)
		if err := checkEmail(u.Email); err != nil {
			return err
		}
	}
	if b.DisplayName != nil {
		u.DisplayName = strings.TrimSpace(*b.DisplayName)
		if err := diag.CheckDisplayName(u.DisplayName); err != nil {
			return err
		}
	}
	if b.Admin != nil {
		u.Admin = *b.Admin
	}
	return nil
}

// hash is that of the body's password, "" for none.
func (b *accountBody) hash(q *request) (string, error) {
	if b.Password == nil || *b.Password == "" {
		return "", nil
	}
	return q.o.Gate.HashPassword(q.ctx(), *b.Password)
}

func createUser(q *request) error {
	var body accountBody
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	if err := diag.CheckName(body.Name); err != nil {
		return err
	}
	if body.Email == nil {
		return diag.Errorf(diag.Invalid, "email is missing.")
	}
	now := q.o.Clock.Now()
	user := diag.User{ID: diag.NewID(now), Name: body.Name, DisplayName: body.Name, CreatedAt: now.UnixMilli()}
	if err := body.put(&user); err != nil {
		return err
	}
	hash, err := body.hash(q)
	if err != nil {
		return err
	}
	if user, err = q.o.Store.CreateUserWithPassword(q.ctx(), user, hash); err != nil {
		return err
	}
	return q.json(http.StatusCreated, contract.NewAccount(&user))
}

// patchAccount changes an account. A password of "" takes the password away; the name stays, since apps go by it.
func patchAccount(q *request) error {
	var body accountBody
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	user, err := q.account()
	if err != nil {
		return err
	}
	if body.Name != "" && body.Name != user.Name {
		return diag.Errorf(diag.Invalid, "The name of a user cannot be changed.")
	}
	if err := body.put(&user); err != nil {
		return err
	}
	hash, err := body.hash(q)
	if err != nil {
		return err
	}
	if err := q.o.Store.UpdateUser(q.ctx(), user); err != nil {
		return err
	}
	if body.Password != nil {
		user.HasPassword = hash != ""
		if err := q.o.Store.SetPassword(q.ctx(), user.Num, hash); err != nil {
			return err
		}
	}
	q.o.Gate.ForgetUser(user.Num)
	return q.json(http.StatusOK, contract.NewAccount(&user))
}

func deleteAccount(q *request) error {
	user, err := q.account()
	if err != nil {
		return err
	}
	if err := q.o.Store.DeleteUser(q.ctx(), user.Num); err != nil {
		return err
	}
	q.o.Gate.ForgetUser(user.Num)
	q.o.AccountGone()
	return respond.Empty(q.w, http.StatusNoContent)
}
