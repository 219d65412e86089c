package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
)

type userCmd struct {
	Create   userCreateCmd   `cmd:"" help:"Make an account."`
	List     userListCmd     `cmd:"" help:"List the accounts."`
	Show     userShowCmd     `cmd:"" help:"Show one account."`
	Password userPasswordCmd `cmd:"" help:"Set or take away the password of an account."`
	Admin    userAdminCmd    `cmd:"" help:"Make somebody an administrator of the server, or no longer one."`
	Delete   userDeleteCmd   `cmd:"" help:"Delete an account with its tokens."`
}

const usersPath = "/admin/users"

func userPath(user string) string { return usersPath + "/" + url.PathEscape(user) }

type userCreateCmd struct {
	Name         string `arg:"" help:"The user's name in URLs: letters, digits, dots, hyphens, underscores."`
	Email        string `required:"" placeholder:"EMAIL" help:"The user's e-mail address."`
	DisplayName  string `name:"display-name" placeholder:"TEXT" help:"Name for people. Default: NAME."`
	Admin        bool   `help:"Make the user an administrator of the server."`
	PasswordFile string `name:"password-file" placeholder:"FILE" help:"Read the password from the first line of FILE; - is standard input. Without it you are asked."`
	NoPassword   bool   `name:"no-password" help:"Make the account without a password."`
	remote
}

func (userCreateCmd) Help() string {
	return `Example:
  lifeboat user create ann --email ann@example.com --data /var/lib/lifeboat`
}

func (c *userCreateCmd) Run(ctx context.Context) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	body := map[string]any{"name": c.Name, "email": c.Email, "admin": c.Admin}
	if c.DisplayName != "" {
		body["display_name"] = c.DisplayName
	}
	if !c.NoPassword {
		password, err := readPassword(c.PasswordFile)
		if err != nil {
			return err
		}
		body["password"] = password
	}
	var u contract.Account
	if err := api.Call(ctx, "POST", usersPath, body, &u); err != nil {
		return err
	}
	if c.JSON {
		printJSON(u)
		return nil
	}
	fmt.Printf("User %s is made.\n", u.Name)
	return nil
}

type userListCmd struct{ remote }

func (userListCmd) Help() string {
	return `Example:
  lifeboat user list --data /var/lib/lifeboat`
}

func (c *userListCmd) Run(ctx context.Context) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var all []contract.Account
	if err := api.Call(ctx, "GET", usersPath, nil, &all); err != nil {
		return err
	}
	if c.JSON {
		printJSON(all)
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tEMAIL\tADMIN\tPASSWORD\tCREATED")
	for _, u := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", u.Name, u.Email, yesNo(u.Admin), yesNo(u.CanChangePassword), u.CreatedAt)
	}
	return w.Flush()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

type userShowCmd struct {
	User string `arg:"" help:"Name or e-mail address."`
	remote
}

func (userShowCmd) Help() string {
	return `Example:
  lifeboat user show ann --json --data /var/lib/lifeboat`
}

func (c *userShowCmd) Run(ctx context.Context) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var u contract.Account
	if err := api.Call(ctx, "GET", userPath(c.User), nil, &u); err != nil {
		return err
	}
	if c.JSON {
		printJSON(u)
		return nil
	}
	fmt.Printf("Name:     %s\nTitle:    %s\nE-mail:   %s\nAdmin:    %s\nPassword: %s\nCreated:  %s\n",
		u.Name, u.DisplayName, u.Email, yesNo(u.Admin), yesNo(u.CanChangePassword), u.CreatedAt)
	return nil
}

type userPasswordCmd struct {
	User         string `arg:"" help:"Name or e-mail address."`
	PasswordFile string `name:"password-file" xor:"how" placeholder:"FILE" help:"Read the password from the first line of FILE; - is standard input. Without it you are asked."`
	Remove       bool   `xor:"how" help:"Take the password away: the user comes in with tokens only."`
	remote
}

func (userPasswordCmd) Help() string {
	return `Example:
  lifeboat user password ann --data /var/lib/lifeboat

Browsers that are signed in with the old password are signed out. Tokens stay good.`
}

