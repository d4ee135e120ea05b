package rtsp

import (
	"testing"

	"github.com/bluenviron/gortsplib/v4/pkg/base"

	"github.com/weirmedia/weir/pkg/auth"
)

// FuzzAuthorization: whatever a client writes, a Digest is handed on only if it
// is for this connection and this request.
func FuzzAuthorization(f *testing.F) {
	f.Fuzz(func(t *testing.T, header, target string, setup bool) {
		u, err := base.ParseURL(target)
		if err != nil {
			return
		}
		req := &base.Request{Method: base.Describe, URL: u, Header: base.Header{"Authorization": base.HeaderValue{header}}}
		if setup {
			req.Method = base.Setup
		}
		c := &client{nonce: "NONCE"}
		got, err := c.credentials(nil, req)
		if err != nil || got.Digest == nil {
			return
		}
		if d := got.Digest; got.Password != "" || d.Nonce != c.nonce || d.Method != string(req.Method) || !isFor(d.URI, req) ||
			d.Algorithm != auth.MD5 && d.Algorithm != auth.SHA256 {
			t.Errorf("%+v", d)
		}
	})
}
