package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/streamname"
)

// signCommand is "weir sign".
type signCommand struct {
	configFlag
	URL     string        `arg:"" name:"url" help:"What to publish or play: rtmp://HOST/live/test, http://HOST/live/test.flv, …"`
	Publish bool          `help:"For publishing; without it for playing. URLs of WHIP are always for publishing."`
	For     time.Duration `default:"1h" help:"How long the URL is good (${default})."`
}

// Run prints the URL, signed with the first of auth.url_keys.
func (c *signCommand) Run(con *console) error {
	s, _, err := c.load()
	if err != nil {
		fmt.Fprintln(con.err, err)
		return &exitError{}
	}
	if len(s.auth.URLKeys) == 0 {
		return errors.New("there is no key: set auth.url_keys, or WEIR_AUTH_URL_KEYS")
	}
	if c.For <= 0 {
		return &usageError{fmt.Errorf("--for: must be greater than 0, is %v", c.For)}
	}
	u, stream, action, err := parseStreamURL(c.URL)
	if err != nil {
		return &usageError{err}
	}
	if c.Publish {
		action = auth.Publish
	}
	query := u.Query()
	auth.SignURL(query, s.auth.URLKeys[0], action, stream, time.Now().Add(c.For))
	u.RawQuery = query.Encode()
	_, err = fmt.Fprintln(con.out, u)
	return err
}

// parseStreamURL finds out which stream a URL names, and what is done with it
// there: playing, unless it is said otherwise.
func parseStreamURL(text string) (u *url.URL, stream string, action auth.Action, err error) {
	u, err = url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, "", "", errors.New("url: must be like rtmp://HOST/live/test or http://HOST/live/test.flv")
	}
	path, action := strings.Trim(u.Path, "/"), auth.Play
	switch u.Scheme {
	case "rtmp", "rtmps", "rtsp", "rtsps":
	case "http", "https", "ws", "wss":
		found := false
		for _, suffix := range []string{".flv", ".ts", ".mp4", "/index.m3u8", "/whep", "/whip"} {
			if rest, ok := strings.CutSuffix(path, suffix); ok {
				path, found = rest, true
				if suffix == "/whip" {
					action = auth.Publish
				}
				break
			}
		}
		if !found {
			return nil, "", "", errors.New("url: must end in .flv, .ts, .mp4, /index.m3u8, /whep or /whip")
		}
	default:
		return nil, "", "", fmt.Errorf("url: %s:// is no scheme of a stream", u.Scheme)
	}
	stream, err = streamname.Parse(path)
	return u, stream, action, err
}
