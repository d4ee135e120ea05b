package webrtc

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/streamname"
)

// TestLiveKeyframeInterval: a publisher keeps the interval with which it connected.
func TestLiveKeyframeInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New().(*Config)
		s := configured(c)
		s.pending = newPending(1, 1)
		p := &publishing{resource: &resource{server: s, stream: "live/test"}}
		p.connected()
		later := *c
		later.KeyframeInterval = 0
		s.Reconfigure(&later)
		time.Sleep(5*time.Duration(c.KeyframeInterval) + time.Millisecond)
		synctest.Wait()
		if !p.timer.Stop() {
			t.Error("it is not asked for key frames any more")
		}
	})
}

// TestRules: a rule sets what it names, and is checked as the settings for all.
func TestRules(t *testing.T) {
	pattern, err := streamname.ParsePattern("cam/**")
	if err != nil {
		t.Fatal(err)
	}
	second := config.Duration(time.Second)
	for _, test := range []struct {
		name string
		rule Rule
		cam  settings
		want string // start of the error
	}{
		{"nothing", Rule{}, settings{2 * second, 2 * second}, ""},
		{"lag", Rule{MaxLag: new(5 * second)}, settings{2 * second, 5 * second}, ""},
		{"no key frames", Rule{KeyframeInterval: new(config.Duration(0))}, settings{0, 2 * second}, ""},
		{"too many key frames", Rule{KeyframeInterval: new(config.Duration(1))}, settings{1, 2 * second}, "streams[0].keyframe_interval:"},
		{"long lag", Rule{MaxLag: new(61 * second)}, settings{2 * second, 61 * second}, "streams[0].max_lag:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := New().(*Config)
			test.rule.Streams = []streamname.Pattern{pattern}
			c.Streams = []Rule{test.rule}
			if got := c.of("cam/1"); got != test.cam {
				t.Errorf("cam/1 has %+v, want %+v", got, test.cam)
			}
			if got, want := c.of("live/test"), (settings{2 * second, 2 * second}); got != want {
				t.Errorf("live/test has %+v, want %+v", got, want)
			}
			err := c.Validate()
			if (err == nil) != (test.want == "") || err != nil && !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	c := New().(*Config)
	c.MaxLag = 0
	if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), "max_lag:") {
		t.Errorf("error %v", err)
	}
}
