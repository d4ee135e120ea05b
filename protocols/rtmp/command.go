package rtmp

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

// authTimeout bounds the question whether a client may publish or play.
const authTimeout = 10 * time.Second

// parseCommand reads a message of one of the two command types.
func parseCommand(m rtmpchunk.Message) (message.Command, error) {
	if m.Type == rtmpchunk.TypeCommandAMF3 {
		return message.ParseCommandAMF3(m.Payload)
	}
	return message.ParseCommand(m.Payload)
}

// handleCommand answers a command that came on message stream id.
func (c *conn) handleCommand(id uint32, cmd message.Command) error {
	if c.connect == nil && cmd.Name != message.NameConnect {
		return reason.Wrap(reason.BadMessage, fmt.Errorf("command %q before connect", cmd.Name))
	}
	switch cmd.Name {
	case message.NameConnect:
		return c.handleConnect(cmd)
	case message.NameCreateStream:
		return c.createStream(cmd)
	case message.NamePublish:
		return c.handlePublish(id, cmd)
	case message.NamePlay:
		return c.handlePlay(id, cmd)
	case message.NameFCPublish:
		return c.notify(cmd, message.NameOnFCPublish, message.CodePublishStart)
	case message.NameFCSubscribe:
		return c.notify(cmd, message.NameOnFCSubscribe, message.CodePlayStart)
	case message.NameFCUnpublish:
		c.endPublish(ended{why: reason.Unpublished})
		return c.notify(cmd, message.NameOnFCUnpublish, message.CodeUnpublishSuccess)
	case message.NameDeleteStream:
		return c.deleteStream(uint32(cmd.Number(0, float64(id))))
	case message.NameCloseStream, message.NameClose:
		return c.closeStream(id)
	case message.NamePause:
		return c.handlePause(id, cmd)
	case message.NameReceiveAudio, message.NameReceiveVideo:
		return c.handleReceive(cmd)
	case message.NameSeek:
		return c.command(id, message.OnStatus(message.Status{
			Level: message.LevelError, Code: "NetStream.Seek.Failed", Description: "live streams cannot seek",
		}))
	case message.NameGetStreamLength: // 0: live
		return c.command(0, message.Result(cmd.TransactionID, nil, 0.0))
	case message.NameResult, message.NameError:
		return nil // of calls that we do not make
	}
	// releaseStream, _checkbw and whatever else clients try: nothing to do, and
	// a client that waits for the answer gets one.
	if cmd.TransactionID == 0 {
		return nil
	}
	return c.command(0, message.Result(cmd.TransactionID, nil, amf0.Undefined{}))
}

// handleConnect answers connect in the order that other servers use, since
// clients have come to depend on it.
func (c *conn) handleConnect(cmd message.Command) error {
	if c.connect != nil {
		return reason.Wrap(reason.BadMessage, fmt.Errorf("a second connect"))
	}
	info, err := message.ParseConnect(cmd)
	if err != nil {
		return err
	}
	c.connect = &info
	b := rtmpchunk.AppendWindowAckSize(nil, ackWindow)
	b = rtmpchunk.AppendSetPeerBandwidth(b, ackWindow, rtmpchunk.BandwidthDynamic)
	b = rtmpchunk.AppendSetChunkSize(b, uint32(c.server.config.ChunkSize))
	b = c.appendCommand(b, 0, message.ConnectResult(cmd.TransactionID, append(amf0.Object{
		// Clients parse this version; it is that of the server which the
		// specification describes. 31 is every capability it has.
		{Name: "fmsVer", Value: "FMS/3,0,1,123"},
		{Name: "capabilities", Value: 31.0},
	}, capabilities()...), info.ObjectEncoding))
	return c.write(b)
}

// createStream gives out the lowest free message stream. Nearly always that is
// 1, so that players share one wire log.
func (c *conn) createStream(cmd message.Command) error {
	id := uint32(1)
	for c.streams[id] {
		id++
	}
	if id > maxStreams {
		return reason.Wrap(reason.LimitReached, fmt.Errorf("more than %d message streams on one connection", maxStreams))
	}
	c.streams[id] = true
	return c.command(0, message.Result(cmd.TransactionID, nil, float64(id)))
}

