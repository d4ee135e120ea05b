package hls

import (
	"errors"
	"fmt"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/protocols/hls/segment"
)

// Config is the section "hls".
type Config struct {
	// Enabled serves /NAME/index.m3u8 and what is below /NAME/~hls/.
	Enabled bool `yaml:"enabled" help:"Serve '/NAME/index.m3u8' and what is below '/NAME/~hls/'."`
	// Mode says when segments are made.
	Mode Mode `yaml:"mode" help:"'demand' makes segments while somebody watches, 'always' from the stream's beginning on, so that the first viewer finds a full playlist."`
	// Format is that of viewers who ask for none, and of what Mode Always makes.
	Format segment.Format `yaml:"format" help:"'fmp4' or 'ts': for viewers that ask for none, and for 'always'."`
	// LowLatency lists parts and lets playlists be waited for.
	LowLatency bool `yaml:"low_latency" help:"List parts and let playlists be waited for. Players that do not know that are not disturbed."`
	// SegmentDuration is how long a segment is at least; it ends at the next key
	// frame. MaxSegmentDuration is how long it may become for want of one.
	SegmentDuration    config.Duration `yaml:"segment_duration" help:"A segment ends at the first key frame after so long; '1s' to '30s'."`
	MaxSegmentDuration config.Duration `yaml:"max_segment_duration" help:"If no key frame comes for so long, it ends without; 'hls.segment_duration' to '30s'."`
	// PartDuration is about how long a part is.
	PartDuration config.Duration `yaml:"part_duration" help:"Of a part, about; '100ms' to '1s'."`
	// Window is how many segments a playlist has at least.
	Window int `yaml:"window" help:"Segments in a playlist, at least; '3' to '100'. There are always three target durations."`
	// MaxBytes bounds what is kept of one stream in one format.
	MaxBytes config.ByteSize `yaml:"max_bytes" help:"Kept of one stream in one format, at most; at least '1MiB'."`
	// Sessions says whether viewers are sessions: "on" or "off".
	Sessions Sessions `yaml:"sessions" help:"'on' or 'off': whether viewers are sessions. Off, playlists are the same for all, for caches."`
	// MaxBlocked bounds the requests that wait for something to be made.
	MaxBlocked int `yaml:"max_blocked" help:"Requests that wait for a stream, a playlist or a part; at least 1."`
	// StallTimeout is for how long a viewer may take no byte of an answer.
	StallTimeout config.Duration `yaml:"stall_timeout" help:"A viewer that takes no 64 KiB of an answer in so long is cut off. At least '1s'."`
	// Streams holds other settings for some streams; the first that matches wins.
	Streams []Rule `yaml:"streams" help:"Other settings for some streams; the first rule that matches wins."`
}

// Rule sets some settings for some streams; what is nil is as for all.
type Rule struct {
	streamname.Scope
	Mode               *Mode            `yaml:"mode" help:"As 'hls.mode'." example:"always"`
	SegmentDuration    *config.Duration `yaml:"segment_duration" help:"As 'hls.segment_duration'." example:"4s"`
	MaxSegmentDuration *config.Duration `yaml:"max_segment_duration" help:"As 'hls.max_segment_duration'." example:"12s"`
	Window             *int             `yaml:"window" help:"As 'hls.window'." example:"10"`
}

// Mode says when a stream's segments are made: while somebody asks for them, or
// always.
type Mode string

// The modes.
const (
	Demand Mode = "demand"
	Always Mode = "always"
)

// MarshalText returns the mode's name.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m), nil }

// UnmarshalText sets m to one of the modes.
func (m *Mode) UnmarshalText(text []byte) error {
	if Mode(text) != Demand && Mode(text) != Always {
		return fmt.Errorf("must be demand or always, is %.32q", text)
	}
	*m = Mode(text)
	return nil
}

// Sessions says whether viewers are sessions.
type Sessions string

// Whether viewers are sessions: with SessionsOff, playlists are the same for all
// and may be cached, nobody is listed, and each playlist is authorised by itself.
const (
	SessionsOn  Sessions = "on"
	SessionsOff Sessions = "off"
)

