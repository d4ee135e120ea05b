package main

import (
	"context"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/transcode"
	"github.com/weirmedia/weir/protocols/relay"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/protocols/rtsp"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/rtp"
)

var _, _ relay.Sender = rtmpSource{}, rtspSource{}

// Audio implements relay.Sender: nearly all servers of RTMP take AAC only.
func (rtmpSource) Audio() transcode.Choice { return transcode.AsAAC }

// Carries implements relay.Sender.
func (rtmpSource) Carries(t *av.Track) bool { return flv.Carries(t.Codec) }

// Send implements relay.Sender.
func (rtmpSource) Send(ctx context.Context, rawURL string, _ *av.Layout, o relay.Options) (relay.Target, error) {
	c, err := rtmp.Publish(ctx, rawURL, rtmp.ClientOptions{
		WriteTimeout: o.Timeout, Agent: session.WithVia("FMLE/3.0 (compatible; weir)", o.Via),
	})
	if err != nil {
		return nil, withReason(err)
	}
	return &rtmpTarget{tagWriter: c}, nil
}

// tagWriter is what an rtmpTarget needs of rtmp.PublishClient.
type tagWriter interface {
	WriteTag(t flv.TagType, timestamp uint32, body []byte) error
	WriteParts(t flv.TagType, timestamp uint32, parts ...[]byte) error
	Close() error
}

// rtmpTarget writes frames as RTMP messages, the first of which has the time 0.
type rtmpTarget struct {
	tagWriter
	layout *av.Layout              // that the server knows; nil before the first frame
	zero   int64                   // time of the first frame
	head   [flv.MaxHeaderSize]byte // memory for what comes before a payload
}

// Write implements relay.Target.
func (t *rtmpTarget) Write(f *av.Frame, l *av.Layout) (int, error) {
	if t.layout == nil {
		t.zero = f.DTS
	}
	if f.DTS < t.zero { // sound from before the first picture: RTMP has no time before 0
		return 0, nil
	}
	moved := *f // what is shared is not changed
	moved.DTS, moved.PTS = f.DTS-t.zero, f.PTS-t.zero
	if err := t.follow(l, moved.DTS); err != nil {
		return 0, err
	}
	head, at, ok := flv.AppendBodyHeader(t.head[:0], &moved, l, flv.Options{})
	if !ok {
		return 0, nil
	}
	return len(head) + len(f.Payload), t.WriteParts(flv.TagTypeOf(f.Track.Kind), at, head, f.Payload)
}

// follow tells the server of a layout that it does not know.
func (t *rtmpTarget) follow(l *av.Layout, dts int64) error {
	if t.layout == l {
		return nil
	}
	bodies, err := flv.PreludeBodies(l, dts, flv.Options{})
	if t.layout != nil && err == nil {
		bodies, err = flv.ChangedBodies(t.layout, l, dts, flv.Options{})
	}
	if err != nil {
		return err
	}
	t.layout = l
	for _, b := range bodies {
		if err := t.WriteTag(flv.TagTypeOf(b.Kind), flv.Milliseconds(dts), b.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// Audio implements relay.Sender.
func (rtspSource) Audio() transcode.Choice { return transcode.Unchosen }

// Carries implements relay.Sender.
func (rtspSource) Carries(t *av.Track) bool {
	_, err := rtp.NewMuxer(t, rtp.MuxerOptions{PayloadType: rtp.FirstDynamic})
	return err == nil
}

// Send implements relay.Sender.
func (rtspSource) Send(ctx context.Context, rawURL string, l *av.Layout, o relay.Options) (relay.Target, error) {
	c, err := rtsp.Publish(ctx, rawURL, l.Tracks, rtspOptions(o))
	if err != nil {
		return nil, withReason(err)
	}
	return rtspTarget{c}, nil
}

// rtspTarget writes frames as RTP packets.
type rtspTarget struct{ *rtsp.PublishClient }

// Write implements relay.Target. A layout that the announced one cannot become ends
// the connection; the next begins with it. A frame that RTP cannot carry is left out.
func (t rtspTarget) Write(f *av.Frame, _ *av.Layout) (int, error) {
	switch err := t.WriteFrame(f); {
	case reason.Of(err, "") == reason.BadMedia:
		return 0, nil
	case err != nil:
		return 0, err
	}
	return len(f.Payload), nil
}
