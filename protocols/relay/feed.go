package relay

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// protocol is the name in sessions and metrics.
const protocol = "relay"

// feed carries media from a source to the bus. It is a session from the first
// media on: a source that only accepts connections is of no use to viewers.
type feed struct {
	pull   *pull
	from   address
	source Source
	cancel context.CancelCauseFunc

	session   *session.Session // nil before there is media
	pub       *bus.Publisher
	began     time.Time
	announced Part // what was said before
	leftOut   session.LeftOut
}

// copy carries media until the source ends. alive is called for each frame.
func (f *feed) copy(alive func()) error {
	for {
		part, err := f.source.Read()
		if err != nil {
			return err
		}
		if part.Frame != nil {
			alive()
		}
		if err := f.deliver(part); err != nil {
			return err
		}
	}
}

func (f *feed) deliver(part Part) error {
	if part.Why != "" {
		f.pull.service.metrics.ignored.WithLabelValues(part.Why).Inc()
	}
	for _, t := range part.LeftOut {
		if f.leftOut.Add(t) {
			session.LogLeftOut(f.pull.service.host.Log, slog.LevelWarn, []av.Omission{t},
				slog.String("protocol", protocol), slog.String("stream", f.pull.name), slog.String("source", f.from.shown))
		}
	}
	if part.Announces {
		f.announced = Part{Announces: true, Hinted: part.Hinted, Metadata: part.Metadata}
		part.Announces = false
	}
	if f.session == nil {
		if part.Track == nil && part.Frame == nil {
			return nil
		}
		if err := f.begin(); err != nil {
			return err
		}
	}
	f.session.Counters().BytesIn.Add(uint64(part.Bytes))
	if err := f.announced.Publish(f.pub); err != nil {
		return err
	}
	f.announced = Part{}
	if part.Frame != nil {
		f.session.Counters().FramesIn.Add(1)
	}
	return part.Publish(f.pub)
}

// begin makes the stream live.
func (f *feed) begin() error {
	p := f.pull
	host := p.service.host
	onDemand := p.order.mode == OnDemand
	kill := func(why reason.Reason) {
		if why == reason.NoViewers && onDemand {
			f.cancel(errIdle)
			return
		}
		f.cancel(reason.Wrap(why, errors.New(string(why))))
	}
	s, err := host.Sessions.Open(session.Info{
		Protocol: protocol, Action: session.Publish, Stream: p.name, Remote: f.from.host, Transport: f.from.scheme, Agent: "pull",
	}, kill)
	if err != nil {
		return err
	}
	f.pub, err = host.Bus.Publish(p.name, bus.Claim{Owner: "relay pull", Session: s.ID(), Kill: kill})
	if err != nil {
		s.Close(reason.Of(err, reason.InternalError), err)
		if reason.Of(err, "") == reason.StreamBusy {
			return errBusy
		}
		return err
	}
	f.session, f.began = s, time.Now()
	s.Without(&f.leftOut)
	p.set(func(i *Status) { i.running(s.ID()) })
	return nil
}

// lasted returns for how long there has been media.
func (f *feed) lasted() time.Duration {
	if f.session == nil {
		return 0
	}
	return time.Since(f.began)
}

// end gives the stream up because of err. Viewers wait for the next source, unless
// the pull ends because there are none.
func (f *feed) end(err error) {
	if f.session == nil {
		return
	}
	why := reason.Of(err, reason.NetworkError)
	switch {
	case errors.Is(err, io.EOF):
		why, err = reason.Unpublished, nil
	case errors.Is(err, errIdle):
		err = nil
		f.endUnwatched(why)
	}
	f.pub.Close()
	f.session.Close(why, err)
}

// endUnwatched ends the stream without a grace period, unless somebody came just
// now: who comes later finds no stream, and has it fetched.
func (f *feed) endUnwatched(why reason.Reason) {
	s := f.pull.service
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.viewers[f.pull.name] == 0 {
		f.pub.End(why)
	}
}
