package api

import (
	"encoding/json"
	"slices"
	"strings"

	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
)

// The types of configuration.
const (
	typeConnectionString = "blob_storage_connection_string"
	typeDirectory        = "directory" // ours
	typeLinkedBlobs      = "blob_storage_linked_subscription"
	typeInsightsKey      = "application_insights_instrumentation_key"
	typeLinkedInsights   = "application_insights_linked_subscription"
)

// exportKind is the export_type that follows from a type.
func exportKind(t string) string {
	if strings.HasPrefix(t, "application_insights") {
		return "AppInsights"
	}
	return "BlobStorage"
}

const (
	withoutAppID = "WithoutAppId"
	withAppID    = "WithAppId"
)

var entityWords = []string{"crashes", "errors", "attachments", "no_logs"}

// exportRequest is the body of a new configuration or of a change: nil is a member that is not there.
type exportRequest struct {
	kind             *string
	connectionString *string
	subscriptionID   *string
	path             *string
	pathKind         *string
	entities         *[]string
	backfill         *bool
	handledErrors    *bool
}

// exportRequest reads the body. Some members have several spellings (D3, D21); a null is an absent member.
func (q *request) exportRequest() (b exportRequest, err error) {
	members := map[string]json.RawMessage{}
	if err := respond.ReadJSON(q.r, maxBody, &members); err != nil {
		return b, err
	}
	r := memberReader{members: members}
	b = exportRequest{
		kind:             member[string](&r, "a text", "type"),
		connectionString: member[string](&r, "a text", "connection_string"),
		subscriptionID:   member[string](&r, "a text", "subscription_id"),
		path:             member[string](&r, "a text", "path"),
		pathKind:         member[string](&r, "a text", "blob_path_format_kind", "config"),
		entities:         member[[]string](&r, "a list of texts", "export_entities", "exportEntities", "ExportEntities", "entities", "Entities"),
		backfill:         member[bool](&r, "true or false", "backfill"),
		handledErrors:    member[bool](&r, "true or false", "handled_errors"),
	}
	if r.err == nil {
		r.err = b.normalise()
	}
	return b, r.err
}

// memberReader keeps the first thing that is wrong.
type memberReader struct {
	members map[string]json.RawMessage
	err     error
}

// member reads the first of the names that is there. what is for people.
func member[T any](r *memberReader, what string, names ...string) *T {
	for _, name := range names {
		raw, ok := r.members[name]
		if !ok || string(raw) == "null" {
			continue
		}
		v := new(T)
		if json.Unmarshal(raw, v) != nil && r.err == nil {
			r.err = diag.Errorf(diag.Invalid, "%s must be %s.", name, what)
		}
		return v
	}
	return nil
}

// normalise brings words into the spelling that is stored.
func (b *exportRequest) normalise() (err error) {
	if b.pathKind != nil {
		if *b.pathKind, err = oneOf("blob_path_format_kind", *b.pathKind, []string{withoutAppID, withAppID}); err != nil {
			return err
		}
	}
	if b.entities == nil {
		return nil
	}
	all := []string{}
	for _, word := range *b.entities {
		if word, err = oneOf("export_entities", word, entityWords); err != nil {
			return err
		}
		if !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	b.entities = &all
	if len(all) == 1 && all[0] == "no_logs" {
		return diag.Errorf(diag.Invalid, "export_entities asks for nothing: no_logs leaves out the analytics logs, so name crashes, errors or attachments too.")
	}
	return nil
}

// secret is the connection string, "" if the body has none.
func (b *exportRequest) secret() string {
	if b.connectionString == nil {
		return ""
	}
	return *b.connectionString
}

// create fills in a new configuration.
func (b *exportRequest) create(e *store.Export) error {
	if b.kind == nil {
		return diag.Errorf(diag.Invalid, "type is missing: use %s.", typeConnectionString)
	}
	e.Type = *b.kind
	if b.backfill != nil {
		e.Backfill = *b.backfill
	}
	if err := b.checkType(); err != nil {
		return err
	}
	b.merge(e)
	return nil
}

// checkType says what the type lacks.
func (b *exportRequest) checkType() error {
	switch *b.kind {
	case typeConnectionString:
		if strings.TrimSpace(b.secret()) == "" {
			return diag.Errorf(diag.Invalid, "connection_string is missing: copy it from the storage account's access keys.")
		}
		return nil
	case typeDirectory:
		if b.path == nil || *b.path == "" {
			return diag.Errorf(diag.Invalid, "path is missing: a folder relative to the server's --export-root.")
		}
		return nil
	case typeLinkedBlobs, typeLinkedInsights:
		return b.checkSubscription()
	case typeInsightsKey:
		return noInsights()
	}
	return diag.Errorf(diag.Invalid, "type must be %s or %s.", typeConnectionString, typeDirectory)
}

// checkSubscription refuses: nothing in this version can act in a subscription (Q19).
func (b *exportRequest) checkSubscription() error {
	if b.subscriptionID == nil {
		return diag.Errorf(diag.Invalid, "subscription_id is missing.")
	}
	if _, ok := diag.ParseID(*b.subscriptionID); !ok {
		return diag.Errorf(diag.Invalid, "Subscription ID is in invalid format.")
	}
	if *b.kind == typeLinkedInsights {
		return noInsights()
	}
	return diag.Errorf(diag.Invalid, "No storage account is linked to this subscription on this server. Use type %s with the connection_string of a storage account.", typeConnectionString)
}

func noInsights() error {
	return diag.Errorf(diag.Invalid, "This server has no export to Application Insights. Use type %s with the connection_string of a storage account.", typeConnectionString)
}

// patch merges the body into a stored configuration. Another type is refused (Q18); how far it reached back,
// and what it is called in Azure, cannot be changed any more.
func (b *exportRequest) patch(e *store.Export) error {
	if b.kind != nil && *b.kind != e.Type {
		return diag.Errorf(diag.Invalid, "type cannot be changed: this configuration is of type %s. Make another one.", e.Type)
	}
	if b.connectionString != nil && strings.TrimSpace(*b.connectionString) == "" {
		return diag.Errorf(diag.Invalid, "connection_string is empty: leave it out to keep the stored one.")
	}
	b.merge(e)
	return nil
}

func (b *exportRequest) merge(e *store.Export) {
	if b.entities != nil {
		e.Entities = *b.entities
	}
	if b.pathKind != nil {
		e.PathKind = *b.pathKind
	}
	if b.handledErrors != nil {
		e.HandledErrors = *b.handledErrors
	}
	if b.path != nil && e.Type == typeDirectory {
		e.Path = *b.path
	}
}
