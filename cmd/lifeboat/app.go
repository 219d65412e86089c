package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"lifeboat/internal/client"
	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
)

type appCmd struct {
	Create appCreateCmd `cmd:"" help:"Register an app and print its secret."`
	List   appListCmd   `cmd:"" help:"List the apps that the token can see."`
	Show   appShowCmd   `cmd:"" help:"Show one app."`
	Limits appLimitsCmd `cmd:"" help:"Show or change how many errors of an app are taken in a minute."`
	Delete appDeleteCmd `cmd:"" help:"Delete an app with everything that is known of it."`
}

// appName is OWNER/NAME.
type appName struct{ owner, name string }

// UnmarshalText reads OWNER/NAME.
func (a *appName) UnmarshalText(b []byte) error {
	owner, name, ok := strings.Cut(string(b), "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return fmt.Errorf("%q should be OWNER/NAME, for example admin/shop", b)
	}
	a.owner, a.name = owner, name
	return nil
}

func (a appName) path() string {
	return "/apps/" + url.PathEscape(a.owner) + "/" + url.PathEscape(a.name)
}

type appCreateCmd struct {
	App         appName `arg:"" name:"owner/name" help:"The app's owner and name in URLs."`
	OS          string  `required:"" placeholder:"OS" help:"Android, iOS, macOS, tvOS, Windows, Linux, Tizen or Custom."`
	Platform    string  `required:"" placeholder:"P" help:"Java, Objective-C-Swift, UWP, Cordova, React-Native, Unity, Electron, Xamarin, WPF, WinForms or Custom."`
	DisplayName string  `name:"display-name" help:"Name for people. Default: NAME."`
	Description string  `help:"A sentence about it."`
	Secret      string  `env:"LIFEBOAT_APP_SECRET" placeholder:"GUID" help:"Secret of an app that is out already, as it was in App Center. Default: a new one. Takes an administrator."`
	remote
}

func (appCreateCmd) Help() string {
	return `Example:
  lifeboat app create admin/shop-android --os Android --platform Java --data /var/lib/lifeboat`
}

func (c *appCreateCmd) Run(ctx context.Context) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	path, err := c.ownersPath(ctx, api)
	if err != nil {
		return err
	}
	body := map[string]string{"name": c.App.name, "display_name": c.DisplayName, "os": c.OS, "platform": c.Platform}
	if c.DisplayName == "" {
		body["display_name"] = c.App.name
	}
	if c.Description != "" {
		body["description"] = c.Description
	}
	if c.Secret != "" {
		body["app_secret"] = c.Secret
	}
	var app contract.App
	if err := api.Call(ctx, "POST", path, body, &app); err != nil {
		return err
	}
	if c.JSON {
		printJSON(app)
		return nil
	}
	fmt.Printf("App %s/%s is registered.\nApp secret: %s\nLog URL:    %s\n", app.Owner.Name, app.Name, app.AppSecret, c.URL)
	return nil
}

// ownersPath is where apps of the owner are made: one's own, or an organisation's. For administrators of the server a
// missing organisation is made; to others it may only be hidden.
func (c *appCreateCmd) ownersPath(ctx context.Context, api *client.Client) (string, error) {
	var me contract.User
	if err := api.Call(ctx, "GET", "/user", nil, &me); err != nil {
		return "", err
	}
	if strings.EqualFold(me.Name, c.App.owner) {
		return "/apps", nil
	}
	org := "/orgs/" + url.PathEscape(c.App.owner)
	if len(me.Permissions) == 0 {
		return org + "/apps", nil
	}
	err := api.Call(ctx, "GET", org, nil, nil)
	if diag.KindOf(err) == diag.NotFound && err != nil {
		err = api.Call(ctx, "POST", "/orgs", map[string]string{"name": c.App.owner, "display_name": c.App.owner}, nil)
	}
	return org + "/apps", err
}

