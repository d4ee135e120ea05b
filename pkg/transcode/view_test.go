//go:build !noaac

package transcode

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var picture = &av.Track{ID: 0, Kind: av.Video, Codec: av.H264, Config: []byte("avcC")}

// publisher writes a stream.
type publisher struct {
	*bus.Publisher
	t *testing.T
}

func publish(t *testing.T, b *bus.Bus, tracks ...*av.Track) publisher {
	t.Helper()
	p, err := b.Publish("live/test", bus.Claim{Owner: "me", Kill: func(reason.Reason) {}})
	if err != nil {
		t.Fatal(err)
	}
	kinds := [av.Kinds]bool{}
	for _, track := range tracks {
		kinds[track.Kind] = true
	}
	if err := p.Hint(kinds); err != nil {
		t.Fatal(err)
	}
	for _, track := range tracks {
		if err := p.SetTrack(track); err != nil {
			t.Fatal(err)
		}
	}
	return publisher{p, t}
}

func (p publisher) write(frames ...*av.Frame) {
	p.t.Helper()
	for _, f := range frames {
		if err := p.Write(f); err != nil {
			p.t.Fatal(err)
		}
	}
}

func keyFrame(at time.Duration) *av.Frame {
	return &av.Frame{Track: picture, DTS: int64(at), PTS: int64(at), Key: true, Payload: []byte("idr")}
}

func acquire(t *testing.T, p publisher, f Format, keep ...av.Codec) (View, func()) {
	t.Helper()
	v, release, err := Acquire(p.Stream().Plain(), f, keep...)
	if err != nil {
		t.Fatal(err)
	}
	return v, release
}

// collect returns what can be read of v by now.
func collect(t *testing.T, sub *bus.Subscription) (frames []*av.Frame) {
	t.Helper()
	synctest.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	for {
		item, err := sub.Next(ctx)
		if err != nil {
			return frames
		}
		if item.Frame != nil {
			frames = append(frames, item.Frame)
		}
	}
}

// count returns how many frames are of a codec.
func count(frames []*av.Frame, codec av.Codec) (n int) {
	for _, f := range frames {
		if f.Track.Codec == codec {
			n++
		}
	}
	return n
}

func TestView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bus.New(bus.DefaultLimits())
		defer b.Close(reason.Shutdown)
		f := newFeed(t, av.AAC, 44100, 2)
		p := publish(t, b, picture, f.track)
		v, release := acquire(t, p, Format{Codec: av.Opus})
		defer release()
		again, releaseAgain := acquire(t, p, Format{Codec: av.Opus})
		defer releaseAgain()
		if v.View != again.View {
			t.Error("encoded twice")
		}
		if other, releaseOther := acquire(t, p, Format{Codec: av.Opus, Bitrate: 32_000}); other.View == v.View {
			t.Error("two bitrates are one")
		} else {
			releaseOther()
		}
		sub := v.Subscribe(time.Minute)
		defer sub.Close()
		p.write(keyFrame(0))
		p.write(f.frames(tone(440, 0.5), time.Second)...)
		frames := collect(t, sub)
		if pictures, sounds := count(frames, av.H264), count(frames, av.Opus); pictures != 1 || sounds < 40 || len(frames) != pictures+sounds {
			t.Errorf("%d frames, %d of them pictures and %d sounds", len(frames), pictures, sounds)
		}
		if w := b.Work().Totals(); len(w) != 1 || w[0].From != av.AAC || w[0].To != av.Opus || w[0].Frames < 40 {
			t.Errorf("the work that is counted is %+v", w)
		}
		for _, f := range frames {
			if l := f.Layout; len(l.Tracks) != 2 || l.Tracks[0] != picture || l.Tracks[1].Codec != av.Opus || l.Tracks[1].ID != 1 || !l.Ready {
				t.Fatalf("layout %+v", f.Layout)
			}
		}
		if problems := v.Problems(); len(problems) > 0 {
			t.Errorf("problems %v", problems)
		}
	})
}

// What a viewer can have as it is passes.
func TestViewKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bus.New(bus.DefaultLimits())
		defer b.Close(reason.Shutdown)
		f := newFeed(t, av.G711A, 8000, 1)
		p := publish(t, b, f.track)
		v, release := acquire(t, p, Format{Codec: av.Opus}, av.Opus, av.G711A)
		defer release()
		sub := v.Subscribe(time.Minute)
		defer sub.Close()
		frames := f.frames(silent, time.Second)
		p.write(frames...)
		got := collect(t, sub)
		if len(got) != len(frames) || got[0].Track != f.track || &got[0].Payload[0] != &frames[0].Payload[0] {
			t.Errorf("%d frames of %d, of %v", len(got), len(frames), got[0].Track)
		}
	})
}

