package main

import (
	"bytes"
	"context"
	_ "embed" // the clip
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/weirmedia/weir/cmd/weir/bench"
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
	return run(con, c.configFlag, func(ctx context.Context, a *app, out io.Writer) error {
		clip, err := bench.ReadClip(bytes.NewReader(demoClip))
		if err != nil {
			return fmt.Errorf("built-in clip: %w", err)
		}
		if a.rtmp == nil {
			return errors.New("the demo publishes by RTMP, but rtmp.listen is off")
		}
		fmt.Fprintf(out, "  %-9s%s\n", "demo", demoStream+" is being published")
		for ctx.Err() == nil {
			err := publishDemo(ctx, clip, "rtmp://"+reachable(a.rtmp, 1935)+"/"+demoStream)
			if ctx.Err() == nil {
				a.log.Warn("demo: publishing failed, trying again", "error", err, "in", demoRetry)
				select {
				case <-ctx.Done():
				case <-time.After(demoRetry):
				}
			}
		}
		return nil
	})
}

// publishDemo sends the clip in real time, over and over, until ctx ends or the
// server ends it.
func publishDemo(ctx context.Context, clip *bench.Clip, url string) error {
	p, err := rtmp.Publish(ctx, url, rtmp.ClientOptions{})
	if err != nil {
		return err
	}
	err = clip.Play(ctx, func(tag flv.Tag) error { return p.WriteTag(tag.Type, tag.Timestamp, tag.Body) })
	return errors.Join(err, p.Close())
}
