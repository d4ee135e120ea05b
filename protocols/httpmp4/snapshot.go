package httpmp4

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/internal/httplive"
	"github.com/weirmedia/weir/remux/fmp4"
)

const (
	protocol       = "httpmp4"
	snapshotSuffix = "/snapshot.mp4"
	contentType    = "video/mp4"
)

// maxPictureWait is how long a snapshot waits for a key frame of a stream that is
// there: what encoders with rare ones need.
const maxPictureWait = 10 * time.Second

// takeTime is for how long a client may take to fetch a snapshot.
const takeTime = 30 * time.Second

var errNoPicture = reason.Wrap(reason.Unsupported, errors.New("the stream has no picture that MP4 can carry"))

// snapshots answers requests for the newest key frame of a stream, as an MP4 of one
// sample. Who finds a key frame is no viewer; who must wait for it is one meanwhile,
// so that what only runs on demand is begun.
type snapshots struct{ host *plugin.Host }

// serve answers one request.
func (s *snapshots) serve(w http.ResponseWriter, r *http.Request, name string) {
	info := session.Info{
		Protocol: protocol, Action: session.Play, Stream: name, Remote: s.host.HTTP.Remote(r).String(),
		Agent: r.UserAgent(), Transport: "tcp",
	}
	if r.TLS != nil {
		info.Transport = "tls"
	}
	info.Reached(session.Connected, time.Now(), "")
	grant, err := s.host.Auth.Authorize(r.Context(), auth.Request{
		Action: auth.Play, Stream: name, Protocol: protocol, Remote: s.host.HTTP.Remote(r).Addr(),
		Credentials: httplive.Credentials(r), Query: r.URL.Query(),
	})
	if err != nil {
		s.host.Sessions.Refuse(info, reason.Of(err, reason.InternalError), err)
		httplive.WriteError(w, err)
		return
	}
	info.Admit(grant)
	found, err := s.newest(name)
	if errors.Is(err, errNotYet) && r.Method != http.MethodHead {
		found, err = s.await(r.Context(), info)
	}
	w.Header().Set("Cache-Control", "no-store")
	// Who takes nothing is no session that could be killed. It fails only in tests without
	// a connection.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(takeTime))
	switch {
	case errors.Is(err, errNotYet):
		httplive.WriteError(w, reason.Wrap(reason.StreamNotFound, err))
	case err != nil:
		httplive.WriteError(w, err)
	default:
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("ETag", found.tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(found.file))
	}
}

// errNotYet says that there is no key frame now.
var errNotYet = errors.New("there is no picture yet")

// newest returns the snapshot of a stream as it is now; errNotYet if there is none.
func (s *snapshots) newest(name string) (*snapshot, error) {
	stream := s.host.Bus.Stream(name)
	if stream == nil {
		return nil, errNotYet
	}
	layout := stream.Layout()
	if layout.Ready && !slices.ContainsFunc(layout.Tracks, func(t *av.Track) bool { return t.Kind == av.Video && fmp4.Carries(t) }) {
		return nil, errNoPicture
	}
	view := stream.Plain()
	cache, release, err := bus.Acquire(view, cacheKey{}, func() (*cache, error) { return new(cache), nil })
	if err != nil {
		return nil, err
	}
	defer release()
	return cache.of(newestPicture(view))
}

// newestPicture returns the newest key frame of what v holds that MP4 can carry, nil if
// there is none.
func newestPicture(v *bus.View) (newest *av.Frame) {
	pos, ok := v.NewestStart()
	var room [32]bus.Entry
	if ok {
		if entries, first := v.Read(pos, room[:1]); first == pos && len(entries) > 0 && isPicture(entries[0]) {
			return entries[0].Frame
		}
	}
	// Where the picture stopped, the newest start is sound.
	for pos = v.Tail(); ; {
		entries, first := v.Read(pos, room[:])
		if len(entries) == 0 {
			return newest
		}
		for _, e := range entries {
			if isPicture(e) {
				newest = e.Frame
			}
		}
		pos = first + uint64(len(entries))
	}
}

func isPicture(e bus.Entry) bool {
	return e.Track.Kind == av.Video && e.Key && e.Layout.Leads(e.Track) && fmp4.Carries(e.Track)
}

// await waits for a key frame as a player does.
func (s *snapshots) await(ctx context.Context, info session.Info) (*snapshot, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sess, err := s.host.Sessions.Open(info, func(why reason.Reason) {
		cancel(reason.Wrap(why, fmt.Errorf("closed by the server: %s", why)))
	})
	if err != nil {
		s.host.Sessions.Refuse(info, reason.Of(err, reason.InternalError), err)
		return nil, err
	}
	found, err := s.wait(ctx, sess, info.Stream)
	var killed *reason.Error
	if err != nil && errors.As(context.Cause(ctx), &killed) {
		err = killed
	}
	sess.Close(reason.Of(err, reason.ClientClosed), err)
	return found, err
}

func (s *snapshots) wait(ctx context.Context, sess *session.Session, name string) (*snapshot, error) {
	if err := sess.Wait(); err != nil {
		return nil, err
	}
	stream, err := s.host.Bus.Await(ctx, name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, maxPictureWait, errNotYet)
	defer cancel()
	sub := stream.Plain().Subscribe(0)
	defer sub.Close()
	for {
		found, err := s.newest(name)
		if !errors.Is(err, errNotYet) {
			return found, err
		}
		if _, err := sub.Next(ctx); err != nil {
			if errors.Is(context.Cause(ctx), errNotYet) {
				err = errNotYet
			}
			return nil, err
		}
	}
}

// cacheKey is that of a view's cache.
type cacheKey struct{}

// cache keeps the newest snapshot of a view. It is safe for concurrent use.
type cache struct {
	mu    sync.Mutex
	frame *av.Frame // that made shows; nil if there is none
	made  *snapshot
}

var _ io.Closer = (*cache)(nil)

// Close implements io.Closer.
func (*cache) Close() error { return nil }

// snapshot is a file of one picture. It is immutable.
type snapshot struct {
	file []byte
	tag  string // entity tag
}

// of returns the snapshot of f, or the newest there is if f is nil.
func (c *cache) of(f *av.Frame) (*snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f != nil && f != c.frame {
		made, err := newSnapshot(f)
		if err != nil {
			return nil, err
		}
		c.frame, c.made = f, made
	}
	if c.made == nil {
		return nil, errNotYet
	}
	return c.made, nil
}

// newSnapshot makes a file of a key frame: an init segment and one fragment, of a
// second, at the time 0.
func newSnapshot(f *av.Frame) (*snapshot, error) {
	picture := *f
	picture.DTS, picture.PTS = -int64(fmp4.Shift), -int64(fmp4.Shift)
	file, err := fmp4.AppendInit(nil, &av.Layout{Ready: true, Tracks: []*av.Track{f.Track}})
	if err != nil {
		return nil, err
	}
	file = fmp4.AppendFragment(file, 1, fmp4.Run{Track: f.Track, Frames: []*av.Frame{&picture}, End: picture.DTS + int64(time.Second)})
	hash := sha256.Sum256(file)
	return &snapshot{file, fmt.Sprintf("%q", fmt.Sprintf("%x", hash[:8]))}, nil
}
