//go:build !noaac

package transcode

import (
	"context"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
)

func TestChoiceOf(t *testing.T) {
	for _, c := range []struct {
		query string
		want  Choice // empty if it is refused
	}{
		{"", AsOpus}, {"audio=", AsOpus}, {"audio=copy", Copy}, {"audio=aac&token=x", AsAAC}, {"audio=opus", AsOpus},
		{"audio=AAC", ""}, {"audio=mp3", ""}, {"audio=0", ""},
	} {
		q, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ChoiceOf(q, AsOpus)
		if c.want == "" {
			expectReason(t, err, reason.BadRequest, "audio: must be aac, opus or copy")
		} else if err != nil || got != c.want {
			t.Errorf("%q: %q, %v; want %q", c.query, got, err, c.want)
		}
	}
}

// Players that choose the same have the same view, and those that choose nothing
// the stream itself.
func TestChoiceAcquire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bus.New(bus.DefaultLimits())
		defer b.Close(reason.Shutdown)
		f := newFeed(t, av.G711U, 8000, 1)
		p := publish(t, b, picture, f.track)
		plain := p.Stream().Plain()
		views := map[Choice]*bus.View{}
		for _, c := range []Choice{Copy, AsOpus, AsAAC, Copy, AsOpus, AsAAC} {
			v, release, err := c.Acquire(plain, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			if before := views[c]; before != nil && v != before {
				t.Errorf("%s: made twice", c)
			}
			views[c] = v
		}
		if views[Copy] != plain || views[AsAAC] == views[AsOpus] {
			t.Error("other views than were chosen")
		}
		for c, codec := range map[Choice]av.Codec{AsOpus: av.Opus, AsAAC: av.AAC} {
			sub := views[c].Subscribe(time.Minute)
			defer sub.Close()
			p.write(keyFrame(0))
			p.write(f.frames(silent, time.Second)...)
			if n := count(collect(t, sub), codec); n < 20 {
				t.Errorf("%s: %d frames", c, n)
			}
		}
	})
}

// What an output cannot carry it gets as AAC, unless the player says how it wants it.
func TestChoiceUnchosen(t *testing.T) {
	phone := &av.Track{ID: 1, Kind: av.Audio, Codec: av.G711A, SampleRate: 8000, Channels: 1}
	music := &av.Track{ID: 1, Kind: av.Audio, Codec: av.Opus, SampleRate: 48000, Channels: 2}
	dolby := &av.Track{ID: 1, Kind: av.Audio, Codec: av.AC3, SampleRate: 48000, Channels: 2}
	nothing := func(*av.Track) bool { return false }
	for _, c := range []struct {
		choice  Choice
		track   *av.Track
		carries Carries
		want    bool
	}{
		{Unchosen, phone, nothing, true},
		{Unchosen, phone, nil, false},
		{Unchosen, phone, func(*av.Track) bool { return true }, false},
		{Unchosen, music, nothing, false},
		{Unchosen, dolby, nothing, false},
		{Copy, phone, nothing, false},
		{AsOpus, phone, nil, true},
	} {
		b := bus.New(bus.DefaultLimits())
		p := publish(t, b, picture, c.track)
		plain := p.Stream().Plain()
		v, release, err := c.choice.Acquire(plain, c.carries)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.choice.Transcodes(p.Stream().Layout(), c.carries); got != c.want || (v != plain) != c.want {
			t.Errorf("%q of %s: transcodes: %t, another view: %t; want %t", c.choice, c.track.Codec, got, v != plain, c.want)
		}
		release()
		b.Close(reason.Shutdown)
	}
}

// Who chooses nothing waits for the tracks, but only for an output that may lack one.
func TestChoiceSettle(t *testing.T) {
	nothing := func(*av.Track) bool { return false }
	for name, c := range map[string]struct {
		choice  Choice
		carries Carries
		then    func(p *bus.Publisher, b *bus.Bus, cancel func()) // nil if nothing is waited for
		reason  reason.Reason                                     // empty if there is none
	}{
		"all can be carried": {choice: Unchosen},
		"a choice":           {choice: AsOpus, carries: nothing},
		"tracks are known": {carries: nothing, then: func(p *bus.Publisher, _ *bus.Bus, _ func()) {
			_ = p.SetTrack(picture)
			_ = p.Hint([av.Kinds]bool{av.Video: true})
			_ = p.Write(keyFrame(0))
		}},
		"the stream ends":  {carries: nothing, then: func(_ *bus.Publisher, b *bus.Bus, _ func()) { b.Close(reason.Shutdown) }, reason: reason.Shutdown},
		"who waits leaves": {carries: nothing, then: func(_ *bus.Publisher, _ *bus.Bus, cancel func()) { cancel() }, reason: reason.ClientClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := bus.New(bus.DefaultLimits())
				defer b.Close(reason.Shutdown)
				p, err := b.Publish("live/test", bus.Claim{Owner: "me", Kill: func(reason.Reason) {}})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				over := make(chan error, 1)
				go func() { over <- c.choice.Settle(ctx, p.Stream().Plain(), c.carries) }()
				synctest.Wait()
				if waits := len(over) == 0; waits != (c.then != nil) {
					t.Fatalf("it waits: %t", waits)
				}
				if c.then != nil {
					c.then(p, b, cancel)
				}
				err = <-over
				if (err != nil) != (c.reason != "") || err != nil && reason.Of(err, reason.ClientClosed) != c.reason {
					t.Errorf("over with %v", err)
				}
			})
		})
	}
}

// What is left out is told; a stream of which nothing is left ends the view, and
// not itself.
func TestChoiceMissing(t *testing.T) {
	dolby := &av.Track{ID: 1, Kind: av.Audio, Codec: av.AC3, SampleRate: 48000, Channels: 2}
	for name, tracks := range map[string][]*av.Track{"beside a picture": {picture, dolby}, "alone": {dolby}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := bus.New(bus.DefaultLimits())
				defer b.Close(reason.Shutdown)
				p := publish(t, b, tracks...)
				v, release, err := AsOpus.Acquire(p.Stream().Plain(), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer release()
				for _, track := range tracks {
					p.write(&av.Frame{Track: track, Key: true, Payload: []byte("x")})
				}
				synctest.Wait()
				if m := v.Missing(); len(m) != 1 || m[0] != av.Omit(dolby, "AC-3 audio cannot be decoded") {
					t.Errorf("missing: %+v", m)
				}
				select {
				case <-v.Done():
					if len(tracks) > 1 || v.End() != reason.Unsupported {
						t.Errorf("the view has ended: %s", v.End())
					}
				default:
					if len(tracks) == 1 {
						t.Error("the view goes on with nothing")
					}
				}
				p.write(&av.Frame{Track: dolby, DTS: 1e9, PTS: 1e9, Payload: []byte("x")}) // the stream goes on
			})
		})
	}
}
