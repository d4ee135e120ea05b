//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFullRTSPGStreamerPlay plays with GStreamer. Its depacketisers and parsers
// must accept what comes, and it is what was published.
func TestFullRTSPGStreamerPlay(t *testing.T) {
	for _, transport := range []string{"tcp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s := startRTSPServer(t)
			s.publish(t, hardClip, "live/test", publishOptions{})
			file := filepath.Join(t.TempDir(), "out.ts")
			pipeline := "rtspsrc location=" + s.url("live/test") + " protocols=" + transport + " name=s" +
				" mpegtsmux name=m ! filesink buffer-mode=unbuffered location=" + file +
				" s. ! rtph264depay ! h264parse config-interval=0 ! video/x-h264,stream-format=byte-stream,alignment=au ! queue ! m." +
				" s. ! rtpmp4gdepay ! aacparse ! audio/mpeg,stream-format=adts ! queue ! m."
			record(t, file, someSeconds, "gst-launch-1.0", strings.Fields("-e "+pipeline)...)
			got := readAsFLV(t, start, file, nil, 0, "-bsf:v", fromTS[1]+",setts=ts=N*3600", "-bsf:a", fromTS[3])
			requireSameUnits(t, filePackets(t, hardClip.path(t)), got[:len(got)-2]) // the last ones may be cut off
		})
	}
}

// plainClip is simpleClip with noise, in which no two packets are the same.
var plainClip = clip{"plain", join(lavfi(picture, noise), x264Simple, aacStereo, []string{"-shortest"})}

// TestFullRTSPGStreamerPublish publishes with GStreamer, which begins with a burst:
// what of it gets lost by UDP must have been noticed.
func TestFullRTSPGStreamerPublish(t *testing.T) {
	for _, transport := range []string{"tcp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s := startRTSPServer(t)
			// Its first choice for AAC is LATM, which weir does not know.
			withoutLATM := func(c *exec.Cmd) { c.Env = append(os.Environ(), "GST_PLUGIN_FEATURE_RANK=rtpmp4apay:NONE") }
			start(t, time.Minute, withoutLATM, "gst-launch-1.0", strings.Fields("filesrc location="+plainClip.path(t)+" ! flvdemux name=d"+
				" rtspclientsink location="+s.url("live/test")+" protocols="+transport+" name=k"+
				" d.video ! h264parse ! queue ! clocksync ! k.sink_0"+
				" d.audio ! aacparse ! queue ! clocksync ! k.sink_1")...)
			s.waitLive(t, "live/test")
			got := readPackets(t, s.httpURL("live/test.flv"), 200, 40*time.Second)
			requireParts(t, filePackets(t, plainClip.path(t)), got, uint64(metric(t, s.server, "weir_packets_lost_total")))
		})
	}
}

// vlc returns the release that ffmpeg 9 is from, with VLC: Debian 12 builds VLC
// without RTSP. VLC cannot publish by RTSP, it is a server itself.
func vlc(t *testing.T) rooted {
	t.Helper()
	r := ffmpeg9(t)
	makeRelease.Lock()
	defer makeRelease.Unlock()
	there, err := filepath.Glob(filepath.Join(r.root, "usr/lib/*/vlc/plugins/access/liblive555_plugin.so"))
	if err != nil {
		t.Fatal(err)
	}
	if len(there) > 0 {
		return r
	}
	quiet := func(c *exec.Cmd) {
		c.Env = append(c.Env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive")
	}
	r.start(t, releaseLimit, quiet, "apt-get", "-q", "-y", "install", "--no-install-recommends",
		"vlc-bin", "vlc-plugin-base", "vlc-plugin-access-extra").mustSucceed(t)
	return r
}

// TestSetupVLC installs VLC, so that no other test has to wait for it.
func TestSetupVLC(t *testing.T) { vlc(t) }

// TestFullRTSPVLC plays with VLC, not as root, which it refuses.
func TestFullRTSPVLC(t *testing.T) {
	for transport, args := range map[string][]string{"tcp": {"--rtsp-tcp"}, "udp": nil} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			r, s := vlc(t), startRTSPServer(t)
			s.publish(t, simpleClip, "live/test", publishOptions{})
			published := filePackets(t, simpleClip.path(t))
			for attempt := 1; ; attempt++ {
				got := recordByVLC(t, r, s, transport, args)
				// By UDP packets get lost when the machine does not let VLC read in time.
				err := checkSameUnits(published, got)
				if err == nil {
					return
				}
				if transport == "tcp" || attempt == 3 {
					t.Fatal(err)
				}
				t.Logf("attempt %d: %v", attempt, err)
			}
		})
	}
}

// recordByVLC plays live/test for some seconds and returns what came.
func recordByVLC(t *testing.T, r rooted, s *rtspServer, transport string, args []string) []packet {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Join(r.root, "tmp"), "weir-e2e-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	const nobody = 65534
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	inside, err := filepath.Rel(r.root, dir)
	if err != nil {
		t.Fatal(err)
	}
	setup := func(c *exec.Cmd) {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		c.Env = append(c.Env, "HOME=/"+inside)
	}
	player := r.start(t, time.Minute, setup, "cvlc", append(slices.Clone(args), "-I", "dummy", "--no-one-instance", s.url("live/test"),
		"--sout", "#standard{access=file,mux=ts,dst=/"+inside+"/out.ts}")...)
	file := filepath.Join(dir, "out.ts")
	eventually(t, 40*time.Second, "VLC records", func() bool {
		info, err := os.Stat(file)
		if err != nil && !player.running() {
			t.Fatalf("VLC ended: %v", player.wait())
		}
		return err == nil && info.Size() >= someSeconds
	})
	requireContains(t, "the list of sessions", s.get(t, "api/v1/sessions"), "LibVLC", `"transport":"`+transport+`"`)
	player.signal(syscall.SIGINT)
	_ = player.wait()
	// Its times jump when the first sender report comes, which by UDP may be after
	// the first packets. The last ones may be cut off.
	got := readAsFLV(t, start, file, nil, 0, "-bsf:v", fromTS[1]+",setts=ts=N*3600", "-bsf:a", fromTS[3]+",setts=ts=N*2090")
	return got[:len(got)-2]
}
