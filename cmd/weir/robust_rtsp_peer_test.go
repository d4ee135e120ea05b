package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"testing"

	prtp "github.com/pion/rtp"
)

// sdp is what rtspPeer.record announces: H.264, whose parameter sets come in
// band, and G.711.
const sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
	"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:trackID=0\r\n" +
	"m=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\n"

// rtspPeer is an RTSP client that does just what it is told, right or wrong.
type rtspPeer struct {
	*net.TCPConn
	t       testing.TB
	base    string
	reader  *bufio.Reader
	session string
	number  uint16 // of RTP packets
}

// dialRTSP connects to the RTSP port and says nothing yet. The connection closes
// with the test at the latest.
func (s *testServer) dialRTSP(t testing.TB) *rtspPeer {
	t.Helper()
	return newRTSPPeer(t, dialTCP(t, s.app.rtsp))
}

func newRTSPPeer(t testing.TB, conn *net.TCPConn) *rtspPeer {
	return &rtspPeer{TCPConn: conn, t: t, base: "rtsp://" + conn.RemoteAddr().String() + "/", reader: bufio.NewReader(conn)}
}

// request returns a request for a stream, or a track of it.
func (p *rtspPeer) request(method, name, headers, body string) string {
	if p.session != "" {
		headers += "Session: " + p.session + "\r\n"
	}
	if body != "" {
		headers += fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n", len(body))
	}
	return fmt.Sprintf("%s %s%s RTSP/1.0\r\nCSeq: 1\r\n%s\r\n%s", method, p.base, name, headers, body)
}

// send writes b. A server that closes meanwhile is no error here: what it said
// shows later.
func (p *rtspPeer) send(b string) { _, _ = io.WriteString(p, b) }

// ask sends a request and returns the status of the answer.
func (p *rtspPeer) ask(method, name, headers, body string) (int, error) {
	p.send(p.request(method, name, headers, body))
	return p.answer()
}

// answer reads an answer; packets before it are dropped.
func (p *rtspPeer) answer() (status int, err error) {
	for {
		start, err := p.reader.Peek(4)
		if err != nil {
			return 0, err
		}
		if start[0] != '$' {
			break
		}
		if _, err := p.reader.Discard(4 + int(binary.BigEndian.Uint16(start[2:]))); err != nil {
			return 0, err
		}
	}
	text := textproto.NewReader(p.reader)
	line, err := text.ReadLine()
	if err != nil {
		return 0, err
	}
	header, err := text.ReadMIMEHeader()
	if err != nil {
		return 0, err
	}
	if id := header.Get("Session"); id != "" {
		p.session, _, _ = strings.Cut(id, ";")
	}
	length, _ := strconv.Atoi(header.Get("Content-Length")) // 0 if there is none
	if _, err := p.reader.Discard(length); err != nil {
		return 0, err
	}
	if _, err := fmt.Sscanf(line, "RTSP/1.0 %d", &status); err != nil {
		return 0, fmt.Errorf("%q: %w", line, err)
	}
	return status, nil
}

// farewell reads until the server closes, and returns the last status. It fails
// if the server leaves the connection open.
func (p *rtspPeer) farewell() (last int) {
	p.t.Helper()
	for {
		status, err := p.answer()
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				p.t.Errorf("the server does not close: %v", err)
			}
			return last
		}
		last = status
	}
}

// steps sends requests that have to succeed.
func (p *rtspPeer) steps(requests ...[4]string) error {
	for _, r := range requests {
		status, err := p.ask(r[0], r[1], r[2], r[3])
		if err != nil || status != 200 {
			return fmt.Errorf("%s: status %d, %w", r[0], status, err)
		}
	}
	return nil
}

const (
	intoTrack0 = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
	intoTrack1 = "Transport: RTP/AVP/TCP;unicast;interleaved=2-3\r\n"
	fromTrack0 = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record\r\n"
	fromTrack1 = "Transport: RTP/AVP/TCP;unicast;interleaved=2-3;mode=record\r\n"
)

// announce does all that comes before RECORD.
func (p *rtspPeer) announce(name string) error {
	return p.steps([4]string{"ANNOUNCE", name, "", sdp},
		[4]string{"SETUP", name + "/trackID=0", fromTrack0}, [4]string{"SETUP", name + "/trackID=1", fromTrack1})
}

// record publishes name up to the first picture.
func (p *rtspPeer) record(name string) error {
	if err := p.announce(name); err != nil {
		return err
	}
	if err := p.steps([4]string{"RECORD", name}); err != nil {
		return err
	}
	for _, nal := range []string{"6764000dacd941519e226c0440000003004000000f03c50a6580", "68ebe3cb22c0"} {
		p.send(p.packet(96, 1, false, unhex(nal)))
	}
	p.send(p.packet(96, 1, true, []byte{0x65, 0x88, 0x84, 0, 1, 2, 3}))
	return nil
}

// watch plays the first track of name.
func (p *rtspPeer) watch(name string) error {
	return p.steps([4]string{"SETUP", name + "/trackID=0", intoTrack0}, [4]string{"PLAY", name})
}

// packet returns an RTP packet of the first track, interleaved, whose time is
// that of the packet with that number times a picture's.
func (p *rtspPeer) packet(payloadType uint8, ssrc uint32, marker bool, payload []byte) string {
	packet := prtp.Packet{
		Header:  prtp.Header{Version: 2, PayloadType: payloadType, SSRC: ssrc, Marker: marker, SequenceNumber: p.number, Timestamp: uint32(p.number) / 3 * 3600},
		Payload: payload,
	}
	p.number++
	b, err := packet.Marshal()
	if err != nil {
		panic(err)
	}
	return frame(0, b)
}

// frame returns what is interleaved on a channel (RFC 2326, 10.12).
func frame(channel byte, b []byte) string {
	return string(binary.BigEndian.AppendUint16([]byte{'$', channel}, uint16(len(b)))) + string(b)
}
