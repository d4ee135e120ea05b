// Package session holds the one registry of the sessions of every protocol:
// who publishes, who plays, how many bytes and frames each has moved, and why
// each ended. Only the registry closes sessions from outside.
package session

import (
	"container/list"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Action is what a session does with its stream.
type Action string

// The actions.
const (
	Publish Action = "publish"
	Play    Action = "play"
	Forward Action = "forward" // sends the stream elsewhere; no viewer
	Record  Action = "record"  // keeps the stream in files; no viewer
)

// State tells whether media flows.
type State string

// The states. A player that waits for its stream to appear is Waiting; every
// other session is Active, until it has Ended.
const (
	Waiting State = "waiting"
	Active  State = "active"
	Ended   State = "ended"
)

// Info says who is connected and what for. The registry keeps a copy, of which
// nothing but the transport changes. It holds no secret: whatever is in it may be
// logged and listed.
type Info struct {
	Protocol  string // the plugin's name, such as "rtmp"; a metric label
	Action    Action // may be empty in Refuse, when the peer was refused before it asked
	Stream    string // may be empty in Refuse
	Remote    string // host:port of the peer, after trusted proxies
	User      string // empty if anonymous
	Agent     string // what the peer calls itself
	Transport string // "tcp", "tls", …

	grant  auth.Grant
	before []step // of the session, on its timeline
}

// Admit notes by whose leave the session is there: its user, and when to ask again
// whether it may go on. The answer no ends it with reason.Revoked; no answer does
// not.
func (i *Info) Admit(g auth.Grant) {
	i.User, i.grant = g.User, g
	i.Reached(Authorised, time.Now(), g.Rule)
}

// maxText bounds the bytes that are kept and logged of a text that the peer
// chose. Real names of programs are below 200 bytes, stream names below 256.
const maxText = 256

// bounded returns i with the peer's texts cut to maxText.
func (i Info) bounded() Info {
	i.Stream = clip(i.Stream, maxText)
	i.User = clip(i.User, maxText)
	i.Agent = clip(i.Agent, maxText)
	i.grant, i.before = auth.Grant{}, nil
	return i
}

// clip copies, so that a short text does not keep a large message alive.
func clip(s string, most int) string {
	if len(s) > most {
		s = s[:most]
		for s != "" { // do not leave half a rune at the end
			r, n := utf8.DecodeLastRuneInString(s)
			if r != utf8.RuneError || n != 1 {
				break
			}
			s = s[:len(s)-1]
		}
	}
	return strings.Clone(s)
}

// attrs returns what every log line about the peer says.
func (i Info) attrs() []slog.Attr {
	out := []slog.Attr{slog.String("protocol", i.Protocol)}
	for _, a := range []slog.Attr{
		slog.String("action", string(i.Action)),
		slog.String("stream", i.Stream),
		slog.String("remote", i.Remote),
		slog.String("user", i.User),
	} {
		if a.Value.String() != "" {
			out = append(out, a)
		}
	}
	return out
}

// Counters are written by a session's owner on its hot path and read by
// anybody. Each but the jitter only grows. What is added after Close is not
// counted.
type Counters struct {
	BytesIn, BytesOut   atomic.Uint64 // as seen by the socket, without TLS and TCP
	FramesIn, FramesOut atomic.Uint64
	// Skips counts the times that a viewer was moved on to a newer key frame,
	// FramesSkipped the frames it missed by that. Session.Skipped adds to both.
	Skips, FramesSkipped atomic.Uint64
	Network              Network
}

// Counts is a copy of Counters at one moment.
type Counts struct {
	BytesIn, BytesOut    uint64
	FramesIn, FramesOut  uint64
	Skips, FramesSkipped uint64
	Network              NetworkCounts
}

func (c *Counters) load() Counts {
	return Counts{
		BytesIn: c.BytesIn.Load(), BytesOut: c.BytesOut.Load(),
		FramesIn: c.FramesIn.Load(), FramesOut: c.FramesOut.Load(),
		Skips: c.Skips.Load(), FramesSkipped: c.FramesSkipped.Load(),
		Network: c.Network.load(),
	}
}

func (c *Counts) add(o Counts) {
	c.BytesIn += o.BytesIn
	c.BytesOut += o.BytesOut
	c.FramesIn += o.FramesIn
	c.FramesOut += o.FramesOut
	c.Skips += o.Skips
	c.FramesSkipped += o.FramesSkipped
	c.Network.add(o.Network)
}

// Snapshot is a session at one moment.
type Snapshot struct {
	ID string
	Info
	State State
	Since time.Time
	Counts
	LeftOut []av.Omission
	// Timeline is what happened so far, in order: of Get and of an End, nil in lists.
	Timeline []Step

	live *Session // nil once it has ended
}

// Session is one publisher or viewer in the registry, made by Registry.Open
// and owned by the protocol that opened it, which must call Close. Its methods
// are safe for concurrent use.
type Session struct {
	registry *Registry
	id       string
	info     Info
	since    time.Time
	kill     func(reason.Reason)
	group    *group
	stream   *streamGroup
	counters Counters
	leftOut  atomic.Pointer[LeftOut] // nil before there is an output

	mu       sync.Mutex // may be taken under registry.mu, and nothing under it
	timeline timeline
	samples  samples
	lagger   Lagger // nil if nobody knows

	// Guarded by registry.mu.
	place    *list.Element // in registry.order
	state    State
	waiting  time.Time // since when, if it is
	closed   bool
	final    *Counts       // what it had moved, once it has closed
	killedBy reason.Reason // empty while nobody asked for the end
	killedAs error         // what there is to say about it, if anything
	grant    auth.Grant    // by which it goes on; without Renew if it lasts
	lease    *time.Timer   // of the next question whether it may go on
	pause    time.Duration // before that, if there was no answer to the last
}

// ID returns the session's identity: short, random, safe in a URL.
func (s *Session) ID() string { return s.id }

// Info returns what the session was opened with, and the newest transport.
func (s *Session) Info() Info {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	return s.info
}

// SetTransport changes the transport, where it shows late what carries the media.
// Only the owner calls it, and not while it closes the session.
func (s *Session) SetTransport(transport string) {
	s.registry.mu.Lock()
	changed := s.info.Transport != transport
	s.info.Transport = transport
	s.registry.mu.Unlock()
	if changed {
		s.Reached(Transport, transport)
	}
}

// Counters returns the counters that the owner writes.
func (s *Session) Counters() *Counters { return &s.counters }

// Skipped counts one skip to a newer key frame that cost the viewer this many
// frames.
func (s *Session) Skipped(why reason.Reason, frames int) {
	s.counters.Skips.Add(1)
	s.counters.FramesSkipped.Add(uint64(max(frames, 0)))
	s.group.skips.add(why)
	s.skipped(why, frames)
	s.stream.skipped(why)
}

// counts returns what the session has moved, or had when it closed: what the owner
// adds later does not count. The caller holds the lock.
func (s *Session) counts() Counts {
	if s.final != nil {
		return *s.final
	}
	return s.counters.load()
}

func (s *Session) snapshot() Snapshot {
	return Snapshot{ID: s.id, Info: s.info, State: s.state, Since: s.since, Counts: s.counters.load(), LeftOut: s.leftOut.Load().Tracks(), live: s}
}
