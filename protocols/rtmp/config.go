package rtmp

import (
	"errors"
	"fmt"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/pkg/tlscert"
	"github.com/weirmedia/weir/pkg/transcode"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

// Config is the section "rtmp".
type Config struct {
	// Listen is the address for plain RTMP, TLSListen the one for RTMPS, which is
	// open if there are Certificate and Key, or those of the section "tls".
	Listen    config.Listen `yaml:"listen" help:"Publishers and players."`
	TLSListen config.Listen `yaml:"tls_listen" help:"RTMPS: the same over TLS. Open if there are 'certificate' and 'key', here or in 'tls'."`
	// Certificate (chain) and Key are PEM files, read again when they change.
	Certificate string `yaml:"certificate" help:"PEM file with the certificate and its chain. It is read again when it changes; while the new one cannot be used, the old one stays."`
	Key         string `yaml:"key" help:"PEM file with the certificate's private key."`
	// ChunkSize is the size in bytes of the chunks that are sent.
	ChunkSize int `yaml:"chunk_size" help:"Bytes of the chunks that are sent; '128' to '65536'. Larger chunks mean fewer headers."`
	// Audio is how players get their audio whose stream key does not say it.
	Audio transcode.Choice `yaml:"audio" help:"Sound of players whose stream key does not say it: 'copy' as it was published, 'aac' or 'opus' transcoded."`
	// HandshakeTimeout bounds the time from connecting to the first publish or
	// play, and the time without one later on.
	HandshakeTimeout config.Duration `yaml:"handshake_timeout" help:"From connecting to the first publish or play, and for a connection that has stopped doing either."`
	// ReadInterval is the time between two reads from a publisher while there
	// are many of them; 0 reads everything at once.
	ReadInterval config.Duration `yaml:"read_interval" help:"Time between two reads from a publisher, above 4,000 reads a second and processor: each frame may wait that long. '0s' to '100ms'; '0s' reads everything at once."`
	// MaxConnections bounds the open connections of the two listeners, each.
	MaxConnections int `yaml:"max_connections" help:"Open connections, of each listener; at least 1."`
	// MaxMessage bounds the payload of one received message, MaxChunkStreams
	// the chunk streams of one connection.
	MaxMessage      config.ByteSize `yaml:"max_message" help:"Of one received message: the largest key frame. '64KiB' to '16777215'."`
	MaxChunkStreams int             `yaml:"max_chunk_streams" help:"Chunk streams of one connection; at least 8."`
	// Streams holds other settings for some streams; the first that matches wins.
	Streams []Rule `yaml:"streams" help:"Other settings for some streams; the first rule that matches wins."`
}

// Rule sets some settings for some streams; what is nil is as for all.
type Rule struct {
	streamname.Scope
	Audio *transcode.Choice `yaml:"audio" help:"As 'rtmp.audio'." example:"aac"`
}

var _ plugin.Config = (*Config)(nil)

// maxChunkSize is the largest chunk size to send; Flash-era clients take no
// more.
const maxChunkSize = 65536

// maxReadInterval keeps what waits in the kernel small: the delay of every frame
// grows by as much.
const maxReadInterval = config.Duration(100 * time.Millisecond)

// defaultTLSListen is next to RTMP's own port; that of RTMPS, 443, is HTTPS's.
const defaultTLSListen = ":1936"

// New returns the defaults.
func New() plugin.Config {
	return &Config{
		Listen:    ":1935",
		TLSListen: defaultTLSListen,
		// Chunks this large leave all audio and nearly all video frames in one
		// piece: a header each instead of one every 128 or 4096 bytes. ffmpeg,
		// librtmp, GStreamer and VLC accept it.
		ChunkSize:        60000,
		Audio:            transcode.Copy,
		HandshakeTimeout: config.Duration(10 * time.Second),
		ReadInterval:     config.Duration(20 * time.Millisecond),
		MaxConnections:   20000,
		MaxMessage:       8 << 20,
		MaxChunkStreams:  64,
	}
}

// Live names what changes while weir runs: Audio for players, the limits for
// connections that come from then on.
func (c *Config) Live() []string {
	return []string{
		"audio", "handshake_timeout", "max_message", "max_chunk_streams", "streams",
	}
}

// Validate reports the first setting that cannot be used.
func (c *Config) Validate() error {
	if err := c.TLSListener().Validate(); err != nil {
		return err
	}
	switch {
	case c.ChunkSize < rtmpchunk.DefaultChunkSize || c.ChunkSize > maxChunkSize:
		return fmt.Errorf("chunk_size: must be %d..%d, is %d", rtmpchunk.DefaultChunkSize, maxChunkSize, c.ChunkSize)
	case c.HandshakeTimeout <= 0:
		return errors.New("handshake_timeout: must be more than 0s")
	case c.ReadInterval < 0 || c.ReadInterval > maxReadInterval:
		return fmt.Errorf("read_interval: must be 0s..%v, is %v", maxReadInterval, c.ReadInterval)
	case c.MaxConnections < 1:
		return fmt.Errorf("max_connections: must be at least 1, is %d", c.MaxConnections)
	case c.MaxMessage < 64<<10 || c.MaxMessage > rtmpchunk.MaxPayload:
		return errors.New("max_message: must be 64KiB..16777215")
	case c.MaxChunkStreams < 8:
		return fmt.Errorf("max_chunk_streams: must be at least 8, as encoders use so many, is %d", c.MaxChunkStreams)
	}
	return streamname.CheckRules("streams", c.Streams, func(Rule) error { return nil })
}

// Warnings names rules without effect.
func (c *Config) Warnings() []string { return streamname.RuleWarnings("streams", c.Streams) }

// audio is how players of a stream get their audio whose stream key does not say
// it.
func (c *Config) audio(stream string) transcode.Choice {
	return streamname.Or(streamname.RuleFor(c.Streams, stream).Audio, c.Audio)
}

// TLSListener returns what the configuration says about RTMPS.
func (c *Config) TLSListener() tlscert.Listener {
	return tlscert.Listener{
		Section: protocol, Address: c.TLSListen, Default: defaultTLSListen, Certificate: c.Certificate, Key: c.Key,
	}
}

// Start implements plugin.Config.
func (c *Config) Start(h *plugin.Host) (plugin.Service, error) {
	s, err := newServer(c, h)
	if err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, nil
}
