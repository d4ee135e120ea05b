package rtmp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/socket"
	"github.com/weirmedia/weir/protocols/rtmp/handshake"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

const (
	// ackWindow is the acknowledgement window announced to peers and used for
	// those that announce none, in bytes. It is what other servers use.
	ackWindow = 2_500_000
	// minAckWindow keeps a peer from asking for an acknowledgement per message.
	minAckWindow = 4096
	// writeTimeout bounds writes to peers that are not viewers: answers that fit
	// into a socket's buffer many times over.
	writeTimeout = 10 * time.Second
	// farewell is how long a closed player may take to close its side, so that
	// what was sent last is not lost to a reset, and farewellBytes how much it
	// may send meanwhile.
	farewell      = 2 * time.Second
	farewellBytes = 4 << 20
	// maxStreams bounds the message streams of a connection. Clients use one.
	maxStreams = 8
)

// Chunk streams of the server's own messages (media has others).
const commandChunkStream = 3

// conn is one RTMP connection. Its goroutine reads; all else happens there
// too unless a field says otherwise.
type conn struct {
	server *Server
	net    net.Conn
	source *socket.Reader // under reader; nil on TLS
	reader *rtmpchunk.Reader
	remote netip.AddrPort
	came   time.Time // when it connected
	ready  time.Time // when the handshake was done

	connect *message.Connect // nil before connect
	streams map[uint32]bool  // message streams that were created
	window  uint64           // acknowledge after so many bytes
	acked   uint64
	publish *publishing
	play    *playing
	viewer  *fanout.Viewer // writes for us once something was played
	served  bool           // published or played at least once

	// viewerEnd gets how the viewer ended.
	viewerEnd chan ended

	mu      sync.Mutex
	killed  reason.Reason // why the connection must end, as told from outside
	leaving bool          // the read deadline is final
	idle    bool          // no session: nothing is published or played
}

type ended struct {
	why reason.Reason
	err error
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{
		server: s, net: nc, streams: make(map[uint32]bool),
		window: ackWindow, viewerEnd: make(chan ended, 1), idle: true, came: time.Now(),
	}
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		c.remote = netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), uint16(a.Port))
	}
	return c
}

// errNothingSent marks connections of port scanners and health checks.
var errNothingSent = errors.New("closed without a byte")

// serve runs the connection to its end. It is apart from end, and run from
// greet, and run waits before it reads, so that connections that wait for input,
// as players do all the time, need little stack: 4 KB instead of 8 (see
// TestWaitingNeedsLittleStack).
func (c *conn) serve() { c.end(c.contain(c.run)) }

// end tells everybody that the connection ended with err.
func (c *conn) end(err error) {
	end := ended{c.why(err), err}
	if errors.Is(err, io.EOF) || c.killedBy() != "" {
		end.err = nil // it says no more than the reason
	}
	viewerEnded := false
	select {
	case end = <-c.viewerEnd: // and let the peer close: err is about that only
		viewerEnded = true
	default:
	}
	c.endPublish(end)
	if c.viewer != nil && !viewerEnded {
		c.viewer.Close(end.why, end.err)
		end = <-c.viewerEnd
	}
	c.endPlay(end)
	if !c.served && !errors.Is(err, errNothingSent) {
		c.server.host.Sessions.Refuse(c.info("", ""), end.why, end.err)
	}
	if waited := c.viewer != nil && isTimeout(err); !waited && !errors.Is(err, io.EOF) {
		c.partWith()
	}
	_ = c.net.Close() // nothing is left to lose
}

// contain turns a panic into an error: a fault costs this connection only.
func (c *conn) contain(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = reason.Wrap(reason.InternalError, fmt.Errorf("panic: %v", p))
			c.server.host.Log.Error("panic in an RTMP connection", "panic", p, "remote", c.remote, "stack", string(debug.Stack()))
		}
	}()
	return f()
}

