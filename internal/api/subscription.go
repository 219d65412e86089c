package api

import (
	"net/http"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
)

// A subscription is one of Azure that an operator has entered (Q19). Nothing is asked of Azure.

func showSubscriptions(q *request, all []diag.Subscription, err error) error {
	if err != nil {
		return err
	}
	shown := make([]contract.AzureSubscription, len(all))
	for i := range all {
		shown[i] = contract.NewAzureSubscription(&all[i])
	}
	return q.json(http.StatusOK, shown)
}

// listSubscriptions lists those that apps may be linked with.
func listSubscriptions(q *request) error {
	all, err := q.o.Store.Subscriptions(q.ctx())
	return showSubscriptions(q, all, err)
}

func listAppSubscriptions(q *request) error {
	all, err := q.o.Store.AppSubscriptions(q.ctx(), q.app.Num)
	return showSubscriptions(q, all, err)
}

// subscriptionBody is what an operator says of a subscription.
type subscriptionBody struct {
	TenantID         string `json:"tenant_id"`
	SubscriptionName string `json:"subscription_name"`
}

// subscriptionID is the one of the path.
func (q *request) subscriptionID() (diag.ID, error) {
	return parseSubscription(q.param("azure_subscription_id"))
}

func parseSubscription(text string) (diag.ID, error) {
	id, ok := diag.ParseID(text)
	if !ok || id.IsZero() {
		return id, diag.Errorf(diag.Invalid, "Subscription ID is in invalid format.")
	}
	return id, nil
}

// putSubscription enters a subscription.
func putSubscription(q *request) error {
	id, err := q.subscriptionID()
	if err != nil {
		return err
	}
	var body subscriptionBody
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	tenant, ok := diag.ParseID(body.TenantID)
	if !ok {
		return diag.Errorf(diag.Invalid, "tenant_id must be a GUID.")
	}
	if err := diag.CheckDisplayName(body.SubscriptionName); err != nil {
		return diag.Errorf(diag.Invalid, "subscription_name must be a text of 1 to %d characters.", diag.MaxName)
	}
	s := diag.Subscription{ID: id, Tenant: tenant, Name: body.SubscriptionName}
	if err := q.o.Store.PutSubscription(q.ctx(), s); err != nil {
		return err
	}
	return q.json(http.StatusOK, contract.NewAzureSubscription(&s))
}

// deleteSubscription forgets a subscription with its links.
func deleteSubscription(q *request) error {
	id, err := q.subscriptionID()
	if err != nil {
		return err
	}
	if err := q.o.Store.DeleteSubscription(q.ctx(), id); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
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
	id, err := parseSubscription(body.SubscriptionID)
	if err != nil {
		return err
	}
	err = q.o.Store.LinkSubscription(q.ctx(), q.app.Num, id)
	if err != nil && diag.KindOf(err) == diag.NotFound {
		return diag.Errorf(diag.Invalid, "This subscription is not known to the server. An operator enters it with PUT /v0.1/admin/azure_subscriptions/%s.", id)
	}
	if err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

func unlinkSubscription(q *request) error {
	id, ok := diag.ParseID(q.param("azure_subscription_id"))
	if !ok {
		return diag.Errorf(diag.NotFound, "There is no such subscription in the app.")
	}
	if err := q.o.Store.UnlinkSubscription(q.ctx(), q.app.Num, id); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}
