package session

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// Wait marks the session as Waiting for its stream. The error is a
// *reason.Error with reason.LimitReached when too many wait already; the
// session then stays as it was.
func (s *Session) Wait() error {
	now, begins, err := s.wait()
	if begins {
		s.registry.waits(now)
	}
	return err
}

// wait does what Wait does but for telling of it, if the session begins to wait now.
func (s *Session) wait() (now Snapshot, begins bool, err error) {
	r := s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.closed || s.state == Waiting {
		return Snapshot{}, false, nil
	}
	if limit := r.options.MaxWaiting; limit > 0 && r.waiting >= limit {
		return Snapshot{}, false, reason.Wrap(reason.LimitReached, fmt.Errorf("%d players wait for a stream already", limit))
	}
	s.state, s.waiting = Waiting, time.Now()
	s.group.waiting++
	r.waiting++
	return s.snapshot(), true, nil
}

// Activate marks the session as Active again after Wait.
func (s *Session) Activate() {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	if !s.closed {
		s.leaveWaiting()
	}
}

// leaveWaiting undoes Wait. The caller holds the lock.
func (s *Session) leaveWaiting() {
	if s.state == Waiting {
		s.state = Active
		s.group.waiting--
		s.registry.waiting--
		if waited := time.Since(s.waiting); waited >= time.Millisecond {
			s.note(Waited, "", int64(waited))
		}
	}
}

// Close ends the session: it leaves the registry, its counters move into the
// totals, and one log line tells why and what it moved. The first call wins,
// later ones do nothing. A session that was killed ends with the reason it was
// killed for, whatever the owner says, and without the owner's error, which is
// then only the echo of the closed connection. err may be nil.
func (s *Session) Close(why reason.Reason, err error) {
	end := ending{End: End{Reason: why}, err: err}
	if !s.leave(&end) {
		return
	}
	defer s.left(&end)
	attrs := append(s.info.attrs(),
		slog.String("session", s.id),
		slog.String("reason", string(end.Reason)),
		slog.Duration("duration", end.Duration.Round(time.Millisecond)),
		slog.Uint64("bytes_in", end.Counts.BytesIn), slog.Uint64("bytes_out", end.Counts.BytesOut),
		slog.Uint64("frames_in", end.Counts.FramesIn), slog.Uint64("frames_out", end.Counts.FramesOut),
		slog.Uint64("skips", end.Counts.Skips), slog.Uint64("frames_skipped", end.Counts.FramesSkipped))
	attrs = append(attrs, end.Counts.Network.attrs()...)
	if end.err != nil {
		attrs = append(attrs, slog.String("error", end.err.Error()))
	}
	s.registry.log.LogAttrs(context.Background(), level(end.Reason), "session ended", attrs...)
}

// ending is how a session ended.
type ending struct {
	End
	err error
}

// leave takes the session out of the registry, completes end and reports
// whether the session was there. Removing it from the live ones and adding its
// counters to the closed ones is one step under the lock, so that Totals sees
// it exactly once.
func (s *Session) leave(end *ending) bool {
	r := s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.closed {
		return false
	}
	if s.killedBy != "" {
		end.Reason, end.err = s.killedBy, s.killedAs
	}
	s.leaveWaiting()
	s.state = Ended
	end.Snapshot, end.At, end.Duration = s.snapshot(), time.Now(), time.Since(s.since)
	end.live, end.Timeline = nil, s.told()
	if end.err != nil {
		end.Error = clip(end.err.Error(), maxError)
	}
	end.complete()
	s.closed = true
	if s.lease != nil {
		s.lease.Stop()
	}
	delete(r.sessions, s.id)
	r.order.Remove(s.place)
	if stream := s.info.Stream; s.info.Action == Play {
		if r.viewers[stream]--; r.viewers[stream] == 0 {
			delete(r.viewers, stream)
		}
	}
	s.group.open--
	s.final = &end.Counts
	s.group.closed.add(end.Counts)
	r.leaveStream(s, end.Counts)
	s.group.closes[end.Reason]++
	r.history.add(end.End)
	r.leaving++
	return true
}

// left tells the observer of the end, and then Shutdown.
func (s *Session) left(end *ending) {
	r := s.registry
	r.closed(end.End)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaving--
	r.signalEmpty()
}
