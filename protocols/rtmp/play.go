package rtmp

import (
	"context"
	"fmt"
	"sync"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/transcode"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

// playing is the session of a connection that plays.
type playing struct {
	stream  uint32 // message stream
	session *session.Session
	cancel  context.CancelFunc // ends the wait for the stream
	waited  chan struct{}      // closed when the wait is over
	options flv.Options
	audio   transcode.Choice

	mu        sync.Mutex
	view      *bus.View // nil while the stream is awaited
	release   func()    // gives it back
	selection av.Selection
}

func (c *conn) handlePlay(id uint32, cmd message.Command) error {
	if c.publish != nil || c.play != nil {
		return c.fail(id, message.CodePlayFailed, reason.Wrap(reason.BadMessage, fmt.Errorf("play while this connection publishes or plays already")))
	}
	if err := checkStreamID(id); err != nil {
		return c.fail(id, message.CodePlayFailed, err)
	}
	r, err := c.admit(auth.Play, cmd.String(0))
	var audio transcode.Choice
	if err == nil {
		audio, err = transcode.ChoiceOf(r.query, c.server.live.Load().audio(r.name))
	}
	if err != nil {
		return c.refuse(session.Play, id, message.CodePlayFailed, r.name, err)
	}
	c.startViewer(id) // before the session, which may be killed through it at once
	s, err := c.begin(session.Play, r)
	if err != nil {
		return c.refuse(session.Play, id, message.CodePlayFailed, r.name, err)
	}
	if c.server.host.Bus.Stream(r.name) == nil {
		if err := s.Wait(); err != nil {
			s.Close(reason.Of(err, reason.LimitReached), err)
			return c.fail(id, message.CodePlayFailed, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &playing{stream: id, session: s, cancel: cancel, waited: make(chan struct{}), options: c.options(r), audio: audio}
	c.play = p
	go c.awaitStream(ctx, p, r.name)
	return nil
}

// options returns how the player wants its media: further tracks go only to
// those that announced that they know them, or whose URL asks.
func (c *conn) options(r request) flv.Options {
	return flv.Options{Multitrack: has(c.connect, capsMultitrack) || r.query.Get("multitrack") == "1"}
}

// startViewer hands the writing side of the connection to the delivery.
func (c *conn) startViewer(id uint32) {
	if c.viewer != nil {
		return
	}
	c.viewer = c.server.host.Delivery.Add(c.net, fanout.ViewerOptions{
		Goodbye: func(why reason.Reason, err error) []byte { return c.goodbye(id, why, err) },
		Closed: func(why reason.Reason, err error) {
			c.viewerEnd <- ended{why, err}
			if half, ok := c.net.(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite() // what fails is broken anyway: reading shows it
			}
			c.leave(farewell)
		},
	})
}

// goodbye tells a player why nothing more will come.
func (c *conn) goodbye(id uint32, why reason.Reason, err error) []byte {
	status := message.Status{Level: message.LevelStatus, Code: message.CodePlayUnpublishNotify, Description: told(why, err)}
	switch why {
	case reason.ClientClosed:
		return nil
	case reason.StreamNotFound:
		status.Level, status.Code = message.LevelError, message.CodePlayStreamNotFound
	case reason.StreamEnded, reason.Shutdown:
	default:
		status.Level, status.Code = message.LevelError, message.CodePlayFailed
	}
	b := rtmpchunk.AppendUserControl(c.appendReconnect(nil, why), rtmpchunk.UserControl{Event: rtmpchunk.EventStreamEOF, Value: id})
	return c.appendCommand(b, id, message.OnStatus(status))
}

// awaitStream waits for the stream and starts its delivery. It runs on a
// goroutine of its own, so that the connection can be read meanwhile.
func (c *conn) awaitStream(ctx context.Context, p *playing, name string) {
	defer close(p.waited)
	stream, err := c.server.host.Bus.Await(ctx, name)
	if err != nil {
		if ctx.Err() == nil {
			c.viewer.Close(reason.Of(err, reason.StreamNotFound), err)
		}
		return
	}
	p.session.Activate()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.view, p.release, err = p.audio.Acquire(stream.Plain(), nil); err != nil {
		c.viewer.Close(reason.Of(err, reason.InternalError), err)
		return
	}
	c.viewer.Control(c.playStart(p.stream, name))
	c.follow(p)
}

// playStart is what precedes the media.
func (c *conn) playStart(id uint32, name string) []byte {
	status := func(dst []byte, code, text string) []byte {
		return c.appendCommand(dst, id, message.OnStatus(message.Status{Level: message.LevelStatus, Code: code, Description: text}))
	}
	b := rtmpchunk.AppendUserControl(nil, rtmpchunk.UserControl{Event: rtmpchunk.EventStreamBegin, Value: id})
	b = status(b, message.CodePlayReset, "playing and resetting "+name)
	b = status(b, message.CodePlayStart, "started playing "+name)
	return rtmpchunk.AppendMessage(b, rtmpchunk.Header{
		ChunkStream: commandChunkStream, Type: rtmpchunk.TypeDataAMF0, StreamID: id,
	}, c.server.config.ChunkSize, amf0.Append(nil, "|RtmpSampleAccess", true, true))
}

var _ fanout.Omitter = (*rtmpchunk.Muxer)(nil)

// follow makes the viewer read the wire log of what p selects, or nothing if
// nothing of the stream is selected. The caller holds p.mu.
func (c *conn) follow(p *playing) {
	if p.view.Stream().Layout().Lacks(p.selection) {
		c.viewer.Rest()
		return
	}
	size := c.server.config.ChunkSize
	type variant struct { // what tells wire logs apart
		stream  uint32
		options flv.Options
	}
	key := fanout.Key{Format: "rtmp", Selection: p.selection, Borrows: true, Variant: variant{p.stream, p.options}}
	log, release, err := c.server.host.Delivery.Open(p.view, key, func() fanout.Muxer {
		return &rtmpchunk.Muxer{StreamID: p.stream, ChunkSize: size, Options: p.options}
	})
	if err != nil {
		c.viewer.Close(reason.Of(err, reason.InternalError), err)
		return
	}
	c.viewer.Follow(log, release, p.session)
}

// killPlay ends a player from outside. It does not block.
func (c *conn) killPlay(why reason.Reason) { c.viewer.Close(why, nil) }

// endPlay ends the connection's playing, if there is any.
func (c *conn) endPlay(end ended) {
	p := c.play
	if p == nil {
		return
	}
	c.play = nil
	p.cancel()
	<-p.waited
	c.viewer.Stop()
	if p.release != nil {
		p.release()
	}
	p.session.Close(end.why, end.err)
	c.setIdle(true)
}

func (c *conn) handlePause(id uint32, cmd message.Command) error {
	if c.play == nil {
		return nil
	}
	pause := cmd.Bool(0, true)
	status := message.Status{Level: message.LevelStatus, Code: message.CodeUnpauseNotify, Description: "going on"}
	if pause {
		status.Code, status.Description = message.CodePauseNotify, "paused"
	}
	if pause { // the status comes after the last of the media, or before the first
		c.viewer.Pause(true)
	}
	err := c.command(id, message.OnStatus(status))
	if !pause {
		c.viewer.Pause(false)
	}
	return err
}

// handleReceive switches audio or video on or off.
func (c *conn) handleReceive(cmd message.Command) error {
	p := c.play
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.selection
	if off := !cmd.Bool(0, true); cmd.Name == message.NameReceiveAudio {
		p.selection.NoAudio = off
	} else {
		p.selection.NoVideo = off
	}
	if p.selection != before && p.view != nil {
		c.follow(p)
	}
	return nil
}
