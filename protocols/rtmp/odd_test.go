package rtmp

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

// Publishers and players with the habits of what is out there. Each is imitated
// by the bytes it sends; what counts is what comes out at a player.

// encoder is a publisher whose chunks a test makes itself.
type encoder struct {
	*client
	t testing.TB
}

func (s *testServer) encoder(t testing.TB, name string) *encoder {
	t.Helper()
	c := s.dialRaw(t, name)
	if err := c.send(c.appendCommand(nil, c.stream, c.newCall(message.NamePublish, c.url.Key, "live"))); err != nil {
		t.Fatal(err)
	}
	awaitCode(t, c, message.CodePublishStart)
	return &encoder{c, t}
}

func (e *encoder) write(b []byte) {
	e.t.Helper()
	if err := e.send(b); err != nil {
		e.t.Fatal(err)
	}
}

// message sends a message of any type, well-formed as chunks go.
func (e *encoder) message(kind rtmpchunk.Type, timestamp uint32, body []byte) {
	e.t.Helper()
	e.write(rtmpchunk.AppendMessage(nil, rtmpchunk.Header{
		ChunkStream: 7, Type: kind, StreamID: e.stream, Timestamp: timestamp,
	}, e.chunkSize, body))
}

func (e *encoder) tags(tags ...flv.Tag) {
	e.t.Helper()
	for _, tag := range tags {
		e.message(rtmpchunk.Type(tag.Type), tag.Timestamp, tag.Body)
	}
}

// ignored returns what the server has left out, by cause.
func (s *testServer) ignored(t testing.TB) map[string]float64 {
	t.Helper()
	families, err := s.host.Metrics.(prometheus.Gatherer).Gather()
	if err != nil {
		t.Fatal(err)
	}
	causes := make(map[string]float64)
	for _, family := range families {
		if family.GetName() != "weir_rtmp_ignored_messages_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			causes[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
	}
	return causes
}

// TestDrone: a drone's metadata names codecs and sizes that it does not send,
// there are tags and messages of its own between its pictures, and its sound
// comes three seconds late.
func TestDrone(t *testing.T) {
	s := startServer(t, nil)
	drone := s.encoder(t, "live/test")
	player := s.play(t, "live/test")
	drone.message(rtmpchunk.TypeDataAMF0, 0, amf0.Append(nil, "@setDataFrame", "onMetaData", amf0.ECMAArray{
		{Name: "videocodecid", Value: 2.0}, {Name: "audiocodecid", Value: 6.0},
		{Name: "width", Value: "1920"}, {Name: "height", Value: -1.0}, {Name: "framerate", Value: true}, {Name: "duration", Value: nil},
	}))
	headers, media := sequenceHeaders(t, 0), gop(0, 100)
	late := slices.DeleteFunc(slices.Clone(media), func(tag flv.Tag) bool {
		return tag.Type == flv.AudioTag && tag.Timestamp < 3000
	})
	drone.tags(headers[0])
	sounding := false
	for _, tag := range late {
		if tag.Type == flv.AudioTag && !sounding {
			sounding = true
			drone.tags(shift(headers[1:], int(tag.Timestamp))...)
		}
		drone.tags(tag)
		drone.message(0x1E, tag.Timestamp, []byte("gimbal"))                    // no message type
		drone.message(rtmpchunk.TypeVideo, tag.Timestamp, []byte{0x22, 1, 2})   // H.263
		drone.message(rtmpchunk.TypeAudio, tag.Timestamp, []byte{0x62, 1, 2})   // Nellymoser
		drone.message(rtmpchunk.TypeAudio, tag.Timestamp, nil)                  // nothing
		drone.message(rtmpchunk.TypeDataAMF0, tag.Timestamp, []byte{0xEE, 0x0}) // no AMF
	}
	got, tags := frames(t, player, len(late))
	wantTags(t, "played", tags, late)
	if last := got[len(got)-1]; last.Type != flv.AudioTag || !bytes.Equal(last.Body, headers[1].Body) {
		t.Errorf("the last sequence header is of type %d: %x", last.Type, last.Body)
	}
	if video := s.host.Bus.Stream("live/test").Layout().First(av.Video); video.Codec != av.H264 || video.Width != 322 {
		t.Errorf("the picture is listed as %s, %d pixels wide", video.Codec, video.Width)
	}
	eventually(t, "what was left out is counted", func() bool {
		causes := s.ignored(t)
		for _, cause := range []string{"unknown message type", "unsupported video codec: Sorenson H.263",
			"unsupported audio codec: Nellymoser", "empty body", "script data is not AMF0"} {
			if causes[cause] != float64(len(late)) {
				return false
			}
		}
		return true
	})
}

