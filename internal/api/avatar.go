package api

import (
	"net/http"

	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
)

// Pictures are not kept here.

func setAvatar(*request) error { return diag.Errorf(diag.Invalid, "Pictures are not kept here.") }

func deleteAvatar(q *request) error { return respond.Empty(q.w, http.StatusNoContent) }
