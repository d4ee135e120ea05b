package websocket

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 says so; it protects nothing
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"github.com/weirmedia/weir/pkg/reason"
)

// IsUpgrade reports whether r asks for WebSocket.
func IsUpgrade(r *http.Request) bool {
	return hasToken(r.Header.Values("Upgrade"), "websocket") && hasToken(r.Header.Values("Connection"), "upgrade")
}

// acceptGUID is what the key is hashed with (1.3).
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// Accept checks the opening handshake of r (4.2.1) and returns the head of the
// response that completes it, to be written to the hijacked connection. The
// error has reason.BadRequest.
func Accept(r *http.Request) ([]byte, error) {
	key := r.Header.Get("Sec-WebSocket-Key")
	raw, err := base64.StdEncoding.DecodeString(key)
	switch {
	case r.Method != http.MethodGet || r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return nil, badRequest("the upgrade needs GET and HTTP/1.1")
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		return nil, badRequest("Sec-WebSocket-Version must be 13, is %.16q", r.Header.Get("Sec-WebSocket-Version"))
	case err != nil || len(raw) != 16:
		return nil, badRequest("Sec-WebSocket-Key must be 16 bytes in base64")
	}
	return []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		AcceptKey(key) + "\r\n\r\n"), nil
}

// AcceptKey returns the Sec-WebSocket-Accept that answers a Sec-WebSocket-Key
// (4.2.2).
func AcceptKey(key string) string {
	sum := sha1.Sum([]byte(key + acceptGUID)) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}

func badRequest(format string, args ...any) error {
	return reason.Wrap(reason.BadRequest, fmt.Errorf("websocket: "+format, args...))
}

func hasToken(values []string, token string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}
