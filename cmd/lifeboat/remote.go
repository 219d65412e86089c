package main

import (
	"lifeboat/internal/client"
	"lifeboat/internal/diag"
	"lifeboat/internal/server"
)

// remote are the flags of commands that talk to a running server.
type remote struct {
	URL   string `default:"http://127.0.0.1:8080" env:"LIFEBOAT_URL" placeholder:"URL" help:"The server."`
	Token string `env:"LIFEBOAT_TOKEN" placeholder:"TOKEN" help:"API token. Better in the environment than on the command line."`
	Data  string `type:"path" env:"LIFEBOAT_DATA" placeholder:"DIR" help:"Take the token from DIR/admin.token instead."`
	JSON  bool   `help:"Print JSON for programs."`
}

func (r *remote) client() (*client.Client, error) {
	token := r.Token
	if token == "" && r.Data == "" {
		return nil, diag.Errorf(diag.Invalid, "Name a token with --token or LIFEBOAT_TOKEN, or the server's data folder with --data.")
	}
	if token == "" {
		var err error
		if token, err = server.AdminToken(r.Data); err != nil {
			return nil, err
		}
	}
	return client.New(r.URL, token)
}
