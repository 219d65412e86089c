package api

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
)

// visibleApp is an app with the caller's role in it.
type visibleApp struct {
	diag.App
	role diag.Role
}

func listApps(q *request) error {
	order := q.params().text("$orderBy", "$orderby")
	if order != "" && order != "display_name" && order != "name" {
		return diag.Errorf(diag.Invalid, "$orderBy must be display_name or name.")
	}
	apps, err := q.visibleApps()
	if err != nil {
		return err
	}
	slices.SortStableFunc(apps, func(a, b visibleApp) int {
		switch order {
		case "display_name":
			return strings.Compare(strings.ToLower(a.DisplayName), strings.ToLower(b.DisplayName))
		case "name":
			return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
		}
		return cmp.Compare(a.Num, b.Num)
	})
	all, owners := make([]contract.App, len(apps)), map[string]contract.Owner{}
	for i := range apps {
		a := &apps[i]
		owner, ok := owners[a.Owner]
		if !ok {
			if owner, err = q.owner(a.Owner); err != nil {
				return err
			}
			owners[a.Owner] = owner
		}
		all[i] = contract.NewApp(&a.App, owner, a.role)
	}
	return q.json(http.StatusOK, all)
}

// visibleApps are the apps that the caller has a role in.
func (q *request) visibleApps() ([]visibleApp, error) {
	apps, err := q.o.Store.Apps(q.ctx())
	if err != nil {
		return nil, err
	}
	roles := map[int64]diag.Role{}
	if !q.caller.AppToken() && !q.caller.User.Admin {
		if roles, err = q.o.Store.RolesOf(q.ctx(), q.caller.User.Num); err != nil {
			return nil, err
		}
	}
	var all []visibleApp
	for _, a := range apps {
		role := roles[a.Num]
		if q.caller.Token.App == a.Num || !q.caller.AppToken() && q.caller.User.Admin {
			role = diag.RoleManager
		}
		if q.caller.ReadOnly() {
			role = min(role, diag.RoleViewer)
		}
		if role != diag.RoleNone {
			all = append(all, visibleApp{a, role})
		}
	}
	return all, nil
}

// owner is who an app's first name stands for: a user or an organisation.
func (q *request) owner(name string) (contract.Owner, error) {
	u, err := q.o.Store.UserByName(q.ctx(), name)
	if err == nil {
		return contract.NewOwner(&u), nil
	}
	if diag.KindOf(err) != diag.NotFound {
		return contract.Owner{}, err
	}
	org, err := q.o.Store.Org(q.ctx(), name)
	if err != nil && diag.KindOf(err) == diag.NotFound { // it was renamed at this moment
		org, err = diag.Org{Name: name}, nil
	}
	return contract.NewOrgOwner(&org), err
}

func getApp(q *request) error {
	owner, err := q.owner(q.app.Owner)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, contract.NewApp(&q.app, owner, q.role))
}

func deleteApp(q *request) error {
	if err := q.o.Store.DeleteApp(q.ctx(), q.app.Num); err != nil {
		return err
	}
	q.o.Gate.ForgetApp(q.app.Num)
	q.o.AppsChanged()
	q.o.ExportsChanged()
	return respond.Empty(q.w, http.StatusNoContent)
}

// newApp is what a caller says of an app to be made.
type newApp struct {
	DisplayName string `json:"display_name"`
	Name        string `json:"name"`
	Description string `json:"description"`
	OS          string `json:"os"`
	Platform    string `json:"platform"`
	ReleaseType string `json:"release_type"`
}

// createApp makes an app of the caller.
func createApp(q *request) error {
	u := &q.caller.User
	return q.newApp(u.Name, contract.NewOwner(u), u.Num)
}

// newApp makes the app that the body describes. A user becomes its manager.
func (q *request) newApp(ownerName string, owner contract.Owner, manager int64) error {
	var body newApp
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	if err := body.check(); err != nil {
		return err
	}
	now := q.o.Clock.Now()
	app, err := q.o.Store.CreateApp(q.ctx(), diag.App{
		ID: diag.NewID(now), Secret: diag.RandomID(), Owner: ownerName, Name: body.Name, DisplayName: body.DisplayName,
		Description: body.Description, OS: body.OS, Platform: body.Platform, ReleaseType: body.ReleaseType,
		CreatedAt: now.UnixMilli(), UpdatedAt: now.UnixMilli(),
	})
	if err != nil {
		return err
	}
	if err := q.o.Store.SetMember(q.ctx(), app.Num, manager, diag.RoleManager); err != nil {
		return err
	}
	q.o.AppsChanged()
	return q.json(http.StatusCreated, contract.NewApp(&app, owner, diag.RoleManager))
}

// appChange is what people change of an app. A member that is absent stays as it is; null and "" clear it.
type appChange struct {
	DisplayName *string         `json:"display_name"`
	Name        *string         `json:"name"`
	Description json.RawMessage `json:"description"`
	ReleaseType json.RawMessage `json:"release_type"`
	IconURL     json.RawMessage `json:"icon_url"`
	IconAssetID string          `json:"icon_asset_id"` // read, and not needed
}

const maxIconURL = 2000 // bytes

