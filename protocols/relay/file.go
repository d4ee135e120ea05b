package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/flv"
)

const fileScheme = "file"

// Files is the Client of "file:PATH" and "file:///PATH": an FLV file that is
// played at its own pace, over and over.
type Files struct{}

// Check implements Client.
func (Files) Check(rawURL string) error {
	_, err := filePath(rawURL)
	return err
}

func filePath(rawURL string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", errors.New("it is no URL")
	}
	path := u.Path
	if path == "" {
		if path, err = url.PathUnescape(u.Opaque); err != nil {
			return "", errors.New("its path is badly escaped")
		}
	}
	switch {
	case u.Host != "":
		if path == "" {
			return "", fmt.Errorf("a file has no host: write file:%s", u.Host)
		}
		return "", fmt.Errorf("a file has no host: write file:%[1]s or file:///%[1]s", u.Host+path)
	case !strings.HasSuffix(path, ".flv"):
		return "", errors.New("only files that end in .flv can be played")
	}
	return path, nil
}

// Open implements Client.
func (Files) Open(_ context.Context, rawURL string, _ Options) (Source, error) {
	path, err := filePath(rawURL)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, reason.Wrap(reason.DiskError, err)
	}
	return Tags(&fileLoop{file: f, reader: flv.NewReader(f), begin: time.Now(), closed: make(chan struct{})}), nil
}

// maxGap and maxBack are how far apart, in ms, the times of two tags may be that follow
// one another: slides are seldom further apart, sound and pictures less mixed up. Else
// the file has been recorded from several streams, or from one that is older than the
// file, and time goes on without a jump.
const maxGap, maxBack = 60_000, 1000

// fileLoop reads the tags of a file when they are due.
type fileLoop struct {
	file   *os.File
	reader *flv.Reader
	begin  time.Time
	begun  bool   // the round has had a tag
	media  bool   // the round had audio or video
	from   int64  // newest when the round began
	stamp  uint32 // of the last tag, as in the file

	// All in ms since begin.
	last   int64 // of the last tag
	newest int64
	step   int64 // between the two newest tags with different times

	close  sync.Once
	closed chan struct{}
}

// ReadTag implements TagReader.
func (l *fileLoop) ReadTag() (flv.Tag, error) {
	tag, err := l.reader.Next()
	if errors.Is(err, io.EOF) {
		if err = l.rewind(); err == nil {
			tag, err = l.reader.Next()
		}
	}
	if err != nil {
		return tag, err
	}
	l.media = l.media || tag.Type == flv.VideoTag || tag.Type == flv.AudioTag
	at := l.place(tag.Timestamp)
	tag.Timestamp = uint32(at) //nolint:gosec // modulo 2^32, as in FLV
	return tag, l.sleep(time.Until(l.begin.Add(time.Duration(at) * time.Millisecond)))
}

// place returns when a tag is due that has this time in the file.
func (l *fileLoop) place(stamp uint32) int64 {
	at := max(0, l.last+int64(int32(stamp-l.stamp))) //nolint:gosec // the distance modulo 2^32
	if ahead := at - l.newest; !l.begun || ahead > maxGap || ahead < -maxBack {
		at = l.newest + l.step
	}
	l.begun, l.stamp, l.last = true, stamp, at
	if at > l.newest {
		l.step, l.newest = at-l.newest, at
	}
	return at
}

// rewind begins the next round, right after the last.
func (l *fileLoop) rewind() error {
	if !l.media || l.newest == l.from {
		return errors.New("the file has neither pictures nor sound that move on")
	}
	if _, err := l.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	l.begun, l.media, l.from, l.reader = false, false, l.newest, flv.NewReader(l.file)
	return nil
}

func (l *fileLoop) sleep(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-l.closed:
		return os.ErrClosed
	}
}

// Close implements TagReader.
func (l *fileLoop) Close() error {
	l.close.Do(func() {
		close(l.closed)
		_ = l.file.Close() // it was read only
	})
	return nil
}
