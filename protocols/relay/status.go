package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
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
	Stopped    State = "stopped" // by somebody, until it is started
)

var (
	errStopping = reason.Wrap(reason.Shutdown, errors.New("the server is stopping"))
	errIdle     = reason.Wrap(reason.NoViewers, errors.New("nobody watches any more"))
	errChanged  = reason.Wrap(reason.Unpublished, errors.New("the configuration has changed"))
	errStopped  = reason.Wrap(reason.Unpublished, errors.New("the stream was stopped here"))
	errSilent   = reason.Wrap(reason.PublishTimeout, errors.New("the source sends nothing"))
	errEnded    = reason.Wrap(reason.Unpublished, errors.New("the source has ended the stream"))
	errBusy     = reason.Wrap(reason.StreamBusy, errors.New("somebody else publishes the stream"))
)

// unanswered returns why a connection failed: if it has used up its timeout, that, and
// if nobody wants it any more, why. Sockets may know of the end of ctx before it does.
func unanswered(ctx context.Context, err error, peer string, timeout time.Duration) error {
	var network net.Error
	cause := context.Cause(ctx)
	switch {
	case err == nil:
		return nil
	case cause != nil && !errors.Is(cause, context.DeadlineExceeded):
		return cause
	case cause != nil, errors.As(err, &network) && network.Timeout():
		return reason.Wrap(reason.HandshakeTimeout, fmt.Errorf("the %s did not answer within %v", peer, timeout))
	}
	return err
}

// countFailure counts the failure of a pull or forward and returns its reason for the log.
func (s *Service) countFailure(err error) slog.Attr {
	why := string(reason.Of(err, reason.NetworkError))
	s.metrics.failures.WithLabelValues(why).Inc()
	return slog.String("reason", why)
}

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

// Pulls returns what is fetched now, and what is stopped, in no order.
func (s *Service) Pulls() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Status, 0, len(s.pulls))
	for _, p := range s.pulls {
		out = append(out, p.status.shown())
	}
	for name, since := range s.stoppedPulls {
		if s.pulls[name] == nil { // else it is about to end
			out = append(out, s.config.stoppedPull(name, since))
		}
	}
	return out
}

// Forwards returns what is sent elsewhere now, and what is stopped, in no order.
func (s *Service) Forwards() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Status, 0, len(s.forwards))
	ending := make(map[StoppedForward]bool, len(s.forwards)) // if it is stopped
	for _, f := range s.forwards {
		out = append(out, f.status.shown())
		ending[StoppedForward{f.key.stream, f.to.shown}] = true
	}
	for stopped, since := range s.stoppedForwards {
		if _, all := s.stoppedForwards[StoppedForward{Stream: stopped.Stream}]; all && stopped.Target != "" {
			continue // listed with all of its stream
		}
		for _, status := range s.config.stoppedForward(stopped, since) {
			if !ending[StoppedForward{status.Stream, status.Peer}] {
				out = append(out, status)
			}
		}
	}
	return out
}
