package api

import (
	"fmt"
	"testing"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// BenchmarkSessions is what an answer about 10,000 sessions costs.
func BenchmarkSessions(b *testing.B) {
	o := fixture(b)
	for i := range 10_000 {
		info := session.Info{Protocol: "rtmp", Action: session.Play, Stream: fmt.Sprintf("live/%d", i%1000), Remote: "192.0.2.1:5000", Agent: "VLC", Transport: "tcp"}
		if _, err := o.Sessions.Open(info, func(reason.Reason) {}); err != nil {
			b.Fatal(err)
		}
	}
	h := New(o)
	for _, c := range []struct{ name, query string }{
		{"page", "?limit=1000&offset=5000"},
		{"filter", "?stream=live/17"},
		{"none", "?user=nobody"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if w := ask(h, "GET", "/api/v1/sessions"+c.query); w.Code != 200 {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