// TestHardwareEncoder: chunks of 128 bytes, extended timestamps that are not
// repeated in the chunks that continue a message, headers that leave out what
// did not change, and key frames without parameter sets in them.
func TestHardwareEncoder(t *testing.T) {
	for name, start := range map[string]uint32{
		"from zero": 0, "across the border": 0xFFFFFF - 200, "beyond it": 0x1000000, "far beyond it": 0x7FFFFFFF - 200,
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, nil)
			box := s.encoder(t, "live/test")
			player := s.play(t, "live/test")
			want := gop(start, 30)
			for i := range want {
				if want[i].Type == flv.VideoTag { // beyond three chunks
					picture := bytes.Repeat([]byte{byte(i), 0xFF, 0}, 120)
					want[i].Body = append(want[i].Body[:5:5], binary.BigEndian.AppendUint32(nil, uint32(len(picture)))...)
					want[i].Body = append(want[i].Body, picture...)
				}
			}
			box.write(rtmpchunk.AppendSetChunkSize(nil, rtmpchunk.DefaultChunkSize))
			w := &hardwareChunks{last: make(map[byte]flv.Tag)}
			for _, tag := range append(sequenceHeaders(t, start), want...) {
				box.write(w.append(nil, box.stream, tag))
			}
			_, got := frames(t, player, len(want))
			wantTags(t, "played", got, want)
		})
	}
}

// hardwareChunks writes the chunks of TestHardwareEncoder.
type hardwareChunks struct{ last map[byte]flv.Tag } // by chunk stream

func (w *hardwareChunks) append(dst []byte, stream uint32, tag flv.Tag) []byte {
	const newMessage, sameStream, continued = 0 << 6, 1 << 6, 3 << 6
	id := byte(tag.Type) // a chunk stream for each type will do
	before, known := w.last[id]
	w.last[id] = tag
	field, format := tag.Timestamp, byte(newMessage)
	if known && tag.Timestamp < 0xFFFFFF {
		field, format = tag.Timestamp-before.Timestamp, sameStream
	}
	n := len(tag.Body)
	dst = append(dst, format|id)
	short := min(field, 0xFFFFFF)
	dst = append(dst, byte(short>>16), byte(short>>8), byte(short), byte(n>>16), byte(n>>8), byte(n), byte(tag.Type))
	if format == newMessage {
		dst = binary.LittleEndian.AppendUint32(dst, stream)
	}
	if short == 0xFFFFFF {
		dst = binary.BigEndian.AppendUint32(dst, field)
	}
	for i, chunk := range slices.Collect(slices.Chunk(tag.Body, rtmpchunk.DefaultChunkSize)) {
		if i > 0 {
			dst = append(dst, continued|id)
		}
		dst = append(dst, chunk...)
	}
	return dst
}

// trackBody is what one track has in a multitrack message.
type trackBody struct {
	number byte
	body   []byte
}

// manyTracks makes a video message of Enhanced RTMP (v2, AvMultitrackType
// ManyTracks) of H.264.
func manyTracks(timestamp uint32, frameType, packet byte, tracks ...trackBody) flv.Tag {
	const multitrack, many = 0x80 | 6, 1 << 4
	body := append([]byte{multitrack | frameType<<4, many | packet}, "avc1"...)
	for _, track := range tracks {
		n := len(track.body)
		body = append(body, track.number, byte(n>>16), byte(n>>8), byte(n))
		body = append(body, track.body...)
	}
	return flv.Tag{Type: flv.VideoTag, Timestamp: timestamp, Body: body}
}

