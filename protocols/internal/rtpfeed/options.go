package rtpfeed

import (
	"io"
	"log/slog"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/rtp"
)

// Options say what a feed is for.
type Options struct {
	Log *slog.Logger
	// Protocol names the output in log lines.
	Protocol string
	// Window is how far a player may fall behind.
	Window time.Duration
	// MaxPayload bounds the payloads of packets in bytes; 0 means what fits into
	// 1472.
	MaxPayload int
	// BatchAt is the share of a core which passes to players take from which on
	// sound waits for the next picture.
	BatchAt float64
	// Carries returns why a track that RTP can carry is left out; nil means that
	// none is.
	Carries func(t *av.Track) error
	// Unsent is called for each frame that cannot be made into packets.
	Unsent func()
	// Flush, if not nil, is called under the lock of the feed when players were given
	// packets: those that wait to be sent together can leave.
	Flush func()
	// Begin, if not nil, is called once the outlets are known and returns what is
	// closed when nobody has the feed any more.
	Begin func(outlets []*Outlet) (io.Closer, error)
}

// Player is one who is given the packets of a feed.
type Player interface {
	// Pass sends what the player lacks and reports whether something is left. It
	// is called under the lock of the feed, when there are new packets and, while
	// something is left, every few milliseconds.
	Pass(l *Log) (behind bool)
	// Part says that nothing more comes, and why; err may be nil. It is called
	// under the lock.
	Part(why reason.Reason, err error)
}

// Outlet is a track on its way out.
type Outlet struct {
	*rtp.Muxer
	// ID is that of the track.
	ID int
	// SSRC is that of the packets; Begin may set it.
	SSRC uint32
}
