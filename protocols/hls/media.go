package hls

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/hls/segment"
)

// serveBelow answers requests for what is below /NAME/~hls/.
func (s *service) serveBelow(w http.ResponseWriter, r *http.Request, name, rest string) {
	if !s.host.HTTP.Share(w, r, http.MethodGet, http.MethodHead) {
		return
	}
	if base, ok := strings.CutSuffix(rest, playlistExtension); ok {
		if f := segment.Format(base); f == segment.FMP4 || f == segment.TS {
			s.servePlaylist(w, r, name, f)
			return
		}
	}
	s.serveMedia(w, r, name, rest)
}

// serveMedia answers with a segment, a part or an initialization section. There
// is no session and nothing to authorise: who knows the name was given it, and
// caches may keep what it means.
func (s *service) serveMedia(w http.ResponseWriter, r *http.Request, name, rest string) {
	res, ok := parseResource(rest)
	var m *muxer
	if ok {
		m = s.muxer(name, res.epoch)
	}
	var body []byte
	var err error
	if m != nil {
		body, err = s.media(r.Context(), m, res)
	}
	switch {
	case err != nil && r.Context().Err() != nil:
		return // nobody reads the answer
	case err != nil:
		writeError(w, err)
		return
	case body == nil || !strings.HasSuffix(rest, m.extension(res)):
		// Nobody may keep this answer: a name may come to mean something.
		s.metrics.missing.Inc()
		writeError(w, reason.Wrap(reason.StreamNotFound, fmt.Errorf("there is no %q, or not any more", rest)))
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentType(m.format))
	h.Set("Cache-Control", cacheLong)
	h.Set("ETag", `"`+rest+`"`)
	if r.Header.Get("Range") != "" || r.Header.Get("If-None-Match") != "" {
		s.serveRange(w, r, m, body)
		return
	}
	h.Set("Accept-Ranges", "bytes")
	s.write(w, r, func(n int) { s.metrics.sent(m.format, n) }, body)
}

func contentType(f segment.Format) string {
	if f == segment.TS {
		return "video/mp2t"
	}
	return "video/mp4"
}

// extension returns what names of that kind end in.
func (m *muxer) extension(r resource) string {
	if r.kind == initSection {
		return ".mp4"
	}
	return extension(m.format)
}

// media returns what r names. It waits for the part that is next, which
// playlists hint at; nil if that never comes.
func (s *service) media(ctx context.Context, m *muxer, r resource) (body []byte, err error) {
	newest := m.newest.Load()
	if newest == nil {
		return nil, nil
	}
	body, coming := newest.bytes(r)
	if !coming {
		return body, nil
	}
	newest, err = s.await(ctx, context.Background(), m, func(s *snapshot) bool {
		body, coming = s.bytes(r)
		return !coming
	})
	if newest != nil && (err == errLate || newest.failed != nil) {
		return nil, nil // it never comes
	}
	return body, err
}

// serveRange answers conditional requests and those for ranges.
func (s *service) serveRange(w http.ResponseWriter, r *http.Request, m *muxer, body []byte) {
	control := http.NewResponseController(w)
	pieces := 1 + len(body)/pieceSize
	_ = control.SetWriteDeadline(time.Now().Add(time.Duration(pieces) * time.Duration(s.live.Load().StallTimeout)))
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }() // HTTP/2 would reset the stream
	http.ServeContent(w, r, "", time.Time{}, &counted{bytes.NewReader(body), func(n int) { s.metrics.sent(m.format, n) }})
}

// counted tells how much is read.
type counted struct {
	io.ReadSeeker
	count func(n int)
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.ReadSeeker.Read(b)
	c.count(n)
	return n, err
}
