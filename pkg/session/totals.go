package session

import (
	"cmp"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/weirmedia/weir/pkg/reason"
)

// Totals adds up all sessions since the start, closed and live, for metrics.
// Every number but Open and Waiting only grows from one call to the next.
type Totals struct {
	Groups   []GroupTotals // ordered by protocol and action
	Refusals []Refusals    // ordered by protocol and reason
}

// GroupTotals adds up the sessions of one protocol and action.
type GroupTotals struct {
	Protocol string
	Action   Action
	Open     int // now, waiting ones included
	Waiting  int // now
	Opened   uint64
	Counts
	Closes     map[reason.Reason]uint64
	Skips      map[reason.Reason]uint64
	RoundTrips RoundTrips
}

// Refusals counts the peers that never became a session.
type Refusals struct {
	Protocol string
	Reason   reason.Reason
	Count    uint64
}

type groupKey struct {
	protocol string
	action   Action
}

type refusalKey struct {
	protocol string
	reason   reason.Reason
}

// group holds what the sessions of one protocol and action share. Guarded by
// the registry's lock, but for skips and round trips.
type group struct {
	open, waiting int
	opened        uint64
	closed        Counts // of the sessions that have closed
	closes        map[reason.Reason]uint64
	skips         tally
	roundTrips    roundTrips
}

// group returns the group of info. The caller holds the lock.
func (r *Registry) group(info Info) *group {
	key := groupKey{info.Protocol, info.Action}
	g := r.groups[key]
	if g == nil {
		g = &group{closes: make(map[reason.Reason]uint64), skips: newTally()}
		r.groups[key] = g
	}
	return g
}

// Totals returns the totals. A session that closes while they are added up is
// counted once, as one that is open.
func (r *Registry) Totals() Totals {
	var out Totals
	r.mu.Lock()
	index := make(map[*group]int, len(r.groups)) // in out.Groups
	for key, g := range r.groups {
		index[g] = len(out.Groups)
		out.Groups = append(out.Groups, GroupTotals{
			Protocol: key.protocol, Action: key.action,
			Open: g.open, Waiting: g.waiting, Opened: g.opened,
			Counts: g.closed, Closes: maps.Clone(g.closes), Skips: g.skips.load(), RoundTrips: g.roundTrips.load(),
		})
	}
	for key, n := range r.refused {
		out.Refusals = append(out.Refusals, Refusals{key.protocol, key.reason, n})
	}
	list := r.all()
	r.mu.Unlock()
	r.walk(list, func(s *Session) { out.Groups[index[s.group]].Counts.add(s.counts()) }, nil)
	slices.SortFunc(out.Groups, func(a, b GroupTotals) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Action, b.Action))
	})
	slices.SortFunc(out.Refusals, func(a, b Refusals) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}

// tally counts by reason without a lock, since delivery loops must not wait
// for somebody who lists sessions. The map itself never changes.
type tally map[reason.Reason]*atomic.Uint64

func newTally() tally {
	t := make(tally)
	for _, why := range reason.All() {
		t[why] = new(atomic.Uint64)
	}
	return t
}

// add counts a reason that is not in the list as InternalError: it is a fault
// of the caller, but the count must not be lost.
func (t tally) add(why reason.Reason) {
	n := t[why]
	if n == nil {
		n = t[reason.InternalError]
	}
	n.Add(1)
}

// load returns the reasons that were counted.
func (t tally) load() map[reason.Reason]uint64 {
	out := make(map[reason.Reason]uint64)
	for why, n := range t {
		if v := n.Load(); v > 0 {
			out[why] = v
		}
	}
	return out
}
