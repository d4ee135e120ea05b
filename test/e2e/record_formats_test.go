//go:build e2e

package e2e

import (
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/api"
)

// recordRules record what is published below the name of a format in that format.
const recordRules = `[{streams: ["mp4/**"], format: mp4}, {streams: ["flv/**"], format: flv}, {streams: ["ts/**"], format: ts}]`

// recordedClip is a clip of some seconds that is recorded whole, in two files of each
// format.
type recordedClip struct {
	clip
	formats []string
	// fromTS makes packets of MPEG-TS those that were published.
	fromTS []string
	// since9 tells that only ffmpeg 9 can send it and read it again from FLV.
	since9 bool
	// open tells that the second file begins with pictures that refer to the first one.
	open bool
}

// briefly returns a clip's first six seconds: three groups of pictures.
func briefly(c clip) clip {
	args := slices.Clone(c.args)
	for i, arg := range args {
		args[i] = strings.Replace(arg, ":d=24", ":d=6", 1)
	}
	return clip{c.name + "-6s", args}
}

// TestFullRecordFormats: what is published is what is in the files of each format, every
// packet at its time, over the border of two files; two versions of ffmpeg decode them
// without a word, and HLS plays them one after the other.
func TestFullRecordFormats(t *testing.T) {
	t.Parallel()
	f := ffmpeg9(t)
	s := startServer(t, settings{"record.streams": recordRules, "record.segment_duration": "3s", "stream.grace": "1s"})
	all, noTS := []string{"mp4", "flv", "ts"}, []string{"mp4", "flv"}
	hevc := []string{"-bsf:v", fromTSHEVC}
	clips := []recordedClip{
		{clip: hardClip, formats: all, fromTS: fromTS, open: true},
		{clip: reorderedClip, formats: all, fromTS: fromTS},
		{clip: audioOnlyClip, formats: all, fromTS: fromTS[2:]},
		{clip: lateAudioClip, formats: all, fromTS: fromTS},
		{clip: h264Opus.clip, formats: all, fromTS: fromTS[:2], since9: true},
		{clip: hevcAAC.clip, formats: all, fromTS: join(hevc, fromTS[2:]), since9: true},
		{clip: av1Opus.clip, formats: noTS, since9: true},
	}
	ended := make([]func(), len(clips))
	published := make([][]packet, len(clips))
	for i, c := range clips {
		ended[i], published[i] = c.publish(t, f, s)
	}
	for i, c := range clips {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ended[i]()
			for _, format := range c.formats {
				t.Run(format, func(t *testing.T) { c.requireRecorded(t, f, s, format, published[i]) })
			}
		})
	}
}

// publish publishes some seconds of a clip below the names of its formats, in real
// time, and returns what waits for its end, and the packets.
func (c recordedClip) publish(t *testing.T, f rooted, s *server) (ended func(), published []packet) {
	t.Helper()
	brief := briefly(c.clip)
	run, file := start, brief.path
	if c.since9 {
		run, file = f.start, func(t *testing.T) string { return f.clip(t, brief) }
	}
	sent := file(t)
	compared := sent
	if c.name == av1Opus.name {
		compared = f.clip(t, withoutDelimiters(brief.name, sent))
	}
	args := []string{"-nostdin", "-v", "warning", "-re", "-i", sent}
	for _, format := range c.formats {
		args = append(args, "-map", "0", "-c", "copy", "-f", "flv", s.rtmpURL(format+"/"+c.name))
	}
	published = fromPicture(startProbeBy(t, run, compared, time.Minute).read(t, 0))
	p := run(t, time.Minute, nil, "ffmpeg", args...)
	return func() { p.mustSucceed(t) }, published
}

// fromPicture leaves out the sound that comes ahead of the first picture: a recording
// begins with that.
func fromPicture(published []packet) []packet {
	first := slices.IndexFunc(published, func(p packet) bool { return p.kind == "video" })
	return published[max(0, first):]
}

// requireRecorded checks the two files of a clip.
func (c recordedClip) requireRecorded(t *testing.T, f rooted, s *server, format string, published []packet) {
	t.Helper()
	files := s.recorded(t, format+"/"+c.name)
	if len(files) != 2 {
		t.Fatalf("%d files, want 2: %+v", len(files), files)
	}
	run := start
	if c.since9 {
		run = f.start
	}
	var args []string
	if format == "ts" {
		args = c.fromTS
	}
	var got []packet
	for i, file := range files {
		address := s.recordedURL(file)
		packets := readAsFLV(t, run, address, nil, 0, args...)
		requireRun(t, published, packets)
		requireLength(t, f, address, file, packets)
		if want := []string{"segment_duration", "unpublished"}[i]; file.Why != want {
			t.Errorf("%s ended because of %s, want %s", file.File, file.Why, want)
		}
		if !c.open || i == 0 {
			requireDecodes(t, f.start, address)
			if !c.since9 || format != "flv" {
				requireDecodes(t, start, address)
			}
		}
		got = append(got, packets...)
	}
	requireAll(t, published, got)
	if format != "flv" {
		playlist := s.httpURL("api/v1/recordings/playlist.m3u8?stream=" + url.QueryEscape(format+"/"+c.name))
		requireAll(t, published, readAsFLV(t, f.start, playlist, nil, 0, args...))
	}
}

