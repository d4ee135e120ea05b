package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/hook"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/plugin"
)

// settings is the configuration: the program's own sections and the plugins'.
type settings struct {
	log      logSettings
	stream   streamSettings
	delivery deliverySettings
	limits   limitSettings
	shutdown shutdownSettings
	data     dataSettings
	auth     *auth.Config
	hooks    *hook.Config
	http     *httpserver.Config
	plugins  []pluginSettings

	logLevel  *slog.LevelVar         // what is logged now
	effective func() ([]byte, error) // what is in force, as YAML; nil if it was not read
}

type pluginSettings struct {
	section string
	config  plugin.Config
}

func defaultSettings() *settings {
	b, d := bus.DefaultLimits(), fanout.DefaultLimits()
	s := &settings{
		log: logSettings{Level: "info", Format: "text"},
		stream: streamSettings{
			Grace: config.Duration(b.Grace), Wait: config.Duration(b.Wait), PublishTimeout: config.Duration(b.PublishTimeout),
			MaxStreams: b.Streams, RingBytes: config.ByteSize(b.RingBytes), RingDuration: config.Duration(b.RingDuration),
		},
		delivery: deliverySettings{
			MaxLag: config.Duration(d.LagTime), MaxLagBytes: config.ByteSize(d.LagBytes), StallTimeout: config.Duration(d.StallTimeout),
			Interval: config.Duration(d.Interval), MaxInterval: config.Duration(d.MaxInterval),
			MaxUnsent: config.ByteSize(d.Unsent), SendBuffer: config.ByteSize(d.SendBuffer),
		},
		limits:   limitSettings{MaxSessions: 20000, MaxWaiting: 10000},
		shutdown: shutdownSettings{Timeout: config.Duration(10 * time.Second)},
		data:     dataSettings{Dir: "data"},
		auth:     auth.NewConfig(),
		logLevel: new(slog.LevelVar),
		hooks:    hook.NewConfig(),
		http:     httpserver.NewConfig(),
	}
	for _, p := range plugins() {
		s.plugins = append(s.plugins, pluginSettings{p.Section, p.New()})
	}
	return s
}

// sections lists everything that the configuration file may contain.
func (s *settings) sections() []config.Section {
	list := []config.Section{
		{Name: "log", Value: &s.log},
		{Name: "http", Value: s.http},
	}
	for _, p := range s.plugins {
		list = append(list, config.Section{Name: p.section, Value: p.config})
	}
	return append(list,
		config.Section{Name: "stream", Value: &s.stream},
		config.Section{Name: "delivery", Value: &s.delivery},
		config.Section{Name: "limits", Value: &s.limits},
		config.Section{Name: "auth", Value: s.auth},
		config.Section{Name: "hooks", Value: s.hooks},
		config.Section{Name: "data", Value: &s.data},
		config.Section{Name: "shutdown", Value: &s.shutdown},
	)
}

// logSettings is the section "log".
type logSettings struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // text, json
}

// Validate reports the first setting that cannot be used.
func (l *logSettings) Validate() error {
	if _, err := l.level(); err != nil {
		return err
	}
	if l.Format != "text" && l.Format != "json" {
		return fmt.Errorf("format: must be text or json, is %.32q", l.Format)
	}
	return nil
}

func (l *logSettings) level() (level slog.Level, err error) {
	switch l.Level {
	case "debug", "info", "warn", "error":
		err = level.UnmarshalText([]byte(l.Level))
		return level, err
	}
	return 0, fmt.Errorf("level: must be debug, info, warn or error, is %.32q", l.Level)
}

// streamSettings is the section "stream"; bus.Limits says what the keys mean.
type streamSettings struct {
	Grace          config.Duration `yaml:"grace"`
	Wait           config.Duration `yaml:"wait"`
	PublishTimeout config.Duration `yaml:"publish_timeout"`
	MaxStreams     int             `yaml:"max_streams"`
	RingBytes      config.ByteSize `yaml:"ring_bytes"`
	RingDuration   config.Duration `yaml:"ring_duration"`
}

