package respond

import (
	"net/http"
	"net/url"
	"slices"

	"lifeboat/internal/diag"
)

// Origins are the origins of pages whose scripts may use an API, or "*" for all.
type Origins []string

// ParseOrigins reads origins like https://dash.example.com.
func ParseOrigins(texts []string) (Origins, error) {
	for _, text := range texts {
		u, err := url.Parse(text)
		if text != "*" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Scheme+"://"+u.Host != text) {
			return nil, diag.Errorf(diag.Invalid, "%q is no origin: it should be like https://dash.example.com, without a path, or *.", text)
		}
	}
	return texts, nil
}

// Share lets scripts of other origins use h, and answers what their browsers ask before: OPTIONS is 204, also from
// origins that are not let in, whose browsers see that for themselves (Q40). Without origins it is h. Credentials that
// browsers add by themselves are never shared: callers send their token.
func (o Origins) Share(h http.Handler) http.Handler {
	if len(o) == 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		from := r.Header.Get("Origin")
		known := from != "" && (slices.Contains(o, "*") || slices.Contains(o, from))
		if known {
			w.Header().Set("Access-Control-Allow-Origin", from)
			w.Header().Set("Access-Control-Expose-Headers", "X-Correlation-ID, Retry-After, Content-Disposition")
		}
		if r.Method != http.MethodOptions {
			h.ServeHTTP(w, r)
			return
		}
		if known {
			w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
			w.Header().Set("Access-Control-Allow-Headers", "X-API-Token, Authorization, Content-Type")
			w.Header().Set("Access-Control-Max-Age", "600")
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