// TestMultitrack: OBS sends several pictures in one message. Players that said
// nothing of it get the first of them as if there were no other, whichever
// number it has.
func TestMultitrack(t *testing.T) {
	const sequenceStart, codedFrames = 0, 1
	for _, c := range []struct {
		name        string
		main, other byte // numbers of the tracks
		ids         []int
	}{
		{"tracks 0 and 1", 0, 1, []int{0, 1, 2}},
		{"without track 0", 1, 2, []int{1, 2, 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startServer(t, nil)
			obs := s.encoder(t, "live/test")
			player := s.play(t, "live/test")
			headers, want := sequenceHeaders(t, 0), gop(0, 20)
			const legacyHeader = 2 // then the composition time, as in CodedFrames
			config := headers[0].Body[5:]
			obs.tags(manyTracks(0, 1, sequenceStart, trackBody{c.main, config}, trackBody{c.other, config}), headers[1])
			for i, tag := range want {
				if tag.Type == flv.AudioTag {
					obs.tags(tag)
					continue
				}
				coded := tag.Body[legacyHeader:]
				another := bytes.Clone(coded)
				another[len(another)-1] = 0xAA
				tracks := []trackBody{{c.other, another}, {c.main, coded}}
				obs.tags(manyTracks(tag.Timestamp, tag.Body[0]>>4, codedFrames, tracks[i%4/2:]...)) // every other picture has one track
			}
			got, tags := frames(t, player, len(want))
			wantTags(t, "played", tags, want)
			wantTags(t, "headers", got, headers)
			var ids []int
			for _, track := range s.host.Bus.Stream("live/test").Layout().Tracks {
				ids = append(ids, track.ID)
			}
			if !slices.Equal(ids, c.ids) {
				t.Errorf("tracks %v, want %v", ids, c.ids)
			}
		})
	}
}

// TestUnusableCodecs: what a publisher sends in codecs that weir does not know is
// named once; the rest of its stream goes on.
func TestUnusableCodecs(t *testing.T) {
	s := startServer(t, nil)
	publisher := s.encoder(t, "live/test")
	player := s.play(t, "live/test")
	publisher.tags(sequenceHeaders(t, 0)[1]) // of sound
	want := flv.Tag{Type: flv.AudioTag, Timestamp: 40, Body: []byte{0xAF, 1, 0xBE, 0xEF}}
	publisher.tags(flv.Tag{Type: flv.VideoTag, Body: []byte{0x12, 0}}, flv.Tag{Type: flv.VideoTag, Body: []byte{0x22, 0}},
		flv.Tag{Type: flv.VideoTag, Body: []byte("\x91vvc1\x00")}, flv.Tag{Type: flv.VideoTag, Body: []byte("\xA1vvc1\x00")}, want)
	_, got := frames(t, player, 1)
	wantTags(t, "played", got, []flv.Tag{want})
	lacks := s.host.Sessions.Lacks()["live/test"]
	if len(lacks) != 2 || lacks[0].Action != session.Publish || lacks[0].Kind != av.Video || lacks[0].Codec != "Sorenson H.263" ||
		lacks[0].Why != "unsupported video codec: Sorenson H.263" || lacks[1].Codec != "vvc1" || lacks[1].Why != "unknown FourCC" {
		t.Errorf("left out: %+v", lacks)
	}
}

// TestSeconds: a publisher that counts seconds where milliseconds belong. Its
// times are taken as they are: every frame comes out, in order.
func TestSeconds(t *testing.T) {
	s := startServer(t, nil)
	publisher := s.encoder(t, "live/test")
	player := s.play(t, "live/test")
	want := gop(0, 100)
	for i := range want {
		want[i].Timestamp /= 1000
	}
	publisher.tags(append(sequenceHeaders(t, 0), want...)...)
	_, got := frames(t, player, len(want))
	wantTags(t, "played", got, want)
}

