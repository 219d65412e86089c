package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/server"
)

type tokenCmd struct {
	Create     tokenCreateCmd     `cmd:"" help:"Make an API token. It is shown once."`
	List       tokenListCmd       `cmd:"" help:"List your tokens, or those of an app."`
	Delete     tokenDeleteCmd     `cmd:"" help:"Revoke a token."`
	ResetAdmin tokenResetAdminCmd `cmd:"" name:"reset-admin" help:"Write a new token into DIR/admin.token; the one before is void."`
}

type tokenCreateCmd struct {
	Description string `short:"d" help:"What it is for."`
	Scope       string `enum:"all,viewer" default:"all" help:"all, or viewer: read only."`
	Expires     days   `placeholder:"DAYS" help:"How many days it is good for. Default: for ever, or as long as the token that makes it."`
	tokenApp
	remote
}

// tokenApp says whose tokens are meant.
type tokenApp struct {
	App *appName `placeholder:"OWNER/NAME" help:"Tokens that are good for this app only, instead of your own."`
}

func (t *tokenApp) path() string {
	if t.App == nil {
		return "/api_tokens"
	}
	return t.App.path() + "/api_tokens"
}

// days is a number of days from today.
type days int

const maxDays = 36500

// UnmarshalText reads 90 or 90d.
func (d *days) UnmarshalText(b []byte) error {
	n, err := strconv.Atoi(strings.TrimSuffix(string(b), "d"))
	if err != nil || n < 1 || n > maxDays {
		return fmt.Errorf("%q should be a number of days, from 1 to %d", b, maxDays)
	}
	*d = days(n)
	return nil
}

func (tokenCreateCmd) Help() string {
	return `Example:
  lifeboat token create -d "nightly script" --scope viewer --data /var/lib/lifeboat`
}

func (c *tokenCreateCmd) Run(ctx context.Context) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var t contract.Token
	body := map[string]any{"description": c.Description, "scope": []string{c.Scope}}
	if c.Expires != 0 {
		body["expires_at"] = time.Now().UTC().AddDate(0, 0, int(c.Expires)).Format(time.RFC3339)
	}
	if err := api.Call(ctx, "POST", c.path(), body, &t); err != nil {
		return err
	}
	if c.JSON {
		printJSON(t)
		return nil
	}
	until := ""
	if t.ExpiresAt != "" {
		until = ", good until " + t.ExpiresAt
	}
	fmt.Fprintf(os.Stderr, "Token %s, scope %s%s. It is shown this once:\n", t.ID, strings.Join(t.Scope, ","), until)
	fmt.Println(t.APIToken)
	return nil
}

type tokenListCmd struct {
	tokenApp
	remote
}

func (tokenListCmd) Help() string {
	return `Example:
  lifeboat token list --data /var/lib/lifeboat`
}

func (c *tokenListCmd) Run(ctx context.Context) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var all []contract.Token
	if err := api.Call(ctx, "GET", c.path(), nil, &all); err != nil {
		return err
	}
	if c.JSON {
		printJSON(all)
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSCOPE\tCREATED\tLAST USED\tEXPIRES\tDESCRIPTION")
	for _, t := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, strings.Join(t.Scope, ","), t.CreatedAt, cmp.Or(t.LastUsedAt, "-"), cmp.Or(t.ExpiresAt, "-"), t.Description)
	}
	return w.Flush()
}

type tokenDeleteCmd struct {
	ID string `arg:"" help:"The token's id, as listed; or the word current."`
	tokenApp
	remote
}

func (tokenDeleteCmd) Help() string {
	return `Example:
  lifeboat token delete 55555555-5555-4555-8555-555555555555 --data /var/lib/lifeboat`
}

func (c *tokenDeleteCmd) Run(ctx context.Context) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	if err := api.Call(ctx, "DELETE", c.path()+"/"+url.PathEscape(c.ID), nil, nil); err != nil {
		return err
	}
	if c.JSON {
		printJSON(map[string]string{"deleted": c.ID})
		return nil
	}
	fmt.Printf("Token %s is revoked.\n", c.ID)
	return nil
}

type tokenResetAdminCmd struct {
	Data    string `required:"" type:"path" env:"LIFEBOAT_DATA" placeholder:"DIR" help:"Data folder. Stop its server first."`
	KeyFile string `name:"key-file" type:"path" env:"LIFEBOAT_KEY_FILE" placeholder:"FILE" help:"Master key, if it is not DIR/key."`
	JSON    bool   `help:"Print JSON for programs."`
}

func (tokenResetAdminCmd) Help() string {
	return `Example:
  lifeboat token reset-admin --data /var/lib/lifeboat`
}

func (c *tokenResetAdminCmd) Run(ctx context.Context) error {
	file, err := server.ResetAdmin(ctx, server.Config{Data: c.Data, KeyFile: c.KeyFile})
	if err != nil {
		return err
	}
	if c.JSON {
		printJSON(map[string]string{"file": file})
		return nil
	}
	fmt.Printf("A new token of the administrator stands in %s. The one before is void.\n", file)
	return nil
}
