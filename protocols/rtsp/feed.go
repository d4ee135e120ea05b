package rtsp

import (
	"context"
	"io"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/description"

	"github.com/weirmedia/weir/protocols/internal/rtpfeed"
)

// batchAt is the share of a core from which on sound waits for pictures. What a
// feed can measure is its passes, which hand packets to the players' goroutines.
// Those of 500 players by TCP took 10 % of a core, of the 44 to 61 % that the
// players took in all. So it is about 150 players of 130 packets a second.
const batchAt = 0.03

// feed is what the players of one stream at one endpoint have in common.
type feed struct {
	*rtpfeed.Feed
	*described
}

// described is what DESCRIBE tells of a feed.
type described struct {
	stream *gortsplib.ServerStream
	media  []*description.Media // one for each outlet
}

// Close implements io.Closer.
func (d *described) Close() error {
	d.stream.Close()
	return nil
}

// feed returns what the packets of a stream come from, and waits for the stream
// and its tracks. release gives it back.
func (c *client) feed(r request) (*feed, func(), error) {
	stream, err := c.await(r)
	if err != nil {
		return nil, nil, err
	}
	view, releaseView, err := r.audio.Acquire(stream.Plain(), nil)
	if err != nil {
		return nil, nil, err
	}
	type key struct{ e *endpoint }
	e := c.endpoint
	f, release, err := rtpfeed.Acquire(context.Background(), view, key{e}, rtpfeed.Options{
		Log: e.server.host.Log, Protocol: protocol, Window: time.Duration(e.server.live.Load().MaxLag), BatchAt: batchAt,
		Unsent: e.server.metrics.unsent.Inc,
		Begin:  func(outlets []*rtpfeed.Outlet) (io.Closer, error) { return e.describe(r.name, outlets) },
	})
	if err != nil {
		releaseView()
		return nil, nil, err
	}
	return &feed{f, f.Begun().(*described)}, func() { release(); releaseView() }, nil
}

// describe makes what DESCRIBE tells of outlets, and gives them the sources that
// gortsplib has for them.
func (e *endpoint) describe(name string, outlets []*rtpfeed.Outlet) (*described, error) {
	d := &described{}
	for _, o := range outlets {
		d.media = append(d.media, mediaOf(o.Muxer))
	}
	d.stream = &gortsplib.ServerStream{Server: e.library, Desc: &description.Session{Title: name, Medias: d.media}}
	if err := d.stream.Initialize(); err != nil {
		return nil, err
	}
	stats := d.stream.Stats()
	for i, o := range outlets {
		o.SSRC = stats.Medias[d.media[i]].Formats[o.Format()].LocalSSRC
	}
	return d, nil
}
