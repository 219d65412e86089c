package contract

// DeleteCounter says what the deletion of an error took away. Blobs are the places where its logs lay.
type DeleteCounter struct {
	AppID              string `json:"appId"`
	ErrorGroupID       string `json:"errorGroupId"`
	ErrorID            string `json:"errorId"`
	ErrorsDeleted      int    `json:"errorsDeleted"`
	AttachmentsDeleted int    `json:"attachmentsDeleted"`
	BlobsSucceeded     int    `json:"blobsSucceeded"`
	BlobsFailed        int    `json:"blobsFailed"`
}