// Validate reports the first setting that cannot be used.
func (s *streamSettings) Validate() error {
	switch {
	case s.PublishTimeout <= 0:
		return errors.New("publish_timeout: must be more than 0s")
	case s.MaxStreams < 1:
		return fmt.Errorf("max_streams: must be at least 1, is %d", s.MaxStreams)
	case s.RingBytes < 1<<20:
		return errors.New("ring_bytes: must be at least 1MiB")
	case s.RingDuration < config.Duration(time.Second):
		return errors.New("ring_duration: must be at least 1s")
	}
	return nil
}

func (s *streamSettings) limits() bus.Limits {
	l := bus.DefaultLimits()
	l.Grace, l.Wait, l.PublishTimeout = time.Duration(s.Grace), time.Duration(s.Wait), time.Duration(s.PublishTimeout)
	l.Streams, l.RingBytes, l.RingDuration = s.MaxStreams, int64(s.RingBytes), time.Duration(s.RingDuration)
	return l
}

// deliverySettings is the section "delivery"; fanout.Limits says what the keys
// mean.
type deliverySettings struct {
	MaxLag       config.Duration `yaml:"max_lag"`
	MaxLagBytes  config.ByteSize `yaml:"max_lag_bytes"`
	StallTimeout config.Duration `yaml:"stall_timeout"`
	Interval     config.Duration `yaml:"interval"`
	MaxInterval  config.Duration `yaml:"max_interval"`
	MaxUnsent    config.ByteSize `yaml:"max_unsent"`
	SendBuffer   config.ByteSize `yaml:"send_buffer"`
}

// Validate reports the first setting that cannot be used.
func (d *deliverySettings) Validate() error {
	switch {
	case d.MaxLag < config.Duration(500*time.Millisecond):
		return errors.New("max_lag: must be at least 500ms")
	case d.MaxLagBytes < 256<<10:
		return errors.New("max_lag_bytes: must be at least 256KiB")
	case d.StallTimeout < config.Duration(time.Second):
		return errors.New("stall_timeout: must be at least 1s")
	case d.Interval > config.Duration(2*time.Second):
		return errors.New("interval: must be at most 2s")
	case d.MaxInterval > config.Duration(2*time.Second):
		return errors.New("max_interval: must be at most 2s")
	case d.MaxUnsent < 16<<10 || d.MaxUnsent > 64<<20:
		return errors.New("max_unsent: must be 16KiB..64MiB")
	case d.SendBuffer != 0 && (d.SendBuffer < 16<<10 || d.SendBuffer > 64<<20):
		return errors.New("send_buffer: must be 16KiB..64MiB, or 0 for the system's choice")
	}
	return nil
}

func (d *deliverySettings) limits() fanout.Limits {
	return fanout.Limits{LagTime: time.Duration(d.MaxLag), LagBytes: int64(d.MaxLagBytes), StallTimeout: time.Duration(d.StallTimeout),
		Interval: time.Duration(d.Interval), MaxInterval: time.Duration(d.MaxInterval),
		Unsent: int(d.MaxUnsent), SendBuffer: int(d.SendBuffer)}
}

// limitSettings is the section "limits".
type limitSettings struct {
	// MaxSessions bounds the sessions of all protocols, MaxWaiting those of them
	// that wait for their stream.
	MaxSessions int `yaml:"max_sessions"`
	MaxWaiting  int `yaml:"max_waiting"`
}

// Validate reports the first setting that cannot be used.
func (l *limitSettings) Validate() error {
	switch {
	case l.MaxSessions < 1:
		return fmt.Errorf("max_sessions: must be at least 1, is %d", l.MaxSessions)
	case l.MaxWaiting < 1:
		return fmt.Errorf("max_waiting: must be at least 1, is %d", l.MaxWaiting)
	}
	return nil
}

// shutdownSettings is the section "shutdown".
type shutdownSettings struct {
	// Timeout is how long sessions may take to end before they are cut off.
	Timeout config.Duration `yaml:"timeout"`
}

// dataSettings is the section "data".
type dataSettings struct {
	// Dir is the folder of what weir writes. It is made when something is written.
	Dir string `yaml:"dir"`
}

// Validate reports a folder that cannot be used.
func (d *dataSettings) Validate() error {
	if d.Dir == "" {
		return errors.New("dir: must name a folder")
	}
	return nil
}
