package hook

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/auth/servicetest"
	"github.com/weirmedia/weir/pkg/config"
)

// TestBadReceivers: whatever a receiver does, one beside it gets all events meanwhile,
// in order; what was answered with 2xx counts as accepted, nothing else does; and at
// the end nobody waits for it, and the log says what it did not get.
func TestBadReceivers(t *testing.T) {
	const sessions = 20
	bad := servicetest.All(t)
	for group := range slices.Chunk(bad, maxReceivers-1) {
		good := serve(t, &service{})
		c := testConfig(good.url)
		c.Timeout = minTimeout
		for _, b := range group {
			c.Receivers = append(c.Receivers, Receiver{URL: config.WebURL(b.URL + "/x?key=planted"), Secret: "planted too"})
		}
		r := newRig(t, c)
		r.comeAndGo(sessions)
		eventually(t, "the good receiver has all", func() bool { return len(good.events()) == 2*sessions })
		expectPairs(t, good.events(), sessions)
		for i, b := range group {
			key := fmt.Sprintf("hooks.receivers[%d]", i+1)
			accepts := b.Status >= 200 && b.Status <= 299
			eventually(t, b.Name+" has been tried", func() bool {
				if accepts {
					return sampleOf(t, r.hooks, "weir_hook_sent_total", key) == 2*sessions
				}
				return sampleOf(t, r.hooks, "weir_hook_failed_total", key) > 0
			})
		}
		r.close(50 * time.Millisecond)
		for i, b := range group {
			key := fmt.Sprintf("hooks.receivers[%d]", i+1)
			sent := sampleOf(t, r.hooks, "weir_hook_sent_total", key)
			left := strings.Contains(r.log.String(), fmt.Sprintf("msg=\"events were not sent\" receiver=%s events=%d", key, 2*sessions))
			if accepts := b.Status >= 200 && b.Status <= 299; accepts == left || !accepts && sent != 0 {
				t.Errorf("%s: %v events were accepted, the log tells of those that were not: %t", b.Name, sent, left)
			}
		}
		if strings.Contains(r.log.String(), "planted") {
			t.Errorf("the log holds a secret:\n%s", r.log)
		}
	}
}

// sampleOf returns the value of a metric of one receiver.
func sampleOf(t *testing.T, h *Hooks, name, receiver string) float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(h.Collectors()...)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && m.GetLabel()[0].GetValue() == receiver {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("there is no %s of %s", name, receiver)
	return 0
}
