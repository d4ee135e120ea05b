//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"
)

// publishOptions changes how ffmpeg publishes a clip; the zero value sends it
// once, in real time.
type publishOptions struct {
	loop  bool
	input []string // options before -i
	out   []string // options before the address
}

// publish starts ffmpeg, which sends a clip to the server as it is, and waits
// until the stream is live.
func (s *server) publish(t *testing.T, c clip, name string, o publishOptions) *process {
	t.Helper()
	p := startPublish(t, c, s.rtmpURL(name), o)
	key, _, _ := strings.Cut(name, "?")
	s.waitLive(t, key)
	return p
}

// startPublish is publish without the waiting.
func startPublish(t *testing.T, c clip, url string, o publishOptions) *process {
	t.Helper()
	args := []string{"-nostdin", "-v", "warning", "-re"}
	if o.loop {
		args = append(args, "-stream_loop", "-1")
	}
	args = append(args, o.input...)
	args = append(args, "-i", c.path(t), "-map", "0", "-c", "copy")
	args = append(args, o.out...)
	args = append(args, "-f", "flv", url)
	return start(t, 3*time.Minute, nil, "ffmpeg", args...)
}
