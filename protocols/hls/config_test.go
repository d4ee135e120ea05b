package hls

import (
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/streamname"
)

func patterns(t *testing.T, texts ...string) (out []streamname.Pattern) {
	t.Helper()
	for _, text := range texts {
		p, err := streamname.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

func scope(t *testing.T, texts ...string) streamname.Scope {
	return streamname.Scope{Streams: patterns(t, texts...)}
}

func TestValidate(t *testing.T) {
	rule := func(change func(*Rule)) func(*Config) {
		return func(c *Config) {
			r := Rule{Scope: scope(t, "cam/**")}
			change(&r)
			c.Streams = []Rule{{Scope: scope(t, "live/*"), Window: new(4)}, r}
		}
	}
	tests := []struct {
		name   string
		change func(*Config)
		want   string // start of the error
	}{
		{"defaults", func(*Config) {}, ""},
		{"short segment", func(c *Config) { c.SegmentDuration = config.Duration(time.Millisecond) }, "segment_duration:"},
		{"long segment", func(c *Config) { c.SegmentDuration = seconds(31) }, "segment_duration:"},
		{"longest below shortest", func(c *Config) { c.MaxSegmentDuration = seconds(1) }, "max_segment_duration:"},
		{"part", func(c *Config) { c.PartDuration = seconds(2) }, "part_duration:"},
		{"window", func(c *Config) { c.Window = 2 }, "window:"},
		{"bytes", func(c *Config) { c.MaxBytes = 1 }, "max_bytes:"},
		{"blocked", func(c *Config) { c.MaxBlocked = 0 }, "max_blocked:"},
		{"stall", func(c *Config) { c.StallTimeout = 0 }, "stall_timeout:"},
		{"good rule", rule(func(r *Rule) { r.Window = new(50) }), ""},
		{"rule without pattern", rule(func(r *Rule) { r.Streams = nil }), "streams[1].streams:"},
		{"rule with a bad window", rule(func(r *Rule) { r.Window = new(1) }), "streams[1].window:"},
		{"rule with a segment beyond the longest", rule(func(r *Rule) { r.SegmentDuration = new(seconds(10)) }), "streams[1].max_segment_duration:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := defaults()
			tt.change(c)
			err := c.Validate()
			if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestRules(t *testing.T) {
	c := defaults()
	c.Streams = []Rule{
		{Scope: scope(t, "cam/*/low", "x"), Mode: new(Always)},
		{Scope: scope(t, "cam/**"), SegmentDuration: new(seconds(4)), MaxSegmentDuration: new(seconds(12)), Window: new(9)},
	}
	all := settings{Demand, 2 * time.Second, 6 * time.Second, 6}
	tests := map[string]settings{
		"live/test": all,
		"x":         {Always, all.segment, all.maxSegment, all.window},
		"cam/1/low": {Always, all.segment, all.maxSegment, all.window},
		"cam/1/hd":  {Demand, 4 * time.Second, 12 * time.Second, 9},
	}
	for name, want := range tests {
		if got := c.of(name); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	var m Mode
	var s Sessions
	if m.UnmarshalText([]byte("always")) != nil || m != Always || m.UnmarshalText([]byte("never")) == nil {
		t.Error("mode")
	}
	if s.UnmarshalText([]byte("off")) != nil || s != SessionsOff || s.UnmarshalText([]byte("true")) == nil {
		t.Error("sessions")
	}
}
