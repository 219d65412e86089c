package api

import (
	"net/http"

	"lifeboat/internal/diag"
)

// Teams are not kept here: people have roles in an organisation and in apps. Lists of teams are empty.

// team is what a list of teams would hold.
type team struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Description string `json:"description"`
}

func listOrgTeams(q *request) error { return q.json(http.StatusOK, []team{}) }

func listAppTeams(q *request) error { return q.json(http.StatusOK, []team{}) }

func noTeam(*request) error { return diag.Errorf(diag.NotFound, "There is no such team.") }

func createTeam(*request) error {
	return diag.Errorf(diag.Invalid, "Teams are not kept here: give people a role in the organisation or in the app.")
}
