package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/hook"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/pkg/tlscert"
)

// settings is the configuration: the program's own sections and the plugins'.
type settings struct {
	log      logSettings
	stream   streamSettings
	delivery deliverySettings
	limits   limitSettings
	metrics  metricsSettings
	shutdown shutdownSettings
	data     dataSettings
	auth     *auth.Config
	hooks    *hook.Config
	http     *httpserver.Config
	tls      *tlscert.Config
	plugins  []pluginSettings

	logLevel   *slog.LevelVar // what is logged now
	logDropped *atomic.Uint64 // lines that nobody took
	source     configFlag     // where it was read
	report     *config.Report // of the reading
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
		limits:   limitSettings{MaxSessions: 20000, MaxWaiting: 10000, MaxLoad: 95},
		metrics:  metricsSettings{Streams: 100},
		shutdown: shutdownSettings{Timeout: config.Duration(10 * time.Second)},
		data:     dataSettings{Dir: "data"},
		auth:     auth.NewConfig(),
		logLevel: new(slog.LevelVar), logDropped: new(atomic.Uint64),
		hooks: hook.NewConfig(),
		http:  httpserver.NewConfig(),
		tls:   tlscert.NewConfig(),
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
		{Name: "tls", Value: s.tls},
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
		config.Section{Name: "metrics", Value: &s.metrics},
		config.Section{Name: "data", Value: &s.data},
		config.Section{Name: "shutdown", Value: &s.shutdown},
	)
}

// section returns the configuration of the plugin that has a C.
func section[C any](s *settings) C {
	for _, p := range s.plugins {
		if c, ok := p.config.(C); ok {
			return c
		}
	}
	panic("there is no such plugin")
}

