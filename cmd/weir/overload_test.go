package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/weirmedia/weir/protocols/rtmp"
)

// TestOverload: past each limit viewers and publishers are refused, with a reason that
// they are told, a metric and a warning; who publishes a stream that is there still
// comes back, who watches goes on; and with room again all come in.
func TestOverload(t *testing.T) {
	for _, limit := range []struct{ resource, key, low, why string }{
		{"memory", "limits.max_memory", "32MiB", "of its memory is in use"},
		{"bandwidth", "limits.max_bandwidth", "1000", "of its bandwidth is in use"},
	} {
		t.Run(limit.resource, func(t *testing.T) {
			s := startConfigured(t, "")
			first := s.publish(t, "live/test", sourceOptions{})
			stop := first.run()
			watching := s.watch(t, "httpflv", "live/test")
			s.set(t, limit.key, limit.low)
			eventually(t, "publishers are refused", func() bool {
				return s.testServer.metric(t, `weir_overload{refused="publishers",resource="`+limit.resource+`"}`) == 1
			})
			response, told, err := s.testServer.ask("", http.MethodGet, "/live/test.flv", "", "")
			must(t, err)
			if response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(told, `"overloaded"`) || !strings.Contains(told, limit.why) {
				t.Errorf("a viewer gets %s: %s", response.Status, told)
			}
			if c, err := rtmp.Publish(t.Context(), s.url("live/other"), rtmp.ClientOptions{}); err == nil {
				c.Close()
				t.Error("a new publisher is let in")
			} else if !strings.Contains(err.Error(), limit.why) {
				t.Errorf("a new publisher is told %v", err)
			}
			if _, info := s.ask(t, http.MethodGet, "/info", "", ""); !strings.Contains(info, "new viewers and publishers are refused") {
				t.Errorf("the API does not warn: %s", info)
			}
			stop()
			first.end()
			again := s.publish(t, "live/test", sourceOptions{generation: 1}) // within the grace period
			stop = again.run()
			seen := watching.newest.Load()
			eventually(t, "the viewer goes on", func() bool { return watching.newest.Load() > seen })
			s.set(t, limit.key, "0")
			eventually(t, "nobody is refused", func() bool {
				return s.testServer.metric(t, `weir_overload{refused="viewers",resource="`+limit.resource+`"}`) == 0
			})
			late := s.watch(t, "rtmp", "live/test")
			eventually(t, "a viewer comes in", func() bool { return late.newest.Load() > 0 })
			stop()
		})
	}
}

// set changes a key by the API.
func (s *configuredServer) set(t testing.TB, key, value string) {
	t.Helper()
	if code, answer := s.patch(t, s.etag(t), map[string]any{key: value}); code != http.StatusOK {
		t.Fatalf("%s cannot be set to %s: %d %s", key, value, code, answer)
	}
}
