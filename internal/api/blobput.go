package api

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
	"lifeboat/internal/upload"
)

// The files of symbol uploads come as clients of Azure Blob Storage send them: Put Blob, Put Block and Put Block
// List (https://learn.microsoft.com/rest/api/storageservices/operations-on-block-blobs), at an address that is
// signed. Nobody is asked for a token there, and one that comes is not looked at.

const symbolUploads = "symbol-uploads"

const (
	uploadRoute = "/" + symbolUploads + "/{symbol_upload_id}"
	// maxUpload is more than the greatest upload: how large a file may be is said by package upload.
	maxUpload = 4<<30 + 1<<20
	// maxList is for 50,000 blocks with the longest ids.
	maxBlockList = 16 << 20
)

// The codes of Azure's errors (https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes).
const (
	codeHeader        = "X-Ms-Error-Code"
	codeSignature     = "AuthenticationFailed"
	codeNoBlob        = "BlobNotFound"
	codeFinished      = "BlobImmutableDueToPolicy"
	codeThere         = "BlobAlreadyExists"
	codeChanged       = "ConditionNotMet"
	codeBlockList     = "InvalidBlockList"
	codeBlockID       = "InvalidBlockId"
	codeBlocks        = "BlockCountExceedsLimit"
	codeTooLarge      = "RequestBodyTooLarge"
	codeMD5           = "Md5Mismatch"
	codeBadMD5        = "InvalidMd5"
	codeBadHeader     = "InvalidHeaderValue"
	codeUnsupported   = "UnsupportedHeader"
	codeQuery         = "InvalidQueryParameterValue"
	codeXML           = "InvalidXmlDocument"
	codeInput         = "InvalidInput"
	codeSlow          = "OperationTimedOut"
	codeBusy          = "ServerBusy"
	codeMethod        = "UnsupportedHttpVerb"
	codeURI           = "InvalidUri"
	codeInternal      = "InternalError"
	blobVersion       = "2022-11-02" // if a request names none
	blockBlob         = "BlockBlob"
	maxRequestID      = 1024
	conditionNotMet   = http.StatusPreconditionFailed
	latestBlocks      = "Latest"
	committedBlocks   = "Committed"
	uncommittedBlocks = "Uncommitted"
)

// blobError is an error with Azure's code and status.
type blobError struct {
	error
	code   string
	status int // 0: that of the error's kind
}

func (e *blobError) Unwrap() error { return e.error }

func blobErr(kind diag.ErrorKind, code, format string, args ...any) error {
	return &blobError{diag.Errorf(kind, format, args...), code, 0}
}

// serveBlob answers a request about the file of an upload.
func (a *API) serveBlob(w http.ResponseWriter, r *http.Request) error {
	b := &blobRequest{API: a, w: w, r: r}
	err := b.serve()
	if err == nil {
		return nil
	}
	b.drain()
	code, status := b.errorCode(err)
	w.Header().Set(codeHeader, code)
	if status == conditionNotMet { // no kind of error has this status
		showBlobError(w, r, contract.NewErrorBody(status, code, message(err), respond.Correlation(r)))
		return nil
	}
	return err
}

// blobRequest is one request about the file of an upload.
type blobRequest struct {
	*API
	w     http.ResponseWriter
	r     *http.Request
	query url.Values
	ref   upload.Ref
	body  io.Reader
}

func (b *blobRequest) serve() error {
	h := b.w.Header()
	h.Set("X-Ms-Request-Id", respond.Correlation(b.r))
	h.Set("X-Ms-Version", versionOf(b.r.Header.Get("X-Ms-Version")))
	if id := b.r.Header.Get("X-Ms-Client-Request-Id"); len(id) <= maxRequestID {
		h.Set("X-Ms-Client-Request-Id", printable(id))
	}
	b.body = respond.Pace{}.Body(b.w, b.r)
	if err := b.admit(); err != nil {
		return err
	}
	comp := strings.ToLower(b.query.Get("comp"))
	switch method := b.r.Method; {
	case method == http.MethodPut && comp == "":
		return b.putBlob()
	case method == http.MethodPut && comp == "block":
		return b.putBlock()
	case method == http.MethodPut && comp == "blocklist":
		return b.putBlockList()
	case method == http.MethodHead && comp == "":
		return b.properties()
	case method == http.MethodGet && comp == "blocklist":
		return b.getBlockList()
	case method == http.MethodGet && comp == "":
		return blobErr(diag.Denied, "AuthorizationPermissionMismatch", "This address takes a file and gives none. Ask the API for the location of the symbol upload.")
	case method == http.MethodPut || method == http.MethodGet || method == http.MethodHead:
		return blobErr(diag.Invalid, codeQuery, "comp is not one that symbol uploads know: leave it out, or say block or blocklist.")
	}
	return respond.MethodNotAllowed(http.MethodPut, http.MethodHead, http.MethodGet)
}

