package azure

import (
	"bytes"
	"io"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// payload is the body of a put.
type payload struct {
	*bytes.Reader // for the SDK, which asks for the length and rewinds
	all           []byte
}

func newPayload(b []byte) *payload { return &payload{bytes.NewReader(b), b} }

// Close does nothing: there is nothing to close.
func (*payload) Close() error { return nil }

// ownBody gives every try its own reader. net/http may still be reading the body of a try that was answered
// early while the SDK rewinds that same reader for the next one.
type ownBody struct{}

// Do implements policy.Policy for each try.
func (ownBody) Do(req *policy.Request) (*http.Response, error) {
	if p, ok := req.Body().(*payload); ok {
		req.Raw().Body = io.NopCloser(bytes.NewReader(p.all))
	}
	return req.Next()
}