// MarshalText returns the setting.
func (s Sessions) MarshalText() ([]byte, error) { return []byte(s), nil }

// UnmarshalText sets s.
func (s *Sessions) UnmarshalText(text []byte) error {
	if Sessions(text) != SessionsOn && Sessions(text) != SessionsOff {
		return fmt.Errorf("must be on or off, is %.32q", text)
	}
	*s = Sessions(text)
	return nil
}

// The bounds of settings. Segments below a second cost more requests than low
// latency does, and the numbers of segments would run ahead of the clock that
// they start from. Playlists with hundreds of segments are for recordings.
const (
	minSegment, maxSegment = time.Second, 30 * time.Second
	minPart, maxPart       = 100 * time.Millisecond, time.Second
	minWindow, maxWindow   = 3, 100
)

func defaults() *Config {
	return &Config{
		Enabled:    true,
		Mode:       Demand,
		Format:     segment.FMP4,
		LowLatency: true,
		// Two seconds are a usual GOP of publishers. 6 s are what Apple recommends
		// for segments.
		SegmentDuration:    config.Duration(2 * time.Second),
		MaxSegmentDuration: config.Duration(6 * time.Second),
		PartDuration:       config.Duration(200 * time.Millisecond),
		Window:             6,
		MaxBytes:           64 << 20, // 20 Mbit/s for the 25 s that segments of 2 s are kept
		Sessions:           SessionsOn,
		MaxBlocked:         20000, // as many as viewers
		StallTimeout:       config.Duration(10 * time.Second),
	}
}

// Live names what changes while weir runs: settings of segments for what begins to
// be made from then on.
func (c *Config) Live() []string {
	return []string{
		"mode", "low_latency", "segment_duration", "max_segment_duration", "part_duration", "window", "max_bytes", "max_blocked", "stall_timeout", "streams",
	}
}

// Validate implements plugin.Config.
func (c *Config) Validate() error {
	if err := c.settings(Rule{}).validate(); err != nil {
		return err
	}
	switch {
	case c.PartDuration < config.Duration(minPart) || c.PartDuration > config.Duration(maxPart):
		return fmt.Errorf("part_duration: must be %v..%v", minPart, maxPart)
	case c.MaxBytes < 1<<20:
		return errors.New("max_bytes: must be at least 1MiB")
	case c.MaxBlocked < 1:
		return fmt.Errorf("max_blocked: must be at least 1, is %d", c.MaxBlocked)
	case c.StallTimeout < config.Duration(time.Second):
		return errors.New("stall_timeout: must be at least 1s")
	}
	return streamname.CheckRules("streams", c.Streams, func(r Rule) error { return c.settings(r).validate() })
}

// Warnings names rules without effect.
func (c *Config) Warnings() []string { return streamname.RuleWarnings("streams", c.Streams) }

// settings are those of one stream.
type settings struct {
	mode                Mode
	segment, maxSegment time.Duration
	window              int
}

func (s settings) validate() error {
	switch {
	case s.segment < minSegment || s.segment > maxSegment:
		return fmt.Errorf("segment_duration: must be %v..%v", minSegment, maxSegment)
	case s.maxSegment < s.segment || s.maxSegment > maxSegment:
		return fmt.Errorf("max_segment_duration: must be from segment_duration, %v, to %v", s.segment, maxSegment)
	case s.window < minWindow || s.window > maxWindow:
		return fmt.Errorf("window: must be %d..%d, is %d", minWindow, maxWindow, s.window)
	}
	return nil
}

// settings returns what is in force under r.
func (c *Config) settings(r Rule) settings {
	return settings{
		mode:       streamname.Or(r.Mode, c.Mode),
		segment:    time.Duration(streamname.Or(r.SegmentDuration, c.SegmentDuration)),
		maxSegment: time.Duration(streamname.Or(r.MaxSegmentDuration, c.MaxSegmentDuration)),
		window:     streamname.Or(r.Window, c.Window),
	}
}

// of returns the settings of a stream.
func (c *Config) of(stream string) settings {
	return c.settings(streamname.RuleFor(c.Streams, stream))
}
