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
}

func newSessionInfo(s session.Snapshot) sessionInfo {
	return sessionInfo{
		ID: s.ID, Protocol: s.Protocol, Action: s.Action, Stream: s.Stream,
		Remote: s.Remote, User: s.User, Agent: s.Agent, Transport: s.Transport,
		State: s.State, Since: s.Since.UTC(),
		BytesIn: s.BytesIn, BytesOut: s.BytesOut, FramesIn: s.FramesIn, FramesOut: s.FramesOut,
		Skips: s.Skips, FramesSkipped: s.FramesSkipped,
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
