// Package vod makes HLS playlists (RFC 8216) of recorded files: byte ranges of the
// files themselves, so that nothing is copied or remuxed to play a range of time.
package vod

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/record/library"
	"github.com/weirmedia/weir/remux/mediafile"
)

const (
	// ContentType is that of a playlist (RFC 8216, 4).
	ContentType = "application/vnd.apple.mpegurl"
	// maxFiles bounds what one playlist names.
	maxFiles = 1000
	// leastPiece is how long a media segment of the playlist is at least, but for the
	// last of a file. A player asks for that much at once.
	leastPiece = 4 * time.Second
	// holdTime is for how long a playlist, and each request for a part of it, keeps
	// retention from what it names.
	holdTime = 2 * time.Minute
	// maxCached bounds the files that are remembered: some 5 kB for ten minutes each.
	maxCached = 1000
)

var (
	// ErrNothing says that nothing was recorded in a range.
	ErrNothing = errors.New("nothing was recorded then")
	// ErrTooMany says that a range has more files than one playlist names.
	ErrTooMany = reason.Wrap(reason.BadRequest, fmt.Errorf("the range has more than %d recordings: choose a shorter one", maxFiles))
)

// Playlists makes playlists of a library. It is safe for concurrent use.
type Playlists struct {
	library *library.Library

	mu    sync.Mutex
	known map[string]layout // by ID, of files that do not change any more
}

// layout is where the parts of a file are that can be played alone.
type layout struct {
	head   int64  // bytes of the initialization section, 0 if there is none
	setup  string // what that says of the tracks, for comparison
	pieces []piece
}

// piece is a range of a file that begins with a key frame.
type piece struct {
	offset, bytes   int64
	start, duration time.Duration // start from the beginning of the file
}

// New returns the playlists of l.
func New(l *library.Library) *Playlists {
	return &Playlists{library: l, known: make(map[string]layout)}
}

// Range is what a playlist shows: what was recorded of Stream in [From, To), from key
// frame to key frame. Zero times mean without bound.
type Range struct {
	Stream   string
	From, To time.Time
	Token    string // which the URIs carry on; empty for none
}

// Playlist returns the text of a playlist with URIs such as "ID/file.mp4?hold=…", relative
// to the list of recordings, whose query is to be given to Fetched. Errors are
// ErrNothing, ErrTooMany, one with reason.Unsupported for recordings that HLS cannot
// play, or those of the library.
func (p *Playlists) Playlist(r Range) ([]byte, error) {
	all, more, err := p.library.List(library.Query{Stream: r.Stream, From: r.From, To: r.To, Limit: maxFiles})
	switch {
	case err != nil:
		return nil, err
	case more:
		return nil, ErrTooMany
	case len(all) == 0:
		return nil, ErrNothing
	}
	if err := playable(all); err != nil {
		return nil, err
	}
	t := text{query: query(all, r.Token)}
	var broken error
	for i := range all {
		p.library.Hold(all[i].ID, holdTime)
		l, err := p.layout(&all[i])
		switch {
		case err == nil:
			t.file(&all[i], l.within(all[i].Start, r))
		case errors.Is(err, library.ErrNotFound), reason.Of(err, "") == reason.BadMedia: // gone, or nothing in it yet
		default: // the others can be played
			broken = errors.Join(broken, err)
			t.body = fmt.Appendf(t.body, "# %s cannot be read\n", all[i].ID)
		}
	}
	switch {
	case t.longest == 0 && broken != nil:
		return nil, broken
	case t.longest == 0:
		return nil, ErrNothing
	}
	return t.bytes(), nil
}

// playable tells what of a list HLS cannot play. An initialization section counts for
// all that follows (RFC 8216, 4.3.2.5), so formats do not mix.
func playable(all []library.Segment) error {
	for _, s := range all {
		switch {
		case s.Format == mediafile.FLV:
			return reason.Wrap(reason.Unsupported, errors.New("there are FLV files in the range, which HLS cannot play: download them, or record as mp4 or ts"))
		case s.Format != all[0].Format:
			return reason.Wrap(reason.Unsupported, fmt.Errorf("there are %s and %s files in the range, which one playlist cannot have: choose another range", all[0].Format, s.Format))
		}
	}
	return nil
}

// query returns the query of all URIs: what is played, and the token.
func query(all []library.Segment, token string) string {
	last := all[len(all)-1]
	q := fmt.Sprintf("hold=%d-%d", all[0].Start.UnixMilli(), last.End().UnixMilli())
	if token != "" {
		q += "&token=" + url.QueryEscape(token)
	}
	return q
}

