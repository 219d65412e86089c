package azure

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"lifeboat/internal/blob"
)

// fail turns an error of the SDK into one of the contract; nil stays nil.
func fail(op, name string, err error) error {
	var e *blob.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &blob.Error{Op: op, Name: name, Cause: causeOf(op, err), Err: said(err)}
}

// said keeps what an error says and drops the URLs in it, which may carry a signature.
func said(err error) error {
	var answer *azcore.ResponseError
	if errors.As(err, &answer) {
		return fmt.Errorf("the store answered %d %s", answer.StatusCode, answer.ErrorCode)
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	if strings.Contains(err.Error(), "sig=") {
		return errors.New("the request failed")
	}
	return err
}

// causeOf reads status and code of an answer, or the kind of network failure. Codes are those of
// https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes; Azurite answers some with
// another code of the same status.
func causeOf(op string, err error) blob.Cause {
	var answer *azcore.ResponseError
	if errors.As(err, &answer) {
		return causeOfAnswer(op, answer)
	}
	var refused *hostError
	var dns *net.DNSError
	switch {
	case errors.As(err, &refused):
		return blob.Denied
	case errors.As(err, &dns) && dns.IsNotFound:
		return blob.NoSuchHost
	}
	return blob.Transient // everything else happened on the way
}

func causeOfAnswer(op string, answer *azcore.ResponseError) blob.Cause {
	switch bloberror.Code(answer.ErrorCode) {
	case bloberror.ContainerNotFound:
		return blob.NoSuchContainer
	case bloberror.BlobNotFound:
		return blob.Absent
	case bloberror.BlobAlreadyExists, bloberror.ContainerAlreadyExists, bloberror.ResourceAlreadyExists, bloberror.UnauthorizedBlobOverwrite:
		return blob.Exists
	case bloberror.ContainerBeingDeleted:
		return blob.Transient
	case bloberror.BlobImmutableDueToPolicy, bloberror.InvalidAuthenticationInfo:
		return blob.Denied
	case bloberror.LeaseIDMissing, bloberror.BlobBeingRehydrated:
		return blob.Transient
	}
	switch answer.StatusCode {
	case http.StatusNotFound:
		if op == "get" || op == "head" || op == "delete" {
			return blob.Absent
		}
		return blob.NoSuchContainer
	case http.StatusPreconditionFailed, http.StatusNotModified:
		return blob.Changed
	case http.StatusRequestedRangeNotSatisfiable:
		return blob.OutOfRange
	case http.StatusUnauthorized, http.StatusForbidden:
		return blob.Denied
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return blob.Throttled
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return blob.Transient
	}
	return blob.Fatal
}
