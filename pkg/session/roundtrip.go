package session

import (
	"sync/atomic"
	"time"
)

// RoundTripBounds are the upper bounds of the round trip histogram: from the same
// house to a satellite behind a full queue.
var RoundTripBounds = [...]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second,
}

// RoundTrips is a histogram of round trips, each as often as it was measured.
type RoundTrips struct {
	// Buckets has those up to each of RoundTripBounds, not cumulative, and those
	// beyond the last.
	Buckets [len(RoundTripBounds) + 1]uint64
	Sum     time.Duration
}

// roundTrips counts round trips of a group. Safe for concurrent use.
type roundTrips struct {
	buckets [len(RoundTripBounds) + 1]atomic.Uint64
	sum     atomic.Int64
}

func (r *roundTrips) observe(d time.Duration) {
	i := 0
	for i < len(RoundTripBounds) && d > RoundTripBounds[i] {
		i++
	}
	r.buckets[i].Add(1)
	r.sum.Add(int64(d))
}

func (r *roundTrips) load() (out RoundTrips) {
	for i := range r.buckets {
		out.Buckets[i] = r.buckets[i].Load()
	}
	out.Sum = time.Duration(r.sum.Load())
	return out
}

// ObserveRoundTrip takes in how long it took to the peer and back.
func (n *Network) ObserveRoundTrip(d time.Duration) {
	n.RoundTrip.Store(int64(d))
	if n.roundTrips != nil {
		n.roundTrips.observe(d)
	}
}
