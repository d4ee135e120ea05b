package main

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/protocols/rtmp/handshake"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

// peer is an RTMP client that does just what it is told, right or wrong.
type peer struct {
	*net.TCPConn
	t      testing.TB
	reader *rtmpchunk.Reader
}

// dial connects to the RTMP port and says nothing yet. The connection closes
// with the test at the latest.
func (s *testServer) dial(t testing.TB) *peer {
	t.Helper()
	return &peer{TCPConn: dialTCP(t, s.app.rtmp), t: t}
}

func dialTCP(t testing.TB, addr net.Addr) *net.TCPConn {
	t.Helper()
	conn, err := connectTCP(addr)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// connectTCP connects; what is read must come within patience.
func connectTCP(addr net.Addr) (*net.TCPConn, error) {
	conn, err := net.DialTCP("tcp", nil, addr.(*net.TCPAddr))
	if err == nil {
		conn.SetReadDeadline(time.Now().Add(patience))
	}
	return conn, err
}

// reset makes the connection end as if the peer's machine had killed it.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0) // fails if it is closed already
	conn.Close()
}

// send writes chunks. A server that closes meanwhile is no error here: what it
// said shows later.
func (p *peer) send(parts ...[]byte) {
	var all []byte
	for _, b := range parts {
		all = append(all, b...)
	}
	_, _ = p.Write(all)
}

// shake does the handshake.
func (p *peer) shake() error {
	p.reader = rtmpchunk.NewReader(p, rtmpchunk.Limits{MaxMessage: rtmpchunk.MaxPayload})
	return handshake.Client(p)
}

// open does all that comes before publish and play, on message stream 1.
func (p *peer) open(app string) error {
	if err := p.shake(); err != nil {
		return err
	}
	p.send(connect(app), command(0, message.NameCreateStream, 2, nil))
	return p.await(func(cmd message.Command) bool {
		return cmd.Name == message.NameResult && cmd.TransactionID == 2
	})
}

// begin sends publish or play and waits for the status that it has begun.
func (p *peer) begin(name, key, code string) error {
	p.send(command(1, name, 3, nil, key))
	return p.await(func(cmd message.Command) bool {
		status, ok := message.ParseStatus(cmd)
		return ok && status.Code == code
	})
}

// await reads up to the command that is wanted.
func (p *peer) await(wanted func(message.Command) bool) error {
	for {
		cmd, err := p.receive()
		if err != nil || wanted(cmd) {
			return err
		}
	}
}

// must fails the test if a step that has to succeed does not.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p *peer) receive() (message.Command, error) {
	for {
		m, err := p.reader.ReadMessage()
		if err != nil {
			return message.Command{}, err
		}
		if m.Type == rtmpchunk.TypeCommandAMF0 {
			return message.ParseCommand(m.Payload)
		}
	}
}

// farewell reads until the server closes, and returns the codes of the statuses
// that it sent. It fails if the server leaves the connection open.
func (p *peer) farewell() (codes []string) {
	p.t.Helper()
	var err error
	if p.reader == nil { // what comes is a handshake at most
		_, err = io.Copy(io.Discard, p)
	}
	for err == nil && p.reader != nil {
		var cmd message.Command
		cmd, err = p.receive()
		if status, ok := message.ParseStatus(cmd); ok {
			codes = append(codes, status.Code)
		}
	}
	if err != nil && err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
		p.t.Errorf("the server does not close as it should: %v", err)
	}
	return codes
}

// chunks returns a message in chunks of the default size.
func chunks(h rtmpchunk.Header, payload []byte) []byte {
	return rtmpchunk.AppendMessage(nil, h, rtmpchunk.DefaultChunkSize, payload)
}

// values returns a message of type 20 with any AMF0.
func values(payload []byte) []byte {
	return chunks(rtmpchunk.Header{ChunkStream: 3, Type: rtmpchunk.TypeCommandAMF0}, payload)
}

// command returns a command on a message stream.
func command(stream uint32, name string, transaction float64, args ...any) []byte {
	payload := amf0.Append(amf0.Append(nil, name, transaction), args...)
	return chunks(rtmpchunk.Header{ChunkStream: 3, Type: rtmpchunk.TypeCommandAMF0, StreamID: stream}, payload)
}

func connect(app string) []byte {
	return values(message.Connect{App: app, TCURL: "rtmp://127.0.0.1/" + app}.Command().Append(nil))
}
