package contract

// ExportConfiguration is a configuration of continuous export with what became of it.
type ExportConfiguration struct {
	ID                  string         `json:"id"`
	ExportType          string         `json:"export_type"` // BlobStorage, AppInsights
	CreationTime        string         `json:"creation_time"`
	LastRunTime         string         `json:"last_run_time,omitempty"` // everything ingested before it is in the target
	State               string         `json:"state"`                   // Enabled, Disabled, Pending, Deleted, Invalid
	StateInfo           string         `json:"state_info,omitempty"`
	ResourceGroup       string         `json:"resource_group,omitempty"`
	ResourceName        string         `json:"resource_name,omitempty"` // the storage account: tells where the data is
	ExportEntities      []string       `json:"export_entities,omitempty"`
	BlobEndpoint        string         `json:"blob_endpoint,omitempty"` // ours, as are the next two
	Container           string         `json:"container,omitempty"`
	Prefix              string         `json:"prefix,omitempty"`
	ExportConfiguration ExportSettings `json:"export_configuration"`
}

// ExportSettings repeats what was asked for, without its secrets.
type ExportSettings struct {
	Type               string   `json:"type"`
	SubscriptionID     string   `json:"subscription_id,omitempty"`
	BlobPathFormatKind string   `json:"blob_path_format_kind,omitempty"` // WithoutAppId, WithAppId
	Path               string   `json:"path,omitempty"`                  // of the directory kind, below the export root
	ExportEntities     []string `json:"export_entities,omitempty"`
	ResourceName       string   `json:"resource_name,omitempty"`
	ResourceGroup      string   `json:"resource_group,omitempty"`
	Backfill           bool     `json:"backfill"`
	HandledErrors      *bool    `json:"handled_errors,omitempty"` // false: "crashes" means unhandled ones only (Q14)
}

// ExportConfigurations is the list of an app's configurations. There are no pages (Q16).
type ExportConfigurations struct {
	Values []ExportConfiguration `json:"values"`
	Total  int                   `json:"total"`
}