// Fetched notes that a file is fetched on behalf of a playlist, hold being what its
// URI said: all that the playlist named is kept on. Texts that no playlist had are
// ignored.
func (p *Playlists) Fetched(s library.Segment, hold string) {
	first, last, _ := strings.Cut(hold, "-")
	from, err := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	if err != nil || err2 != nil {
		return
	}
	all, _, err := p.library.List(library.Query{Stream: s.Stream, From: time.UnixMilli(from), To: time.UnixMilli(to), Limit: maxFiles})
	if err != nil {
		return // then there is nothing that could be removed either
	}
	for _, s := range all {
		p.library.Hold(s.ID, holdTime)
	}
}

// layout looks into a file, unless it did before.
func (p *Playlists) layout(s *library.Segment) (layout, error) {
	p.mu.Lock()
	l, ok := p.known[s.ID]
	p.mu.Unlock()
	if ok {
		return l, nil
	}
	now, file, err := p.library.Open(s.ID)
	if err != nil {
		return l, err
	}
	defer file.Close()
	size := now.Bytes
	info, err := mediafile.Describe(file, size)
	if err != nil {
		return l, err
	}
	if l, err = newLayout(file, info); err != nil || now.Writing {
		return l, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) >= maxCached {
		clear(p.known)
	}
	p.known[s.ID] = l
	return l, nil
}

// newLayout joins the chunks of a file to pieces of some length.
func newLayout(file io.ReaderAt, info mediafile.Info) (layout, error) {
	l := layout{head: info.Head}
	if l.head > 0 {
		var err error
		if l.setup, err = setup(io.NewSectionReader(file, 0, l.head)); err != nil {
			return l, err
		}
	}
	for _, c := range info.Chunks {
		if n := len(l.pieces); n > 0 && l.pieces[n-1].duration < leastPiece {
			last := &l.pieces[n-1]
			last.bytes, last.duration = c.Offset+c.Bytes-last.offset, c.Start+c.Duration-last.start
			continue
		}
		l.pieces = append(l.pieces, piece{c.Offset, c.Bytes, c.Start, c.Duration})
	}
	return l, nil
}

// setup returns what is the same of all initialization sections with the same tracks:
// a digest of the boxes (ISO/IEC 14496-12, 4.2) but for what a file says of itself.
func setup(head *io.SectionReader) (string, error) {
	digest := sha256.New()
	for at := int64(0); at < head.Size(); {
		var box [8]byte
		if _, err := head.ReadAt(box[:], at); err != nil {
			return "", err
		}
		size := int64(binary.BigEndian.Uint32(box[:]))
		if size < int64(len(box)) {
			return "", reason.Wrap(reason.BadMedia, errors.New("a box of the initialization section has a bad size"))
		}
		if string(box[4:]) != "uuid" {
			if _, err := io.Copy(digest, io.NewSectionReader(head, at, size)); err != nil {
				return "", err
			}
		}
		at += size
	}
	return string(digest.Sum(nil)), nil
}

// within returns the pieces that overlap a range, if the file starts at start.
func (l layout) within(start time.Time, r Range) layout {
	out := layout{head: l.head, setup: l.setup}
	for _, p := range l.pieces {
		begin := start.Add(p.start)
		if (r.To.IsZero() || begin.Before(r.To)) && begin.Add(p.duration).After(r.From) {
			out.pieces = append(out.pieces, p)
		}
	}
	return out
}

// text is a playlist that is being made.
type text struct {
	body    []byte
	begun   bool // a file is in it
	query   string
	setup   string // of the initialization section in force
	longest time.Duration
}

// file adds what is to be played of a file.
func (t *text) file(s *library.Segment, l layout) {
	if len(l.pieces) == 0 {
		return
	}
	uri := s.ID + "/file." + string(s.Format) + "?" + t.query // ffmpeg wants the extension
	if t.begun {
		t.body = append(t.body, "#EXT-X-DISCONTINUITY\n"...)
	}
	t.begun = true
	if l.setup != t.setup { // else players keep what they have
		t.setup = l.setup
		t.body = fmt.Appendf(t.body, "#EXT-X-MAP:URI=%q,BYTERANGE=\"%d@0\"\n", uri, l.head)
	}
	t.body = append(t.body, "#EXT-X-PROGRAM-DATE-TIME:"...)
	t.body = s.Start.Add(l.pieces[0].start).UTC().AppendFormat(t.body, "2006-01-02T15:04:05.000Z\n")
	for _, p := range l.pieces {
		t.longest = max(t.longest, p.duration)
		t.body = fmt.Appendf(t.body, "#EXTINF:%.5f,\n#EXT-X-BYTERANGE:%d@%d\n%s\n", p.duration.Seconds(), p.bytes, p.offset, uri)
	}
}

// bytes returns the whole playlist. Byte ranges need version 4, a map without I-frames
// 6 (7).
func (t *text) bytes() []byte {
	head := fmt.Appendf(nil, "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-TARGETDURATION:%.0f\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MEDIA-SEQUENCE:0\n",
		math.Ceil(t.longest.Seconds()))
	return append(append(head, t.body...), "#EXT-X-ENDLIST\n"...)
}