// check reports what is wrong with several sections together.
func (s *settings) check(report *config.Report) error {
	var problems config.Problems
	for _, l := range s.tlsListeners() {
		if _, err := s.tls.Open(l); err != nil {
			key := l.Section + ".tls_listen"
			problems = append(problems, &config.Problem{Origin: report.Origin(key), Key: key, Err: err})
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// consoleToken returns the token of auth.token_file or, if there is none, one for this
// start.
func (s *settings) consoleToken() (string, error) {
	file := s.tokenFile()
	if file == "" {
		return auth.NewConsoleToken(), nil
	}
	token, err := auth.LoadToken(file)
	if err != nil {
		return "", fmt.Errorf("auth.token_file: %w", err)
	}
	return token, nil
}

// tokenFile is where the console's token is kept, empty for nowhere.
func (s *settings) tokenFile() string {
	file := s.auth.TokenFile
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(s.data.Dir, file)
}

// tlsListeners returns what the sections say about listeners for TLS.
func (s *settings) tlsListeners() []tlscert.Listener {
	list := []tlscert.Listener{s.http.TLSListener()}
	for _, p := range s.plugins {
		if c, ok := p.config.(interface{ TLSListener() tlscert.Listener }); ok {
			list = append(list, c.TLSListener())
		}
	}
	return list
}

// logSettings is the section "log".
type logSettings struct {
	Level  string `yaml:"level" help:"'debug', 'info', 'warn' or 'error': the least important lines that are written."`
	Format string `yaml:"format" help:"'text' or 'json'. The log goes to standard error."`
}

// Live implements config.Live.
func (l *logSettings) Live() []string { return []string{"level"} }

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

// mustLevel is level of what was validated.
func (l *logSettings) mustLevel() slog.Level {
	level, err := l.level()
	if err != nil {
		panic(err)
	}
	return level
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
	Grace          config.Duration `yaml:"grace" help:"How long a stream outlives its publisher. Viewers stay connected meanwhile and go on if it returns."`
	Wait           config.Duration `yaml:"wait" help:"How long a player waits for a stream that is not there."`
	PublishTimeout config.Duration `yaml:"publish_timeout" help:"A publisher that sends no frame for so long is closed. More than '0s'."`
	IdleClose      config.Duration `yaml:"idle_close" help:"A publisher whose stream nobody has watched for so long is closed; '0s' for never. Viewers of HLS without sessions count as one."`
	MaxViewers     int             `yaml:"max_viewers" help:"Viewers of one stream, those that wait for it included; '0' for as many as come. Viewers of HLS count while 'hls.sessions' is on."`
	MaxStreams     int             `yaml:"max_streams" help:"Streams at once; at least 1."`
	RingBytes      config.ByteSize `yaml:"ring_bytes" help:"Frames kept of one stream, at most; at least '1MiB'. A group of pictures that is larger cannot be joined at its key frame."`
	RingDuration   config.Duration `yaml:"ring_duration" help:"Frames kept of one stream, by age; at least '1s'."`
	Streams        []streamRule    `yaml:"streams" help:"Other settings for some streams; the first rule that matches wins."`
}

// streamRule sets some settings for some streams; what is nil is as for all.
type streamRule struct {
	streamname.Scope
	Grace          *config.Duration `yaml:"grace" help:"As 'stream.grace'." example:"0s"`
	Wait           *config.Duration `yaml:"wait" help:"As 'stream.wait'." example:"1m"`
	PublishTimeout *config.Duration `yaml:"publish_timeout" help:"As 'stream.publish_timeout'." example:"30s"`
	IdleClose      *config.Duration `yaml:"idle_close" help:"As 'stream.idle_close'." example:"10m"`
	MaxViewers     *int             `yaml:"max_viewers" help:"As 'stream.max_viewers'." example:"100"`
	RingBytes      *config.ByteSize `yaml:"ring_bytes" help:"As 'stream.ring_bytes'." example:"128MiB"`
	RingDuration   *config.Duration `yaml:"ring_duration" help:"As 'stream.ring_duration'." example:"1m"`
}

// Live implements config.Live.
func (s *streamSettings) Live() []string { return []string{"*"} }

// Validate reports the first setting that cannot be used.
func (s *streamSettings) Validate() error {
	if s.MaxStreams < 1 {
		return fmt.Errorf("max_streams: must be at least 1, is %d", s.MaxStreams)
	}
	if err := s.validate(); err != nil {
		return err
	}
	return streamname.CheckRules("streams", s.Streams, func(r streamRule) error { return s.under(r).validate() })
}

// Warnings names rules without effect.
func (s *streamSettings) Warnings() []string { return streamname.RuleWarnings("streams", s.Streams) }

// validate checks what a rule can change.
func (s *streamSettings) validate() error {
	switch {
	case s.PublishTimeout <= 0:
		return errors.New("publish_timeout: must be more than 0s")
	case s.MaxViewers < 0:
		return fmt.Errorf("max_viewers: must be at least 0, is %d", s.MaxViewers)
	case s.RingBytes < 1<<20:
		return errors.New("ring_bytes: must be at least 1MiB")
	case s.RingDuration < config.Duration(time.Second):
		return errors.New("ring_duration: must be at least 1s")
	}
	return nil
}

// under returns what is in force under r.
func (s *streamSettings) under(r streamRule) *streamSettings {
	return &streamSettings{
		Grace: streamname.Or(r.Grace, s.Grace), Wait: streamname.Or(r.Wait, s.Wait),
		PublishTimeout: streamname.Or(r.PublishTimeout, s.PublishTimeout),
		IdleClose:      streamname.Or(r.IdleClose, s.IdleClose),
		MaxViewers:     streamname.Or(r.MaxViewers, s.MaxViewers), MaxStreams: s.MaxStreams,
		RingBytes: streamname.Or(r.RingBytes, s.RingBytes), RingDuration: streamname.Or(r.RingDuration, s.RingDuration),
	}
}

// of returns the settings of a stream.
func (s *streamSettings) of(stream string) *streamSettings {
	return s.under(streamname.RuleFor(s.Streams, stream))
}

// limits returns those of the bus, which asks for those of each stream.
func (s *streamSettings) limits() bus.Limits {
	l := s.streamLimits()
	l.ForStream = func(stream string) bus.Limits { return s.of(stream).streamLimits() }
	return l
}

func (s *streamSettings) streamLimits() bus.Limits {
	l := bus.DefaultLimits()
	l.Grace, l.Wait, l.PublishTimeout = time.Duration(s.Grace), time.Duration(s.Wait), time.Duration(s.PublishTimeout)
	l.Streams, l.RingBytes, l.RingDuration = s.MaxStreams, int64(s.RingBytes), time.Duration(s.RingDuration)
	return l
}

// idleClose is for how long a publisher stays whom nobody watches, 0 for ever.
func (s *streamSettings) idleClose(stream string) time.Duration {
	return time.Duration(s.of(stream).IdleClose)
}

// maxViewers is how many may watch a stream, 0 for as many as come.
func (s *streamSettings) maxViewers(stream string) int { return s.of(stream).MaxViewers }

// deliverySettings is the section "delivery"; fanout.Limits says what the keys
// mean.
type deliverySettings struct {
	MaxLag       config.Duration `yaml:"max_lag" help:"A viewer further behind skips to the newest key frame. At least '500ms'. Watched streams keep as much in memory."`
	MaxLagBytes  config.ByteSize `yaml:"max_lag_bytes" help:"A viewer further behind in bytes skips likewise; at least '256KiB'."`
	StallTimeout config.Duration `yaml:"stall_timeout" help:"A viewer that takes no byte for so long, while some wait for it, is closed; over TLS one that takes less than about 64 KiB. At least '1s'."`
	Interval     config.Duration `yaml:"interval" help:"Time between two sends to the viewers of a stream, whatever the load: longer means less CPU and more delay. '0s' leaves it to the load; '2s' at most."`
	MaxInterval  config.Duration `yaml:"max_interval" help:"The longest time between two sends that load may lead to. At most '2s'."`
	MaxUnsent    config.ByteSize `yaml:"max_unsent" help:"Bytes that the system takes for one viewer beyond those on their way ('TCP_NOTSENT_LOWAT'): what comes later waits in weir, where it can be skipped. '16KiB' to '64MiB'."`
	SendBuffer   config.ByteSize `yaml:"send_buffer" help:"Bytes that the system holds for one viewer in all ('SO_SNDBUF'), '16KiB' to '64MiB', and at most 'net.core.wmem_max'; '0' leaves it to the system."`
}

// Live implements config.Live.
func (d *deliverySettings) Live() []string { return []string{"*"} }

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

// minMemory is less than weir takes without any stream, some 30 MB with the console.
const minMemory = 32 << 20

// limitSettings is the section "limits".
type limitSettings struct {
	// MaxSessions bounds the sessions of all protocols, MaxWaiting those of them
	// that wait for their stream.
	MaxSessions int `yaml:"max_sessions" help:"Publishers and viewers of all protocols together; at least 1. One of twenty is not for viewers."`
	MaxWaiting  int `yaml:"max_waiting" help:"Players that wait for a stream to appear; at least 1."`
	// The others are of overload.
	MaxLoad      int             `yaml:"max_load" help:"How much of its time the busiest of the loops that deliver media may work, in percent; '0' for no limit."`
	MaxMemory    config.ByteSize `yaml:"max_memory" help:"Memory of the process; '0' for what the control group (container, service) allows, or else what the machine has."`
	MaxBandwidth int64           `yaml:"max_bandwidth" help:"Media to all viewers, in bit/s; '0' for no limit."`
}

// Live implements config.Live.
func (l *limitSettings) Live() []string { return []string{"*"} }

// Validate reports the first setting that cannot be used.
func (l *limitSettings) Validate() error {
	switch {
	case l.MaxSessions < 1:
		return fmt.Errorf("max_sessions: must be at least 1, is %d", l.MaxSessions)
	case l.MaxWaiting < 1:
		return fmt.Errorf("max_waiting: must be at least 1, is %d", l.MaxWaiting)
	case l.MaxLoad < 0 || l.MaxLoad > 100:
		return fmt.Errorf("max_load: must be 0..100, is %d", l.MaxLoad)
	case l.MaxMemory != 0 && l.MaxMemory < minMemory:
		return errors.New("max_memory: must be at least 32MiB, or 0")
	case l.MaxBandwidth < 0:
		return fmt.Errorf("max_bandwidth: must be at least 0, is %d", l.MaxBandwidth)
	}
	return nil
}

// maxOwnSeries is the most that metrics.streams can be: some 10,000 series for a
// scrape.
const maxOwnSeries = 1000

// metricsSettings is the section "metrics".
type metricsSettings struct {
	Streams int `yaml:"streams" help:"How many streams have metrics of their own, 0 to 1000: those that have been there for longest."`
}

// Validate reports the first setting that cannot be used.
func (m *metricsSettings) Validate() error {
	if m.Streams < 0 || m.Streams > maxOwnSeries {
		return fmt.Errorf("streams: must be 0..%d, is %d", maxOwnSeries, m.Streams)
	}
	return nil
}

// shutdownSettings is the section "shutdown".
type shutdownSettings struct {
	// Timeout is how long sessions may take to end before they are cut off.
	Timeout config.Duration `yaml:"timeout" help:"After SIGTERM or SIGINT: for sessions to end before they are cut off. A second signal ends weir at once."`
}

// Live implements config.Live.
func (s *shutdownSettings) Live() []string { return []string{"*"} }

// dataSettings is the section "data".
type dataSettings struct {
	// Dir is the folder of what weir writes. It is made when something is written.
	Dir string `yaml:"dir" help:"Folder of what weir keeps: certificates, changes of the configuration, recordings with their index, a token. It is made when something is written."`
}

// Validate reports a folder that cannot be used.
func (d *dataSettings) Validate() error {
	if d.Dir == "" {
		return errors.New("dir: must name a folder")
	}
	return nil
}
