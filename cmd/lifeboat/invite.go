package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"lifeboat/internal/diag"
)

type inviteCmd struct {
	Create inviteCreateCmd `cmd:"" help:"Invite somebody and print the link to pass on."`
	Link   inviteLinkCmd   `cmd:"" help:"Make a new link for an invitation; those before are void."`
	List   inviteListCmd   `cmd:"" help:"List the invitations that wait."`
	Revoke inviteRevokeCmd `cmd:"" help:"Take an invitation back."`
}

// invitedTo is an organisation, or an app by OWNER/NAME.
type invitedTo struct {
	name string
	app  bool
	path string
}

// UnmarshalText reads ORG or OWNER/NAME.
func (i *invitedTo) UnmarshalText(b []byte) error {
	if i.name = string(b); !strings.Contains(i.name, "/") && i.name != "" {
		i.path = "/orgs/" + url.PathEscape(i.name) + "/invitations"
		return nil
	}
	var app appName
	if err := app.UnmarshalText(b); err != nil {
		return fmt.Errorf("%q should be the name of an organisation, or OWNER/NAME of an app", b)
	}
	i.app, i.path = true, app.path()+"/invitations"
	return nil
}

// link makes a new link for an address.
func (i *invitedTo) link(ctx context.Context, r *remote, email string) error {
	api, err := r.client()
	if err != nil {
		return err
	}
	var made struct {
		Email     string `json:"email"`
		AcceptURL string `json:"accept_url"`
		ExpiresAt string `json:"expires_at"`
	}
	if err := api.Call(ctx, "POST", i.path+"/"+url.PathEscape(email)+"/link", nil, &made); err != nil {
		return err
	}
	if r.JSON {
		printJSON(made)
		return nil
	}
	fmt.Fprintf(os.Stderr, "%s is invited to %s. Pass this link on; it is good once, until %s:\n", made.Email, i.name, made.ExpiresAt)
	fmt.Println(made.AcceptURL)
	return nil
}

type inviteCreateCmd struct {
	To    invitedTo `arg:"" name:"org|owner/name" help:"The organisation, or the app."`
	Email string    `arg:"" help:"The address of who is invited. Nothing is sent there."`
	Role  string    `placeholder:"ROLE" help:"In an organisation admin, collaborator or member, collaborator by default; in an app manager, developer or viewer, viewer by default."`
	remote
}

func (inviteCreateCmd) Help() string {
	return `Example:
  lifeboat invite create acme bob@example.com --role member --data /var/lib/lifeboat

No mail is sent. Whoever has the link may accept, with an account of theirs or a new one.`
}

func (c *inviteCreateCmd) Run(ctx context.Context) error {
	body := map[string]any{"user_email": c.Email}
	if err := c.checkRole(); err != nil {
		return err
	}
	switch {
	case c.Role != "" && c.To.app:
		body["permissions"] = []string{c.Role}
	case c.Role != "":
		body["role"] = c.Role
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	if err := api.Call(ctx, "POST", c.To.path, body, nil); err != nil {
		return err
	}
	return c.To.link(ctx, &c.remote, c.Email)
}

// checkRole says no to a role of the other kind.
func (c *inviteCreateCmd) checkRole() error {
	words := []string{"admin", "collaborator", "member"}
	if c.To.app {
		words = []string{"manager", "developer", "viewer"}
	}
	if c.Role == "" || slices.Contains(words, c.Role) {
		return nil
	}
	return diag.Errorf(diag.Invalid, "--role must be one of %s.", strings.Join(words, ", "))
}

type inviteLinkCmd struct {
	To    invitedTo `arg:"" name:"org|owner/name" help:"The organisation, or the app."`
	Email string    `arg:"" help:"The address of who is invited."`
	remote
}

func (inviteLinkCmd) Help() string {
	return `Example:
  lifeboat invite link acme bob@example.com --data /var/lib/lifeboat`
}

func (c *inviteLinkCmd) Run(ctx context.Context) error { return c.To.link(ctx, &c.remote, c.Email) }

type inviteListCmd struct {
	To invitedTo `arg:"" name:"org|owner/name" help:"The organisation, or the app."`
	remote
}

func (inviteListCmd) Help() string {
	return `Example:
  lifeboat invite list acme/shop-android --data /var/lib/lifeboat`
}

// invitation is one to an organisation or an app.
type invitation struct {
	Email       string   `json:"email"`
	Role        string   `json:"role,omitempty"`
	Permissions []string `json:"permissions,omitempty"`
	ExpiresAt   string   `json:"expires_at"`
}

func (c *inviteListCmd) Run(ctx context.Context) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	all := []invitation{}
	if err := api.Call(ctx, "GET", c.To.path, nil, &all); err != nil {
		return err
	}
	if c.JSON {
		printJSON(all)
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "EMAIL\tROLE\tEXPIRES")
	for _, i := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\n", i.Email, i.Role+strings.Join(i.Permissions, ","), i.ExpiresAt)
	}
	return w.Flush()
}

type inviteRevokeCmd struct {
	To    invitedTo `arg:"" name:"org|owner/name" help:"The organisation, or the app."`
	Email string    `arg:"" help:"The address of who was invited."`
	remote
}

func (inviteRevokeCmd) Help() string {
	return `Example:
  lifeboat invite revoke acme bob@example.com --data /var/lib/lifeboat`
}

func (c *inviteRevokeCmd) Run(ctx context.Context) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	method, path, body := "DELETE", c.To.path, any(map[string]string{"user_email": c.Email})
	if c.To.app {
		path, body = path+"/"+url.PathEscape(c.Email), nil
	}
	if err := api.Call(ctx, method, path, body, nil); err != nil {
		return err
	}
	if c.JSON {
		printJSON(map[string]string{"revoked": c.Email})
		return nil
	}
	fmt.Printf("The invitation of %s to %s is taken back.\n", c.Email, c.To.name)
	return nil
}
