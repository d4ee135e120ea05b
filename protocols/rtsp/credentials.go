package rtsp

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/headers"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
)

// credentials finds what a client proves itself with: user, pass and token in the
// query, else HTTP's Basic or Digest authentication, which clients make of the
// user:pass@ in a URL once they are asked. An error means that a Digest is not for
// this request.
func (c *client) credentials(query url.Values, req *base.Request) (auth.Credentials, error) {
	found := auth.Credentials{User: query.Get("user"), Password: query.Get("pass"), Token: query.Get("token")}
	if found != (auth.Credentials{}) {
		return found, nil
	}
	basic := http.Request{Header: http.Header{"Authorization": req.Header["Authorization"]}}
	if user, password, ok := basic.BasicAuth(); ok {
		return auth.Credentials{User: user, Password: password}, nil
	}
	h, ok := digest(req)
	if !ok || c.stale(req) {
		return auth.Credentials{}, nil
	}
	if !isFor(h.URI, req) {
		return auth.Credentials{}, reason.Wrap(reason.BadRequest, errors.New("the Digest is for another URI"))
	}
	algorithm := auth.MD5
	if h.Algorithm != nil && *h.Algorithm == headers.AuthAlgorithmSHA256 {
		algorithm = auth.SHA256
	}
	return auth.Credentials{User: h.Username, Digest: &auth.Digest{
		Algorithm: algorithm, Realm: h.Realm, Nonce: h.Nonce, Method: string(req.Method), URI: h.URI, Response: h.Response,
	}}, nil
}

// digest returns the Digest that a request has.
func digest(req *base.Request) (h headers.Authorization, ok bool) {
	err := h.Unmarshal(req.Header["Authorization"])
	return h, err == nil && h.Method == headers.AuthMethodDigest
}

// stale reports whether a request has a Digest whose nonce is not this
// connection's.
func (c *client) stale(req *base.Request) bool {
	h, ok := digest(req)
	return ok && (c.nonce == "" || h.Nonce != c.nonce)
}

// isFor reports whether a Digest for uri is one for req. VLC takes the URL of the
// stream for SETUP, whose own is that with the track's name behind.
func isFor(uri string, req *base.Request) bool {
	u, err := base.ParseURL(uri)
	if err != nil {
		return false
	}
	given, want := u.String(), req.URL.CloneWithoutCredentials().String()
	return given == want || req.Method == base.Setup && given == want[:strings.LastIndexByte(want, '/')+1]
}

// challenge asks for credentials: by Basic, and if that may help by Digest before
// it. stale tells that the password may be right.
func (c *client) challenge(byDigest, stale bool) (all base.HeaderValue) {
	if byDigest {
		if c.nonce == "" {
			c.nonce = rand.Text()
		}
		for _, algorithm := range auth.Algorithms() {
			one := fmt.Sprintf("Digest realm=%q, nonce=%q, algorithm=%s", auth.Realm, c.nonce, algorithm)
			if stale {
				one += ", stale=true"
			}
			all = append(all, one)
		}
	}
	return append(all, fmt.Sprintf("Basic realm=%q", auth.Realm))
}
