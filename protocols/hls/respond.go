package hls

import (
	"bytes"
	"compress/gzip"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/hls/playlist"
	"github.com/weirmedia/weir/protocols/internal/httplive"
)

const (
	// cacheShortly is for playlists, which are out of date after a segment or a
	// part; without sessions, since what a session asks for must be seen here.
	cacheShortly = "max-age=1"
	// cacheLong is for media: no name ever means other bytes. Nobody asks for them
	// after a day.
	cacheLong = "public, max-age=86400, immutable"
)

// indexHeader sets what is the same for all answers with index.m3u8.
func (s *service) indexHeader(h http.Header) {
	h.Set("Content-Type", playlist.ContentType)
	h.Set("Cache-Control", "no-store") // it is one viewer's
	if s.config.Sessions == SessionsOff {
		h.Set("Cache-Control", cacheShortly)
	}
}

// writeIndex answers with the multivariant playlist.
func (s *service) writeIndex(w http.ResponseWriter, r *http.Request, v *viewer, text []byte) {
	s.indexHeader(w.Header())
	sum := fnv.New64a()
	_, _ = sum.Write(text) // never fails
	s.writeText(w, r, v, strconv.FormatUint(sum.Sum64(), 16), text, func() []byte { return s.compress(text) })
}

// writePlaylist answers with the media playlist.
func (s *service) writePlaylist(w http.ResponseWriter, r *http.Request, v *viewer, newest *snapshot, want directives) {
	h := w.Header()
	h.Set("Content-Type", playlist.ContentType)
	switch {
	case v.id != "":
		h.Set("Cache-Control", "private, no-cache")
	case want.given && newest.part > 0:
		// This address asks for one state of the playlist, which is long enough
		// of use (RFC 8216bis, appendix B.1).
		h.Set("Cache-Control", "max-age="+strconv.Itoa(int(6*newest.target/time.Second)))
	default:
		h.Set("Cache-Control", cacheShortly)
	}
	s.writeText(w, r, v, newest.etag(), newest.playlist(), func() []byte { return newest.compressedPlaylist(s.compress) })
}

// writeText answers with a playlist that tag names: compressed, to who accepts
// that, and with 304 to who has it.
func (s *service) writeText(w http.ResponseWriter, r *http.Request, v *viewer, tag string, text []byte, compressed func() []byte) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	zip := acceptsGzip(r)
	if zip {
		tag += "-gz"
	}
	h.Set("ETag", `"`+tag+`"`)
	if matches(r, tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if zip {
		h.Set("Content-Encoding", "gzip")
		text = compressed()
	}
	s.write(w, r, v.counter(), text)
}

// compress returns text by gzip.
func (s *service) compress(text []byte) []byte {
	w, ok := s.writers.Get().(*gzip.Writer)
	if !ok {
		w = gzip.NewWriter(nil)
	}
	defer s.writers.Put(w)
	var b bytes.Buffer
	w.Reset(&b)
	_, _ = w.Write(text) // a Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3).
func acceptsGzip(r *http.Request) bool {
	for item := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		coding, weight, _ := strings.Cut(item, ";")
		if strings.TrimSpace(coding) != "gzip" {
			continue
		}
		q, found := strings.CutPrefix(strings.TrimSpace(weight), "q=")
		n, err := strconv.ParseFloat(q, 64)
		return !found || err == nil && n > 0
	}
	return false
}

// matches reads If-None-Match (RFC 9110, 13.1.2).
func matches(r *http.Request, tag string) bool {
	for item := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		item = strings.TrimPrefix(strings.TrimSpace(item), "W/")
		if item == "*" || item == `"`+tag+`"` {
			return true
		}
	}
	return false
}

// piece is how much is written under one deadline: a viewer that takes less in
// hls.stall_timeout is stuck.
const pieceSize = 64 << 10

// write answers 200 with body, which is not copied.
func (s *service) write(w http.ResponseWriter, r *http.Request, count func(n int), body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	control := http.NewResponseController(w)
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }() // HTTP/2 would reset the stream
	for len(body) > 0 {
		_ = control.SetWriteDeadline(time.Now().Add(time.Duration(s.live.Load().StallTimeout))) // if it fails, so does the write
		n, err := w.Write(body[:min(len(body), pieceSize)])
		if err != nil {
			s.metrics.cut.Inc()
			panic(http.ErrAbortHandler) // what is missing must not look complete
		}
		count(n)
		body = body[n:]
	}
}

// fail answers a request of v with err. What ended the viewer's hopes ends it.
func (s *service) fail(w http.ResponseWriter, r *http.Request, v *viewer, err error) {
	if r.Context().Err() != nil && reason.Of(err, reason.ClientClosed) == reason.ClientClosed {
		return // nobody reads the answer
	}
	switch why := reason.Of(err, reason.InternalError); why {
	case reason.BadRequest, reason.PublishTimeout, reason.LimitReached, reason.InternalError: // the viewer may go on
	default:
		v.close(why)
	}
	writeError(w, err)
}

// refuse answers a request that belongs to no viewer.
func (s *service) refuse(w http.ResponseWriter, r *http.Request, name string, err error) {
	s.host.Sessions.Refuse(s.info(r, name), reason.Of(err, reason.InternalError), err)
	writeError(w, err)
}

// writeError answers with the status that err's reason means.
func writeError(w http.ResponseWriter, err error) {
	var status int
	why := reason.Of(err, reason.InternalError)
	switch why {
	case reason.PublishTimeout:
		status = http.StatusServiceUnavailable
	case reason.StreamEnded:
		status = http.StatusNotFound
	case reason.Kicked: // trying again does not help
		status = http.StatusForbidden
	default:
		httplive.WriteError(w, err)
		return
	}
	httpserver.WriteError(w, status, httpserver.Error{Code: string(why), Message: err.Error()})
}
