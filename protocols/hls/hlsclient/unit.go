package hlsclient

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/fmp4"
)

// unit is a segment that is being read.
type unit struct {
	rendition *rendition
	load      SegmentLoad
	demux     func() (Packet, error) // the demuxer; nil before the first byte was read

	body          io.ReadCloser // of the piece that is being read; nil between two
	sent          time.Time     // its request
	uri           string
	last          bool // the newest piece ends the segment
	discontinuity bool // the next frame is the first behind it
}

// next returns the next packet, io.EOF at the end of the segment.
func (u *unit) next() (Packet, error) {
	if u.demux == nil {
		if err := u.begin(); err != nil {
			return Packet{}, err
		}
	}
	p, err := u.demux()
	if err == io.EOF {
		return p, err
	}
	if err != nil {
		return p, fmt.Errorf("segment %d (%s): %w", u.load.Segment.Number, u.uri, err)
	}
	f := p.Frame
	if f == nil {
		return p, nil
	}
	if f.Track.Kind == av.Video && !u.load.Video {
		u.load.Video, u.load.Key = true, f.Key
	}
	u.rendition.timeline.place(f, u.load.Format)
	p.Discontinuity, u.discontinuity = u.discontinuity, false
	return p, nil
}

// begin finds out which format the segment has.
func (u *unit) begin() error {
	init, err := u.rendition.initialization(u.load.Segment.Map)
	if err != nil {
		return err
	}
	r := bufio.NewReader(u)
	head, err := r.Peek(SniffLength)
	if u.load.Format = Sniff(head); init != nil {
		u.load.Format = FMP4
	}
	switch {
	case u.load.Format == TS:
		d := u.rendition.transportStream(r, u.discontinuity)
		u.demux = func() (Packet, error) {
			p, err := d.Next()
			return Packet{Frame: p.Frame, Why: p.Why}, err
		}
	case err != nil && err != io.EOF:
		return fmt.Errorf("segment %d (%s): %w", u.load.Segment.Number, u.uri, err)
	case u.load.Format == FMP4:
		d := fmp4.NewDemuxer(io.MultiReader(bytes.NewReader(init), r))
		u.demux = func() (Packet, error) {
			f, err := d.Next()
			return Packet{Frame: f}, err
		}
	default:
		return reason.Wrap(reason.Unsupported, fmt.Errorf("segment %d (%s) is neither MPEG-TS nor fragmented MP4: it begins with %q", u.load.Segment.Number, u.uri, head))
	}
	return nil
}

// Read reads the pieces of the segment, one after the other, and waits for those
// that are still to come. It returns io.EOF at the end of the segment.
func (u *unit) Read(b []byte) (int, error) {
	for {
		if u.body == nil {
			if err := u.request(); err != nil {
				return 0, err
			}
		}
		n, err := u.body.Read(b)
		u.load.Bytes += int64(n)
		if err == io.EOF {
			err = nil
			u.close()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// request asks for the next piece.
func (u *unit) request() error {
	r := u.rendition
	for len(r.queue) == 0 {
		if err := r.more(); err != nil {
			return err
		}
	}
	p := r.queue[0]
	if p.Segment.Number != u.load.Segment.Number {
		return io.EOF // parts of this one have left the playlist
	}
	u.load.Segment = p.Segment // newer: it may have grown
	r.queue, u.last = r.queue[1:], p.Last
	switch {
	case p.URI == "": // the segment is complete
		return io.EOF
	case p.Gap:
		return u.request()
	}
	address, err := resolve(r.base, p.URI)
	if err != nil {
		return err
	}
	u.uri, u.sent = path.Base(address.Path), time.Now()
	response, err := r.fetch.get(r.ctx, address, p.Range) //nolint:bodyclose // close does it
	if err != nil {
		return err
	}
	u.load.Requests++
	u.body = response.Body
	return nil
}

// close ends the piece that is being read.
func (u *unit) close() {
	if u.body != nil {
		_ = u.body.Close() // nothing is lost that was wanted
		u.body = nil
		u.load.Took += time.Since(u.sent)
	}
}
