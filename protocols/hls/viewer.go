package hls

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// viewer is who asks for the playlists of one stream: a session, whose id is in
// the addresses of its playlists, or all who watch without sessions. It holds the
// muxers that it needs and is over when no playlist was asked for during
// three target durations.
type viewer struct {
	service *service
	id      string // in the addresses of its playlists; empty without sessions
	name    string // of the stream
	// gone ends with the viewer; its cause is a *reason.Error.
	gone context.Context
	end  context.CancelCauseFunc
	// unwant tells that nobody watches without sessions any more; nil with sessions.
	unwant func()

	mu      sync.Mutex
	session *session.Session // nil without sessions, and until it is open
	outputs map[rendition]*output
	busy    int // requests under way
	timer   *time.Timer
	reached bool // media, on the timeline of session
	closed  bool
	why     reason.Reason // valid if closed
}

// output is a muxer that is held.
type output struct {
	muxer   *muxer
	release func()
}

const (
	// patience is how many target durations a viewer may go without asking for a
	// playlist. Players ask after one, or after a half if nothing was new.
	patience = 3
	// leastPatience gives time to players that are slow to begin, and to those
	// that buffer.
	leastPatience = 10 * time.Second
	// grudge is how long the address of a viewer that was kicked stays refused.
	// Players that try again do so for less.
	grudge = time.Minute
)

// viewerKey names a viewer in service.viewers.
type viewerKey struct{ stream, id string }

func (v *viewer) key() viewerKey { return viewerKey{v.name, v.id} }

// viewer returns the viewer of that key and begins a request of it. It makes one
// if there is none and open agrees; open is called without locks.
func (s *service) viewer(key viewerKey, open func(*viewer) error) (*viewer, error) {
	if v := s.find(key); v != nil {
		if err := v.begin(); err == nil || reason.Of(err, "") == reason.Kicked {
			return v, err
		}
		s.unlist(v) // it is about to go by itself
	}
	v := &viewer{service: s, id: key.id, name: key.stream, outputs: make(map[rendition]*output), busy: 1}
	v.gone, v.end = context.WithCancelCause(context.Background())
	v.timer = time.AfterFunc(time.Hour, v.expire)
	v.timer.Stop()
	if err := open(v); err != nil {
		v.end(err)
		return nil, err
	}
	if !s.list(v) { // another request of the same player was faster
		v.close(reason.ClientClosed)
		return s.viewer(key, open)
	}
	return v, nil
}

func (s *service) find(key viewerKey) *viewer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.viewers[key]
}

// list enters v and reports whether its key was free.
func (s *service) list(v *viewer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.viewers[v.key()] != nil {
		return false
	}
	s.viewers[v.key()] = v
	return true
}

// unlist removes v if it is still there.
func (s *service) unlist(v *viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.viewers[v.key()] == v {
		delete(s.viewers, v.key())
	}
}

// begin notes that a request came. It fails if the viewer is over.
func (v *viewer) begin() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return reason.Wrap(v.why, fmt.Errorf("the session has ended: %s", v.why))
	}
	v.busy++
	v.timer.Stop()
	return nil
}

// done notes that a request was answered.
func (v *viewer) done() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.busy--; v.busy == 0 && !v.closed {
		v.timer.Reset(v.patience())
	}
}

// patience returns how long the viewer may stay quiet. The caller locks.
func (v *viewer) patience() time.Duration {
	d := leastPatience
	for _, o := range v.outputs {
		if s := o.muxer.newest.Load(); s != nil {
			d = max(d, patience*s.target)
		}
	}
	return d
}

// expire ends a viewer that is quiet, and forgets one that was kicked.
func (v *viewer) expire() {
	v.mu.Lock()
	busy, closed := v.busy > 0, v.closed
	why := reason.ClientClosed
	for _, o := range v.outputs {
		if o.muxer.over() {
			why = reason.StreamEnded
		}
	}
	v.mu.Unlock()
	switch {
	case closed:
		v.service.unlist(v)
	case !busy:
		v.close(why)
	}
}

// bind makes s the viewer's session, also if it was killed meanwhile.
func (v *viewer) bind(s *session.Session) {
	v.mu.Lock()
	v.session = s
	closed, why := v.closed, v.why
	v.mu.Unlock()
	if closed {
		s.Close(why, nil)
	}
}

// reach notes that the player has been told where the media of m is. What it gets of
// that is asked for without its session's id.
func (v *viewer) reach(m *muxer) {
	v.mu.Lock()
	s := v.session
	if v.reached {
		s = nil
	}
	v.reached = true
	v.mu.Unlock()
	if s == nil {
		return
	}
	m.mu.Lock()
	layout := m.layout
	m.mu.Unlock()
	s.LayoutKnown(layout)
	s.FrameKnown()
}

// counter returns what counts the bytes of answers.
func (v *viewer) counter() func(n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.session == nil {
		return func(int) {}
	}
	c := v.session.Counters()
	return func(n int) { c.BytesOut.Add(uint64(n)) }
}

// close ends the viewer. It does not block and may be called repeatedly.
func (v *viewer) close(why reason.Reason) {
	v.mu.Lock()
	if v.closed {
		v.mu.Unlock()
		return
	}
	v.closed, v.why = true, why
	outputs, sess := v.outputs, v.session
	v.outputs = nil
	if why == reason.Kicked {
		v.timer.Reset(grudge)
	} else {
		v.timer.Stop()
	}
	v.mu.Unlock()
	v.end(reason.Wrap(why, fmt.Errorf("closed by the server: %s", why)))
	for _, o := range outputs {
		o.release()
	}
	if sess != nil {
		sess.Close(why, nil)
	}
	if v.unwant != nil {
		v.unwant()
	}
	if why != reason.Kicked {
		v.service.unlist(v)
	}
}

// muxer returns the muxer for a rendition of the viewer's stream. The one that it
// has stays, also when its stream has ended, until there is a new stream.
func (v *viewer) muxer(r rendition) (*muxer, error) {
	stream := v.service.host.Bus.Stream(v.name)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil, reason.Wrap(v.why, errors.New("the session has ended"))
	}
	o := v.outputs[r]
	if o != nil && (stream == nil || o.muxer.stream == stream && !o.muxer.Broken()) {
		return o.muxer, nil
	}
	if stream == nil {
		return nil, reason.Wrap(reason.StreamNotFound, fmt.Errorf("nobody publishes %q", v.name))
	}
	m, release, err := v.service.acquire(stream, r)
	if err != nil {
		return nil, err
	}
	if o != nil {
		o.release()
	}
	v.outputs[r] = &output{m, release}
	if v.session != nil {
		v.session.Without(&m.leftOut)
	}
	return m, nil
}

// await waits for the viewer's stream up to stream.wait.
func (v *viewer) await(ctx context.Context) error {
	s := v.service
	if v.session != nil {
		if err := v.session.Wait(); err != nil {
			return err
		}
	}
	err := s.wait(ctx, func(ctx context.Context) error {
		_, err := s.host.Bus.Await(ctx, v.name)
		return err
	})
	if err == nil && v.session != nil {
		v.session.Activate()
	}
	return err
}

// wait runs f, which waits, if not too many requests do already.
func (s *service) wait(ctx context.Context, f func(ctx context.Context) error) error {
	if n := s.blocked.Add(1); n > int64(s.live.Load().MaxBlocked) {
		s.blocked.Add(-1)
		return reason.Wrap(reason.LimitReached, fmt.Errorf("%d requests wait already (hls.max_blocked)", n-1))
	}
	defer s.blocked.Add(-1)
	err := f(ctx)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
