package respond

import (
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// leastCompressed is how long a body must be to be worth it: one packet carries less in any case.
const leastCompressed = 1400

// compressible are the types whose bodies become shorter. HTML is not among them: pages hold what protects their
// forms beside texts that others may choose, and lengths would tell one by the other.
func compressible(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch kind {
	case "application/json", "text/plain", "text/css", "text/javascript", "image/svg+xml":
		return true
	}
	return false
}

// Compress compresses the answers of h for clients that say they take gzip, where it is worth it.
func Compress(h http.Handler) http.Handler {
	writers := &sync.Pool{New: func() any {
		z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level is one
		return z
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !takesGzip(r.Header.Values("Accept-Encoding")) || r.Method == http.MethodHead {
			h.ServeHTTP(w, r)
			return
		}
		c := &compressor{ResponseWriter: w, writers: writers}
		whole := false
		defer func() { c.end(whole) }()
		h.ServeHTTP(c, r)
		whole = true
	})
}

// takesGzip reads Accept-Encoding: RFC 9110, section 12.5.3.
func takesGzip(lines []string) bool {
	takes := false
	for _, e := range elements(lines) {
		name, weight, _ := strings.Cut(e, ";")
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case "gzip", "x-gzip", "*":
			weight = strings.ReplaceAll(strings.ToLower(weight), " ", "")
			q, err := strconv.ParseFloat(strings.TrimPrefix(weight, "q="), 64)
			refused := weight != "" && (err != nil || q == 0)
			if name != "*" {
				return !refused
			}
			takes = !refused
		}
	}
	return takes
}

// compressor decides with the header of an answer.
type compressor struct {
	http.ResponseWriter
	writers *sync.Pool
	z       *gzip.Writer // nil: not compressed
	decided bool
}

// WriteHeader implements http.ResponseWriter.
func (c *compressor) WriteHeader(status int) {
	if !c.decided && status >= 200 {
		c.decided = true
		c.decide(status)
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *compressor) decide(status int) {
	h := c.Header()
	if !compressible(h.Get("Content-Type")) || h.Get("Content-Encoding") != "" {
		return
	}
	h.Add("Vary", "Accept-Encoding")
	length, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	if err == nil && length < leastCompressed || status == http.StatusNoContent || status == http.StatusNotModified || status == http.StatusPartialContent || h.Get("Content-Range") != "" {
		return
	}
	h.Del("Content-Length")
	h.Set("Content-Encoding", "gzip")
	if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		h.Set("ETag", "W/"+tag) // the bytes differ
	}
	c.z = c.writers.Get().(*gzip.Writer)
	c.z.Reset(c.ResponseWriter)
}

// Write implements http.ResponseWriter.
func (c *compressor) Write(b []byte) (int, error) {
	if !c.decided {
		c.WriteHeader(http.StatusOK)
	}
	if c.z == nil {
		return c.ResponseWriter.Write(b)
	}
	return c.z.Write(b)
}

// FlushError is for http.ResponseController.
func (c *compressor) FlushError() error {
	if c.z != nil {
		if err := c.z.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(c.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (c *compressor) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// end ends the body, unless the handler has broken off: then the client must not take it for a whole one.
func (c *compressor) end(whole bool) {
	if c.z == nil {
		return
	}
	if whole {
		_ = c.z.Close() // a client that hung up gets nothing
	}
	c.z.Reset(io.Discard)
	c.writers.Put(c.z)
}