// A track that cannot be transcoded is missing with a reason, found early or late;
// the rest plays. Another publisher's is tried again.
func TestViewWithoutSound(t *testing.T) {
	implicit := aacTrack(lcConfig(24000, 2)...)
	explicit := aacTrack(0x2b, 0x11, 0x88, 0x00)
	explicit.ID, implicit.ID = 1, 1
	for name, track := range map[string]*av.Track{"explicit": explicit, "implicit": implicit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := bus.New(bus.DefaultLimits())
				defer b.Close(reason.Shutdown)
				p := publish(t, b, picture, track)
				v, release := acquire(t, p, Format{Codec: av.Opus})
				defer release()
				sub := v.Subscribe(time.Minute)
				defer sub.Close()
				p.write(keyFrame(0))
				frames := collect(t, sub)
				for i := range int64(2 * patience) {
					pts := i * 1024 * 1e9 / 24000
					p.write(&av.Frame{Track: track, DTS: pts, PTS: pts, Arrival: pts, Payload: sbrFrame()})
				}
				p.write(keyFrame(5 * time.Second))
				frames = append(frames, collect(t, sub)...)
				if len(frames) != 2 || len(frames[1].Layout.Tracks) != 1 {
					t.Fatalf("%d frames, the last with %v", len(frames), frames[len(frames)-1].Layout.Tracks)
				}
				problems := v.Problems()
				if len(problems) != 1 || problems[0].Track != track {
					t.Fatalf("problems %v", problems)
				}
				expectReason(t, problems[0].Err, reason.Unsupported, "set the encoder to AAC-LC")

				p.Close()
				f := newFeed(t, av.AAC, 44100, 2)
				q := publish(t, b, picture, f.track)
				q.write(keyFrame(0))
				q.write(f.frames(silent, time.Second)...)
				if got := collect(t, sub); count(got, av.Opus) < 40 || len(v.Problems()) > 0 {
					t.Errorf("%d frames of sound, problems %v", count(got, av.Opus), v.Problems())
				}
			})
		})
	}
}

// A publisher that comes back, as it was or with another format, is heard where
// its picture is.
func TestViewAcrossReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bus.New(bus.DefaultLimits())
		defer b.Close(reason.Shutdown)
		f := newFeed(t, av.AAC, 44100, 2)
		p := publish(t, b, picture, f.track)
		v, release := acquire(t, p, Format{Codec: av.Opus})
		defer release()
		sub := v.Subscribe(time.Minute)
		defer sub.Close()
		var opusTracks []*av.Track
		var last int64
		for round, next := range []*feed{f, newFeed(t, av.AAC, 44100, 2), newFeed(t, av.AAC, 48000, 1), newFeed(t, av.G711U, 8000, 1), newFeed(t, av.AAC, 44100, 2)} {
			if round > 0 {
				p.Close()
				time.Sleep(3 * time.Second)
				p = publish(t, b, picture, next.track)
			}
			first := keyFrame(0)
			first.Arrival = av.Now()
			p.write(first)
			frames := next.frames(chirps, 2*time.Second)
			for _, f := range frames {
				f.Arrival = first.Arrival + f.PTS
			}
			p.write(frames...)
			time.Sleep(2 * time.Second)
			var sounds []*av.Frame
			for _, f := range collect(t, sub) {
				if f.Track.Kind == av.Video {
					continue
				}
				if f.Layout.First(av.Audio) != f.Track {
					t.Fatal("the frame is of a track that its layout lacks")
				}
				if f.DTS < last {
					t.Fatalf("round %d: DTS %v after %v", round, time.Duration(f.DTS), time.Duration(last))
				}
				last = f.DTS
				if f.DTS >= first.DTS-int64(100*time.Millisecond) {
					sounds = append(sounds, f)
				}
			}
			if len(sounds) < 90 {
				t.Fatalf("round %d: %d frames of sound", round, len(sounds))
			}
			opusTracks = append(opusTracks, sounds[len(sounds)-1].Track)
			want := func(s float64, c int) float64 { return chirps(s-float64(first.DTS)/1e9, c) }
			expectNear(t, listen(t, sounds), want, time.Duration(first.DTS)+time.Second, 500*time.Microsecond)
		}
		if opusTracks[0] != opusTracks[1] {
			t.Error("the same format is another track")
		}
		if opusTracks[2].Channels != 1 || opusTracks[4].Channels != 2 {
			t.Errorf("channels %d and %d", opusTracks[2].Channels, opusTracks[4].Channels)
		}
	})
}

// One transcoder works for all viewers, and it is closed some time after the last.
func TestViewIsGoneAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := bus.DefaultLimits()
		b := bus.New(limits)
		defer b.Close(reason.Shutdown)
		f := newFeed(t, av.G711A, 8000, 1)
		p := publish(t, b, f.track)
		var made, closed atomic.Int64
		maker := func(in *av.Track) (Transcoder, error) {
			made.Add(1)
			x, err := Format{Codec: av.Opus}.New(in)
			return counted{x, &closed}, err
		}
		var releases []func()
		for range 100 {
			v, release, err := p.Stream().Plain().Derive("mine", func() bus.Transform { return NewTransform(maker) })
			if err != nil {
				t.Fatal(err)
			}
			defer v.Subscribe(time.Minute).Close()
			releases = append(releases, release)
		}
		p.write(f.frames(silent, time.Second)...)
		synctest.Wait()
		if made.Load() != 1 {
			t.Errorf("%d transcoders for 100 viewers", made.Load())
		}
		for _, release := range releases {
			release()
		}
		time.Sleep(limits.Linger + time.Second)
		synctest.Wait()
		if closed.Load() != 1 {
			t.Errorf("%d transcoders closed", closed.Load())
		}
	})
}

type counted struct {
	Transcoder
	closed *atomic.Int64
}

func (c counted) Close() error {
	c.closed.Add(1)
	return errors.Join(c.Transcoder.Close(), errors.New("told to nobody"))
}

func TestAcquireOfNothing(t *testing.T) {
	b := bus.New(bus.DefaultLimits())
	defer b.Close(reason.Shutdown)
	p := publish(t, b, picture)
	_, _, err := Acquire(p.Stream().Plain(), Format{Codec: av.FLAC})
	expectReason(t, err, reason.Unsupported, "audio cannot be made FLAC")
}
