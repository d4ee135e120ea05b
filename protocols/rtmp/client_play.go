package rtmp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

const (
	// clientBuffer is the buffer that a player announces, in milliseconds. Live
	// servers take no notice; others send so much ahead. ffmpeg says the same.
	clientBuffer = 3000
	// liveOrRecorded is the start that play asks for, in milliseconds: the live
	// stream, else a recorded one of that name (section 7.2.2.1).
	liveOrRecorded = -2000
	// eofPatience is how long the status that goes with a Stream EOF may take.
	// Servers send both at once; some send the event alone.
	eofPatience = time.Second
)

// PlayClient plays one stream from an RTMP server. ReadTag is for one goroutine
// at a time, all else is safe for concurrent use. Close must be called, also
// after an error.
type PlayClient struct {
	*client
	first *flv.Tag // read while waiting for the start
	eof   bool     // the server announced the end
	err   error    // what ReadTag returns from now on
}

// Play connects to the server that rawURL names and plays the stream. It
// returns once the server has said NetStream.Play.Start or sent media. ctx
// bounds the time until then and has no effect later.
//
// A refusal is a *StatusError, such as NetStream.Play.StreamNotFound. Other
// errors are those of ParseURL, of the network, and io.ErrUnexpectedEOF if the
// server closes the connection.
func Play(ctx context.Context, rawURL string, o ClientOptions) (*PlayClient, error) {
	// What the Flash player said of itself: some servers send nothing to a
	// player without codecs (bit sets in section 7.2.1.1).
	info := message.Connect{
		FlashVer: "LNX 9,0,124,2 (compatible; weir)", Capabilities: 15,
		AudioCodecs: 0x0FE7, VideoCodecs: 0x00FC, VideoFunction: 1,
	}
	p := &PlayClient{}
	c, err := dial(ctx, rawURL, o, info, func(c *client) error {
		p.client = c
		return p.start()
	})
	if err != nil {
		return nil, err
	}
	p.client = c
	return p, nil
}

func (p *PlayClient) start() error {
	if err := p.createStream(); err != nil {
		return err
	}
	b := p.appendCommand(nil, p.stream, p.newCall(message.NamePlay, p.url.Key, float64(liveOrRecorded)))
	b = rtmpchunk.AppendUserControl(b, rtmpchunk.UserControl{
		Event: rtmpchunk.EventSetBufferLength, Value: p.stream, Buffer: clientBuffer,
	})
	if err := p.send(b); err != nil {
		return err
	}
	tag, err := p.next(true)
	p.first = tag
	return err
}

// ReadTag returns the next audio, video or data message as an FLV tag, whose
// timestamp is absolute, in milliseconds modulo 2^32. The body belongs to the
// caller. Data that is the protocol's own is left out.
//
// The error is io.EOF if the server says that the stream is over, a
// *StatusError if it ends it for another reason, io.ErrUnexpectedEOF if it
// closes without a word, net.ErrClosed after Close, os.ErrDeadlineExceeded
// after SetReadDeadline. It is final.
func (p *PlayClient) ReadTag() (flv.Tag, error) {
	if p.first != nil {
		tag := *p.first
		p.first = nil
		return tag, nil
	}
	if p.err != nil {
		return flv.Tag{}, p.err
	}
	tag, err := p.next(false)
	if err != nil {
		p.err = err
		if err != io.EOF {
			p.err = fmt.Errorf("rtmp: %s: %w", p.url.Host, err)
		}
		return flv.Tag{}, p.err
	}
	return *tag, nil
}

// next returns the next tag, or nil once playing has started if untilStart is
// set.
func (p *PlayClient) next(untilStart bool) (*flv.Tag, error) {
	for {
		m, err := p.receive()
		if err != nil {
			return nil, p.explain(err)
		}
		switch m.Type {
		case rtmpchunk.TypeDataAMF3: // AMF0 behind a format byte, in practice
			m.Type = rtmpchunk.TypeDataAMF0
			m.Payload = m.Payload[min(1, len(m.Payload)):]
			fallthrough
		case rtmpchunk.TypeDataAMF0:
			if isProtocolData(m.Payload) {
				continue
			}
			fallthrough
		case rtmpchunk.TypeAudio, rtmpchunk.TypeVideo:
			return &flv.Tag{Type: flv.TagType(m.Type), Timestamp: m.Timestamp, Body: m.Payload}, nil
		case rtmpchunk.TypeUserControl:
			if u, err := rtmpchunk.ParseUserControl(m.Payload); err == nil && u.Event == rtmpchunk.EventStreamEOF && u.Value == p.stream {
				p.eof = true
				_ = p.net.SetReadDeadline(time.Now().Add(eofPatience)) // fails if closed: so does reading
			}
		case rtmpchunk.TypeCommandAMF0, rtmpchunk.TypeCommandAMF3:
			started, err := p.obey(m)
			if err != nil || (started && untilStart) {
				return nil, err
			}
		}
	}
}

// isProtocolData reports whether a data message is for the player itself: what
// it may do with the samples, and that data follows.
func isProtocolData(payload []byte) bool {
	name, _, err := amf0.DecodeValue(payload)
	return err == nil && (name == "|RtmpSampleAccess" || name == message.NameOnStatus)
}

// obey treats a command of the server. The error tells how playing ends.
func (p *PlayClient) obey(m rtmpchunk.Message) (started bool, err error) {
	cmd, err := parseCommand(m)
	if err != nil {
		return false, err
	}
	status, ok := message.ParseStatus(cmd)
	switch {
	case cmd.Name == message.NameError: // to play, the only call that is open
		return false, statusError(status)
	case !ok || cmd.Name != message.NameOnStatus:
		return false, nil
	case status.Level == message.LevelError:
		return false, statusError(status)
	}
	switch status.Code {
	case message.CodePlayStart:
		return true, nil
	case message.CodePlayStop, message.CodePlayUnpublishNotify:
		return false, io.EOF
	case message.CodeReconnectRequest:
		p.requested(status)
	}
	return false, nil
}

// explain returns what it means that reading failed with err.
func (p *PlayClient) explain(err error) error {
	if p.eof && (err == io.EOF || isTimeout(err)) && !errors.Is(err, net.ErrClosed) {
		return io.EOF
	}
	return unexpected(err)
}

// Pause stops the stream or lets it go on (section 7.2.2.9).
func (p *PlayClient) Pause(on bool) error { return p.command(message.NamePause, on, 0.0) }

// ReceiveAudio switches audio on or off (section 7.2.2.4).
func (p *PlayClient) ReceiveAudio(on bool) error { return p.command(message.NameReceiveAudio, on) }

// ReceiveVideo switches video on or off (section 7.2.2.5).
func (p *PlayClient) ReceiveVideo(on bool) error { return p.command(message.NameReceiveVideo, on) }

// SetReadDeadline sets when ReadTag, also one that waits, gives up; the zero
// time means never. Giving up is final.
func (p *PlayClient) SetReadDeadline(t time.Time) error { return p.net.SetReadDeadline(t) }

// Close ends the stream and the connection. A ReadTag that waits returns. Later
// calls return net.ErrClosed.
func (p *PlayClient) Close() error {
	// The server may have closed already. If not, it sees the end of the
	// connection in any case.
	_ = p.command(message.NameDeleteStream, float64(p.stream))
	return p.net.Close()
}
