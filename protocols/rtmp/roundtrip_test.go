package rtmp

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/flv"
)

// avcConfig is the sequence header of 322x182 at 30 fps, from libx264.
const avcConfig = "1700000000" +
	"0164000dffe1001a6764000dacd941519e226c0440000003004000000f03c50a658001000668ebe3cb22c0fdf8f800"

// sequenceHeaders are H.264 and AAC (LC, 44.1 kHz, stereo).
func sequenceHeaders(t testing.TB, timestamp uint32) []flv.Tag {
	t.Helper()
	avc, err := hex.DecodeString(avcConfig)
	if err != nil {
		t.Fatal(err)
	}
	return []flv.Tag{
		{Type: flv.VideoTag, Timestamp: timestamp, Body: avc},
		{Type: flv.AudioTag, Timestamp: timestamp, Body: []byte{0xAF, 0, 0x12, 0x10}},
	}
}

// gop returns a key frame and n-1 others, 40 ms apart, each with audio behind
// it. B-frames give them composition times; no two bodies are the same.
func gop(timestamp uint32, n int) []flv.Tag {
	var tags []flv.Tag
	for i := range uint32(n) {
		at := timestamp + 40*i
		kind, nal := byte(0x27), byte(0x41)
		if i == 0 {
			kind, nal = 0x17, 0x65
		}
		video := []byte{kind, 1, 0, 0, byte(40 * (i % 3)), 0, 0, 0, 105, nal}
		video = binary.BigEndian.AppendUint32(video, at)
		video = append(video, make([]byte, 100)...)
		audio := binary.BigEndian.AppendUint32([]byte{0xAF, 1}, at)
		tags = append(tags,
			flv.Tag{Type: flv.VideoTag, Timestamp: at, Body: video},
			flv.Tag{Type: flv.AudioTag, Timestamp: at + 10, Body: audio})
	}
	return tags
}

func writeTags(t testing.TB, p *PublishClient, tags ...flv.Tag) {
	t.Helper()
	for _, tag := range tags {
		if err := p.WriteTag(tag.Type, tag.Timestamp, tag.Body); err != nil {
			t.Fatal(err)
		}
	}
}

// publishMedia publishes sequence headers and one GOP that begins at 0.
func (s *testServer) publishMedia(t testing.TB, name string) *PublishClient {
	t.Helper()
	p := s.publish(t, name)
	writeTags(t, p, sequenceHeaders(t, 0)...)
	writeTags(t, p, gop(0, 5)...)
	return p
}

func isSequenceHeader(tag flv.Tag) bool { return len(tag.Body) > 1 && tag.Body[1] == 0 }

// frames reads n frames and returns the sequence headers before them, too.
func frames(t testing.TB, p *PlayClient, n int) (headers, tags []flv.Tag) {
	t.Helper()
	for len(tags) < n {
		tag, err := p.ReadTag()
		switch {
		case err != nil:
			t.Fatalf("after %d frames: %v", len(tags), err)
		case tag.Type == flv.ScriptTag:
		case isSequenceHeader(tag):
			headers = append(headers, tag)
		default:
			tags = append(tags, tag)
		}
	}
	return headers, tags
}

func wantTags(t testing.TB, what string, got, want []flv.Tag) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	t.Errorf("%s: got %d tags, want %d", what, len(got), len(want))
	for i := range min(len(got), len(want)) {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("tag %d is %d at %d: %x\nwant %d at %d: %x", i,
				got[i].Type, got[i].Timestamp, got[i].Body, want[i].Type, want[i].Timestamp, want[i].Body)
		}
	}
}

// TestRoundTrip: players get the bytes and times that were published, whether
// they came before or after.
func TestRoundTrip(t *testing.T) {
	for _, start := range []uint32{0, 0xFFFFFF - 100, 0x7FFFFFFF - 100, 0xFFFFFFFF - 100} {
		t.Run(fmt.Sprintf("from %#x", start), func(t *testing.T) {
			s := startServer(t, nil)
			publisher := s.publish(t, "live/test")
			early := s.play(t, "live/test")
			want := gop(start, 20)
			writeTags(t, publisher, sequenceHeaders(t, start)...)
			writeTags(t, publisher, want...)
			for name, player := range map[string]*PlayClient{"early": early, "late": s.play(t, "live/test")} {
				headers, tags := frames(t, player, len(want))
				wantTags(t, name+" player's headers", headers, sequenceHeaders(t, start))
				wantTags(t, name+" player's frames", tags, want)
			}
		})
	}
}

func TestPlayerGetsMetadata(t *testing.T) {
	s := startServer(t, nil)
	publisher := s.publish(t, "live/test")
	writeTags(t, publisher, flv.Tag{Type: flv.ScriptTag, Body: amf0.Append(nil, "onMetaData", amf0.ECMAArray{{Name: "encoder", Value: "tester"}})})
	writeTags(t, publisher, sequenceHeaders(t, 0)...)
	writeTags(t, publisher, gop(0, 2)...)
	tag, err := s.play(t, "live/test").ReadTag()
	if err != nil {
		t.Fatal(err)
	}
	values, err := amf0.Decode(tag.Body)
	if err != nil || tag.Type != flv.ScriptTag || len(values) != 2 || values[0] != "onMetaData" {
		t.Fatalf("the first tag is %d: %v, %v", tag.Type, values, err)
	}
	fields, _ := amf0.AsObject(values[1])
	if fields.String("encoder") != "tester" || fields.Number("width") != 322 {
		t.Errorf("metadata %v", fields)
	}
}

// TestNames: app and key are joined, and a name may have one segment or more
// than two.
func TestNames(t *testing.T) {
	for _, name := range []string{"one", "live/test", "cam/north/hd", "a%20b/c"} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, nil)
			s.publishMedia(t, name+"?secret=1")
			frames(t, s.play(t, name), 10)
		})
	}
}

func TestPlayBeforePublish(t *testing.T) {
	s := startServer(t, nil)
	played := make(chan error)
	var player *PlayClient
	go func() {
		var err error
		player, err = Play(testContext(t), s.url("live/test"), ClientOptions{})
		played <- err
	}()
	s.waiting(t, 1)
	s.publishMedia(t, "live/test")
	if err := <-played; err != nil {
		t.Fatal(err)
	}
	defer player.Close()
	_, tags := frames(t, player, 10)
	wantTags(t, "waiting player", tags, gop(0, 5))
}

func TestStreamNotFound(t *testing.T) {
	limits := bus.DefaultLimits()
	limits.Wait = 10 * time.Millisecond
	s := startServerWith(t, limits, nil)
	_, err := Play(testContext(t), s.url("live/none"), ClientOptions{})
	wantStatus(t, err, message.CodePlayStreamNotFound)
}

func TestBusy(t *testing.T) {
	s := startServer(t, nil)
	first := s.publishMedia(t, "live/test?user=a")
	_, err := Publish(testContext(t), s.url("live/test?user=b"), ClientOptions{})
	if status := wantStatus(t, err, message.CodePublishBadName); !strings.Contains(status.Description, "published by somebody else") {
		t.Errorf("description %q", status.Description)
	}
	writeTags(t, first, gop(200, 1)...)
	frames(t, s.play(t, "live/test"), 2)
}

func TestReservedName(t *testing.T) {
	s := startServer(t, nil)
	_, err := Publish(testContext(t), s.url("api/test"), ClientOptions{})
	if status := wantStatus(t, err, message.CodePublishBadName); !strings.Contains(status.Description, "reserved") {
		t.Errorf("description %q", status.Description)
	}
}
