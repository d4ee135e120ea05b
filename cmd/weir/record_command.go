package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/protocols/relay"
	"github.com/weirmedia/weir/remux/mediafile"
)

// recordCommand is "weir record".
type recordCommand struct {
	URL       string        `arg:"" help:"rtmp, rtmps, rtsp, rtsps, http, https, ws or wss URL of a stream; over HTTP and WebSocket FLV is fetched."`
	File      string        `arg:"" help:"Where to write to. What does not fit one file goes on in FILE-2, FILE-3, …, before the extension."`
	Format    string        `help:"mp4, flv or ts; without it the extension of the file says it." placeholder:"FORMAT"`
	Duration  time.Duration `help:"End after so much media; without it at the end of the stream, or at Ctrl-C."`
	Segment   time.Duration `help:"Begin another file at the first key frame after so much media."`
	Force     bool          `help:"Overwrite files that exist."`
	Timeout   time.Duration `default:"10s" help:"How long to wait for an answer, and for media."`
	Transport string        `enum:"auto,tcp,udp" default:"auto" help:"What carries the media of RTSP: tcp, udp, or auto (${default}), which is tcp unless the server refuses it."`
}

// Validate refuses times that are none.
func (c *recordCommand) Validate() error {
	switch {
	case c.Duration < 0:
		return fmt.Errorf("--duration: must not be negative, is %v", c.Duration)
	case c.Segment < 0:
		return fmt.Errorf("--segment: must not be negative, is %v", c.Segment)
	case c.Timeout <= 0:
		return fmt.Errorf("--timeout: must be more than 0, is %v", c.Timeout)
	}
	return nil
}

// Run records until the stream ends, the time is over or a signal comes: the files are
// complete in all these cases.
func (c *recordCommand) Run(con *console) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	return c.run(ctx, con)
}

