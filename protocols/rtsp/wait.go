package rtsp

import (
	"context"
	"errors"
	"sync"

	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// wait is the session of a client whose stream was not there when it asked. It
// becomes the player's.
type wait struct {
	request request
	session *session.Session

	mu   sync.Mutex
	kill func(reason.Reason) // what ends it at the moment
	why  reason.Reason       // it was killed
}

// end is called by the registry.
func (w *wait) end(why reason.Reason) {
	w.mu.Lock()
	kill := w.kill
	w.why = why
	w.mu.Unlock()
	kill(why)
}

// endBy makes kill what ends w from now on, also if it was killed before.
func (w *wait) endBy(kill func(reason.Reason)) {
	w.mu.Lock()
	w.kill = kill
	why := w.why
	w.mu.Unlock()
	if why != "" {
		kill(why)
	}
}

// await waits for a stream. Who does not find it at once is listed as waiting,
// until it plays.
func (c *client) await(r request) (*bus.Stream, error) {
	host := c.endpoint.server.host
	if stream := host.Bus.Stream(r.name); stream != nil {
		return stream, nil
	}
	c.giveUp(reason.ClientClosed, nil) // it waited for another
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w := &wait{request: r, kill: func(reason.Reason) { cancel() }}
	s, err := host.Sessions.Open(c.info(session.Play, r, c.endpoint.carrier()), w.end)
	if err != nil {
		return nil, err
	}
	w.session = s
	c.wait.Store(w)
	if err := s.Wait(); err != nil {
		return nil, err
	}
	stream, err := host.Bus.Await(ctx, r.name)
	if errors.Is(err, context.Canceled) {
		err = reason.Wrap(reason.Kicked, errors.New("closed by the server"))
	}
	w.endBy(func(reason.Reason) { _ = c.peer.Close() }) // which ends the connection
	return stream, err
}

// giveUp ends the client's waiting, and returns what it waited with, or nil.
func (c *client) giveUp(why reason.Reason, err error) *wait {
	w := c.wait.Swap(nil)
	if w != nil {
		w.session.Close(why, err)
	}
	return w
}

// open returns the session of a player: the one that it waited with, or a new
// one.
func (c *client) open(r request, transport string, kill func(reason.Reason)) (*session.Session, error) {
	w := c.wait.Load()
	if w == nil || w.request.name != r.name || w.request.grant.User != r.grant.User || !c.wait.CompareAndSwap(w, nil) {
		return c.endpoint.server.host.Sessions.Open(c.info(session.Play, r, transport), kill)
	}
	w.session.SetTransport(transport)
	w.session.Activate()
	w.endBy(kill)
	return w.session, nil
}
