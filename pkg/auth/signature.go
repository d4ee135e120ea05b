package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/weirmedia/weir/pkg/config"
)

// SignatureHeader holds, if there is a secret, "sha256=" and the HMAC-SHA256 of
// the body in hexadecimal. Whatever weir posts to services of the operator's is
// signed so.
const SignatureHeader = "X-Weir-Signature"

// SignBody sets SignatureHeader for a request with this body, unless the secret is
// empty.
func SignBody(h http.Header, secret config.Secret, body []byte) {
	if secret != "" {
		sum := mac([]byte(secret.Reveal()), body)
		h.Set(SignatureHeader, "sha256="+hex.EncodeToString(sum[:]))
	}
}

func mac(key, text []byte) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	h.Sum(sum[:0])
	return sum
}
