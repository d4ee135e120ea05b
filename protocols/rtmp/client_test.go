package rtmp

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/protocols/rtmp/handshake"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

// patience bounds waits that end at once unless something is broken.
const patience = 20 * time.Second

// testContext ends with the test, or when something is stuck.
func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// peer is the server's side of one connection, played by a test.
type peer struct {
	t      testing.TB
	conn   net.Conn
	reader *rtmpchunk.Reader
}

// fakeStream is the message stream that a peer gives out. It is not the usual
// 1, so that a client cannot get it right by luck.
const fakeStream = 7

// fakeServer lets script talk to the first client, after the handshake, and
// returns the URL of a stream there. The connection closes when script ends.
func fakeServer(t testing.TB, script func(*peer)) (url string) {
	t.Helper()
	return fakeListener(t, func(conn net.Conn) {
		if err := handshake.Server(conn); err != nil {
			t.Errorf("handshake: %v", err)
			return
		}
		script(&peer{t, conn, rtmpchunk.NewReader(conn, rtmpchunk.Limits{})})
	})
}

func fakeListener(t testing.TB, serve func(net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return // the test ended before it connected
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Error(err)
		}
		serve(conn)
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return "rtmp://" + l.Addr().String() + "/live/test?key=1"
}

// fail ends the script.
func (p *peer) fail(format string, args ...any) {
	p.t.Helper()
	p.t.Errorf(format, args...)
	runtime.Goexit()
}

func (p *peer) send(b []byte) {
	if _, err := p.conn.Write(b); err != nil {
		p.fail("peer: %v", err)
	}
}

func (p *peer) command(stream uint32, cmd message.Command) {
	p.send(rtmpchunk.AppendMessage(nil, rtmpchunk.Header{ChunkStream: 3, Type: rtmpchunk.TypeCommandAMF0, StreamID: stream},
		rtmpchunk.DefaultChunkSize, cmd.Append(nil)))
}

func (p *peer) status(level, code, text string) {
	p.command(fakeStream, message.OnStatus(message.Status{Level: level, Code: code, Description: text}))
}

func (p *peer) media(t rtmpchunk.Type, timestamp uint32, body ...byte) {
	p.send(rtmpchunk.AppendMessage(nil, rtmpchunk.Header{ChunkStream: 6, Type: t, StreamID: fakeStream, Timestamp: timestamp},
		rtmpchunk.DefaultChunkSize, body))
}

func (p *peer) control(event rtmpchunk.Event, value uint32) {
	p.send(rtmpchunk.AppendUserControl(nil, rtmpchunk.UserControl{Event: event, Value: value}))
}

// next returns the next message of this type and skips others.
func (p *peer) next(t rtmpchunk.Type) rtmpchunk.Message {
	p.t.Helper()
	for {
		m, err := p.reader.ReadMessage()
		if err != nil {
			p.fail("peer waits for a message of type %d: %v", t, err)
		}
		if m.Type == t {
			return m
		}
	}
}

// expect reads the next command, which must have this name.
func (p *peer) expect(name string) (message.Command, uint32) {
	p.t.Helper()
	m := p.next(rtmpchunk.TypeCommandAMF0)
	cmd, err := message.ParseCommand(m.Payload)
	if err != nil || cmd.Name != name {
		p.fail("got command %q (%v), want %q", cmd.Name, err, name)
	}
	return cmd, m.StreamID
}

// untilClose reads until the client closes.
func (p *peer) untilClose() {
	for {
		if _, err := p.reader.ReadMessage(); err != nil {
			return
		}
	}
}

func (p *peer) acceptConnect() message.Connect {
	p.t.Helper()
	cmd, _ := p.expect(message.NameConnect)
	info, err := message.ParseConnect(cmd)
	if err != nil {
		p.fail("%v", err)
	}
	p.command(0, message.ConnectResult(cmd.TransactionID, amf0.Object{}, 0))
	return info
}

func (p *peer) acceptCreateStream() {
	p.t.Helper()
	cmd, _ := p.expect(message.NameCreateStream)
	p.command(0, message.Result(cmd.TransactionID, nil, float64(fakeStream)))
}

// toPublish plays the server up to the publish command.
func (p *peer) toPublish() message.Command {
	p.t.Helper()
	p.acceptConnect()
	p.expect(message.NameReleaseStream)
	p.expect(message.NameFCPublish)
	p.acceptCreateStream()
	cmd, _ := p.expect(message.NamePublish)
	return cmd
}

func (p *peer) acceptPublish() {
	p.t.Helper()
	p.toPublish()
	p.status(message.LevelStatus, message.CodePublishStart, "")
}

// toPlay plays the server up to the play command.
func (p *peer) toPlay() {
	p.t.Helper()
	p.acceptConnect()
	p.acceptCreateStream()
	p.expect(message.NamePlay)
}

func (p *peer) acceptPlay() {
	p.t.Helper()
	p.toPlay()
	p.status(message.LevelStatus, message.CodePlayReset, "")
	p.status(message.LevelStatus, message.CodePlayStart, "")
}

// wantStatus fails unless err is a *StatusError with this code.
func wantStatus(t testing.TB, err error, code string) *StatusError {
	t.Helper()
	var status *StatusError
	if !errors.As(err, &status) || status.Code != code {
		t.Fatalf("got error %v, want status %s", err, code)
	}
	return status
}

