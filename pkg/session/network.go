package session

import (
	"log/slog"
	"sync/atomic"
	"time"
)

// Network is what a session's owner counts of the packets between it and its
// peer, where media comes in such: RTP. All but Jitter and the round trip only grow.
type Network struct {
	PacketsIn, PacketsOut atomic.Uint64
	// PacketsLost counts those that did not reach who they were for: us, or by its
	// own reports the peer.
	PacketsLost atomic.Uint64
	// PacketsReordered counts those that came in after one that was sent later.
	PacketsReordered atomic.Uint64
	// Jitter is the interarrival jitter (RFC 3550, 6.4.1) in nanoseconds, of the
	// track with most of it, as seen by who receives.
	Jitter atomic.Int64

	// RoundTrip is the newest time to the peer and back in nanoseconds, 0 if it is not
	// known. ObserveRoundTrip sets it.
	RoundTrip  atomic.Int64
	roundTrips *roundTrips // of the session's group; nil outside a registry
}

// NetworkCounts is a copy of Network at one moment. It is zero for sessions whose
// media does not come in packets.
type NetworkCounts struct {
	PacketsIn, PacketsOut         uint64
	PacketsLost, PacketsReordered uint64
	Jitter                        time.Duration // not in totals
	// RoundTrip is the newest time to the peer and back, 0 if it is not known. Not
	// in totals.
	RoundTrip time.Duration
}

func (n *Network) load() NetworkCounts {
	return NetworkCounts{
		PacketsIn: n.PacketsIn.Load(), PacketsOut: n.PacketsOut.Load(),
		PacketsLost: n.PacketsLost.Load(), PacketsReordered: n.PacketsReordered.Load(),
		Jitter: time.Duration(n.Jitter.Load()), RoundTrip: time.Duration(n.RoundTrip.Load()),
	}
}

// add leaves out the jitter and the round trip: there is none of many sessions.
func (n *NetworkCounts) add(o NetworkCounts) {
	n.PacketsIn += o.PacketsIn
	n.PacketsOut += o.PacketsOut
	n.PacketsLost += o.PacketsLost
	n.PacketsReordered += o.PacketsReordered
}

// attrs returns what the line at a session's end says, nothing without packets.
func (n NetworkCounts) attrs() []slog.Attr {
	if n == (NetworkCounts{}) {
		return nil
	}
	return []slog.Attr{
		slog.Uint64("packets_in", n.PacketsIn), slog.Uint64("packets_out", n.PacketsOut),
		slog.Uint64("packets_lost", n.PacketsLost), slog.Uint64("packets_reordered", n.PacketsReordered),
		slog.Duration("jitter", n.Jitter.Round(time.Microsecond)),
	}
}
