package record

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/protocols/record/library"
	"github.com/weirmedia/weir/remux/mediafile"
)

// Config is the section "record".
type Config struct {
	Folder string `yaml:"folder" help:"Folder of the files, made when the first is written; '' for the folder 'recordings' in 'data.dir'."`

	Format          Format          `yaml:"format" help:"'mp4' (fragmented), 'flv' or 'ts'."`
	Name            Template        `yaml:"name" help:"Path of a file in the folder, without extension. '{name}' is the stream, '{date}', '{time}' and '{unix}' (ms) its first frame in UTC, '{n}' counts, '{x}' is what a pattern captured."`
	SegmentDuration config.Duration `yaml:"segment_duration" help:"A file ends at the first key frame after so long; at least '1s', '0s' for never."`
	SegmentBytes    config.ByteSize `yaml:"segment_bytes" help:"A file ends at the first key frame after so many bytes; at least '1MiB', '0' for never."`
	Before          config.Duration `yaml:"before" help:"A recording that is told to start begins so long ago. Streams with a rule keep as much in memory, as far as 'stream.ring_duration' and 'stream.ring_bytes' let them."`

	Keep       config.Duration `yaml:"keep" help:"Files that ended so long ago are removed; '0s' for never."`
	KeepBytes  config.ByteSize `yaml:"keep_bytes" help:"The oldest files of a stream are removed when it has more bytes; '0' for never."`
	TotalBytes config.ByteSize `yaml:"total_bytes" help:"The oldest files of all are removed when there are more bytes; '0' for never."`

	Sync         config.Duration `yaml:"sync" help:"How often the disk is made to keep what was written, at least '1s': a power cut costs as much. '0s' for at the end of a file only."`
	MaxLag       config.Duration `yaml:"max_lag" help:"While the disk is slow, so much waits in memory; what is older is left out up to the newest key frame. At least '1s'."`
	MaxRecorders int             `yaml:"max_recorders" help:"Streams that are recorded at once; at least 1. Each has a file open."`

	Streams []Rule `yaml:"streams" help:"Streams that are recorded, or may be with other settings; the first rule that matches a stream counts."`
}

// Rule says how some streams are recorded. What is nil is as for all.
type Rule struct {
	streamname.Scope
	Mode            *Mode            `yaml:"mode" help:"'always' records while it is published, 'manual' when told to by API, console or hook." example:"always"`
	Format          *Format          `yaml:"format" help:"As 'record.format'." example:"mp4"`
	Name            *Template        `yaml:"name" help:"As 'record.name'." example:"'{name}/{date}/{time}'"`
	SegmentDuration *config.Duration `yaml:"segment_duration" help:"As 'record.segment_duration'." example:"1h"`
	SegmentBytes    *config.ByteSize `yaml:"segment_bytes" help:"As 'record.segment_bytes'." example:"1GiB"`
	Before          *config.Duration `yaml:"before" help:"As 'record.before'." example:"10s"`
	Keep            *config.Duration `yaml:"keep" help:"As 'record.keep'." example:"168h"`
	KeepBytes       *config.ByteSize `yaml:"keep_bytes" help:"As 'record.keep_bytes'." example:"100GiB"`
}

// Format is that of a file.
type Format mediafile.Format

// MarshalText returns the format's name.
func (f Format) MarshalText() ([]byte, error) { return []byte(f), nil }

// UnmarshalText sets f to one of the formats.
func (f *Format) UnmarshalText(text []byte) error {
	if !slices.Contains(mediafile.Formats(), mediafile.Format(text)) {
		return fmt.Errorf("must be mp4, flv or ts, is %.32q", text)
	}
	*f = Format(text)
	return nil
}

// Mode says when a stream is recorded.
type Mode string

// The modes.
const (
	Always Mode = "always" // while it is published; also if a rule says nothing
	Manual Mode = "manual" // when told to
)

// MarshalText returns the mode's name.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m), nil }

// UnmarshalText sets m to one of the modes.
func (m *Mode) UnmarshalText(text []byte) error {
	if Mode(text) != Always && Mode(text) != Manual {
		return fmt.Errorf("must be always or manual, is %.32q", text)
	}
	*m = Mode(text)
	return nil
}

// New returns a configuration with its defaults.
func New() plugin.Config {
	return &Config{
		Format:          Format(mediafile.MP4),
		Name:            "{name}/{date}/{time}",
		SegmentDuration: config.Duration(10 * time.Minute),
		Sync:            config.Duration(5 * time.Second),
		MaxLag:          config.Duration(10 * time.Second),
		MaxRecorders:    1000,
	}
}

// Live implements config.Live: a file that is being written stays as it is, what
// changes counts for the next. The folder is the library's, which is there for as long
// as weir runs.
func (c *Config) Live() []string {
	return []string{
		"format", "name", "segment_duration", "segment_bytes", "before", "keep", "keep_bytes", "total_bytes",
		"sync", "max_lag", "max_recorders", "streams",
	}
}