// openers are the two clients, for what they have in common.
var openers = []struct {
	name string
	open func(ctx context.Context, url string) (io.Closer, error)
}{
	{"publish", func(ctx context.Context, url string) (io.Closer, error) {
		return Publish(ctx, url, ClientOptions{})
	}},
	{"play", func(ctx context.Context, url string) (io.Closer, error) {
		return Play(ctx, url, ClientOptions{})
	}},
}

func TestClientConnectFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		serve func(net.Conn)
		want  error
	}{
		{"closed at once", drain, io.ErrUnexpectedEOF},
		{"closed after the handshake", func(conn net.Conn) {
			_ = handshake.Server(conn)
			drain(conn)
		}, io.ErrUnexpectedEOF},
		{"closed in the middle of a message", func(conn net.Conn) {
			_ = handshake.Server(conn)
			_, _ = conn.Write([]byte{3, 0, 0, 0, 0, 0, 99, 20, 0, 0, 0, 0, 2, 0})
			drain(conn)
		}, io.ErrUnexpectedEOF},
		{"HTTP", func(conn net.Conn) {
			_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			drain(conn)
		}, nil},
	} {
		for _, o := range openers {
			t.Run(c.name+"/"+o.name, func(t *testing.T) {
				url := fakeListener(t, c.serve)
				_, err := o.open(testContext(t), url)
				if err == nil || (c.want != nil && !errors.Is(err, c.want)) {
					t.Errorf("got error %v, want %v", err, c.want)
				}
			})
		}
	}
}

// drain closes the writing side and reads what the client has sent, so that
// closing does not reset the connection.
func drain(conn net.Conn) {
	_ = conn.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, conn)
}

func TestClientRefused(t *testing.T) {
	failure := message.Status{Level: message.LevelError, Code: message.CodeConnectRejected, Description: "go away"}
	for _, c := range []struct {
		name   string
		script func(*peer)
		code   string
	}{
		{"connect", func(p *peer) {
			cmd, _ := p.expect(message.NameConnect)
			p.command(0, message.Error(cmd.TransactionID, failure))
			p.untilClose()
		}, message.CodeConnectRejected},
		{"connect, by a result", func(p *peer) {
			cmd, _ := p.expect(message.NameConnect)
			p.command(0, message.Result(cmd.TransactionID, nil, failure.Object()))
			p.untilClose()
		}, message.CodeConnectRejected},
		{"connect, by a status", func(p *peer) {
			p.expect(message.NameConnect)
			p.command(0, message.OnStatus(failure))
			p.untilClose()
		}, message.CodeConnectRejected},
		{"connect, without a code", func(p *peer) {
			cmd, _ := p.expect(message.NameConnect)
			p.command(0, message.Command{Name: message.NameError, TransactionID: cmd.TransactionID})
			p.untilClose()
		}, message.CodeCallFailed},
	} {
		for _, o := range openers {
			t.Run(c.name+"/"+o.name, func(t *testing.T) {
				_, err := o.open(testContext(t), fakeServer(t, c.script))
				wantStatus(t, err, c.code)
			})
		}
	}
}

func TestClientNoStreamID(t *testing.T) {
	for _, id := range []any{nil, "1", 0.0, -1.0, 1e12} {
		url := fakeServer(t, func(p *peer) {
			p.acceptConnect()
			cmd, _ := p.expect(message.NameCreateStream)
			p.command(0, message.Result(cmd.TransactionID, nil, id))
			p.untilClose()
		})
		if _, err := Play(testContext(t), url, ClientOptions{}); err == nil {
			t.Errorf("stream id %v was accepted", id)
		}
	}
}

func TestClientContextEnds(t *testing.T) {
	for _, o := range openers {
		t.Run(o.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(testContext(t))
			url := fakeServer(t, func(p *peer) {
				p.expect(message.NameConnect)
				cancel() // instead of an answer
				p.untilClose()
			})
			if _, err := o.open(ctx, url); !errors.Is(err, context.Canceled) {
				t.Errorf("got error %v, want context.Canceled", err)
			}
		})
	}
}

func TestClientProtocol(t *testing.T) {
	url := fakeServer(t, func(p *peer) {
		p.send(rtmpchunk.AppendWindowAckSize(nil, 5000))
		p.acceptPlay()
		p.control(rtmpchunk.EventPingRequest, 4711)
		pong, err := rtmpchunk.ParseUserControl(p.next(rtmpchunk.TypeUserControl).Payload)
		for err == nil && pong.Event != rtmpchunk.EventPingResponse {
			pong, err = rtmpchunk.ParseUserControl(p.next(rtmpchunk.TypeUserControl).Payload)
		}
		if err != nil || pong.Value != 4711 {
			p.t.Errorf("ping 4711 was answered by %+v, %v", pong, err)
		}
		p.media(rtmpchunk.TypeVideo, 0, slices.Repeat([]byte{1}, 6000)...)
		received, err := rtmpchunk.ParseAck(p.next(rtmpchunk.TypeAck).Payload)
		if err != nil || received < 6000 || received > 7000 {
			p.t.Errorf("acknowledged %d bytes, %v", received, err)
		}
		p.status(message.LevelStatus, message.CodePlayStop, "")
		p.untilClose()
	})
	c, err := Play(testContext(t), url, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if tag, err := c.ReadTag(); err != nil || len(tag.Body) != 6000 {
		t.Fatalf("got %d bytes, %v", len(tag.Body), err)
	}
	if _, err := c.ReadTag(); err != io.EOF {
		t.Errorf("got %v, want EOF", err)
	}
}
