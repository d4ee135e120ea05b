package main

import (
	"errors"
	"fmt"
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
	s, err := c.load()
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
	u, stream, publishes, err := streamname.ParseURL(c.URL)
	if err != nil {
		return &usageError{fmt.Errorf("url: %w", err)}
	}
	action := auth.Play
	if c.Publish || publishes {
		action = auth.Publish
	}
	query := u.Query()
	auth.SignURL(query, s.auth.URLKeys[0], action, stream, time.Now().Add(c.For))
	u.RawQuery = query.Encode()
	_, err = fmt.Fprintln(con.out, u)
	return err
}
