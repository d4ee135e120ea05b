package rtmp

import (
	"errors"
	"fmt"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

// Config is the section "rtmp".
type Config struct {
	Listen config.Listen `yaml:"listen"`
	// ChunkSize is the size in bytes of the chunks that are sent.
	ChunkSize int `yaml:"chunk_size"`
	// HandshakeTimeout bounds the time from connecting to the first publish or
	// play, and the time without one later on.
	HandshakeTimeout config.Duration `yaml:"handshake_timeout"`
	// MaxConnections bounds the open connections.
	MaxConnections int `yaml:"max_connections"`
	// MaxMessage bounds the payload of one received message, MaxChunkStreams
	// the chunk streams of one connection.
	MaxMessage      config.ByteSize `yaml:"max_message"`
	MaxChunkStreams int             `yaml:"max_chunk_streams"`
}

var _ plugin.Config = (*Config)(nil)

// maxChunkSize is the largest chunk size to send; Flash-era clients take no
// more.
const maxChunkSize = 65536

// New returns the defaults.
func New() plugin.Config {
	return &Config{
		Listen: ":1935",
		// Chunks this large leave all audio and nearly all video frames in one
		// piece: a header each instead of one every 128 or 4096 bytes. ffmpeg,
		// librtmp, GStreamer and VLC accept it.
		ChunkSize:        60000,
		HandshakeTimeout: config.Duration(10 * time.Second),
		MaxConnections:   20000,
		MaxMessage:       8 << 20,
		MaxChunkStreams:  64,
	}
}

// Validate reports the first setting that cannot be used.
func (c *Config) Validate() error {
	switch {
	case c.ChunkSize < rtmpchunk.DefaultChunkSize || c.ChunkSize > maxChunkSize:
		return fmt.Errorf("chunk_size: must be %d..%d, is %d", rtmpchunk.DefaultChunkSize, maxChunkSize, c.ChunkSize)
	case c.HandshakeTimeout <= 0:
		return errors.New("handshake_timeout: must be more than 0s")
	case c.MaxConnections < 1:
		return fmt.Errorf("max_connections: must be at least 1, is %d", c.MaxConnections)
	case c.MaxMessage < 64<<10 || c.MaxMessage > rtmpchunk.MaxPayload:
		return errors.New("max_message: must be 64KiB..16777215")
	case c.MaxChunkStreams < 8:
		return fmt.Errorf("max_chunk_streams: must be at least 8, as encoders use so many, is %d", c.MaxChunkStreams)
	}
	return nil
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
