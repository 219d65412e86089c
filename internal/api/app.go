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

	"lifeboat/internal/auth"
	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
)

// visibleApp is an app with the caller's role in it.
type visibleApp struct {
	diag.App
	owner store.Owner
	role  diag.Role
}

func listApps(q *request) error {
	order := strings.ToLower(q.params().text("$orderBy", "$orderby"))
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
	view, err := q.appViews()
	if err != nil {
		return err
	}
	all := make([]contract.App, len(apps))
	for i := range apps {
		all[i] = view(&apps[i])
	}
	return q.json(http.StatusOK, all)
}

// visibleApps are the apps that the caller has a role in, oldest first.
func (q *request) visibleApps() ([]visibleApp, error) {
	role, err := q.o.Gate.Roles(q.ctx(), &q.caller)
	if err != nil {
		return nil, err
	}
	apps, owners, err := q.o.Store.OwnedApps(q.ctx())
	if err != nil {
		return nil, err
	}
	var all []visibleApp
	for _, a := range apps {
		if role := role(a.Num); role != diag.RoleNone {
			all = append(all, visibleApp{a, owners[strings.ToLower(a.Owner)], role})
		}
	}
	return all, nil
}

// appViews makes many apps as callers see them.
func (q *request) appViews() (func(*visibleApp) contract.App, error) {
	linked, err := q.o.Store.LinkedSubscriptions(q.ctx())
	return func(a *visibleApp) contract.App {
		view := q.appView(&a.App, &a.owner, a.role)
		if s, ok := linked[a.Num]; ok {
			of := contract.NewAzureSubscription(&s)
			view.AzureSubscription = &of
		}
		return view
	}, err
}

// appView is an app without its subscription.
func (q *request) appView(a *diag.App, owner *store.Owner, role diag.Role) contract.App {
	view := contract.NewApp(a, q.ownerView(owner), role)
	if !a.Avatar.IsZero() {
		view.IconURL = q.avatarURL(a.Avatar)
	}
	return view
}

func (q *request) ownerView(o *store.Owner) contract.Owner {
	if !o.IsOrg() {
		return contract.NewOwner(&o.User)
	}
	view := contract.NewOrgOwner(&o.Org)
	view.AvatarURL = q.avatarURL(o.Org.Avatar)
	return view
}

// showApp answers with an app of an owner.
func (q *request) showApp(status int, a *diag.App, owner *store.Owner, role diag.Role) error {
	linked, err := q.o.Store.AppSubscriptions(q.ctx(), a.Num)
	if err != nil {
		return err
	}
	view := q.appView(a, owner, role)
	if len(linked) > 0 {
		of := contract.NewAzureSubscription(&linked[0])
		view.AzureSubscription = &of
	}
	return q.json(status, view)
}

func getApp(q *request) error { return q.showOwned(&q.app) }

// showOwned answers with an app whose owner is to be looked up.
func (q *request) showOwned(a *diag.App) error {
	owner, err := q.o.Store.Owner(q.ctx(), a.Owner)
	if diag.KindOf(err) == diag.NotFound && err != nil {
		return notFound() // the app moved at this moment
	}
	if err != nil {
		return err
	}
	return q.showApp(http.StatusOK, a, &owner, q.role)
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
	AppSecret   string `json:"app_secret,omitempty"` // ours: of an app that is out already
}

// secret is a new one, or the one that apps which are out already send. Only administrators may choose it: whoever
// has it gets what those apps send.
func (n *newApp) secret(q *request) (diag.ID, error) {
	if n.AppSecret == "" {
		return diag.RandomID(), nil
	}
	if err := auth.RequireAdmin(&q.caller); err != nil {
		return diag.ID{}, err
	}
	id, ok := diag.ParseID(n.AppSecret)
	if !ok || id.IsZero() {
		return diag.ID{}, diag.Errorf(diag.Invalid, "app_secret must be a GUID.")
	}
	return id, nil
}

// createApp makes an app of the caller.
func createApp(q *request) error { return q.newApp(q.caller.User.Name) }

// newApp makes the app that the body describes. The caller becomes its manager.
func (q *request) newApp(owner string) error {
	var body newApp
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	if err := body.check(); err != nil {
		return err
	}
	secret, err := body.secret(q)
	if err != nil {
		return err
	}
	now := q.o.Clock.Now()
	app, of, err := q.o.Store.CreateAppOf(q.ctx(), diag.App{
		ID: diag.NewID(now), Secret: secret, Owner: owner, Name: body.Name, DisplayName: body.DisplayName,
		Description: body.Description, OS: body.OS, Platform: body.Platform, ReleaseType: body.ReleaseType,
		CreatedAt: now.UnixMilli(), UpdatedAt: now.UnixMilli(),
	}, q.caller.User.Num)
	if err != nil {
		return err
	}
	q.o.AppsChanged()
	return q.showApp(http.StatusCreated, &app, &of, diag.RoleManager)
}

