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
	Enabled bool `yaml:"enabled"`
	// Mode says when segments are made.
	Mode Mode `yaml:"mode"`
	// Format is that of viewers who ask for none, and of what Mode Always makes.
	Format segment.Format `yaml:"format"`
	// LowLatency lists parts and lets playlists be waited for.
	LowLatency bool `yaml:"low_latency"`
	// SegmentDuration is how long a segment is at least; it ends at the next key
	// frame. MaxSegmentDuration is how long it may become for want of one.
	SegmentDuration    config.Duration `yaml:"segment_duration"`
	MaxSegmentDuration config.Duration `yaml:"max_segment_duration"`
	// PartDuration is about how long a part is.
	PartDuration config.Duration `yaml:"part_duration"`
	// Window is how many segments a playlist has at least.
	Window int `yaml:"window"`
	// MaxBytes bounds what is kept of one stream in one format.
	MaxBytes config.ByteSize `yaml:"max_bytes"`
	// Sessions says whether viewers are sessions: "on" or "off".
	Sessions Sessions `yaml:"sessions"`
	// MaxBlocked bounds the requests that wait for something to be made.
	MaxBlocked int `yaml:"max_blocked"`
	// StallTimeout is for how long a viewer may take no byte of an answer.
	StallTimeout config.Duration `yaml:"stall_timeout"`
	// Streams holds other settings for some streams; the first that matches wins.
	Streams []Rule `yaml:"streams"`
}

// Rule sets some settings for some streams. What is zero is as for all.
type Rule struct {
	Streams            []streamname.Pattern `yaml:"streams"`
	Mode               Mode                 `yaml:"mode"`
	SegmentDuration    config.Duration      `yaml:"segment_duration"`
	MaxSegmentDuration config.Duration      `yaml:"max_segment_duration"`
	Window             int                  `yaml:"window"`
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
	for i, r := range c.Streams {
		if len(r.Streams) == 0 {
			return fmt.Errorf("streams[%d].streams: needs at least one pattern", i)
		}
		if err := c.settings(r).validate(); err != nil {
			return fmt.Errorf("streams[%d].%w", i, err)
		}
	}
	return nil
}

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
	s := settings{c.Mode, time.Duration(c.SegmentDuration), time.Duration(c.MaxSegmentDuration), c.Window}
	if r.Mode != "" {
		s.mode = r.Mode
	}
	if r.SegmentDuration != 0 {
		s.segment = time.Duration(r.SegmentDuration)
	}
	if r.MaxSegmentDuration != 0 {
		s.maxSegment = time.Duration(r.MaxSegmentDuration)
	}
	if r.Window != 0 {
		s.window = r.Window
	}
	return s
}

// of returns the settings of a stream.
func (c *Config) of(stream string) settings {
	for _, r := range c.Streams {
		for _, p := range r.Streams {
			if _, ok := p.Match(stream); ok {
				return c.settings(r)
			}
		}
	}
	return c.settings(Rule{})
}
