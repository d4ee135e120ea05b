package streamname

import "testing"

func TestParseURL(t *testing.T) {
	for text, want := range map[string]string{
		"rtmp://host/live/test?a=b":                     "live/test",
		"rtmps://host:1936/live/test":                   "live/test",
		"rtsp://user:pass@host/a/b/c":                   "a/b/c",
		"http://host/live/test.flv":                     "live/test",
		"wss://host/live/test.mp4?video=0":              "live/test",
		"https://host/live/test.ts":                     "live/test",
		"http://host/live/test/index.m3u8":              "live/test",
		"http://host/live/test/whep":                    "live/test",
		"http://host/live/test/whip":                    "live/test, for publishing",
		"http://host/live/%74est.flv":                   "live/test",
		"http://host/live/test":                         "",
		"http://host/live/test.avi":                     "",
		"http://host/.flv":                              "",
		"rtmp:///live/test":                             "",
		"rtmp://host/":                                  "",
		"live/test":                                     "",
		"file:///live/test.flv":                         "",
		"srt://host:1/live/test":                        "",
		"rtmp://host/" + string(make([]byte, MaxBytes)): "",
	} {
		_, name, publishes, err := ParseURL(text)
		if publishes {
			name += ", for publishing"
		}
		if err != nil {
			name = ""
		}
		if name != want {
			t.Errorf("%s: %q, %v, want %q", text, name, err, want)
		}
	}
}