// appChange is what people change of an app. A member that is absent stays as it is; null and "" clear it.
type appChange struct {
	DisplayName *string         `json:"display_name"`
	Name        *string         `json:"name"`
	Description json.RawMessage `json:"description"`
	ReleaseType json.RawMessage `json:"release_type"`
	IconURL     json.RawMessage `json:"icon_url"`
	IconAssetID *string         `json:"icon_asset_id"`
}

const maxIconURL = 2000 // bytes

// patchApp changes an app. A new name moves its path; its secret and its data stay.
func patchApp(q *request) error {
	var body appChange
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	if body.IconAssetID != nil {
		return diag.Errorf(diag.Invalid, "There is no such icon_asset_id: upload the picture to this app's avatar, or give an icon_url.")
	}
	var err error
	q.app, err = q.o.Store.ChangeApp(q.ctx(), q.app.Num, func(a *diag.App) error {
		a.UpdatedAt = q.o.Clock.Now().UnixMilli()
		return body.put(a)
	})
	if err != nil {
		return err
	}
	if body.IconURL != nil && !q.app.Avatar.IsZero() { // the last word counts
		if q.app, err = q.o.Store.SetAppAvatar(q.ctx(), q.app.Num, diag.Avatar{}, q.app.UpdatedAt); err != nil {
			return err
		}
	}
	q.o.AppsChanged()
	return getApp(q)
}

// put enters the change into an app.
func (c *appChange) put(a *diag.App) error {
	if c.DisplayName != nil {
		a.DisplayName = *c.DisplayName
		if err := checkDisplay(a.DisplayName); err != nil {
			return err
		}
	}
	if c.Name != nil {
		a.Name = *c.Name
		if err := diag.CheckName(a.Name); err != nil {
			return err
		}
	}
	for _, text := range [...]struct {
		name  string
		raw   json.RawMessage
		to    *string
		check func(string) error
	}{
		{"description", c.Description, &a.Description, checkDescription},
		{"release_type", c.ReleaseType, &a.ReleaseType, checkReleaseType},
		{"icon_url", c.IconURL, &a.IconURL, checkIconURL},
	} {
		if text.raw == nil {
			continue
		}
		*text.to = "" // also for null
		if err := json.Unmarshal(text.raw, text.to); err != nil {
			return diag.Errorf(diag.Invalid, "%s must be a text.", text.name)
		}
		if err := text.check(*text.to); err != nil {
			return err
		}
	}
	return nil
}

func checkDescription(s string) error {
	if utf8.RuneCountInString(s) > maxDescription {
		return diag.Errorf(diag.Invalid, "description is too long: at most %d characters.", maxDescription)
	}
	return nil
}

func checkReleaseType(s string) error {
	if !releaseType.MatchString(s) {
		return diag.Errorf(diag.Invalid, "release_type must be one word with a capital letter or a digit in front.")
	}
	return nil
}

func checkIconURL(s string) error {
	u, err := url.Parse(s)
	if s != "" && (len(s) > maxIconURL || err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		return diag.Errorf(diag.Invalid, "icon_url must be an address that begins with https:// or http://, of at most %d bytes.", maxIconURL)
	}
	return nil
}

// checkDisplay is for the display names of apps, which may hold anything that can be seen.
func checkDisplay(s string) error {
	switch {
	case strings.TrimSpace(s) == "":
		return diag.Errorf(diag.Invalid, "display_name is missing.")
	case utf8.RuneCountInString(s) > diag.MaxName:
		return diag.Errorf(diag.Invalid, "display_name is too long: at most %d characters.", diag.MaxName)
	}
	return nil
}

var (
	systems   = []string{"Android", "iOS", "macOS", "Tizen", "tvOS", "Windows", "Linux", "Custom"}
	platforms = []string{"Java", "Objective-C-Swift", "UWP", "Cordova", "React-Native", "Unity", "Electron", "Xamarin", "WPF", "WinForms", "Custom"}

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
		n.Name = diag.Slug(n.DisplayName)
	}
	return cmp.Or(checkDisplay(n.DisplayName), diag.CheckName(n.Name), checkDescription(n.Description), checkReleaseType(n.ReleaseType), fault)
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

func blockApp(q *request) error {
	_, err := q.o.Store.ChangeApp(q.ctx(), q.app.Num, func(a *diag.App) error {
		a.Blocked, a.UpdatedAt = true, q.o.Clock.Now().UnixMilli()
		return nil
	})
	if err != nil {
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
