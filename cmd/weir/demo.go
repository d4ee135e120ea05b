package main

import (
	"bytes"
	"context"
	_ "embed" // the clip
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/remux/flv"
)

// demoClip is a moving test picture with a clock, H.264 and AAC; it is made by
// test/make-demo.sh so that its end fits its beginning.
//
//go:embed demo.flv
var demoClip []byte

// demoStream is where the clip is published.
const demoStream = "live/demo"

// demoRetry is how long the demo waits before it publishes again, should its
// publisher be closed.
const demoRetry = 2 * time.Second

type demoCommand struct{ configFlag }

// Run serves and publishes the built-in clip over RTMP, as an encoder would.
func (c *demoCommand) Run(con *console) error {
	return run(con, c.configFlag, func(ctx context.Context, a *app) error {
		clip, err := readClip(demoClip)
		if err != nil {
			return fmt.Errorf("built-in clip: %w", err)
		}
		if a.rtmp == nil {
			return errors.New("the demo publishes by RTMP, but rtmp.listen is off")
		}
		fmt.Fprintf(con.out, "  %-9s%s\n", "demo", demoStream+" is being published")
		for ctx.Err() == nil {
			err := clip.publish(ctx, "rtmp://"+reachable(a.rtmp, 1935)+"/"+demoStream)
			if ctx.Err() == nil {
				a.log.Warn("demo: publishing failed, trying again", "error", err, "in", demoRetry)
				sleep(ctx, demoRetry)
			}
		}
		return nil
	})
}

// clip is a recording that can be played in a loop.
type clip struct {
	tags   []flv.Tag
	length uint32 // ms until the first tag is due again
}

func readClip(b []byte) (*clip, error) {
	r := flv.NewReader(bytes.NewReader(b))
	c := &clip{}
	var last, interval uint32 // of video
	for {
		tag, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if tag.Type == flv.VideoTag && tag.Timestamp > last {
			last, interval = tag.Timestamp, tag.Timestamp-last
		}
		c.tags = append(c.tags, tag)
	}
	c.length = last + interval
	if c.length == 0 {
		return nil, errors.New("no video that moves")
	}
	return c, nil
}

// publish sends the clip in real time, over and over, until ctx ends or the
// server ends it.
func (c *clip) publish(ctx context.Context, url string) error {
	p, err := rtmp.Publish(ctx, url, rtmp.ClientOptions{})
	if err != nil {
		return err
	}
	err = c.loop(ctx, p)
	return errors.Join(err, p.Close())
}

func (c *clip) loop(ctx context.Context, p *rtmp.PublishClient) error {
	begin := time.Now()
	for offset := uint32(0); ; offset += c.length {
		for _, tag := range c.tags {
			due := begin.Add(time.Duration(offset+tag.Timestamp) * time.Millisecond)
			if !sleep(ctx, time.Until(due)) {
				return nil
			}
			if err := p.WriteTag(tag.Type, offset+tag.Timestamp, tag.Body); err != nil {
				return err
			}
		}
	}
}

// sleep waits for d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