func (c *recordCommand) run(ctx context.Context, con *console) error {
	format := mediafile.Format(cmp.Or(c.Format, strings.TrimPrefix(filepath.Ext(c.File), ".")))
	if !slices.Contains(mediafile.Formats(), format) {
		return &usageError{fmt.Errorf("format: must be one of %v, is %.16q; --format says it if the extension does not", mediafile.Formats(), format)}
	}
	scheme, _, _ := strings.Cut(c.URL, ":")
	client := relayClients()[scheme]
	if client == nil {
		return &usageError{fmt.Errorf("url: the scheme %.16q is not rtmp, rtmps, rtsp, rtsps, http, https, ws or wss", scheme)}
	}
	if err := client.Check(c.URL); err != nil {
		return &usageError{fmt.Errorf("url: %w", err)}
	}
	if _, err := os.Stat(c.File); err == nil && !c.Force {
		return fmt.Errorf("record: %s exists; --force overwrites it", c.File)
	}
	connecting, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	source, err := client.Open(connecting, c.URL, relay.Options{Transport: relay.Transport(c.Transport), Timeout: c.Timeout})
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	defer func() { _ = source.Close() }() // what it has to say it has said
	r := &recording{recordCommand: c, format: format, con: con}
	err = r.follow(ctx, source)
	if ended := r.end(); err == nil {
		err = ended
	}
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// recording is a stream that is recorded.
type recording struct {
	*recordCommand
	format mediafile.Format
	con    *console

	path   string // of the newest file
	number int    // of it; 0 before the first
	file   *os.File
	writer *mediafile.Writer // nil between files
	before time.Duration     // in the files before
	shown  time.Time         // when progress was shown
}

// errOver says that there is enough.
var errOver = errors.New("over")

// follow records what comes of source. It has a bus between them, which brings order
// into times and tracks, and takes what comes while the disk is slow.
func (r *recording) follow(ctx context.Context, source relay.Source) error {
	const name, window = "recorded", 20 * time.Second
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limits := bus.DefaultLimits()
	limits.PublishTimeout = r.Timeout
	b := bus.New(limits)
	defer b.Close(reason.Shutdown)
	silent := fmt.Errorf("no media came for %v", r.Timeout)
	pub, err := b.Publish(name, bus.Claim{Owner: name, Kill: func(why reason.Reason) {
		if why == reason.PublishTimeout { // else it is over anyhow
			cancel(silent)
		}
	}})
	if err != nil {
		return err
	}
	sub := pub.Stream().Plain().SubscribeSettled(window)
	defer sub.Close()

	over := make(chan error, 1)
	go func() {
		over <- publish(source, pub)
		pub.End(reason.StreamEnded)
	}()
	for err == nil {
		var item bus.Item
		if item, err = sub.Next(ctx); err == nil {
			err = r.take(item)
		}
	}
	_ = source.Close() // what it has to say comes by over
	end := <-over
	switch {
	case errors.Is(err, errOver):
		return nil
	case errors.Is(context.Cause(ctx), silent):
		return silent
	case ctx.Err() != nil:
		return nil // the user's signal
	case reason.Of(err, "") == reason.StreamEnded && errors.Is(end, io.EOF):
		return nil
	case reason.Of(err, "") == reason.StreamEnded:
		return fmt.Errorf("the stream broke off: %w", end)
	}
	return err
}

// publish writes what comes of source until it ends.
func publish(source relay.Source, pub *bus.Publisher) error {
	for {
		part, err := source.Read()
		if err == nil {
			err = part.Publish(pub)
		}
		if err != nil {
			return err
		}
	}
}

// take records an item. Files begin with a frame at which viewers may begin.
func (r *recording) take(item bus.Item) error {
	if item.Missed > 0 {
		fmt.Fprintf(r.con.err, "%d frames are missing: the disk was too slow\n", item.Missed)
	}
	if item.Frame == nil {
		return nil
	}
	if r.writer != nil && (!r.writer.Fits(item.Layout) || r.Segment > 0 && item.Start && r.writer.Duration() >= r.Segment) {
		if err := r.end(); err != nil {
			return err
		}
	}
	if r.writer == nil {
		if !item.Start {
			return nil
		}
		if err := r.begin(item); err != nil {
			return err
		}
	}
	if err := r.writer.Write(item.Frame, item.Start); err != nil {
		return err
	}
	r.progress()
	if r.Duration > 0 && r.before+r.writer.Duration() >= r.Duration {
		return errOver
	}
	return nil
}

// begin begins the next file.
func (r *recording) begin(item bus.Item) error {
	if err := r.create(); err != nil {
		return err
	}
	for _, t := range mediafile.LeftOut(r.format, item.Layout) {
		fmt.Fprintf(r.con.err, "%s: the %s track of %s is left out: %s\n", r.path, t.Kind, t.Codec, t.Why)
	}
	w, err := mediafile.NewWriter(r.file, r.format, mediafile.Header{Stream: streamOf(r.URL), Start: time.Now()}, item.Layout)
	if err != nil {
		return errors.Join(err, r.file.Close(), os.Remove(r.path))
	}
	r.writer = w
	return nil
}

// create opens the next file.
func (r *recording) create() error {
	flags := os.O_CREATE | os.O_WRONLY | os.O_EXCL
	if r.Force {
		flags = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	}
	extension := filepath.Ext(r.File)
	for {
		r.number++
		if r.path = r.File; r.number > 1 {
			r.path = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(r.File, extension), r.number, extension)
		}
		var err error
		r.file, err = os.OpenFile(r.path, flags, 0o644) //nolint:gosec // what the user records others may see
		if r.number == 1 || !errors.Is(err, os.ErrExist) {
			return err
		}
	}
}

// end completes the file that is written, if there is one, and tells of it.
func (r *recording) end() error {
	if r.writer == nil {
		if r.number == 0 {
			return errors.New("nothing was recorded: no frame came with which a file could begin")
		}
		return nil
	}
	w := r.writer
	r.writer = nil
	r.before += w.Duration()
	r.clear()
	err := errors.Join(w.Close(), r.file.Sync(), r.file.Close())
	if err == nil {
		_, err = fmt.Fprintf(r.con.out, "%s: %v, %s\n", r.path, w.Duration().Round(time.Millisecond), bytesText(uint64(w.Bytes())))
	}
	return err
}

// progress shows on a terminal how much there is, every now and then.
func (r *recording) progress() {
	const often = 500 * time.Millisecond
	if time.Since(r.shown) < often || !terminal(r.con.err) {
		return
	}
	r.shown = time.Now()
	r.clear()
	fmt.Fprintf(r.con.err, "%s: %v, %s", r.path, r.writer.Duration().Truncate(time.Second), bytesText(uint64(r.writer.Bytes())))
}

// clear takes away what progress shows.
func (r *recording) clear() {
	if terminal(r.con.err) {
		fmt.Fprint(r.con.err, "\r\x1b[K")
	}
}

// streamOf returns the stream that a URL names, for the header of files.
func streamOf(rawURL string) string {
	if _, name, _, err := streamname.ParseURL(rawURL); err == nil {
		return name
	}
	return "recorded" // it has no name that a stream could have
}
