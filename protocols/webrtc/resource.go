package webrtc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// gatherTimeout bounds the search for our own candidates: all are local.
const gatherTimeout = 3 * time.Second

// resource is what a POST of WHIP or WHEP made and a DELETE ends: one connection
// and its session.
type resource struct {
	server  *Server
	id      string // not to be guessed: who knows it may change the session
	stream  string
	action  session.Action
	reached netip.AddrPort // where the client reached us for HTTP; may be invalid
	remote  netip.Addr
	session *session.Session
	cancel  context.CancelFunc // of what begins
	begun   chan struct{}      // closed when the use has begun, or failed to
	use     use
	outbox  *outbox // for its RTP; nil if none is sent
	pc      *pion.PeerConnection
	timer   *time.Timer // ends the session unless it connects in time
	settled func()      // it does not connect any more: it has, or has ended

	sources atomic.Int32 // of RTP and RTCP, that the library keeps

	restarting sync.Mutex

	mu        sync.Mutex
	etag      string
	ours      []string // our candidates, in words
	later     []string // the client's that came one by one, in words
	connected bool
	ended     bool
}

// use is what a session does: publish or play.
type use interface {
	// begin does what the offer asks for and returns the answer.
	begin(ctx context.Context, o *offer, grant auth.Grant) (string, error)
	// negotiate sets up what the offer, which pc knows already, is answered with.
	negotiate(pc *pion.PeerConnection, o *offer) error
	// connected is called once media can flow, perhaps while or after close is.
	connected()
	// leaving is the reason of a client that says that it stops.
	leaving() reason.Reason
	// close ends the use. The connection is closed already.
	close()
}

// attach makes r one of the server's resources.
func (s *Server) attach(r *resource) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch most := s.live.Load().MaxSessions; {
	case s.draining:
		return reason.Wrap(reason.Shutdown, errors.New("the server stops"))
	case len(s.resources) >= most:
		return reason.Wrap(reason.LimitReached, fmt.Errorf("webrtc.max_sessions: all %d are in use", most))
	}
	r.id, r.etag = strings.ToLower(rand.Text()), newETag()
	s.resources[r.id] = r
	s.running.Add(1)
	return nil
}

func newETag() string { return `"` + strings.ToLower(rand.Text()[:12]) + `"` }

// detach undoes attach.
func (s *Server) detach(r *resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.resources, r.id)
	s.running.Done()
}

// find returns the resource with an id that is of a stream and an action, nil if
// there is none.
func (s *Server) find(id, stream string, action session.Action) *resource {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.resources[id]
	if r == nil || r.stream != stream || r.action != action {
		return nil
	}
	return r
}

// admit counts r as one that connects, or refuses it. It is called once.
func (r *resource) admit() (err error) {
	r.settled, err = r.server.pending.enter(r.remote)
	return err
}

// connect makes the connection and returns the answer to o.
func (r *resource) connect(ctx context.Context, o *offer, engine *pion.MediaEngine, interceptors *interceptor.Registry) (string, error) {
	settings := r.server.engine
	settings.BufferFactory = r.buffer
	if r.outbox != nil {
		settings.SetICEUDPMux(&outboxMux{r.server.mux, r.outbox})
	}
	api := pion.NewAPI(pion.WithMediaEngine(engine), pion.WithInterceptorRegistry(interceptors), pion.WithSettingEngine(settings))
	pc, err := api.NewPeerConnection(pion.Configuration{
		Certificates: []pion.Certificate{r.server.certificate},
		BundlePolicy: pion.BundlePolicyMaxBundle,
	})
	if err != nil {
		return "", err
	}
	if !r.hold(pc) {
		_ = pc.Close() // nothing has begun
		return "", reason.Wrap(reason.ClientClosed, errors.New("ended while it began"))
	}
	pc.OnConnectionStateChange(r.follow)
	pc.SCTP().Transport().ICETransport().OnSelectedCandidatePairChange(r.paired)
	if err := pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeOffer, SDP: o.text}); err != nil {
		return "", reason.Wrap(reason.BadRequest, fmt.Errorf("the offer cannot be used: %w", err))
	}
	if err := r.use.negotiate(pc, o); err != nil {
		return "", err
	}
	return r.answer(ctx)
}

// hold makes pc the connection of r, and reports whether r is still wanted.
func (r *resource) hold(pc *pion.PeerConnection) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return false
	}
	r.pc = pc
	r.timer = time.AfterFunc(time.Duration(r.server.config.ConnectTimeout), r.late)
	return true
}

// answer answers the description that the connection has.
func (r *resource) answer(ctx context.Context) (string, error) {
	answer, err := r.pc.CreateAnswer(nil)
	if err != nil {
		return "", reason.Wrap(reason.Unsupported, err)
	}
	gathered := pion.GatheringCompletePromise(r.pc)
	if err := r.pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, gatherTimeout)
	defer cancel()
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", fmt.Errorf("our candidates: %w", ctx.Err())
	}
	lines, err := r.server.candidates(r.reached)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	r.ours = allInWords(lines)
	r.mu.Unlock()
	return setCandidates(r.pc.LocalDescription().SDP, lines)
}

// follow is called by the library when the state of the connection changes.
func (r *resource) follow(state pion.PeerConnectionState) {
	switch state {
	case pion.PeerConnectionStateConnected:
		r.mu.Lock()
		first := !r.connected && !r.ended
		r.connected = true
		r.mu.Unlock()
		if first {
			r.timer.Stop()
			r.settled()
			r.session.Reached(session.Handshake, "DTLS")
			r.use.connected()
		}
	case pion.PeerConnectionStateFailed:
		r.mu.Lock()
		connected := r.connected
		r.mu.Unlock()
		if connected {
			go r.end(reason.Stalled, errors.New("nothing came from the client any more, "+r.tried()))
		} else {
			go r.end(reason.HandshakeTimeout, errors.New("no connection came about, "+r.tried()))
		}
	case pion.PeerConnectionStateClosed: // by DTLS, or by end itself
		go r.end(r.use.leaving(), nil)
	}
}

// paired is called by the library when media goes another way.
func (r *resource) paired(pair *pion.ICECandidatePair) {
	if pair == nil {
		return
	}
	r.session.Reached(session.ICEPair, fmt.Sprintf("%s %s - %s %s", endWords(pair.Local), pair.Local.Typ, endWords(pair.Remote), pair.Remote.Typ))
}

// late ends a session that has not connected.
func (r *resource) late() {
	r.end(reason.HandshakeTimeout, fmt.Errorf("no connection within %v, %s", time.Duration(r.server.config.ConnectTimeout), r.tried()))
}

// kill ends the session from outside. It does not block.
func (r *resource) kill(why reason.Reason) {
	r.cancel()
	go func() {
		<-r.begun // what is acquired until then has to be given back
		r.end(why, nil)
	}()
}

// over reports whether the session ends or has ended.
func (r *resource) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// end ends the session; the first reason counts.
func (r *resource) end(why reason.Reason, err error) {
	r.mu.Lock()
	if r.ended {
		r.mu.Unlock()
		return
	}
	r.ended = true
	r.mu.Unlock()
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.pc != nil {
		closePeer(r.pc)
	}
	if r.settled != nil {
		r.settled()
	}
	r.use.close()
	r.session.Close(why, err)
	r.server.detach(r)
}