var blobVersions = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)

func versionOf(s string) string {
	if blobVersions.MatchString(s) {
		return s
	}
	return blobVersion
}

// printable is a text for a header.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
}

// admit checks the signature, and that the upload still takes files.
func (b *blobRequest) admit() (err error) {
	segments, ok := split(b.r.URL.EscapedPath())
	if !ok || len(segments) != 2 || segments[0] != symbolUploads {
		return &blobError{notFound(), codeURI, 0}
	}
	respond.SetRoute(b.r, uploadRoute)
	if b.query, err = url.ParseQuery(b.r.URL.RawQuery); err != nil {
		return blobErr(diag.Invalid, codeQuery, "The query cannot be read: encode %%, ; and & in its values.")
	}
	id, ok := diag.ParseID(segments[1])
	se := b.query.Get("se")
	if !ok || !hmac.Equal([]byte(b.query.Get("sig")), []byte(b.uploadSignature(id, se))) {
		return &blobError{badSignature(), codeSignature, 0}
	}
	if expiry, ok := diag.ParseTime(se); !ok || !b.o.Clock.Now().Before(expiry) {
		return blobErr(diag.Denied, codeSignature, "The signature has expired. Begin another symbol upload.")
	}
	u, err := b.o.Store.SymbolUploadByID(b.r.Context(), id)
	if isNotFound(err) {
		return &blobError{err, codeNoBlob, 0}
	}
	if err != nil {
		return err
	}
	if u.State != diag.UploadCreated {
		return blobErr(diag.Conflict, codeFinished, "This symbol upload is %s. Begin another one.", u.State)
	}
	b.ref = upload.Ref{App: u.App, ID: u.ID}
	return nil
}

// refused are headers that change what a request means, to something that is not served.
var refused = []string{"X-Ms-Copy-Source", "X-Ms-Structured-Body", "X-Ms-Encryption-Key", "X-Ms-Source-Range"}

// content is the request's body with what it must be.
func (b *blobRequest) content() (c upload.Body, err error) {
	for _, name := range refused {
		if b.r.Header.Get(name) != "" {
			return c, blobErr(diag.Invalid, codeUnsupported, "The header %s is not supported: send the bytes themselves.", strings.ToLower(name))
		}
	}
	c = upload.Body{Reader: b.body, Size: b.r.ContentLength}
	if c.MD5, err = b.digest("Content-Md5", md5.Size); err != nil {
		return c, err
	}
	c.CRC64, err = b.digest("X-Ms-Content-Crc64", 8)
	return c, err
}

func (b *blobRequest) digest(header string, size int) ([]byte, error) {
	text := b.r.Header.Get(header)
	if text == "" {
		return nil, nil
	}
	sum, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sum) != size {
		return nil, blobErr(diag.Invalid, codeBadMD5, "%s must be the base64 of %d bytes.", strings.ToLower(header), size)
	}
	return sum, nil
}

func (b *blobRequest) putBlob() error {
	if kind := b.r.Header.Get("X-Ms-Blob-Type"); kind != "" && !strings.EqualFold(kind, blockBlob) {
		return blobErr(diag.Invalid, codeBadHeader, "x-ms-blob-type must be BlockBlob.")
	}
	body, err := b.content()
	if err != nil {
		return err
	}
	if err := b.condition(); err != nil {
		return err
	}
	blob, err := b.o.Uploads.PutBlob(b.ref, body, b.mustBeNew())
	if err != nil {
		return err
	}
	return b.created(&blob)
}

// mustBeNew: the client wants to replace nothing.
func (b *blobRequest) mustBeNew() bool {
	return strings.TrimSpace(b.r.Header.Get("If-None-Match")) == "*"
}

// condition checks If-Match, and If-None-Match where the blob is there already.
func (b *blobRequest) condition() error {
	match := b.r.Header.Get("If-Match")
	if match == "" && !b.mustBeNew() {
		return nil
	}
	blob, err := b.o.Uploads.Stat(b.ref)
	switch {
	case err != nil && !isNotFound(err):
		return err
	case err == nil && b.mustBeNew():
		return blobErr(diag.Conflict, codeThere, "There is a blob at this address already.")
	case match == "" || err == nil && (match == "*" || strings.Trim(match, `"`) == blob.ETag):
		return nil
	}
	return &blobError{diag.Errorf(diag.Conflict, "The blob is not the one that If-Match names."), codeChanged, conditionNotMet}
}