// Start implements plugin.Config.
func (c *Config) Start(h *plugin.Host) (plugin.Service, error) {
	l, err := library.Open(library.Options{
		Folder: c.folder(h.Data), Index: filepath.Join(h.Data, "recordings.db"), Log: h.Log, Keep: c.keepOf, Bytes: int64(c.TotalBytes),
	})
	if err != nil {
		return nil, fmt.Errorf("record.folder: %w", err)
	}
	h.Metrics.MustRegister(l.Collectors()...)
	return newService(c, shelf{l}, h), nil
}

func (c *Config) folder(data string) string {
	if c.Folder == "" {
		return filepath.Join(data, "recordings")
	}
	return c.Folder
}

// Validate implements plugin.Config.
func (c *Config) Validate() error {
	switch {
	case c.Sync != 0 && c.Sync < config.Duration(time.Second):
		return errors.New("sync: must be at least 1s, or 0s")
	case c.MaxLag < config.Duration(time.Second):
		return errors.New("max_lag: must be at least 1s")
	case c.MaxRecorders < 1:
		return fmt.Errorf("max_recorders: must be at least 1, is %d", c.MaxRecorders)
	}
	if err := c.check(Rule{}); err != nil {
		return err
	}
	return streamname.CheckRules("streams", c.Streams, c.check)
}

// Warnings names rules that never apply, and those whose files may have the same names.
func (c *Config) Warnings() []string {
	return append(streamname.RuleWarnings("streams", c.Streams), c.sharedNames()...)
}

// check reports what is wrong with what is in force under a rule.
func (c *Config) check(r Rule) error {
	if err := streamname.Or(r.Name, c.Name).check(r.Streams); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	if err := checkSegmentDuration(streamname.Or(r.SegmentDuration, c.SegmentDuration)); err != nil {
		return err
	}
	if n := streamname.Or(r.SegmentBytes, c.SegmentBytes); n != 0 && n < 1<<20 {
		return errors.New("segment_bytes: must be at least 1MiB, or 0")
	}
	return nil
}

func checkSegmentDuration(d config.Duration) error {
	if d != 0 && d < config.Duration(time.Second) {
		return errors.New("segment_duration: must be at least 1s, or 0s")
	}
	return nil
}

// keepOf returns what is kept of a stream.
func (c *Config) keepOf(stream string) library.Keep {
	r := streamname.RuleFor(c.Streams, stream)
	return library.Keep{Age: time.Duration(streamname.Or(r.Keep, c.Keep)), Bytes: int64(streamname.Or(r.KeepBytes, c.KeepBytes))}
}

// order is how one stream is recorded. It is immutable.
type order struct {
	mode     Mode
	format   mediafile.Format
	name     Template
	captures map[string]string
	duration time.Duration // of a segment; 0 without limit, as bytes
	bytes    int64
	before   time.Duration
	sync     time.Duration
	maxLag   time.Duration
}

// orderFor returns how a stream is recorded if it is, and whether there is a rule for
// it. Without one it is recorded when told to.
func (c *Config) orderFor(stream string, o StartOptions) (out order, ruled bool) {
	r, captures, ruled := streamname.MatchRule(c.Streams, stream)
	mode := Manual
	if ruled {
		mode = streamname.Or(r.Mode, Always)
	}
	format := mediafile.Format(streamname.Or(r.Format, c.Format))
	if o.Format != "" {
		format = o.Format
	}
	return order{
		mode: mode, format: format, name: streamname.Or(r.Name, c.Name), captures: captures,
		duration: time.Duration(streamname.Or(o.SegmentDuration, streamname.Or(r.SegmentDuration, c.SegmentDuration))),
		bytes:    int64(streamname.Or(r.SegmentBytes, c.SegmentBytes)),
		before:   time.Duration(streamname.Or(o.Before, streamname.Or(r.Before, c.Before))),
		sync:     time.Duration(c.Sync), maxLag: time.Duration(c.MaxLag),
	}, ruled
}

// StartOptions say how a stream is recorded that is told to be. What is not set is as
// the configuration has it.
type StartOptions struct {
	Format          mediafile.Format
	Before          *config.Duration // also frames that came so long ago, as far as they are in memory
	SegmentDuration *config.Duration
	// Once ends the recording with the stream; else one with a rule goes on when it is
	// published again, until Stop.
	Once bool
}

// check reports what is wrong with the options.
func (o StartOptions) check() error {
	if o.Format != "" && !slices.Contains(mediafile.Formats(), o.Format) {
		return fmt.Errorf("format: must be mp4, flv or ts, is %.32q", o.Format)
	}
	if o.SegmentDuration != nil {
		return checkSegmentDuration(*o.SegmentDuration)
	}
	return nil
}
