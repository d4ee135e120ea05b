package relay

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// State is what a pull or forward is doing.
type State string

// The states.
const (
	Connecting State = "connecting"
	Running    State = "running" // media flows
	Waiting    State = "waiting" // the next try is to come
	Failed     State = "failed"  // no further try comes by itself
)

var (
	errStopping = reason.Wrap(reason.Shutdown, errors.New("the server is stopping"))
	errIdle     = reason.Wrap(reason.NoViewers, errors.New("nobody watches any more"))
	errChanged  = reason.Wrap(reason.Unpublished, errors.New("the configuration has changed"))
	errSilent   = errors.New("the source sends nothing")
	errBusy     = errors.New("somebody else publishes the stream")
)

// contain turns a panic of f into an error, so that it costs one connection only.
func contain(log *slog.Logger, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = reason.Wrap(reason.InternalError, fmt.Errorf("panic: %v", p))
			log.Error("panic in the relay", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		}
	}()
	return f()
}

// Status is a pull or a forward at one moment.
type Status struct {
	Stream   string
	Mode     Mode // of a pull
	State    State
	Peer     string // where the media comes from or goes to now, without credentials
	Session  string // while it is Running
	Since    time.Time
	Attempts uint64    // connections begun
	Error    string    // of the newest failure; empty if there was none since it was Running
	FailedAt time.Time // when that was
	Next     time.Time // of the next try, while it is Waiting
}

// connecting notes that a connection is begun.
func (s *Status) connecting(peer string) {
	s.State, s.Peer, s.Session = Connecting, peer, ""
	s.Attempts++
}

// running notes that media flows.
func (s *Status) running(session string) {
	s.State, s.Session, s.Error, s.FailedAt = Running, session, "", time.Time{}
}

// failed notes why it does not any more.
func (s *Status) failed(err error) { s.Error, s.FailedAt, s.Session = err.Error(), time.Now(), "" }

// waiting notes when the next try comes.
func (s *Status) waiting(d time.Duration) { s.State, s.Next = Waiting, time.Now().Add(d) }

// shown returns what there is to tell.
func (s *Status) shown() Status {
	out := *s
	if out.State != Waiting {
		out.Next = time.Time{}
	}
	return out
}