// patchApp changes an app. A new name moves its path; its secret and its data stay.
func patchApp(q *request) error {
	var body appChange
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	next := newApp{
		DisplayName: q.app.DisplayName, Name: q.app.Name, Description: q.app.Description, OS: q.app.OS, Platform: q.app.Platform, ReleaseType: q.app.ReleaseType,
	}
	icon := q.app.IconURL
	if body.DisplayName != nil {
		next.DisplayName = *body.DisplayName
	}
	if body.Name != nil {
		if next.Name = *body.Name; next.Name == "" {
			return diag.Errorf(diag.Invalid, "name is blank.")
		}
	}
	for _, text := range [...]struct {
		name string
		raw  json.RawMessage
		to   *string
	}{{"description", body.Description, &next.Description}, {"release_type", body.ReleaseType, &next.ReleaseType}, {"icon_url", body.IconURL, &icon}} {
		if text.raw == nil {
			continue
		}
		*text.to = ""
		if err := json.Unmarshal(text.raw, text.to); err != nil {
			return diag.Errorf(diag.Invalid, "%s must be a text.", text.name)
		}
	}
	if q.app.Platform != "Unknown" {
		if err := next.check(); err != nil {
			return err
		}
	}
	if u, err := url.Parse(icon); len(icon) > maxIconURL || err != nil || icon != "" && u.Scheme != "https" && u.Scheme != "http" {
		return diag.Errorf(diag.Invalid, "icon_url must be an address of the web.")
	}
	q.app.DisplayName, q.app.Name, q.app.Description, q.app.ReleaseType, q.app.IconURL = next.DisplayName, next.Name, next.Description, next.ReleaseType, icon
	q.app.UpdatedAt = q.o.Clock.Now().UnixMilli()
	if err := q.o.Store.UpdateApp(q.ctx(), q.app); err != nil {
		return err
	}
	q.o.AppsChanged()
	return getApp(q)
}

// validName: dots alone would be eaten by what handles paths.
func validName(s string) bool { return appName.MatchString(s) && strings.Trim(s, ".") != "" }

var (
	systems   = []string{"Android", "iOS", "macOS", "Tizen", "tvOS", "Windows", "Linux", "Custom"}
	platforms = []string{"Java", "Objective-C-Swift", "UWP", "Cordova", "React-Native", "Unity", "Electron", "Xamarin", "WPF", "WinForms", "Custom"}

	appName     = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)
	releaseType = regexp.MustCompile(`^([A-Z0-9][a-z0-9]{0,99})?$`)
)

// check completes what is missing and says what is wrong.
func (n *newApp) check() error {
	var fault error
	n.OS, fault = oneOf("os", n.OS, systems)
	if fault == nil {
		n.Platform, fault = oneOf("platform", n.Platform, platforms)
	}
	if n.Name == "" {
		n.Name = slug(n.DisplayName)
	}
	switch {
	case strings.TrimSpace(n.DisplayName) == "":
		return diag.Errorf(diag.Invalid, "display_name is missing.")
	case utf8.RuneCountInString(n.DisplayName) > maxAppName:
		return diag.Errorf(diag.Invalid, "display_name is too long: at most %d characters.", maxAppName)
	case !validName(n.Name):
		return diag.Errorf(diag.Invalid, "name must be 1 to %d letters, digits, dots, hyphens and underscores.", maxAppName)
	case utf8.RuneCountInString(n.Description) > maxDescription:
		return diag.Errorf(diag.Invalid, "description is too long: at most %d characters.", maxDescription)
	case !releaseType.MatchString(n.ReleaseType):
		return diag.Errorf(diag.Invalid, "release_type must be one word with a capital letter or a digit in front.")
	}
	return fault
}

// oneOf finds a word in any letter case.
func oneOf(what, word string, words []string) (string, error) {
	for _, w := range words {
		if strings.EqualFold(w, word) {
			return w, nil
		}
	}
	return "", diag.Errorf(diag.Invalid, "%s must be one of %s.", what, strings.Join(words, ", "))
}

// slug makes a name of a display name: what a name cannot have becomes a hyphen.
func slug(display string) string {
	var b strings.Builder
	for _, r := range display {
		switch {
		case b.Len() == maxAppName:
			return strings.Trim(b.String(), "-.")
		case r < utf8.RuneSelf && appName.MatchString(string(r)):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	if s := strings.Trim(b.String(), "-."); s != "" {
		return s
	}
	return "app"
}

func blockApp(q *request) error {
	q.app.Blocked = true
	q.app.UpdatedAt = q.o.Clock.Now().UnixMilli()
	if err := q.o.Store.UpdateApp(q.ctx(), q.app); err != nil {
		return err
	}
	q.o.AppsChanged()
	return q.json(http.StatusOK, "OK")
}

// blockInstall has all later logs of an install dropped. It cannot be undone over the API (Q33).
func blockInstall(q *request) error {
	id, ok := diag.ParseID(q.param("install_id"))
	if !ok {
		return diag.Errorf(diag.Invalid, "The install id must be a GUID.")
	}
	hash := diag.HashInstall(q.o.InstallKey, q.app.ID, diag.InstallID(id.String()))
	if err := q.o.Store.BlockInstall(q.ctx(), q.app.Num, hash, q.o.Clock.Now().UnixMilli()); err != nil {
		return err
	}
	q.o.AppsChanged()
	return q.json(http.StatusOK, "OK")
}
