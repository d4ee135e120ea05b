//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
)

var vp9Opus = newEnhancedClip("vp9-opus", "VP9", "Opus", libvpxVP9, "-c:a", "libopus")

// TestFullRTSPCodecsIn: what ffmpeg 9 publishes by RTSP comes out as HTTP-FLV and
// by RTSP.
func TestFullRTSPCodecsIn(t *testing.T) {
	for _, c := range []enhancedClip{hevcAAC, h264Opus, av1Opus, vp9Opus} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, s := ffmpeg9(t), startRTSPServer(t)
			published := c.published(t, f)
			s.publishRTSP9(t, f, f.clip(t, c.clip))
			requireCodecs(t, s.server, c.video, c.audio)
			overHTTP := startProbeBy(t, f.start, s.httpURL("live/test.flv"), 40*time.Second)
			requireRunWithin(t, published, overHTTP.read(t, enhancedPackets/2), rtpTolerance)
			overRTSP := openRTSP(t, s.url("live/test"), gortsplib.TransportUDP)
			requirePTS(t, published, overRTSP.read(t, enhancedPackets/2, 40*time.Second), rtpTolerance)
		})
	}
}

// publishRTSP9 sends a file to live/test by ffmpeg 9, for which VP9 is an
// experiment.
func (s *rtspServer) publishRTSP9(t *testing.T, f rooted, file string) {
	t.Helper()
	f.start(t, 3*time.Minute, nil, "ffmpeg", "-nostdin", "-v", "warning", "-re", "-i", file, "-map", "0", "-c", "copy",
		"-strict", "experimental", "-f", "rtsp", "-rtsp_transport", "tcp", s.url("live/test"))
	s.waitLive(t, "live/test")
}

// TestFullRTSPCodecsOut: what ffmpeg 9 publishes by RTMP is what it reads by RTSP.
func TestFullRTSPCodecsOut(t *testing.T) {
	for _, tt := range []struct {
		clip enhancedClip
		back string // makes pictures those of FLV
	}{
		{hevcAAC, fromTSHEVC},
		{h264Opus, fromTS[1]},
		{av1Opus, "av1_metadata=td=remove"},
		{hevcAC3, fromTSHEVC},
	} {
		t.Run(tt.clip.name, func(t *testing.T) {
			t.Parallel()
			f, s := ffmpeg9(t), startRTSPServer(t)
			published := tt.clip.published(t, f)
			f.publish(t, s.server, f.clip(t, tt.clip.clip), "live/test")
			// By UDP ffmpeg forgets what it has of an AV1 frame when sound comes between.
			// Pictures have made-up times: it gives the first ones none.
			got := readAsFLV(t, over(f.start, "tcp"), s.url("live/test"), nil, enhancedPackets, "-bsf:v", tt.back+",setts=ts=N*3600")
			requireSameUnits(t, published, got)
		})
	}
}

// TestFullRTSPVPX: VP8 and VP9, which ffmpeg cannot copy from RTP to FLV, go from
// ffmpeg 9 to gortsplib, and to ffmpeg 9, which decodes them.
func TestFullRTSPVPX(t *testing.T) {
	for _, encoder := range []string{"libvpx", "libvpx-vp9"} {
		t.Run(encoder, func(t *testing.T) {
			t.Parallel()
			f, s := ffmpeg9(t), startRTSPServer(t)
			dir, err := os.MkdirTemp(filepath.Join(f.root, "clips"), encoder+"-*")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			file := filepath.Join("/clips", filepath.Base(dir), "out.webm")
			f.start(t, time.Minute, nil, "ffmpeg", join([]string{"-nostdin", "-v", "error"}, lavfi(smallPicture, noise), []string{"-c:v", encoder,
				"-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k", "-g", "50", "-c:a", "libopus", file})...).mustSucceed(t)
			published := startProbeBy(t, f.start, file, time.Minute).read(t, 0)

			s.publishRTSP9(t, f, file)
			r := openRTSP(t, s.url("live/test"), gortsplib.TransportUDP)
			requirePTS(t, published, r.read(t, enhancedPackets/2, 40*time.Second), rtpTolerance)
			decode := f.start(t, 40*time.Second, nil, "ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", s.url("live/test"),
				"-frames:v", "50", "-f", "null", "-")
			decode.mustSucceed(t)
			if complaint := decode.out.String(); complaint != "" {
				t.Errorf("what is played does not decode cleanly:\n%s", tail(complaint, 1000))
			}
		})
	}
}
