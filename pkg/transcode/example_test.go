package transcode_test

import (
	"context"
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/transcode"
)

// foreign is a Transcoder of somebody else: it makes A-law of µ-law samples by
// whatever means it has. An external process would be fed here, and what it has
// written by now be emitted.
type foreign struct{ track *av.Track }

func (x foreign) Track() *av.Track { return x.track }

func (x foreign) Transcode(f *av.Frame, emit func(*av.Frame)) error {
	emit(&av.Frame{Track: x.track, DTS: f.DTS, PTS: f.PTS, Arrival: f.Arrival, Payload: make([]byte, len(f.Payload))})
	return nil
}

func (x foreign) Close() error { return nil }

func newForeign(in *av.Track) (transcode.Transcoder, error) {
	if in.Codec != av.G711U {
		return nil, reason.Wrap(reason.Unsupported, fmt.Errorf("cannot make A-law of %v", in.Codec))
	}
	return foreign{&av.Track{ID: in.ID, Kind: av.Audio, Codec: av.G711A, SampleRate: in.SampleRate, Channels: in.Channels}}, nil
}

// A view through a transcoder of one's own.
func ExampleTranscoder() {
	b := bus.New(bus.DefaultLimits())
	defer b.Close(reason.Shutdown)
	track := &av.Track{ID: 1, Kind: av.Audio, Codec: av.G711U, SampleRate: 8000, Channels: 1}
	p, err := b.Publish("live/phone", bus.Claim{Kill: func(reason.Reason) {}})
	if err != nil {
		panic(err)
	}
	if err := p.SetTrack(track); err != nil {
		panic(err)
	}
	view, release, err := p.Stream().Plain().Derive("A-law", func() bus.Transform {
		return transcode.NewTransform(newForeign, av.G711A)
	})
	if err != nil {
		panic(err)
	}
	defer release()
	sub := view.Subscribe(0)
	defer sub.Close()
	if err := p.Write(&av.Frame{Track: track, Payload: make([]byte, 160)}); err != nil {
		panic(err)
	}
	item, err := sub.Next(context.Background())
	fmt.Println(item.Frame.Track.Codec, len(item.Frame.Payload), err)
	// Output: G.711 A-law 160 <nil>
}

// The transcoders of this package, without a bus.
func ExampleFormat_New() {
	track := &av.Track{ID: 1, Kind: av.Audio, Codec: av.G711U, SampleRate: 8000, Channels: 1}
	x, err := transcode.Format{Codec: av.Opus, Bitrate: 32_000}.New(track)
	if err != nil {
		panic(err)
	}
	defer x.Close()
	frames := 0
	for i := range 50 { // a second of silence in packets of 20 ms
		pts := int64(i) * 20e6
		payload := make([]byte, 160)
		for i := range payload {
			payload[i] = 0xff
		}
		if err := x.Transcode(&av.Frame{Track: track, DTS: pts, PTS: pts, Payload: payload}, func(*av.Frame) { frames++ }); err != nil {
			panic(err)
		}
	}
	fmt.Println(x.Track().Codec, x.Track().SampleRate, frames)
	// Output: Opus 48000 48
}
