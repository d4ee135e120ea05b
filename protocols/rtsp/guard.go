package rtsp

import (
	"sync"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
)

// guard keeps off gortsplib what v4.16.2 cannot bear.
//
// Its one goroutine for all connections hands requests over to sessions that
// belong to another connection, and waits while such a session is in a handler,
// or writes to a player that takes nothing: nobody is accepted meanwhile. So only
// players by UDP, whose sessions never block, can be controlled by a connection
// other than theirs.
//
// SETUP of a player by UDP reads the tracks of all others of the same address
// without a lock, which ends the program if one of them sets up a track just
// then. So from OnSetup to the answer there is only one.
type guard struct {
	setup sync.Mutex // from OnSetup to OnResponse

	mu      sync.Mutex
	roaming map[string]struct{} // ids of sessions that play by UDP
}

// unknownSession is the id of no session.
const unknownSession = "none"

var (
	_ gortsplib.ServerHandlerOnRequest  = (*endpoint)(nil)
	_ gortsplib.ServerHandlerOnResponse = (*endpoint)(nil)
)

// OnRequest implements gortsplib.ServerHandlerOnRequest. The connection's
// goroutine calls it before anything else.
func (e *endpoint) OnRequest(sc *gortsplib.ServerConn, req *base.Request) {
	if id := sessionOf(req); id != "" && sc.Session() == nil && !e.guard.roams(id) {
		req.Header["Session"] = base.HeaderValue{unknownSession}
	}
}

// OnResponse implements gortsplib.ServerHandlerOnResponse. The connection's
// goroutine calls it before it sends an answer.
func (e *endpoint) OnResponse(sc *gortsplib.ServerConn, res *base.Response) {
	res.Header["Server"] = base.HeaderValue{"weir"}
	if p := clientOf(sc).peer; p.settingUp {
		p.settingUp = false
		e.guard.setup.Unlock()
	}
}

// enter is called at the end of OnSetup for a player.
func (g *guard) enter(ctx *gortsplib.ServerHandlerOnSetupCtx) {
	// GStreamer is made to wait for a second, as a publisher of it needs.
	delete(ctx.Request.Header, "User-Agent")
	g.setup.Lock()
	clientOf(ctx.Conn).peer.settingUp = true
}

// roam lets other connections control the session id, or no longer.
func (g *guard) roam(id string, may bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !may {
		delete(g.roaming, id)
		return
	}
	if g.roaming == nil {
		g.roaming = make(map[string]struct{})
	}
	g.roaming[id] = struct{}{}
}

func (g *guard) roams(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.roaming[id]
	return ok
}

// sessionOf returns the session id in a request, as gortsplib reads it.
func sessionOf(req *base.Request) string {
	if h := req.Header["Session"]; len(h) == 1 {
		return h[0]
	}
	return ""
}