// recorded returns the files of a stream once none is written any more.
func (s *server) recorded(t *testing.T, stream string) (files []api.RecordingInfo) {
	t.Helper()
	eventually(t, 20*time.Second, stream+" is recorded", func() bool {
		var answer struct{ Recordings []api.RecordingInfo }
		if err := json.Unmarshal([]byte(s.get(t, "api/v1/recordings?stream="+url.QueryEscape(stream))), &answer); err != nil {
			t.Fatal(err)
		}
		files = answer.Recordings
		return len(files) > 0 && !files[len(files)-1].Writing
	})
	return files
}

// recordedURL is where a file is fetched.
func (s *server) recordedURL(file api.RecordingInfo) string {
	return s.httpURL("api/v1/recordings/" + file.ID + "/file." + file.Format)
}

// requireAll checks that got has all packets that were published, each once and in
// order, whatever their times.
func requireAll(t *testing.T, published, got []packet) {
	t.Helper()
	requireSameBytes(t, published, got)
	sent, received := byKind(published), byKind(got)
	for kind, want := range sent {
		if have := received[kind]; len(have) != len(want) || have[0].hash != want[0].hash {
			t.Errorf("%d %s packets, from %v on; want %d, from %v on", len(have), kind, have[0], len(want), want[0])
		}
	}
}

// aFrame is how long a frame of the tests is at most, in seconds, and a millisecond for
// what is rounded.
const aFrame = 0.041

// requireLength checks how long a file is: for weir by when its frames came, for ffmpeg
// by when they are shown.
func requireLength(t *testing.T, f rooted, address string, file api.RecordingInfo, packets []packet) {
	t.Helper()
	came := lengthOf(packets, func(p packet) int64 { return p.dts })
	if math.Abs(file.DurationS-came) > aFrame {
		t.Errorf("%s is listed with %.3f s, its packets take %.3f s", file.File, file.DurationS, came)
	}
	p := f.start(t, time.Minute, nil, "ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "json", address)
	p.mustSucceed(t)
	var said struct {
		Format struct {
			Duration float64 `json:",string"`
		}
	}
	if err := json.Unmarshal([]byte(p.out.String()), &said); err != nil {
		t.Fatal(err)
	}
	shown := lengthOf(packets, func(p packet) int64 { return p.pts })
	if sound := byKind(packets)["audio"]; file.Format == "mp4" && sound[0].pts-packets[0].pts > 1000 {
		shown += float64(sound[0].pts-packets[0].pts) / 1000 // ffmpeg adds to MP4 what a track begins late
	}
	if math.Abs(said.Format.Duration-shown) > aFrame {
		t.Errorf("%s takes %.3f s for ffmpeg, its packets take %.3f s", file.File, said.Format.Duration, shown)
	}
}

// lengthOf returns how many seconds packets take, by one of their times.
func lengthOf(packets []packet, at func(packet) int64) float64 {
	first, end := int64(math.MaxInt64), int64(math.MinInt64)
	for _, all := range byKind(packets) {
		frame := (all[len(all)-1].dts - all[0].dts) / int64(max(1, len(all)-1))
		for _, p := range all {
			first, end = min(first, at(p)), max(end, at(p)+frame)
		}
	}
	return float64(end-first) / 1000
}

// requireDecodes checks that ffmpeg decodes an address without a word.
func requireDecodes(t *testing.T, run starter, address string) {
	t.Helper()
	p := run(t, time.Minute, nil, "ffmpeg", "-nostdin", "-v", "warning", "-xerror", "-i", address, "-map", "0", "-f", "null", "-")
	p.mustSucceed(t)
	if said := p.out.String(); said != "" {
		t.Errorf("ffmpeg says of %s:\n%s", address, tail(said, 2000))
	}
}

// TestFullRecordResize: where the size of the picture changes another file begins, with
// the first picture of that size.
func TestFullRecordResize(t *testing.T) {
	t.Parallel()
	f := ffmpeg9(t)
	s := startServer(t, settings{"record.streams": recordRules, "stream.grace": "1s"})
	const length = 4000 // ms of each size
	var tags []flvTag
	var published []packet
	for i, c := range []clip{simpleClip, smallClip} {
		for _, tag := range fileTags(t, c) {
			if tag.timestamp < length && (i == 0 || tag.kind == tagVideo || tag.media()) {
				tag.timestamp += uint32(i * length)
				tags = append(tags, tag)
			}
		}
		for _, p := range filePackets(t, c.path(t)) {
			if p.dts < length {
				p.dts += int64(i * length)
				p.pts += int64(i * length)
				published = append(published, p)
			}
		}
	}
	forms := map[string][]string{"mp4": nil, "flv": nil, "ts": fromTS}
	for format := range forms {
		publisher, err := dialPublisher(s.rtmp, format+"/resized")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { publisher.conn.Close() })
		go func() {
			_ = publisher.sendInRealTime(tags, 0)
			publisher.conn.Close()
		}()
	}
	for format, fromTS := range forms {
		t.Run(format, func(t *testing.T) {
			files := s.recorded(t, format+"/resized")
			if len(files) != 2 || files[0].Why != "layout_changed" || files[0].Tracks[0] != "H264 640x360" || files[1].Tracks[0] != "H264 320x180" {
				t.Fatalf("%+v", files)
			}
			var got []packet
			for _, file := range files {
				address := s.recordedURL(file)
				packets := readAsFLV(t, start, address, nil, 0, fromTS...)
				requireLength(t, f, address, file, packets)
				requireDecodes(t, f.start, address)
				requireDecodes(t, start, address)
				got = append(got, packets...)
			}
			requireAll(t, fromPicture(published), got)
		})
	}
}