func (b *blobRequest) putBlock() error {
	id, ok := blockID(b.query.Get("blockid"))
	if !ok {
		return blobErr(diag.Invalid, codeBlockID, "blockid must be the base64 of 1 to %d bytes.", upload.MaxBlockID)
	}
	body, err := b.content()
	if err != nil {
		return err
	}
	if err := b.o.Uploads.PutBlock(b.ref, id, body); err != nil {
		return err
	}
	return b.created(nil)
}

// blockID reads the id of a block. A plus that was not encoded has become a blank.
func blockID(text string) (string, bool) {
	id, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(text, " ", "+"))
	return string(id), err == nil && len(id) > 0 && len(id) <= upload.MaxBlockID
}

func (b *blobRequest) putBlockList() error {
	body, err := b.content()
	if err != nil {
		return err
	}
	if err := b.condition(); err != nil {
		return err
	}
	sum := md5.New()
	limited := &io.LimitedReader{R: body.Reader, N: maxBlockList + 1}
	list, err := readBlockList(io.TeeReader(limited, sum))
	switch {
	case limited.N <= 0:
		return blobErr(diag.TooLarge, codeTooLarge, "The list of blocks is too large: at most %d bytes are read.", maxBlockList)
	case err != nil:
		return err
	}
	if err := checkSum(sum, body.MD5); err != nil {
		return err
	}
	blob, err := b.o.Uploads.PutList(b.ref, list)
	if err != nil {
		return err
	}
	return b.created(&blob)
}

func checkSum(sum hash.Hash, want []byte) error {
	if want != nil && !hmac.Equal(sum.Sum(nil), want) {
		return blobErr(diag.Invalid, codeMD5, "The list is not what Content-MD5 says.")
	}
	return nil
}

// readBlockList reads the XML of a list of blocks. It has two levels, names nothing outside of itself and declares
// nothing: anything else is refused where it begins.
func readBlockList(r io.Reader) (list []upload.Part, err error) {
	d := xml.NewDecoder(r)
	level, name, text := 0, "", []byte(nil)
	for {
		token, err := d.RawToken()
		if err == io.EOF && level == 0 && name != "" {
			return list, nil
		}
		if err != nil {
			return nil, badList(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if level++; level > 2 || level == 1 && (t.Name.Local != "BlockList" || name != "") || len(t.Attr) > 8 {
				return nil, badList(nil)
			}
			name, text = t.Name.Local, nil
		case xml.EndElement:
			if level--; level < 0 {
				return nil, badList(nil)
			}
			if level == 1 {
				part, err := blockPart(name, string(text))
				if err != nil {
					return nil, err
				}
				if list = append(list, part); len(list) > upload.MaxBlocks {
					return nil, blobErr(diag.Invalid, "BlockListTooLong", "A list can have %d blocks at most.", upload.MaxBlocks)
				}
			}
		case xml.CharData:
			if level == 2 {
				text = append(text, t...)
			}
		case xml.Directive:
			return nil, badList(nil)
		}
	}
}

func badList(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return diag.Wrap(diag.Invalid, err, "The list of blocks did not arrive whole. Send it again.")
	}
	return blobErr(diag.Invalid, codeXML, "The list of blocks must be XML such as <BlockList><Latest>base64</Latest></BlockList>.")
}

func blockPart(name, text string) (p upload.Part, err error) {
	switch name {
	case latestBlocks:
	case committedBlocks:
		p.Where = upload.Committed
	case uncommittedBlocks:
		p.Where = upload.Uncommitted
	default:
		return p, badList(nil)
	}
	id, ok := blockID(strings.TrimSpace(text))
	if !ok {
		return p, blobErr(diag.Invalid, codeBlockList, "The list names a block whose id is not the base64 of 1 to %d bytes.", upload.MaxBlockID)
	}
	p.ID = id
	return p, nil
}

// created answers that something was put. A block has no tag of its own: it gets the request's id, for clients
// want one.
func (b *blobRequest) created(blob *upload.Blob) error {
	b.describe(blob)
	return respond.Empty(b.w, http.StatusCreated)
}