func (c *userPasswordCmd) Run(ctx context.Context) error {
	password := ""
	if !c.Remove {
		var err error
		if password, err = readPassword(c.PasswordFile); err != nil {
			return err
		}
	}
	said := "The password of %s is set.\n"
	if c.Remove {
		said = "%s has no password any more.\n"
	}
	return c.change(ctx, c.User, map[string]any{"password": password}, said)
}

// change patches an account and says so.
func (r *remote) change(ctx context.Context, user string, body map[string]any, said string) error {
	api, err := r.client()
	if err != nil {
		return err
	}
	var u contract.Account
	if err := api.Call(ctx, "PATCH", userPath(user), body, &u); err != nil {
		return err
	}
	if r.JSON {
		printJSON(u)
		return nil
	}
	fmt.Printf(said, u.Name)
	return nil
}

type userAdminCmd struct {
	User   string `arg:"" help:"Name or e-mail address."`
	Revoke bool   `help:"Take the rights away."`
	remote
}

func (userAdminCmd) Help() string {
	return `Example:
  lifeboat user admin ann --data /var/lib/lifeboat`
}

func (c *userAdminCmd) Run(ctx context.Context) error {
	said := "%s is an administrator of the server.\n"
	if c.Revoke {
		said = "%s is no administrator of the server any more.\n"
	}
	return c.change(ctx, c.User, map[string]any{"admin": !c.Revoke}, said)
}

type userDeleteCmd struct {
	User string `arg:"" help:"Name or e-mail address."`
	Yes  bool   `help:"Do not ask: the account goes with its tokens."`
	remote
}

func (userDeleteCmd) Help() string {
	return `Example:
  lifeboat user delete ann --yes --data /var/lib/lifeboat`
}

func (c *userDeleteCmd) Run(ctx context.Context) error {
	if !c.Yes {
		return diag.Errorf(diag.Invalid, "Deleting an account takes its tokens along, those of apps too. Say --yes if that is what you want.")
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	if err := api.Call(ctx, "DELETE", userPath(c.User), nil, nil); err != nil {
		return err
	}
	if c.JSON {
		printJSON(map[string]string{"deleted": c.User})
		return nil
	}
	fmt.Printf("User %s is deleted.\n", c.User)
	return nil
}

// maxPasswordLine bounds what is read of a file that is no password's.
const maxPasswordLine = 4 << 10

// readPassword reads a password from a file or, without one, from the terminal, twice. It never stands on the
// command line, where every process of the machine could read it.
func readPassword(file string) (string, error) {
	switch file {
	case "":
		return askPassword()
	case "-":
		return firstLine(os.Stdin, "standard input")
	}
	f, err := os.Open(file)
	if err != nil {
		return "", diag.Wrap(diag.Invalid, err, "The password file cannot be read: %v.", err)
	}
	defer f.Close()
	return firstLine(f, file)
}

func firstLine(r io.Reader, what string) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPasswordLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", diag.Wrap(diag.Invalid, err, "%s cannot be read: %v.", what, err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", diag.Errorf(diag.Invalid, "There is no password in the first line of %s.", what)
	}
	return line, nil
}

func askPassword() (string, error) {
	in := int(os.Stdin.Fd())
	if !term.IsTerminal(in) {
		return "", diag.Errorf(diag.Invalid, "There is no terminal to ask for the password. Name a file with --password-file, or - for standard input.")
	}
	var typed [2]string
	for i, prompt := range [...]string{"Password: ", "Again: "} {
		fmt.Fprint(os.Stderr, prompt)
		b, err := term.ReadPassword(in)
		fmt.Fprintln(os.Stderr)
		if err != nil {
			return "", diag.Wrap(diag.Invalid, err, "The password cannot be read: %v.", err)
		}
		typed[i] = string(b)
	}
	if typed[0] != typed[1] {
		return "", diag.Errorf(diag.Invalid, "The two passwords differ.")
	}
	return typed[0], nil
}
