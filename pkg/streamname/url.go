package streamname

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// ParseURL returns the stream that a URL names, of any protocol in which streams
// are published or played. publishes reports that the URL is for nothing else.
func ParseURL(text string) (u *url.URL, name string, publishes bool, err error) {
	u, err = url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, "", false, errors.New("must be like rtmp://HOST/live/test or http://HOST/live/test.flv")
	}
	path := strings.Trim(u.Path, "/")
	switch u.Scheme {
	case "rtmp", "rtmps", "rtsp", "rtsps":
	case "http", "https", "ws", "wss":
		found := false
		for _, suffix := range []string{".flv", ".ts", ".mp4", "/index.m3u8", "/whep", "/whip"} {
			if path, found = strings.CutSuffix(path, suffix); found {
				publishes = suffix == "/whip"
				break
			}
		}
		if !found {
			return nil, "", false, errors.New("must end in .flv, .ts, .mp4, /index.m3u8, /whep or /whip")
		}
	default:
		return nil, "", false, fmt.Errorf("%s:// is no scheme of a stream", u.Scheme)
	}
	name, err = Parse(path)
	return u, name, publishes, err
}
