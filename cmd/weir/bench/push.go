package bench

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/protocols/rtsp"
	"github.com/weirmedia/weir/remux/flv"
)

// pushAhead is how early a tag may be sent, so that one wake-up and one write
// serve the sound and the picture that are due at about the same time.
const pushAhead = 5 * time.Millisecond

// pace is how all publishers together keep up with real time.
type pace struct {
	behind  histogram // how late tags are written
	blocked histogram // how long writes take
}

// pusher publishes a clip in one session, over and over.
type pusher struct {
	*session
	clip      *Clip
	transport Transport // of RTSP
	pace      *pace
	// connected, which may be nil, is told once whether publishing began.
	connected func(error)
	done      func() // called once, when the session has ended
}

// run publishes until ctx ends or the server ends it.
func (p *pusher) run(ctx context.Context) {
	defer p.done()
	p.begin()
	client, err := p.open(ctx)
	if p.connected != nil {
		p.connected(err)
	}
	if err != nil {
		p.finish(ctx.Err() != nil, err)
		return
	}
	p.connect()
	stop := context.AfterFunc(ctx, func() { _ = client.Close() })
	defer stop()
	err = p.loop(ctx, client)
	over := ctx.Err() != nil
	_ = client.Close() // err says more
	p.finish(over, err)
}

// publisher is where tags go. They may be collected until Flush.
type publisher interface {
	WriteTag(t flv.TagType, timestamp uint32, body []byte) error
	Flush() error
	io.Closer
}

func (p *pusher) open(ctx context.Context) (publisher, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, fmt.Errorf("no answer within %v", connectTimeout))
	defer cancel()
	if !isRTSP(p.url) {
		return rtmp.Publish(ctx, p.url, rtmp.ClientOptions{Buffered: true})
	}
	c, err := rtsp.Publish(ctx, p.url, p.clip.tracks(), rtsp.ClientOptions{Transport: p.transport.client()})
	if err != nil {
		return nil, err
	}
	return &framer{PublishClient: c}, nil
}

// framer publishes tags as frames.
type framer struct {
	*rtsp.PublishClient
	demuxer flv.Demuxer
}

// WriteTag sends the frames of a tag. body is copied.
func (f *framer) WriteTag(t flv.TagType, timestamp uint32, body []byte) error {
	packets, err := f.demuxer.Decode(t, timestamp, body)
	if err != nil {
		return err
	}
	for _, p := range packets {
		if p.Frame == nil || p.Frame.Track.Kind == av.Data {
			continue
		}
		if err := f.WriteFrame(p.Frame); err != nil {
			return err
		}
	}
	return nil
}

// Flush does nothing: nothing is collected.
func (f *framer) Flush() error { return nil }

func (p *pusher) loop(ctx context.Context, client publisher) error {
	var body []byte // with this session's stamp
	var picture uint64
	begin := time.Now()
	woke := begin
	for offset := uint64(0); ; offset += p.clip.length {
		for _, tag := range p.clip.tags {
			at := offset + uint64(tag.Timestamp)
			due := begin.Add(time.Duration(at) * time.Millisecond)
			now := time.Now()
			if wait := due.Sub(now); wait > pushAhead {
				if err := p.flush(client, woke); err != nil {
					return err
				}
				if !sleep(ctx, time.Until(due)) {
					return ctx.Err()
				}
				now = time.Now()
				woke = now
			}
			p.pace.behind.add(now.Sub(due))
			b := tag.Body
			if tag.stamp > 0 {
				body = append(body[:0], tag.Body...)
				putStamp(body[tag.stamp:], Stamp{Number: picture, Time: now.UnixNano()})
				picture++
				b = body
			}
			if err := client.WriteTag(tag.Type, uint32(at), b); err != nil {
				return err
			}
			p.bytes.Add(uint64(frameOverhead + len(b)))
		}
	}
}

// flush writes what was collected since the session woke.
func (p *pusher) flush(client publisher, woke time.Time) error {
	err := client.Flush()
	p.pace.blocked.add(time.Since(woke))
	return err
}

// sleep waits for d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
