package rtmp

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

// rawPlay plays with a raw client and waits for the start.
func rawPlay(t testing.TB, c *client, key string) {
	t.Helper()
	call := c.newCall(message.NamePlay, key)
	if err := c.send(c.appendCommand(nil, c.stream, call)); err != nil {
		t.Fatal(err)
	}
	awaitCode(t, c, message.CodePlayStart)
}

// awaitCode reads until a status with this code.
func awaitCode(t testing.TB, c *client, code string) {
	t.Helper()
	readUntil(t, c, func(cmd message.Command) bool {
		status, _ := message.ParseStatus(cmd)
		return status.Code == code
	})
}

// readUntil reads until the command that is awaited and returns the audio and
// video messages before it.
func readUntil(t testing.TB, c *client, awaited func(message.Command) bool) (media []rtmpchunk.Message) {
	t.Helper()
	for {
		m := rawNext(t, c)
		switch m.Type {
		case rtmpchunk.TypeAudio, rtmpchunk.TypeVideo:
			media = append(media, m)
		case rtmpchunk.TypeCommandAMF0:
			cmd, err := message.ParseCommand(m.Payload)
			if err != nil {
				t.Fatal(err)
			}
			if awaited(cmd) {
				return media
			}
		}
	}
}

func rawNext(t testing.TB, c *client) rtmpchunk.Message {
	t.Helper()
	m, err := c.receive()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// rawMedia reads n audio and video messages.
func rawMedia(t testing.TB, c *client, n int) (media []rtmpchunk.Message) {
	t.Helper()
	for len(media) < n {
		if m := rawNext(t, c); m.Type == rtmpchunk.TypeAudio || m.Type == rtmpchunk.TypeVideo {
			media = append(media, m)
		}
	}
	return media
}

// TestPlayAgain: a connection plays, stops and plays again.
func TestPlayAgain(t *testing.T) {
	const headersAndFrames = 2 + 10
	for _, c := range []struct {
		name string
		stop func(c *client) error
	}{
		{"closeStream", func(c *client) error { return c.command(message.NameCloseStream) }},
		{"deleteStream", func(c *client) error {
			return c.send(c.appendCommand(nil, 0, message.Command{Name: message.NameDeleteStream, Args: []any{float64(c.stream)}}))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startServer(t, nil)
			s.publishMedia(t, "live/test")
			s.publishMedia(t, "live/other")
			client := s.dialRaw(t, "live/test")
			for _, key := range []string{"test", "other", "test"} {
				rawPlay(t, client, key)
				media := rawMedia(t, client, headersAndFrames)
				if !isSequenceHeader(flv.Tag{Body: media[0].Payload}) || media[2].Timestamp != 0 {
					t.Fatalf("playing %s does not begin with headers and the key frame", key)
				}
				if err := c.stop(client); err != nil {
					t.Fatal(err)
				}
				awaitCode(t, client, message.CodePlayStop)
				if c.name == "deleteStream" {
					if err := client.createStream(); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

// TestPublishAgain: a connection publishes, stops and publishes another stream.
func TestPublishAgain(t *testing.T) {
	s := startServer(t, nil)
	c := s.dialRaw(t, "live/test")
	for _, key := range []string{"test", "other"} {
		if err := c.send(c.appendCommand(nil, c.stream, c.newCall(message.NamePublish, key, "live"))); err != nil {
			t.Fatal(err)
		}
		awaitCode(t, c, message.CodePublishStart)
		if s.host.Bus.Stream("live/"+key) == nil {
			t.Fatalf("no stream live/%s", key)
		}
		if err := c.command(message.NameCloseStream); err != nil {
			t.Fatal(err)
		}
		awaitCode(t, c, message.CodeUnpublishSuccess)
	}
	if n := len(s.host.Sessions.List()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// TestPause: a paused player gets no media, and all that it missed afterwards.
func TestPause(t *testing.T) {
	s := startServer(t, nil)
	publisher := s.publishMedia(t, "live/test")
	other := s.play(t, "live/test")
	frames(t, other, 10)
	c := s.dialRaw(t, "live/test")
	rawPlay(t, c, "test")
	rawMedia(t, c, 2+10)

	if err := c.command(message.NamePause, true, 0.0); err != nil {
		t.Fatal(err)
	}
	awaitCode(t, c, message.CodePauseNotify)
	writeTags(t, publisher, gop(200, 5)...)
	frames(t, other, 10) // the media has passed the delivery
	if media := syncWith(t, c); len(media) > 0 {
		t.Errorf("%d messages came while paused", len(media))
	}
	if err := c.command(message.NamePause, false, 0.0); err != nil {
		t.Fatal(err)
	}
	for i, m := range rawMedia(t, c, 10) {
		if want := gop(200, 5)[i]; m.Timestamp != want.Timestamp || m.Type != rtmpchunk.Type(want.Type) {
			t.Fatalf("message %d is %d at %d, want %d at %d", i, m.Type, m.Timestamp, want.Type, want.Timestamp)
		}
	}
}

// TestReceiveAudio: audio ends, and begins again, at a key frame.
func TestReceiveAudio(t *testing.T) {
	s := startServer(t, nil)
	publisher := s.publishMedia(t, "live/test")
	c := s.dialRaw(t, "live/test")
	rawPlay(t, c, "test")
	rawMedia(t, c, 2+10)
	received := make(map[uint32][]string) // by group of 200 ms
	group := uint32(1)
	for _, on := range []bool{false, true} {
		if err := c.command(message.NameReceiveAudio, on); err != nil {
			t.Fatal(err)
		}
		syncWith(t, c)
		for first := group; ; group++ { // some may still come as before: the delivery was on its way
			writeTags(t, publisher, gop(200*group, 5)...)
			for picture := uint32(0); picture < 200*group+160; {
				m := rawMedia(t, c, 1)[0]
				if isSequenceHeader(flv.Tag{Body: m.Payload}) {
					continue
				}
				if m.Type == rtmpchunk.TypeVideo {
					picture = m.Timestamp
				}
				received[m.Timestamp/200] = append(received[m.Timestamp/200], fmt.Sprintf("%d at %d", m.Type, m.Timestamp))
			}
			var want []string
			for _, tag := range gop(200*(group-1), 5) {
				if on || tag.Type == flv.VideoTag {
					want = append(want, fmt.Sprintf("%d at %d", tag.Type, tag.Timestamp))
				}
			}
			if group > first && reflect.DeepEqual(received[group-1], want) {
				break
			}
			if group == first+50 {
				t.Fatalf("audio %t: got %q\nwant %q", on, received[group-1], want)
			}
		}
		group++
	}
}

// syncWith returns once the server has treated all that c sent, with the audio
// and video messages that came until then.
func syncWith(t testing.TB, c *client) (media []rtmpchunk.Message) {
	t.Helper()
	call := c.newCall(message.NameGetStreamLength, "x")
	if err := c.send(c.appendCommand(nil, 0, call)); err != nil {
		t.Fatal(err)
	}
	return readUntil(t, c, func(cmd message.Command) bool { return cmd.TransactionID == call.TransactionID })
}

// TestReceiveNothing: a player that wants neither sound nor picture gets none,
// until it wants some again.
func TestReceiveNothing(t *testing.T) {
	s := startServer(t, nil)
	publisher := s.publishMedia(t, "live/test")
	c := s.dialRaw(t, "live/test")
	rawPlay(t, c, "test")
	rawMedia(t, c, 2+10)
	for _, name := range []string{message.NameReceiveVideo, message.NameReceiveAudio} {
		if err := c.command(name, false); err != nil {
			t.Fatal(err)
		}
	}
	syncWith(t, c)
	writeTags(t, publisher, gop(200, 5)...)
	pong := c.newCall("_checkbw")
	if err := c.send(c.appendCommand(nil, 0, pong)); err != nil {
		t.Fatal(err)
	}
	media := readUntil(t, c, func(cmd message.Command) bool { return cmd.TransactionID == pong.TransactionID })
	if len(media) > 0 {
		t.Errorf("%d messages of media with neither sound nor picture", len(media))
	}
	if err := c.command(message.NameReceiveVideo, true); err != nil {
		t.Fatal(err)
	}
	writeTags(t, publisher, gop(400, 5)...)
	for _, m := range rawMedia(t, c, 3) {
		if m.Type != rtmpchunk.TypeVideo {
			t.Errorf("message type %d, want video only", m.Type)
		}
	}
}

// TestReceiveAgain: a player that wanted nothing for a while gets nothing twice
// when it wants all again.
func TestReceiveAgain(t *testing.T) {
	s := startServer(t, nil)
	publisher := s.publishMedia(t, "live/test")
	c := s.dialRaw(t, "live/test")
	rawPlay(t, c, "test")
	rawMedia(t, c, 2+10)
	for _, on := range []bool{false, true} {
		for _, name := range []string{message.NameReceiveVideo, message.NameReceiveAudio} {
			if err := c.command(name, on); err != nil {
				t.Fatal(err)
			}
		}
		if media := syncWith(t, c); len(media) > 0 {
			t.Errorf("%d messages that were there before", len(media))
		}
	}
	writeTags(t, publisher, gop(200, 5)...)
	for _, m := range rawMedia(t, c, 2+10) {
		if !isSequenceHeader(flv.Tag{Body: m.Payload}) && m.Timestamp < 200 {
			t.Errorf("message type %d at %d, which was there before", m.Type, m.Timestamp)
		}
	}
}

// TestForeignStreamID: message streams that createStream never gives out are
// refused, since each would be written for its player alone.
func TestForeignStreamID(t *testing.T) {
	for name, code := range map[string]string{message.NamePlay: message.CodePlayFailed, message.NamePublish: message.CodePublishBadName} {
		s := startServer(t, nil)
		c := s.dialRaw(t, "live/test")
		if err := c.send(c.appendCommand(nil, maxStreams+1, c.newCall(name, "test"))); err != nil {
			t.Fatal(err)
		}
		awaitCode(t, c, code)
		if n := len(s.host.Sessions.List()); n > 0 {
			t.Errorf("%s: %d sessions", name, n)
		}
	}
}