// checkStreamID refuses message streams that createStream never gives out. Each
// has its own wire log, so players must not choose freely; some clients use 0
// or 1 without asking.
func checkStreamID(id uint32) error {
	if id > maxStreams {
		return reason.Wrap(reason.BadMessage, fmt.Errorf("message stream %d was not created", id))
	}
	return nil
}

func (c *conn) deleteStream(id uint32) error {
	delete(c.streams, id)
	return c.closeStream(id)
}

// closeStream ends what goes on on message stream id; the connection stays.
func (c *conn) closeStream(id uint32) error {
	if p := c.publish; p != nil && (p.stream == id || id == 0) {
		c.endPublish(ended{why: reason.Unpublished})
		return c.command(id, message.OnStatus(message.Status{
			Level: message.LevelStatus, Code: message.CodeUnpublishSuccess, Description: "stopped publishing",
		}))
	}
	if p := c.play; p != nil && (p.stream == id || id == 0) {
		c.endPlay(ended{why: reason.ClientClosed})
		return c.command(id, message.OnStatus(message.Status{
			Level: message.LevelStatus, Code: message.CodePlayStop, Description: "stopped playing",
		}))
	}
	return nil
}

// notify answers the FC commands: with the notification that Flash-era clients
// wait for, and a result.
func (c *conn) notify(cmd message.Command, name, code string) error {
	status := message.Status{Level: message.LevelStatus, Code: code, Description: cmd.String(0)}
	b := c.appendCommand(nil, 0, message.Command{Name: name, Args: []any{status.Object()}})
	if cmd.TransactionID != 0 {
		b = c.appendCommand(b, 0, message.Result(cmd.TransactionID, nil, amf0.Undefined{}))
	}
	return c.write(b)
}

// request is what publish and play have in common: a stream, and leave to use it.
type request struct {
	name  string
	query url.Values
	grant auth.Grant
}

// admit finds out which stream a command is about and whether the client may
// do action with it. The error carries the reason.
func (c *conn) admit(action auth.Action, key string) (request, error) {
	name, query, err := streamname.Join(vhostToQuery(c.connect.App), vhostToQuery(key))
	if err != nil {
		return request{}, err
	}
	if action == auth.Publish {
		if err := streamname.CheckPublish(name); err != nil {
			return request{}, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), authTimeout)
	defer cancel()
	grant, err := c.server.host.Auth.Authorize(ctx, auth.Request{
		Action: action, Stream: name, Protocol: protocol, Remote: c.remote.Addr(),
		Credentials: credentials(query, c.connect.TCURL), Query: query,
	})
	return request{name, query, grant}, err
}

func (c *conn) info(action session.Action, stream string) session.Info {
	info := session.Info{Protocol: protocol, Action: action, Stream: stream, Remote: c.remote.String(), Transport: c.transport()}
	if c.connect != nil {
		info.Agent = c.connect.FlashVer
	}
	return info
}

// begin opens the session of a publish or play.
func (c *conn) begin(action session.Action, r request) (*session.Session, error) {
	info := c.info(action, r.name)
	info.Reached(session.Connected, c.came, "")
	info.Reached(session.Handshake, c.ready, "")
	info.Admit(r.grant)
	kill := c.kill
	if action == session.Play {
		kill = c.killPlay
	}
	s, err := c.server.host.Sessions.Open(info, kill)
	if err != nil {
		return nil, err
	}
	c.served = true
	c.setIdle(false)
	return s, nil
}

// setIdle notes whether the connection is without a session. Then it has to
// find something to do soon.
func (c *conn) setIdle(idle bool) {
	c.mu.Lock()
	c.idle = idle
	c.mu.Unlock()
	if idle {
		c.expectWithin(time.Duration(c.server.live.Load().HandshakeTimeout))
	} else {
		c.expectWithin(0)
	}
}

// refuse tells the client why its publish or play is refused, and the registry.
func (c *conn) refuse(action session.Action, id uint32, code, stream string, err error) error {
	if !c.served {
		c.served = true // it is told to the registry here, with the stream
		c.server.host.Sessions.Refuse(c.info(action, stream), reason.Of(err, reason.InternalError), err)
	}
	return c.fail(id, code, err)
}