func (c *conn) run() error {
	if err := c.greet(); err != nil {
		return err
	}
	for {
		if err := c.reader.Wait(); err != nil {
			return err
		}
		m, err := c.reader.ReadMessage()
		if err == nil {
			err = c.handle(m)
		}
		if err != nil {
			return err
		}
	}
}

// greet does the handshakes.
func (c *conn) greet() error {
	c.expectWithin(time.Duration(c.server.live.Load().HandshakeTimeout))
	_ = c.net.SetWriteDeadline(time.Now().Add(writeTimeout)) // a dead connection shows when it is used
	err := c.secure()
	if err == nil {
		err = handshake.Server(c.net)
	}
	switch {
	case err == io.EOF:
		return errNothingSent
	case isTimeout(err):
		return reason.Wrap(reason.HandshakeTimeout, err)
	case err != nil:
		return err
	}
	c.ready = time.Now()
	var source io.Reader = c.net
	if c.source = socket.NewReader(c.net); c.source != nil {
		source = c.source
	}
	live := c.server.live.Load()
	c.reader = rtmpchunk.NewReader(source, rtmpchunk.Limits{MaxMessage: uint32(live.MaxMessage), MaxChunkStreams: live.MaxChunkStreams})
	return nil
}

// killedBy returns why the connection was told to end from outside, if it was.
func (c *conn) killedBy() reason.Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.killed
}

// why finds the reason for which a connection ends with err.
func (c *conn) why(err error) reason.Reason {
	var e *reason.Error
	switch killed := c.killedBy(); {
	case killed != "":
		return killed
	case errors.As(err, &e):
		return e.Reason
	case isTimeout(err):
		return reason.HandshakeTimeout // only what comes before a publish or play has a deadline
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), errors.Is(err, errNothingSent):
		return reason.ClientClosed
	}
	return reason.NetworkError
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// expectWithin lets reading fail after d; 0 means never: TCP keep-alive then
// finds peers that are gone.
func (c *conn) expectWithin(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving {
		return
	}
	var at time.Time
	if d > 0 {
		at = time.Now().Add(d)
	}
	_ = c.net.SetReadDeadline(at) // a dead connection shows when it is read
}

// leave lets the peer close within d; then reading fails.
func (c *conn) leave(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaving = true
	_ = c.net.SetReadDeadline(time.Now().Add(d))
}

// kill ends the connection from outside. It does not block.
func (c *conn) kill(why reason.Reason) {
	c.mu.Lock()
	if c.killed == "" {
		c.killed = why
	}
	c.mu.Unlock()
	c.leave(0)
}

// shutdown ends the connection if it has no session, which the registry ends.
func (c *conn) shutdown() {
	c.mu.Lock()
	idle := c.idle
	c.mu.Unlock()
	if idle {
		c.kill(reason.Shutdown)
	}
}

// partWith closes our side and lets the peer close its own, so that what was
// sent last is not lost to the reset that unread bytes would cause. Meanwhile it
// keeps its place of max_connections, which bounds sockets, not sessions: were it
// given back, a flood of bad peers would hold more of them open than allowed.
func (c *conn) partWith() {
	half, ok := c.net.(interface{ CloseWrite() error })
	if ok && half.CloseWrite() == nil {
		_ = c.net.SetReadDeadline(time.Now().Add(farewell))
		_, _ = io.CopyN(io.Discard, c.net, farewellBytes) // ends with the peer's close, the deadline or the bound
	}
}

// write sends b: directly, or between media once there is a viewer.
func (c *conn) write(b []byte) error {
	if c.viewer != nil {
		c.viewer.Control(b)
		return nil
	}
	_ = c.net.SetWriteDeadline(time.Now().Add(writeTimeout)) // a dead connection shows when it is written
	_, err := c.net.Write(b)
	if isTimeout(err) {
		return reason.Wrap(reason.Stalled, fmt.Errorf("the peer takes no answers: %w", err))
	}
	return err
}

