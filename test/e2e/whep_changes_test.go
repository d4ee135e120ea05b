//go:build e2e

package e2e

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// smallClip is simpleClip in another size: other parameter sets, the same sound.
var smallClip = clip{"simple-small", join(lavfi("testsrc2=s=320x180:r=25:d=24", tone), x264Simple, aacStereo, []string{"-shortest"})}

// requireShows waits until pictures of a width are shown, and checks that all of
// them come.
func requireShows(t *testing.T, b *browser, width int) {
	t.Helper()
	b.eventually(t, 20*time.Second, "it plays", `v.currentTime > 2`)
	b.eventually(t, 20*time.Second, fmt.Sprintf("pictures are %d wide", width), fmt.Sprintf(`v.videoWidth === %d`, width))
	requireRate(t, b, 25)
}

// requireTone checks that the page hears 440 Hz at the level that ffmpeg gives a
// tone in stereo.
func requireTone(t *testing.T, b *browser) {
	t.Helper()
	var heard struct{ Level, Frequency float64 }
	b.eval(t, hearScript, &heard)
	const level = 0.125 / 2
	if dB := 20 * math.Log10(heard.Level/level); math.Abs(dB) > 1 || math.Abs(heard.Frequency-440) > 2 {
		t.Errorf("a tone of %.1f Hz, %.1f dB off", heard.Frequency, dB)
	}
}

// requireSameSession checks that a page plays by the connection that it began with.
func requireSameSession(t *testing.T, s *server, b *browser) {
	t.Helper()
	var state string
	b.eval(t, "pc.connectionState", &state)
	if opened := s.metrics(t)[`weir_sessions_opened_total{action="play",protocol="webrtc"}`]; state != "connected" || opened != 1 {
		t.Errorf("the connection is %s, %.0f sessions were opened", state, opened)
	}
}

// publishTags publishes tags to live/test at the speed of their times.
func publishTags(t *testing.T, s *server, tags []flvTag) {
	t.Helper()
	publisher, err := dialPublisher(s.rtmp, "live/test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { publisher.conn.Close() })
	go func() { _ = publisher.sendInRealTime(tags, 0) }()
	s.waitLive(t, "live/test")
}

// TestFullWHEPResize: a player plays on when the pictures of a running stream
// change their size.
func TestFullWHEPResize(t *testing.T) {
	s := startWebRTC(t)
	const length = 14000 // ms of each size, at key frames
	var tags []flvTag
	for i, c := range []clip{simpleClip, smallClip} {
		for _, tag := range fileTags(t, c) {
			if tag.timestamp < length && (i == 0 || tag.kind == tagVideo || tag.media()) {
				tag.timestamp += uint32(i * length)
				tags = append(tags, tag)
			}
		}
	}
	publishTags(t, s, tags)
	b := openWHEP(t, s)
	requireShows(t, b, 640)
	requireShows(t, b, 320)
	requireTone(t, b)
	requireSameSession(t, s, b)
}

// TestFullWHEPReturnResized: a player plays on when a publisher is killed and comes
// back with pictures of another size.
func TestFullWHEPReturnResized(t *testing.T) {
	s := startServer(t, settings{"webrtc.listen": "127.0.0.1:0", "stream.grace": "15s"})
	first := s.publish(t, simpleClip, "live/test", publishOptions{})
	b := openWHEP(t, s)
	requireShows(t, b, 640)
	first.kill()
	s.waitGrace(t, "live/test")
	s.publish(t, smallClip, "live/test", publishOptions{})
	requireShows(t, b, 320)
	requireTone(t, b)
	requireSameSession(t, s, b)
}

// TestFullWHEPSoundOnly: a stream without pictures is heard.
func TestFullWHEPSoundOnly(t *testing.T) {
	s := startWebRTC(t)
	s.publish(t, audioOnlyClip, "live/test", publishOptions{loop: true})
	b := openWHEP(t, s)
	b.eventually(t, 20*time.Second, "it plays", `v.srcObject.getAudioTracks().length === 1 && pc.connectionState === "connected"`)
	requireTone(t, b)
	var before, after whepStats
	b.eval(t, webrtcStats, &before)
	time.Sleep(4 * time.Second)
	b.eval(t, webrtcStats, &after)
	samples, concealed := after.Samples-before.Samples, after.Concealed-before.Concealed
	if samples < 3*48000 || concealed > samples/20 {
		t.Errorf("%.0f samples came in 4 s, %.0f of them made up", samples, concealed)
	}
}

// TestFullWHEPPicturesOnly: a stream without sound is seen.
func TestFullWHEPPicturesOnly(t *testing.T) {
	s := startWebRTC(t)
	c := clip{"pictures-only-in-order", join(lavfi(picture), x264Simple)}
	s.publish(t, c, "live/test", publishOptions{loop: true})
	b := openWHEP(t, s)
	requireShows(t, b, 640)
}

// TestFullWHEPLateSound: a player that began before the sound of a stream is closed
// with the reason when that comes, and the console's player, which comes back by
// itself, has it.
func TestFullWHEPLateSound(t *testing.T) {
	s := startWebRTC(t)
	const silent = 12000 // ms
	var tags []flvTag
	for _, tag := range fileTags(t, simpleClip) {
		switch {
		case tag.kind == tagVideo:
			tags = append(tags, tag)
		case tag.kind == tagAudio && !tag.media(): // tells what the sound is
			tag.timestamp = silent
			tags = append(tags, tag)
		case tag.kind == tagAudio && tag.timestamp >= silent:
			tags = append(tags, tag)
		}
	}
	slices.SortStableFunc(tags, func(a, b flvTag) int { return int(a.timestamp) - int(b.timestamp) })
	publishTags(t, s, tags)
	b := openPage(t, s.httpURL("?play=live/test&via=whep"), webrtcArgs...)
	b.eventually(t, 10*time.Second, "the player is there", `document.querySelector(".screen")`)
	b.eventually(t, 10*time.Second, "the picture plays", playing+` && document.querySelector("video#player").srcObject?.getTracks().length === 1`)
	eventually(t, 20*time.Second, "the session is closed", func() bool {
		return s.metrics(t)[`weir_sessions_closed_total{action="play",protocol="webrtc",reason="unsupported"}`] == 1
	})
	requireContains(t, "the log", s.out.String(), "the stream has another track now: ")
	b.eventually(t, 20*time.Second, "the page plays with sound", playing+` && document.querySelector("video#player").srcObject?.getTracks().length === 2`)
	var heard float64
	b.eval(t, loudness, &heard)
	if heard < 0.05 {
		t.Errorf("the sound has an amplitude of %.4f", heard)
	}
}
