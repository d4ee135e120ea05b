package api

import (
	"math"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// SessionInfo is a session as the API shows it.
type SessionInfo struct {
	ID            string         `json:"id"`
	Protocol      string         `json:"protocol"`
	Action        session.Action `json:"action"`
	Stream        string         `json:"stream"`
	Remote        string         `json:"remote"`
	User          string         `json:"user"`
	Agent         string         `json:"agent"`
	Transport     string         `json:"transport"`
	State         session.State  `json:"state"`
	Since         time.Time      `json:"since"`
	BytesIn       uint64         `json:"bytes_in"`
	BytesOut      uint64         `json:"bytes_out"`
	FramesIn      uint64         `json:"frames_in"`
	FramesOut     uint64         `json:"frames_out"`
	Skips         uint64         `json:"skips"`
	FramesSkipped uint64         `json:"frames_skipped"`
	// BitrateIn and BitrateOut are in bit/s over the last seconds.
	BitrateIn  float64 `json:"bitrate_in"`
	BitrateOut float64 `json:"bitrate_out"`
	// LagMS is for how many ms the oldest frame has been there that the viewer has
	// not been sent, 0 if it has all; nil if that is not known.
	LagMS   *float64       `json:"lag_ms"`
	Network *NetworkInfo   `json:"network"`
	LeftOut []OmissionInfo `json:"left_out"`
	// Timeline is what happened so far. Lists leave it out.
	Timeline []StepInfo `json:"timeline,omitempty"`
	// Reason and DurationS are of sessions that have ended, which only events show.
	Reason    reason.Reason `json:"reason,omitempty"`
	DurationS float64       `json:"duration_s,omitempty"`
}

// StepInfo is a point of a session's timeline.
type StepInfo struct {
	At     time.Time         `json:"at"`
	What   session.Milestone `json:"what"`
	Detail string            `json:"detail"` // for people; may be empty
}

// OmissionInfo is a track that somebody does without.
type OmissionInfo struct {
	Kind  string `json:"kind"`
	Codec string `json:"codec"`
	Why   string `json:"why"`
}

// Omissions returns tracks as the API shows them.
func Omissions(tracks []av.Omission) []OmissionInfo {
	out := []OmissionInfo{} // an empty list is [], not null
	for _, o := range tracks {
		out = append(out, OmissionInfo{o.Kind.String(), o.Codec, o.Why})
	}
	return out
}

// NetworkInfo is what a session knows of its packets.
type NetworkInfo struct {
	PacketsIn        uint64  `json:"packets_in"`
	PacketsOut       uint64  `json:"packets_out"`
	PacketsLost      uint64  `json:"packets_lost"`
	PacketsReordered uint64  `json:"packets_reordered"`
	JitterMS         float64 `json:"jitter_ms"`
	// RoundTripMS is the newest time to the peer and back; nil if it is not known.
	RoundTripMS *float64 `json:"round_trip_ms"`
}

// newNetworkInfo returns nil if there were no packets.
func newNetworkInfo(n session.NetworkCounts) *NetworkInfo {
	if n == (session.NetworkCounts{}) {
		return nil
	}
	out := &NetworkInfo{
		PacketsIn: n.PacketsIn, PacketsOut: n.PacketsOut, PacketsLost: n.PacketsLost, PacketsReordered: n.PacketsReordered,
		JitterMS: milliseconds(n.Jitter),
	}
	if n.RoundTrip > 0 {
		ms := milliseconds(n.RoundTrip)
		out.RoundTripMS = &ms
	}
	return out
}

// milliseconds returns d with three decimals.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond).Microseconds()) / 1000
}

func newSessionInfo(s *session.Snapshot) SessionInfo {
	i := SessionInfo{
		ID: s.ID, Protocol: s.Protocol, Action: s.Action, Stream: s.Stream,
		Remote: s.Remote, User: s.User, Agent: s.Agent, Transport: s.Transport,
		State: s.State, Since: s.Since.UTC(),
		BytesIn: s.BytesIn, BytesOut: s.BytesOut, FramesIn: s.FramesIn, FramesOut: s.FramesOut,
		Skips: s.Skips, FramesSkipped: s.FramesSkipped, Network: newNetworkInfo(s.Network), LeftOut: Omissions(s.LeftOut),
	}
	in, out := s.Rates()
	i.BitrateIn, i.BitrateOut = math.Round(in), math.Round(out)
	if lag, ok := s.Lag(); ok {
		ms := float64(lag.Round(100*time.Microsecond).Microseconds()) / 1000
		i.LagMS = &ms
	}
	for _, step := range s.Timeline {
		i.Timeline = append(i.Timeline, StepInfo(step))
	}
	return i
}

// EndedInfo is a session that has ended.
type EndedInfo struct {
	Ended   time.Time     `json:"ended"`
	Reason  reason.Reason `json:"reason"`
	Error   string        `json:"error"` // empty if the reason says it all
	Session SessionInfo   `json:"session"`
}

func (a *api) listSessions(c *gin.Context) {
	f, field, err := newSessionFilter(c.Request.URL.Query())
	if err != nil {
		fail(c, http.StatusBadRequest, string(reason.BadRequest), err.Error(), field)
		return
	}
	out, total := []SessionInfo{}, 0 // an empty list is [], not null
	for s := range a.Sessions.All() {
		if !f.matches(&s) {
			continue
		}
		if total >= f.offset && len(out) < f.limit {
			out = append(out, newSessionInfo(&s))
		}
		total++
	}
	c.JSON(http.StatusOK, gin.H{"sessions": out, "total": total})
}

func (a *api) getSession(c *gin.Context) {
	s, ok := a.Sessions.Get(c.Param("id"))
	if !ok {
		noSession(c)
		return
	}
	c.JSON(http.StatusOK, newSessionInfo(&s))
}

// kick closes a session. It does not wait for the end.
func (a *api) kick(c *gin.Context) {
	if !a.Sessions.Kill(c.Param("id"), reason.Kicked) {
		noSession(c)
		return
	}
	c.Status(http.StatusNoContent)
}

func noSession(c *gin.Context) {
	fail(c, http.StatusNotFound, "session_not_found", "there is no session "+c.Param("id")+", or not any more", "id")
}

func (a *api) listEnded(c *gin.Context) {
	f, field, err := newSessionFilter(c.Request.URL.Query())
	if err != nil {
		fail(c, http.StatusBadRequest, string(reason.BadRequest), err.Error(), field)
		return
	}
	out := []EndedInfo{} // an empty list is [], not null
	for _, e := range a.Sessions.Ended() {
		if f.matches(&e.Snapshot) {
			out = append(out, EndedInfo{e.At.UTC(), e.Reason, e.Error, newSessionInfo(&e.Snapshot)})
		}
	}
	c.JSON(http.StatusOK, gin.H{"sessions": out})
}
