package api

import (
	"net/http"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
)

// A linked subscription is one that the operator of the server has entered. This release knows none, so lists
// are empty and nothing can be linked; exports take a connection string.

func listSubscriptions(q *request) error {
	return q.json(http.StatusOK, []contract.AzureSubscription{})
}

// subscriptionLink names a subscription.
type subscriptionLink struct {
	SubscriptionID string `json:"subscription_id"`
}

func linkSubscription(q *request) error {
	var body subscriptionLink
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	if _, ok := diag.ParseID(body.SubscriptionID); !ok {
		return diag.Errorf(diag.Invalid, "Subscription ID is in invalid format.")
	}
	return diag.Errorf(diag.Invalid, "This subscription is not known to the server: export with a connection string.")
}

func unlinkSubscription(*request) error {
	return diag.Errorf(diag.NotFound, "There is no such subscription in the app.")
}
