package record

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// State is what becomes of a stream that shall be recorded.
type State string

// The states.
const (
	Recording State = "recording"
	Waiting   State = "waiting" // for a publisher or a key frame
	Failed    State = "failed"  // it is tried again
	Stopped   State = "stopped" // by somebody, although a rule says that it is recorded
)

// Status is a recorder at one moment.
type Status struct {
	Stream   string
	Mode     Mode
	State    State
	Session  string // while the stream is there and it was not stopped
	File     string // that is written, below the folder
	Since    time.Time
	Segments uint64    // that have ended, since then
	Bytes    int64     // written since then
	Dropped  uint64    // frames that were left out, since the disk did not take them
	Error    string    // of what fails at the moment
	FailedAt time.Time // since when something does
	Next     time.Time // of the next try, while it has Failed
}

// fails notes that something fails because of err.
func (s *Status) fails(err error) {
	if s.Error == "" {
		s.FailedAt = time.Now()
	}
	s.Error = err.Error()
}

// What may be wrong with Start and Stop.
var (
	ErrRecording    = errors.New("the stream is recorded already")
	ErrNotRecording = errors.New("the stream is not recorded")
	ErrUnknown      = errors.New("nobody publishes the stream, and no rule of record.streams is for it")
)

// Why a recorder ends. Their texts are those of library.Segment.Why.
var (
	errStopped  = reason.Wrap(reason.Kicked, errors.New("stopped"))
	errKicked   = reason.Wrap(reason.Kicked, errors.New("kicked"))
	errChanged  = reason.Wrap(reason.Revoked, errors.New("reconfigured"))
	errStopping = reason.Wrap(reason.Shutdown, errors.New("shutdown"))
	errEnded    = reason.Wrap(reason.StreamEnded, errors.New("stream_ended"))
)

// Why a segment ends while its recorder goes on.
const (
	byDuration    = "segment_duration"
	byBytes       = "segment_bytes"
	byLayout      = "layout_changed"
	byFormat      = "reconfigured"
	byUnpublished = "unpublished"
)

// classify returns what kind of failure err is.
func classify(err error) reason.Reason {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return reason.DiskFull
	}
	return reason.Of(err, reason.DiskError)
}

// contain turns a panic of f into an error, so that it costs one recording only.
func contain(log *slog.Logger, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = reason.Wrap(reason.InternalError, fmt.Errorf("panic: %v", p))
			log.Error("panic in a recorder", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		}
	}()
	return f()
}

// Failure tells that a stream is not recorded as it should be.
type Failure struct {
	Stream string
	File   string // that was being written, if one was
	Reason reason.Reason
	Error  string
}
