package api

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// sessionInfo is a session as the API shows it.
type sessionInfo struct {
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
	Network       *networkInfo   `json:"network"`
	LeftOut       []omissionInfo `json:"left_out"`
}

// omissionInfo is a track that somebody does without.
type omissionInfo struct {
	Kind  string `json:"kind"`
	Codec string `json:"codec"`
	Why   string `json:"why"`
}

// networkInfo is what a session knows of its packets.
type networkInfo struct {
	PacketsIn        uint64  `json:"packets_in"`
	PacketsOut       uint64  `json:"packets_out"`
	PacketsLost      uint64  `json:"packets_lost"`
	PacketsReordered uint64  `json:"packets_reordered"`
	JitterMS         float64 `json:"jitter_ms"`
}

// newNetworkInfo returns nil if there were no packets.
func newNetworkInfo(n session.NetworkCounts) *networkInfo {
	if n == (session.NetworkCounts{}) {
		return nil
	}
	return &networkInfo{
		PacketsIn: n.PacketsIn, PacketsOut: n.PacketsOut, PacketsLost: n.PacketsLost, PacketsReordered: n.PacketsReordered,
		JitterMS: float64(n.Jitter.Round(time.Microsecond).Microseconds()) / 1000,
	}
}

func newSessionInfo(s session.Snapshot) sessionInfo {
	leftOut := []omissionInfo{} // an empty list is [], not null
	for _, o := range s.LeftOut {
		leftOut = append(leftOut, omissionInfo{o.Kind.String(), o.Codec, o.Why})
	}
	return sessionInfo{
		ID: s.ID, Protocol: s.Protocol, Action: s.Action, Stream: s.Stream,
		Remote: s.Remote, User: s.User, Agent: s.Agent, Transport: s.Transport,
		State: s.State, Since: s.Since.UTC(),
		BytesIn: s.BytesIn, BytesOut: s.BytesOut, FramesIn: s.FramesIn, FramesOut: s.FramesOut,
		Skips: s.Skips, FramesSkipped: s.FramesSkipped, Network: newNetworkInfo(s.Network), LeftOut: leftOut,
	}
}

func (a *api) listSessions(c *gin.Context) {
	protocol, action, stream := c.Query("protocol"), session.Action(c.Query("action")), c.Query("stream")
	if action != "" && action != session.Publish && action != session.Play {
		fail(c, http.StatusBadRequest, string(reason.BadRequest), `action must be "publish" or "play"`, "action")
		return
	}
	out := []sessionInfo{} // an empty list is [], not null
	for _, s := range a.Sessions.List() {
		if (protocol == "" || s.Protocol == protocol) && (action == "" || s.Action == action) && (stream == "" || s.Stream == stream) {
			out = append(out, newSessionInfo(s))
		}
	}
	c.JSON(http.StatusOK, gin.H{"sessions": out})
}
