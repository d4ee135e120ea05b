package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/weirmedia/weir/remux/flv"
)

// The clips of test/bench/make-clip.sh.
const (
	normalClip = "normal"
	smallClip  = "small"
	tinyClip   = "tiny"
	mediumClip = "medium"
	largeClip  = "large"
)

// clip is a recording that is published in a loop.
type clip struct {
	path    string
	kbps    float64 // what it takes on the wire, without markers
	seconds float64
	// gop is how many bytes of media there are since the last key frame, on
	// average over the clip: what a server must keep of a stream.
	gop float64
}

// clip returns a named clip, which is made if it is not there yet.
func (l *lab) clip(ctx context.Context, name string) (*clip, error) {
	if name == normalClip && l.options.clip != "" {
		return openClip(l.options.clip)
	}
	path := filepath.Join(l.clips, name+".flv")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(l.clips, 0o755); err != nil {
			return nil, err
		}
		out, err := exec.CommandContext(ctx, "test/bench/make-clip.sh", name, path).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("making the clip %s: %w: %s", name, err, out)
		}
	}
	return openClip(path)
}

func openClip(path string) (*clip, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	c, err := readClip(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c.path, err = filepath.Abs(path)
	return c, err
}

// wireOverhead is what RTMP adds to the body of a tag: most messages have a
// full header.
const wireOverhead = 12

func readClip(r io.Reader) (*clip, error) {
	reader := flv.NewReader(r)
	c := &clip{}
	var wire, sinceKey, weighted float64
	var last uint32
	for {
		tag, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if tag.Timestamp > last {
			weighted += sinceKey * float64(tag.Timestamp-last)
			last = tag.Timestamp
		}
		if isKeyFrame(tag) {
			sinceKey = 0
		}
		sinceKey += float64(len(tag.Body))
		wire += float64(len(tag.Body) + wireOverhead)
	}
	if last == 0 {
		return nil, errors.New("the clip has no duration")
	}
	c.seconds = float64(last) / 1000
	c.kbps = wire * 8 / float64(last)
	c.gop = weighted / float64(last)
	return c, nil
}

// isKeyFrame tells a key frame by the first byte of a video tag (E.4.3.1).
func isKeyFrame(tag flv.Tag) bool {
	const frameTypes, key = 0x70, 0x10
	return tag.Type == flv.VideoTag && len(tag.Body) > 0 && tag.Body[0]&frameTypes == key
}