// command sends a command on message stream id.
func (c *conn) command(id uint32, cmd message.Command) error {
	return c.write(c.appendCommand(nil, id, cmd))
}

func (c *conn) appendCommand(dst []byte, id uint32, cmd message.Command) []byte {
	size := c.server.config.ChunkSize
	if c.connect == nil {
		size = rtmpchunk.DefaultChunkSize // Set Chunk Size goes out with the answer to connect
	}
	return rtmpchunk.AppendMessage(dst, rtmpchunk.Header{
		ChunkStream: commandChunkStream, Type: rtmpchunk.TypeCommandAMF0, StreamID: id,
	}, size, cmd.Append(nil))
}

// handle treats one message.
func (c *conn) handle(m rtmpchunk.Message) error {
	if err := c.acknowledge(); err != nil {
		return err
	}
	return c.dispatch(m)
}

func (c *conn) dispatch(m rtmpchunk.Message) error {
	switch m.Type {
	case rtmpchunk.TypeAudio, rtmpchunk.TypeVideo, rtmpchunk.TypeDataAMF0, rtmpchunk.TypeDataAMF3:
		return c.media(m)
	case rtmpchunk.TypeCommandAMF0, rtmpchunk.TypeCommandAMF3:
		cmd, err := parseCommand(m)
		if err != nil {
			return err
		}
		return c.handleCommand(m.StreamID, cmd)
	case rtmpchunk.TypeAggregate:
		parts, err := rtmpchunk.SplitAggregate(m)
		for _, part := range parts {
			if err := c.dispatch(part); err != nil {
				return err
			}
		}
		return err
	case rtmpchunk.TypeWindowAckSize:
		size, err := rtmpchunk.ParseWindowAckSize(m.Payload)
		if err != nil {
			return reason.Wrap(reason.BadMessage, err)
		}
		c.window = uint64(max(size, minAckWindow))
	case rtmpchunk.TypeUserControl:
		return c.userControl(m.Payload)
	case rtmpchunk.TypeAck, rtmpchunk.TypeSetPeerBandwidth:
		// TCP knows what arrived; the bandwidth limit is the peer's to apply.
	case rtmpchunk.TypeSharedObjectAMF0, rtmpchunk.TypeSharedObjectAMF3:
		c.ignore("shared object message")
	default:
		c.ignore("unknown message type")
	}
	return nil
}

// acknowledge tells the peer what arrived when its window asks for it
// (section 5.4.3).
func (c *conn) acknowledge() error {
	n := c.reader.BytesRead()
	if c.publish != nil {
		c.publish.received(n)
	}
	if n-c.acked < c.window {
		return nil
	}
	c.acked = n
	return c.write(rtmpchunk.AppendAck(nil, uint32(n)))
}

func (c *conn) userControl(payload []byte) error {
	u, err := rtmpchunk.ParseUserControl(payload)
	if err != nil {
		return reason.Wrap(reason.BadMessage, err)
	}
	if u.Event == rtmpchunk.EventPingRequest {
		return c.write(rtmpchunk.AppendUserControl(nil, rtmpchunk.UserControl{Event: rtmpchunk.EventPingResponse, Value: u.Value}))
	}
	return nil // Set Buffer Length: a live player gets everything at once anyway
}

// ignore counts a message that is left out.
func (c *conn) ignore(cause string) { c.server.ignored.WithLabelValues(cause).Inc() }

// fail answers with an error status and returns an error that ends the
// connection for its reason.
func (c *conn) fail(id uint32, code string, err error) error {
	status := message.Status{Level: message.LevelError, Code: code, Description: told(reason.Of(err, ""), err)}
	if werr := c.command(id, message.OnStatus(status)); werr != nil {
		return fmt.Errorf("%w (and telling the client failed: %w)", err, werr)
	}
	return err
}
