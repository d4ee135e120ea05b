package api

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/streamname"
)

// What may be wrong with Start and Stop of Recorders.
var (
	ErrRecording    = errors.New("the stream is recorded already")
	ErrNotRecording = errors.New("the stream is not recorded")
)

// Recorders record streams. It is safe for concurrent use.
type Recorders interface {
	// Recorders tells what is recorded and what should be, in no order.
	Recorders() []RecorderInfo
	// Start records a stream until Stop. Errors are ErrRecording, those with
	// reason.StreamNotFound or reason.LimitReached, or say what is wrong with r.
	Start(r RecorderRequest) error
	// Stop fails with ErrNotRecording.
	Stop(stream string) error
}

// RecorderInfo is a stream that is recorded, or should be, as the API shows it.
type RecorderInfo struct {
	Stream   string    `json:"stream"`
	State    string    `json:"state"` // recording, waiting, failed or stopped
	Mode     string    `json:"mode"`  // always or manual
	Session  string    `json:"session"`
	File     string    `json:"file"` // that is being written, or empty
	Since    time.Time `json:"since"`
	Segments uint64    `json:"segments"` // that have ended since then
	Bytes    int64     `json:"bytes"`    // written since then
	// FramesDropped are those that the disk did not take in time.
	FramesDropped uint64 `json:"frames_dropped"`
	// Error is what fails at the moment, or empty; FailedAt is when that began.
	Error    string     `json:"error"`
	FailedAt *time.Time `json:"failed_at"`
	Next     *time.Time `json:"next"` // of the next try, while it has failed
}

// RecorderRequest is what shall be recorded. What is missing is as the configuration
// has it.
type RecorderRequest struct {
	Stream          string           `json:"stream"`
	Format          string           `json:"format,omitempty"`
	Before          *config.Duration `json:"before,omitempty"`
	SegmentDuration *config.Duration `json:"segment_duration,omitempty"`
}

func (a *api) listRecorders(c *gin.Context) {
	out := []RecorderInfo{} // an empty list is [], not null
	out = append(out, a.Recorders.Recorders()...)
	slices.SortFunc(out, func(x, y RecorderInfo) int { return cmp.Compare(x.Stream, y.Stream) })
	c.JSON(http.StatusOK, gin.H{"recorders": out})
}

func (a *api) startRecorder(c *gin.Context) {
	var r RecorderRequest
	if !readRecorder(c, &r, &r.Stream) {
		return
	}
	switch err := a.Recorders.Start(r); {
	case err == nil:
		c.Status(http.StatusCreated)
	case errors.Is(err, ErrRecording):
		fail(c, http.StatusConflict, "recording", err.Error(), "stream")
	case reason.Of(err, "") == reason.StreamNotFound:
		fail(c, http.StatusNotFound, string(reason.StreamNotFound), err.Error(), "stream")
	case reason.Of(err, "") == reason.LimitReached:
		fail(c, http.StatusServiceUnavailable, string(reason.LimitReached), err.Error(), "")
	default:
		fail(c, http.StatusBadRequest, string(reason.BadRequest), err.Error(), "")
	}
}

func (a *api) stopRecorder(c *gin.Context) {
	var r struct {
		Stream string `json:"stream"`
	}
	if !readRecorder(c, &r, &r.Stream) {
		return
	}
	if err := a.Recorders.Stop(r.Stream); err != nil {
		fail(c, http.StatusConflict, "not_recording", err.Error(), "stream")
		return
	}
	c.Status(http.StatusNoContent)
}

// readRecorder reads the body of a request into v, of which stream is a part, or
// answers and returns false.
func readRecorder(c *gin.Context, v any, stream *string) bool {
	if !readBody(c, v) {
		return false
	}
	var err error
	if *stream, err = streamname.Parse(*stream); err != nil {
		fail(c, http.StatusBadRequest, string(reason.BadName), err.Error(), "stream")
		return false
	}
	return true
}