// TestClockRestart: a publisher that begins again at zero while it publishes,
// with one packet of sound from before that comes after. Times go on rising, by
// no more than the time that went by, and sound stays with its picture.
func TestClockRestart(t *testing.T) {
	s := startServer(t, nil)
	publisher := s.encoder(t, "live/test")
	player := s.play(t, "live/test")
	began := time.Now()
	before, after := gop(100_000, 25), gop(0, 25)
	straggler := flv.Tag{Type: flv.AudioTag, Timestamp: 100_980, Body: []byte{0xAF, 1, 0xBE, 0xEF}}
	publisher.tags(sequenceHeaders(t, 100_000)...)
	publisher.tags(before...)
	_, got := frames(t, player, len(before)) // or it would begin at the newer key frame
	wantTags(t, "before", got, before)

	publisher.tags(after[0], straggler)
	publisher.tags(after[1:]...)
	_, got = frames(t, player, len(after)+1)
	passed := uint32(time.Since(began).Milliseconds())
	wantTags(t, "straggler", got[1:2], []flv.Tag{straggler})
	got = slices.Delete(got, 1, 2)
	newest := before[len(before)-1].Timestamp
	if first := got[0].Timestamp; first <= newest || first > newest+passed+1 {
		t.Errorf("after %d ms the clock goes on at %d, %d ms later at most", newest, first, passed)
	}
	wantTags(t, "after", got, shift(after, int(got[0].Timestamp)))
	if info := s.host.Bus.Stream("live/test").Info(); info.ClockJumps != 1 {
		t.Errorf("%d clock jumps, want 1", info.ClockJumps)
	}
}

// TestPlayerOfOtherCodecs: a player that announces only codecs which the stream
// does not have gets it as it was sent all the same, since most players that
// could play it announce nothing right.
func TestPlayerOfOtherCodecs(t *testing.T) {
	s := startServer(t, nil)
	publisher := s.encoder(t, "live/test")
	player := &PlayClient{}
	info := message.Connect{VideoCodecs: 1, More: amf0.Object{
		{Name: "fourCcList", Value: amf0.StrictArray{"vp09"}},
		{Name: "videoFourCcInfoMap", Value: amf0.Object{{Name: "vp09", Value: 1.0}}},
	}}
	c, err := dial(testContext(t), s.url("live/test"), ClientOptions{}, info, func(c *client) error {
		player.client = c
		call := c.newCall(message.NamePlay, c.url.Key)
		if err := c.createStream(); err != nil {
			return err
		}
		return c.send(c.appendCommand(nil, c.stream, call))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.net.Close()
	sent := hevcTags(t)
	publisher.tags(sent...)
	want := slices.DeleteFunc(slices.Clone(sent), func(tag flv.Tag) bool { return !isCoded(tag) })
	var got []flv.Tag
	for len(got) < len(want) {
		tag, err := player.ReadTag()
		if err != nil {
			t.Fatalf("after %d pictures: %v", len(got), err)
		}
		if isCoded(tag) {
			got = append(got, tag)
		}
	}
	wantTags(t, "played", got, want)
}

// isCoded tells pictures of Enhanced RTMP from sequence headers and metadata.
func isCoded(tag flv.Tag) bool {
	const packetType, codedFrames, codedFramesX = 0x0F, 1, 3
	packet := tag.Body[0] & packetType
	return tag.Type == flv.VideoTag && (packet == codedFrames || packet == codedFramesX)
}

// hevcTags are the first group of pictures of a small file of H.265 that
// ffmpeg 9 made, with what precedes it.
func hevcTags(t testing.TB) (tags []flv.Tag) {
	t.Helper()
	file, err := os.Open("../../remux/flv/testdata/hevc.flv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const frameType, key = 0x70, 0x10
	keys := 0
	for r := flv.NewReader(file); ; {
		tag, err := r.Next()
		if err != nil {
			t.Fatalf("no second key frame: %v", err)
		}
		if isCoded(tag) && tag.Body[0]&frameType == key {
			keys++
		}
		if keys == 2 {
			return tags
		}
		tags = append(tags, tag)
	}
}
