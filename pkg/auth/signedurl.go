package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/weirmedia/weir/pkg/config"
)

// The parameters that a signed URL has in its query.
const (
	paramExpires   = "expires" // seconds since 1970
	paramSignature = "sig"
)

// SignURL adds to query what lets whoever has the URL do action with stream until
// expires, whole seconds of which count. What key signs is
//
//	ACTION LF STREAM LF EXPIRES
//
// by HMAC-SHA256, written in base64url without padding (RFC 4648, 5).
func SignURL(query url.Values, key config.Secret, action Action, stream string, expires time.Time) {
	seconds := strconv.FormatInt(expires.Unix(), 10)
	query.Set(paramExpires, seconds)
	query.Set(paramSignature, base64.RawURLEncoding.EncodeToString(signature(key, action, stream, seconds)))
}

func signature(key config.Secret, action Action, stream, expires string) []byte {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	fmt.Fprintf(mac, "%s\n%s\n%s", action, stream, expires)
	return mac.Sum(nil)
}

// signedURLs decides about requests whose URL is signed.
type signedURLs struct {
	keys []config.Secret
	now  func() time.Time
}

var _ method = signedURLs{}

// presented implements method.
func (s signedURLs) presented(r Request) bool {
	return len(s.keys) > 0 && r.Action.OnStream() && r.Query.Has(paramSignature)
}

// decide implements method.
func (s signedURLs) decide(_ context.Context, r Request) (Grant, error) {
	seconds := r.Query.Get(paramExpires)
	given, err := base64.RawURLEncoding.DecodeString(r.Query.Get(paramSignature))
	if err != nil || !s.signed(r, seconds, given) {
		return Grant{}, deny(Denied{Why: fmt.Sprintf("the URL is not signed to %s", describe(r)), Rule: "auth.url_keys"})
	}
	number, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return Grant{}, deny(Denied{Why: "expires: must be seconds since 1970", Rule: "auth.url_keys"})
	}
	expires := time.Unix(number, 0)
	if !s.now().Before(expires) {
		return Grant{}, deny(Denied{Why: "the URL has expired", Rule: "auth.url_keys"})
	}
	return Grant{Identity: Identity{User: signedUser(r.Stream)}, Expires: expires, Rule: "auth.url_keys"}, nil
}

// signedUser makes all who may publish a stream by a signed URL one and the same
// publisher, who may take it over. The colon keeps it apart from configured names.
func signedUser(stream string) string { return "url:" + stream }

func (s signedURLs) signed(r Request, expires string, given []byte) bool {
	for _, key := range s.keys {
		if hmac.Equal(given, signature(key, r.Action, r.Stream, expires)) {
			return true
		}
	}
	return false
}