func (b *blobRequest) describe(blob *upload.Blob) {
	h := b.w.Header()
	tag, at := respond.Correlation(b.r), b.o.Clock.Now()
	if blob != nil {
		tag, at = blob.ETag, time.UnixMilli(blob.Time)
	}
	h.Set("ETag", strconv.Quote(tag))
	h.Set("Last-Modified", at.UTC().Format(http.TimeFormat))
	h.Set("X-Ms-Request-Server-Encrypted", "false")
}

func (b *blobRequest) properties() error {
	blob, err := b.o.Uploads.Stat(b.ref)
	if err != nil {
		return err
	}
	b.describe(&blob)
	h := b.w.Header()
	h.Set("X-Ms-Blob-Type", blockBlob)
	h.Set("Content-Type", anyBytes)
	h.Set("Content-Length", strconv.FormatInt(blob.Size, 10))
	b.w.WriteHeader(http.StatusOK)
	return nil
}

// blockList is the XML that lists the blocks of an upload.
type blockList struct {
	XMLName     xml.Name   `xml:"BlockList"`
	Committed   *blockNode `xml:"CommittedBlocks"`
	Uncommitted *blockNode `xml:"UncommittedBlocks"`
}

type blockNode struct {
	Blocks []blockItem `xml:"Block"`
}

type blockItem struct {
	Name string `xml:"Name"`
	Size int64  `xml:"Size"`
}

func blockItems(blocks []upload.Block) *blockNode {
	n := &blockNode{}
	for _, b := range blocks {
		n.Blocks = append(n.Blocks, blockItem{base64.StdEncoding.EncodeToString([]byte(b.ID)), b.Size})
	}
	return n
}

func (b *blobRequest) getBlockList() error {
	committed, waiting, err := b.o.Uploads.Blocks(b.ref)
	if err != nil {
		return err
	}
	var list blockList
	kind := strings.ToLower(b.query.Get("blocklisttype"))
	if kind == "" || kind == "committed" || kind == "all" {
		list.Committed = blockItems(committed)
	}
	if kind == "uncommitted" || kind == "all" {
		list.Uncommitted = blockItems(waiting)
	}
	body, err := xml.Marshal(list)
	if err != nil {
		return err
	}
	return writeXML(b.w, http.StatusOK, body)
}

func writeXML(w http.ResponseWriter, status int, body []byte) error {
	body = append([]byte(xml.Header), body...)
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that hung up gets nothing
	return nil
}

// maxDrain is how much of a refused body is read, so that the answer is not lost in a reset of the connection.
const maxDrain = 8 << 20

func (b *blobRequest) drain() {
	if b.r.Header.Get("Expect") == "" && b.r.ContentLength != 0 {
		_, _ = io.CopyN(io.Discard, b.body, maxDrain)
	}
}

// errorCode is Azure's code of an error, and its status if it is not that of the kind.
func (b *blobRequest) errorCode(err error) (code string, status int) {
	if e, ok := errors.AsType[*blobError](err); ok {
		return e.code, e.status
	}
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case tooLarge:
		return codeTooLarge, 0
	case errors.Is(err, upload.ErrDigest):
		return codeMD5, 0
	case errors.Is(err, upload.ErrNoBlock):
		return codeBlockList, 0
	case errors.Is(err, upload.ErrSealed):
		return codeFinished, 0
	case errors.Is(err, os.ErrDeadlineExceeded):
		return codeSlow, 0
	}
	return codeOf(diag.KindOf(err)), 0
}

func codeOf(kind diag.ErrorKind) string {
	switch kind {
	case diag.Invalid:
		return codeInput
	case diag.NotFound:
		return codeNoBlob
	case diag.Denied, diag.Unauthenticated:
		return codeSignature
	case diag.Conflict:
		return codeBlocks
	case diag.TooLarge:
		return codeTooLarge
	case diag.Busy, diag.RateLimited:
		return codeBusy
	}
	return codeInternal
}

// showBlobError writes an error as Azure does.
func showBlobError(w http.ResponseWriter, r *http.Request, e contract.ErrorBody) {
	h := w.Header()
	if h.Get(codeHeader) == "" { // a panic
		h.Set(codeHeader, codeInternal)
	}
	if e.StatusCode == http.StatusMethodNotAllowed {
		h.Set(codeHeader, codeMethod)
	}
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string   `xml:"Code"`
		Message string   `xml:"Message"`
	}{Code: h.Get(codeHeader), Message: e.Message + "\nRequestId:" + e.ID})
	if err == nil {
		_ = writeXML(w, e.StatusCode, body)
	}
}
