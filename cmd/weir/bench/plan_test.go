package bench

import (
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

func TestNewPlanRefuses(t *testing.T) {
	clip := demoClip(t)
	play := Options{Mode: Play, URL: "rtmp://host/live/a", Sessions: 4, Ramp: 10, Duration: time.Second}
	push := play
	push.Mode, push.URL, push.Clip = Push, "rtmp://host/live/%d", clip
	for _, test := range []struct {
		name   string
		from   Options
		change func(*Options)
		option string
		says   string
	}{
		{"no mode", play, func(o *Options) { o.Mode = "" }, "mode", `""`},
		{"no sessions", play, func(o *Options) { o.Sessions = 0 }, "--sessions", "0 is not in 1 to 65535"},
		{"more sessions than ports", play, func(o *Options) { o.Sessions = 65536 }, "--sessions", "65536"},
		{"no ramp", play, func(o *Options) { o.Ramp = 0 }, "--ramp", "more than 0"},
		{"a ramp that is no number", play, func(o *Options) { o.Ramp = math.NaN() }, "--ramp", "NaN"},
		{"no duration", play, func(o *Options) { o.Duration = 0 }, "--duration", "0s"},
		{"negative verify", play, func(o *Options) { o.Verify = -1 }, "--verify", "-1"},
		{"negative streams", play, func(o *Options) { o.Streams = -1 }, "--streams", "-1"},
		{"negative pid", play, func(o *Options) { o.PID = -1 }, "--pid", "-1"},
		{"no such process", play, func(o *Options) { o.PID = math.MaxInt32 }, "--pid", "no such file"},
		{"no scheme", play, func(o *Options) { o.URL = "host/live/a" }, "URL", "begins with none of"},
		{"another scheme", play, func(o *Options) { o.URL = "srt://host/live/a" }, "URL", "begins with none of"},
		{"no stream", play, func(o *Options) { o.URL = "rtmp://host" }, "URL", "no stream is named"},
		{"no host", play, func(o *Options) { o.URL = "http:///live/a.flv" }, "URL", "http://HOST"},
		{"push by HTTP", push, func(o *Options) { o.URL = "http://host/live/%d.flv" }, "URL", "push needs rtmp:// or rtsp://"},
		{"no host of RTSP", play, func(o *Options) { o.URL = "rtsp:///a" }, "URL", "no host"},
		{"an unknown transport", play, func(o *Options) { o.URL, o.Transport = "rtsp://h/a", "quic" }, "--transport", "quic"},
		{"a transport for RTMP", play, func(o *Options) { o.Transport = UDP }, "--transport", "only RTSP"},
		{"streams without number", play, func(o *Options) { o.Streams = 2 }, "--streams", "%d"},
		{"publishers on one stream", push, func(o *Options) { o.URL = "rtmp://host/live/a" }, "URL", "4 publishers need a %d"},
		{"more publishers than streams", push, func(o *Options) { o.Streams = 3 }, "--streams", "3 are too few for 4"},
		{"nothing to publish", push, func(o *Options) { o.Clip = nil }, "--file", "nothing"},
		{"a player marks", play, func(o *Options) { o.Mark = true }, "--mark", "--publish"},
		{"push publishes too", push, func(o *Options) { o.Publish = true }, "--publish", "anyway"},
		{"publish by HTTP", play, func(o *Options) { o.Clip, o.PublishURL = clip, "http://host/a.flv" }, "--publish-to", "scheme"},
		{"publish two to one", play, func(o *Options) {
			o.Clip, o.URL, o.Streams, o.PublishURL = clip, "http://host/%d.flv", 2, "rtmp://host/live/a"
		}, "--publish-to", "2 streams need a %d"},
		{"nothing to mark", push, func(o *Options) { o.Mark, o.Clip = true, &Clip{length: 1} }, "--file", "no H.264 pictures"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := test.from
			test.change(&o)
			_, err := NewPlan(o)
			var wrong *OptionError
			if !errors.As(err, &wrong) || wrong.Option != test.option || !strings.Contains(wrong.Problem, test.says) {
				t.Errorf("error %v, want one of %s that says %q", err, test.option, test.says)
			}
		})
	}
}

func TestNewPlanFillsIn(t *testing.T) {
	clip := demoClip(t)
	base := Options{Mode: Play, URL: "rtmp://host/live/a", Sessions: 4, Ramp: 10, Duration: time.Second, Clip: clip}
	for _, test := range []struct {
		name    string
		change  func(*Options)
		streams int
		publish string
	}{
		{"one stream", func(*Options) {}, 1, ""},
		{"a stream for each session", func(o *Options) { o.URL += "%d" }, 4, ""},
		{"no more streams than sessions", func(o *Options) { o.URL += "%d"; o.Streams = 9 }, 4, ""},
		{"two streams", func(o *Options) { o.URL += "%d"; o.Streams = 2 }, 2, ""},
		{"publish there", func(o *Options) { o.Publish = true }, 1, "rtmp://host/live/a"},
		{"publish elsewhere", func(o *Options) { o.PublishURL = "rtmp://other/b" }, 1, "rtmp://other/b"},
		{"publish for HTTP", func(o *Options) { o.Publish, o.URL = true, "http://u:p@host:8080/live/a%d.flv?audio=0" }, 4, "rtmp://host/live/a%d"},
		{"publish for IPv6", func(o *Options) { o.Publish, o.URL = true, "ws://[::1]:8080/a.flv" }, 1, "rtmp://[::1]/a"},
		{"publish for RTSP", func(o *Options) { o.Publish, o.URL = true, "rtsp://u:p@host:8554/live/a" }, 1, "rtmp://host/live/a"},
		{"publish by RTSP", func(o *Options) { o.PublishURL = "rtsp://other/b" }, 1, "rtsp://other/b"},
		{"a process", func(o *Options) { o.PID = os.Getpid() }, 1, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := base
			test.change(&o)
			p, err := NewPlan(o)
			if err != nil {
				t.Fatal(err)
			}
			if p.Streams != test.streams || p.PublishURL != test.publish {
				t.Errorf("%d streams, published to %q", p.Streams, p.PublishURL)
			}
			if (p.server != nil) != (o.PID != 0) {
				t.Errorf("process %v", p.server)
			}
		})
	}
}

func TestExpand(t *testing.T) {
	for in, want := range map[string]string{
		"rtmp://h/live/s%d":      "rtmp://h/live/s7",
		"http://h/%d/%d.flv?a=1": "http://h/7/7.flv?a=1",
		"rtmp://h/a/b":           "rtmp://h/a/b",
		"http://h/%d0%bf.flv":    "http://h/%d0%bf.flv",
		"http://h/%d0/%d":        "http://h/%d0/7",
	} {
		if got := expand(in, 7); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestPublicHidesSecrets(t *testing.T) {
	for in, want := range map[string]string{
		"rtmp://u:p@h:1935/live/a?pass=x": "rtmp://h:1935/live/a",
		"http://h/live/a.flv?token=x@y/z": "http://h/live/a.flv",
		"rtmp://h/a@b":                    "rtmp://h/a@b",
	} {
		if got := public(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
