//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// largeAV1Opus is av1Opus with the picture that requirePicture knows.
var largeAV1Opus = clip{"av1-opus-large", join(lavfi(picture, smallTone), svtAV1, []string{"-ac", "2", "-c:a", "libopus", "-shortest"})}

// TestFullChromiumAV1: the player decodes AV1 and Opus from Enhanced RTMP, by
// both ways of FLV.
func TestFullChromiumAV1(t *testing.T) {
	for _, via := range []string{"httpflv", "wsflv"} {
		t.Run(via, func(t *testing.T) {
			t.Parallel()
			f, s := ffmpeg9(t), startServer(t, nil)
			file := f.clip(t, largeAV1Opus)
			b := openPage(t, s.httpURL(""))
			f.publish(t, s, file, "live/test")
			var opened bool
			b.eval(t, `(location.search = "?play=live/test&via=`+via+`", true)`, &opened)
			requirePlays(t, b)
		})
	}
}

// TestFullChromiumRefusal: a stream that the browser cannot play is refused
// with the reason and without a connection; sound that it can play is played on
// demand.
func TestFullChromiumRefusal(t *testing.T) {
	tests := []struct {
		clip      enhancedClip
		via, says string
		sound     bool
	}{
		// This build of Chromium has no decoder of HEVC without a graphics card.
		{hevcAAC, "", "This browser cannot play H265 video.", true},
		{vp9FLAC, "&via=httpflv", "Browsers cannot play VP9 video and FLAC audio from FLV.", false},
	}
	for _, tt := range tests {
		t.Run(tt.clip.name, func(t *testing.T) {
			t.Parallel()
			f, s := ffmpeg9(t), startServer(t, nil)
			file := f.clip(t, tt.clip.clip)
			b := openPage(t, s.httpURL(""))
			f.publish(t, s, file, "live/test")
			b.eventually(t, 20*time.Second, "the stream is listed", `document.querySelector('[data-stream="live/test"]')`)
			b.call(t, "Page.navigate", map[string]any{"url": s.httpURL("?play=live/test" + tt.via)}, nil)
			requireMessage(t, b, 20*time.Second, tt.says)
			if st, _ := s.stream(t, "live/test"); st.ViewersTotal != 0 {
				t.Errorf("%d viewers although nothing can be played", st.ViewersTotal)
			}
			var sound bool
			b.eval(t, `!!document.querySelector(".screen .action")`, &sound)
			if sound != tt.sound {
				t.Fatalf("the sound alone is offered: %t, want %t", sound, tt.sound)
			}
			if sound {
				b.click(t, ".screen .action")
				b.eventually(t, 20*time.Second, "the sound plays", currentTime+` > 2 && document.querySelector("video#player").webkitAudioDecodedByteCount > 0`)
			}
		})
	}
}
