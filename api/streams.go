package api

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/streamname"
)

// codeNoPublisher says that a stream waits for its publisher to return.
const codeNoPublisher = "no_publisher"

// The states of a stream.
const (
	StateLive  = "live"  // somebody publishes
	StateGrace = "grace" // the publisher is gone and may return
)

// StreamInfo is a stream as the API shows it.
type StreamInfo struct {
	Name      string         `json:"name"`
	State     string         `json:"state"` // StateLive or StateGrace
	Ready     bool           `json:"ready"` // all tracks are known
	Epoch     uint64         `json:"epoch"` // of its layout
	Since     time.Time      `json:"since"` // when it came into being
	Publisher *PublisherInfo `json:"publisher"`
	Tracks    []TrackInfo    `json:"tracks"`
	Bitrate   float64        `json:"bitrate"` // of all tracks, bit/s over the last seconds
	GOPS      float64        `json:"gop_s"`   // seconds between key frames, 0 if unknown
	// TimeMS is the stream's time in ms at the moment of the answer, as
	// timestamps of FLV and RTMP have it; nil before the first frame.
	TimeMS *float64 `json:"time_ms,omitempty"`
	// Viewers, by protocol, and their sum are filled in by the API.
	Viewers      map[string]int `json:"viewers"`
	ViewersTotal int            `json:"viewers_total"`
	BytesIn      uint64         `json:"bytes_in"`
	FramesIn     uint64         `json:"frames_in"`
	// FramesDropped are pictures that came before the publisher's first key frame,
	// so that nobody could decode them.
	FramesDropped uint64 `json:"frames_dropped"`
	// LastFrameS is how long ago the newest frame came, in seconds; nil before the
	// first.
	LastFrameS *float64 `json:"last_frame_s,omitempty"`
	// LeftOut are the tracks that the publisher had and that cannot be used, and
	// those that protocols in use do not carry. It is filled in by the API.
	LeftOut []LackInfo `json:"left_out"`
	// WebRTC is nil if WebRTC is off, and before all tracks are known.
	WebRTC *WebRTCInfo `json:"webrtc,omitempty"`
}

// WebRTCInfo is how a stream plays by WHEP.
type WebRTCInfo struct {
	Playable bool `json:"playable"`
	// Why says why not, or why pictures are left out, and what to set.
	Why string `json:"why"`
	// FrameRate is how many pictures per second are sent; 0 if that is not known.
	FrameRate float64 `json:"frame_rate,omitempty"`
	// LeftOut are the tracks that players do without.
	LeftOut []OmissionInfo `json:"left_out"`
}

// LackInfo is a track that is left out for those who publish or play by a
// protocol.
type LackInfo struct {
	Protocol string         `json:"protocol"`
	Action   session.Action `json:"action"`
	Kind     string         `json:"kind"`
	Codec    string         `json:"codec"`
	Why      string         `json:"why"`
}

// PublisherInfo is who publishes a stream.
type PublisherInfo struct {
	Session  string `json:"session"`
	Protocol string `json:"protocol"`
	Remote   string `json:"remote"`
	User     string `json:"user"`    // empty if anonymous
	Encoder  string `json:"encoder"` // as it calls itself
}

// TrackInfo is one track of a stream. What does not apply to its kind or is
// not known is left out.
type TrackInfo struct {
	ID        int     `json:"id"`
	Kind      string  `json:"kind"`
	Codec     string  `json:"codec"`
	Profile   string  `json:"profile"`
	Width     int     `json:"width,omitempty"`
	Height    int     `json:"height,omitempty"`
	FrameRate float64 `json:"frame_rate,omitempty"`
	// HasBFrames tells whether pictures are shown in another order than they come;
	// nil before some came.
	HasBFrames *bool   `json:"has_b_frames,omitempty"`
	SampleRate int     `json:"sample_rate,omitempty"`
	Channels   int     `json:"channels,omitempty"`
	Bitrate    float64 `json:"bitrate"` // bit/s over the last seconds
}

// streams returns all streams with their viewers.
func (a *api) streams() []StreamInfo {
	return CompleteStreams(a.Streams(), a.Sessions)
}

// CompleteStreams returns streams with what the sessions know of them.
func CompleteStreams(all []StreamInfo, sessions *session.Registry) []StreamInfo {
	viewers, lacks := sessions.Viewers(), sessions.Lacks()
	out := make([]StreamInfo, 0, len(all)) // an empty list is [], not null
	for _, s := range all {
		s.Viewers = map[string]int{}
		s.ViewersTotal = 0
		for protocol, n := range viewers[s.Name] {
			s.Viewers[protocol] = n
			s.ViewersTotal += n
		}
		if s.Tracks == nil {
			s.Tracks = []TrackInfo{}
		}
		s.LeftOut = []LackInfo{}
		for _, l := range lacks[s.Name] {
			s.LeftOut = append(s.LeftOut, LackInfo{l.Protocol, l.Action, l.Kind.String(), l.Codec, l.Why})
		}
		s.Since = s.Since.UTC()
		out = append(out, s)
	}
	return out
}

func (a *api) listStreams(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"streams": a.streams()})
}

func (a *api) getStream(c *gin.Context) {
	if s := a.stream(c); s != nil {
		c.JSON(http.StatusOK, s)
	}
}

// stream returns the stream that a request names, or answers and returns nil.
func (a *api) stream(c *gin.Context) *StreamInfo {
	name, err := streamname.Parse(c.Param("name"))
	if err != nil {
		fail(c, http.StatusBadRequest, string(reason.BadName), err.Error(), "name")
		return nil
	}
	for _, s := range a.streams() {
		if s.Name == name {
			return &s
		}
	}
	fail(c, http.StatusNotFound, string(reason.StreamNotFound), "there is no stream "+name, "name")
	return nil
}

// release closes the publisher of a stream, so that somebody else may publish it.
func (a *api) release(c *gin.Context) {
	s := a.stream(c)
	switch {
	case s == nil:
	case s.Publisher == nil || !a.Sessions.Kill(s.Publisher.Session, reason.Kicked):
		fail(c, http.StatusConflict, codeNoPublisher, "nobody publishes "+s.Name+" at the moment", "name")
	default:
		c.Status(http.StatusNoContent)
	}
}
