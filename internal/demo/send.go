package demo

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"

	"lifeboat/internal/diag"
)

// compressFrom is the size of a body, in bytes, from which Android and Apple compress. .NET never does.
const compressFrom = 1400

const contentTypeJSON = "application/json"

// header is what the SDK puts before a body, spelled as it spells it. .NET has no user agent.
func (r *Request) header(secret string) http.Header {
	h := http.Header{"App-Secret": {secret}, "Install-ID": {r.Install}, "Content-Type": {contentTypeJSON}}
	switch r.sdk {
	case android:
		h["User-Agent"] = []string{"Dalvik/2.1.0 (Linux; U; Android 14; Pixel 7a Build/AP2A.240805.005)"}
	case apple:
		h["User-Agent"] = []string{"Ferry/430 CFNetwork/1498.700.2 Darwin/23.6.0"}
	case windows:
		h["Content-Type"] = []string{contentTypeJSON + "; charset=utf-8"}
		h["User-Agent"] = []string{""}
	}
	if r.compressed() {
		h["Content-Encoding"] = []string{"gzip"}
	}
	return h
}

func (r *Request) compressed() bool { return r.sdk != windows && len(r.Body) >= compressFrom }

// wire is the body as it goes over the wire.
func (r *Request) wire() []byte {
	if !r.compressed() {
		return r.Body
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(r.Body) // into memory
	z.Close()
	return b.Bytes()
}

// Send posts the request to the server at base, as an SDK does whose log URL was set to it. The answer has to be the
// expected one.
func (r *Request) Send(ctx context.Context, client *http.Client, base, secret string) error {
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/logs?api-version=1.0.0", bytes.NewReader(r.wire()))
	if err != nil {
		return err
	}
	post.Header = r.header(secret)
	answer, err := client.Do(post)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	expected := http.StatusOK
	if r.Refused {
		expected = http.StatusUnauthorized
	}
	if answer.StatusCode != expected {
		return diag.Errorf(diag.Internal, "The server answered %d to the logs of %s: %s", answer.StatusCode, r.App, said)
	}
	return nil
}