type appListCmd struct{ remote }

func (appListCmd) Help() string {
	return `Example:
  lifeboat app list --url https://crash.example.com --token $TOKEN`
}

func (c *appListCmd) Run(ctx context.Context) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var apps []contract.App
	if err := api.Call(ctx, "GET", "/apps", nil, &apps); err != nil {
		return err
	}
	if c.JSON {
		printJSON(apps)
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "APP\tOS\tPLATFORM\tSECRET")
	for _, a := range apps {
		fmt.Fprintf(w, "%s/%s\t%s\t%s\t%s\n", a.Owner.Name, a.Name, a.OS, a.Platform, a.AppSecret)
	}
	return w.Flush()
}

type appShowCmd struct {
	App appName `arg:"" name:"owner/name" help:"The app."`
	remote
}

func (appShowCmd) Help() string {
	return `Example:
  lifeboat app show admin/shop-android --json --data /var/lib/lifeboat`
}

func (c *appShowCmd) Run(ctx context.Context) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var app contract.App
	if err := api.Call(ctx, "GET", c.App.path(), nil, &app); err != nil {
		return err
	}
	if c.JSON {
		printJSON(app)
		return nil
	}
	fmt.Printf("Name:     %s/%s\nTitle:    %s\nOS:       %s\nPlatform: %s\nSecret:   %s\nCreated:  %s\n",
		app.Owner.Name, app.Name, app.DisplayName, app.OS, app.Platform, app.AppSecret, app.CreatedAt)
	return nil
}

type appLimitsCmd struct {
	App     appName `arg:"" name:"owner/name" help:"The app."`
	Crashes *int    `placeholder:"N" help:"Crashes a minute; 0 for all."`
	Handled *int    `placeholder:"N" help:"Handled errors a minute; 0 for all."`
	remote
}

func (appLimitsCmd) Help() string {
	return `Examples:
  lifeboat app limits admin/shop-android --data /var/lib/lifeboat
  lifeboat app limits admin/shop-android --crashes 60 --handled 60 --data /var/lib/lifeboat

Errors above a limit are answered like all others and not kept; the page and /metrics count them as throttled.`
}

func (c *appLimitsCmd) Run(ctx context.Context) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	method, in := "GET", any(nil)
	if c.Crashes != nil || c.Handled != nil {
		method, in = "PUT", contract.IngestionLimitsChange{Crashes: c.Crashes, Handled: c.Handled}
	}
	var limits contract.IngestionLimits
	if err := api.Call(ctx, method, c.App.path()+"/ingestion_limits", in, &limits); err != nil {
		return err
	}
	if c.JSON {
		printJSON(limits)
		return nil
	}
	fmt.Printf("Crashes a minute:        %s\nHandled errors a minute: %s\n", limit(limits.Crashes), limit(limits.Handled))
	return nil
}

func limit(n int) string {
	if n == 0 {
		return "all"
	}
	return fmt.Sprint(n)
}

type appDeleteCmd struct {
	App appName `arg:"" name:"owner/name" help:"The app."`
	Yes bool    `help:"Do not ask: everything that is known of the app goes."`
	remote
}

func (appDeleteCmd) Help() string {
	return `Example:
  lifeboat app delete admin/shop-android --yes --data /var/lib/lifeboat`
}

func (c *appDeleteCmd) Run(ctx context.Context) error {
	if !c.Yes {
		return diag.Errorf(diag.Invalid, "Deleting an app takes its reports, groups and export configurations along. Say --yes if that is what you want.")
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	if err := api.Call(ctx, "DELETE", c.App.path(), nil, nil); err != nil {
		return err
	}
	if c.JSON {
		printJSON(map[string]string{"deleted": c.App.owner + "/" + c.App.name})
		return nil
	}
	fmt.Printf("App %s/%s is deleted. Its exported archive stays where it is.\n", c.App.owner, c.App.name)
	return nil
}
