package hlstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
)

// Validator plays one media playlist as a player of low latency does, or as a
// plain one if the playlist has no parts, and checks all it gets.
type Validator struct {
	Client *http.Client
	// Slack is what sound may lie apart from the times of segments and parts, and
	// what a picture may; 100 ms if 0.
	Slack time.Duration

	base *url.URL
	last *Playlist

	maps    map[string]map[int]track // by URI: tracks by id
	ends    map[int]uint64           // where each track of fragmented MP4 continues
	mapping string                   // the map of the newest segment
	parts   map[string][]byte        // parts of the segment that is open
	offset  *time.Duration           // media time of the day 0
	report  Report
}

// Report is what a validator found.
type Report struct {
	Problems                 []string
	Playlists                int // that were checked
	Segments, Parts, Gaps    int
	Discontinuities          int
	Independent              int // parts that claim it
	Ended                    bool
	Late                     int // answers 503 to a playlist that was waited for
	FirstNumber, LastNumber  uint64
	Bytes                    int64
	Removed                  []string // URIs that left the playlist, oldest first
	TargetDuration, PartSize time.Duration
}

type track struct {
	timescale uint32
	video     bool
}

func (v *Validator) wrong(format string, args ...any) {
	const enough = 50
	if len(v.report.Problems) < enough {
		v.report.Problems = append(v.report.Problems, fmt.Sprintf(format, args...))
	}
}

// Run validates the media playlist of a multivariant playlist until ctx ends or
// the playlist does.
func (v *Validator) Run(ctx context.Context, multivariant string) Report {
	if v.Slack == 0 {
		v.Slack = 100 * time.Millisecond
	}
	v.maps, v.ends, v.parts = make(map[string]map[int]track), make(map[int]uint64), make(map[string][]byte)
	if err := v.open(ctx, multivariant); err != nil {
		v.wrong("%s: %v", multivariant, err)
		return v.report
	}
	for ctx.Err() == nil && !v.report.Ended {
		if err := v.step(ctx); err != nil && ctx.Err() == nil {
			v.wrong("%v", err)
			return v.report
		}
	}
	return v.report
}

// open finds the media playlist.
func (v *Validator) open(ctx context.Context, multivariant string) error {
	base, err := url.Parse(multivariant)
	if err != nil {
		return err
	}
	text, status, err := v.get(ctx, multivariant, nil)
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("status %d: %w", status, err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			v.base, err = base.Parse(line)
			return err
		}
	}
	return errors.New("no variant")
}

// step loads the next playlist and what is new in it.
func (v *Validator) step(ctx context.Context) error {
	address, blocking := v.nextAddress()
	if !blocking && v.last != nil {
		select {
		case <-time.After(v.last.TargetDuration / 2):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	text, status, err := v.get(ctx, address, nil)
	switch {
	case err != nil:
		return err
	case status == http.StatusServiceUnavailable && blocking:
		v.report.Late++
		return nil
	case status != http.StatusOK:
		return fmt.Errorf("%s: status %d: %.200s", address, status, text)
	}
	l, err := Parse(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", address, err, text)
	}
	v.report.Playlists++
	for _, p := range l.Check() {
		v.wrong("%s", p)
	}
	if v.last != nil {
		for _, p := range l.CheckAfter(v.last) {
			v.wrong("%s", p)
		}
		v.removed(l)
	} else {
		v.report.FirstNumber = l.Sequence
	}
	v.media(ctx, l)
	v.last = l
	v.report.Ended, v.report.TargetDuration, v.report.PartSize = l.Ended, l.TargetDuration, l.PartTarget
	return nil
}

// nextAddress returns what a player asks for next, and whether that waits.
func (v *Validator) nextAddress() (address string, blocking bool) {
	if v.last == nil || !v.last.CanBlock {
		return v.base.String(), false
	}
	u := *v.base
	q := u.Query()
	next := v.last.Sequence + uint64(len(v.last.Segments))
	part := 0
	if v.last.Open != nil {
		part = len(v.last.Open.Parts)
	}
	q.Set("_HLS_msn", strconv.FormatUint(next, 10))
	q.Set("_HLS_part", strconv.Itoa(part))
	u.RawQuery = q.Encode()
	return u.String(), true
}

func (v *Validator) removed(l *Playlist) {
	for _, s := range v.last.Segments {
		if s.Number < l.Sequence && !s.Gap {
			v.report.Removed = append(v.report.Removed, v.resolve(s.URI))
		}
	}
}

// media loads what is new in l.
func (v *Validator) media(ctx context.Context, l *Playlist) {
	for _, s := range l.Segments {
		if v.last == nil || s.Number >= v.last.Sequence+uint64(len(v.last.Segments)) {
			v.segment(ctx, l, s)
		}
	}
	if l.Open != nil {
		v.newParts(ctx, l, *l.Open)
	}
}

// newParts loads the parts of s that were not listed before.
func (v *Validator) newParts(ctx context.Context, l *Playlist, s Segment) {
	for i, p := range s.Parts {
		if _, have := v.parts[p.URI]; have {
			continue
		}
		body := v.load(ctx, p.URI, p.Gap)
		v.parts[p.URI] = body
		v.report.Parts++
		if p.Independent {
			v.report.Independent++
		}
		if body != nil {
			before := time.Duration(0)
			for _, q := range s.Parts[:i] {
				before += q.Duration
			}
			v.fragments(ctx, s, body, i == 0, p.Independent || i == 0 && l.Independent, before)
		}
	}
}

func (v *Validator) segment(ctx context.Context, l *Playlist, s Segment) {
	v.report.LastNumber = s.Number
	if s.Discontinuity {
		v.report.Discontinuities++
	}
	if s.Gap {
		v.report.Gaps++
		v.load(ctx, s.URI, true)
		clear(v.ends) // what follows goes on somewhere, and maybe with another map
		v.mapping = ""
		return
	}
	v.report.Segments++
	v.newParts(ctx, l, s)
	body := v.load(ctx, s.URI, false)
	if ctx.Err() != nil {
		return
	}
	if len(s.Parts) == 0 {
		v.fragments(ctx, s, body, true, l.Independent, 0)
		return
	}
	var sum []byte
	for _, p := range s.Parts {
		sum = append(sum, v.parts[p.URI]...)
		delete(v.parts, p.URI)
	}
	if !bytes.Equal(sum, body) {
		v.wrong("segment %d has %d bytes, its parts %d others", s.Number, len(body), len(sum))
	}
}

// fragments checks the times of a piece of s that begins after a while within it.
func (v *Validator) fragments(ctx context.Context, s Segment, body []byte, first, independent bool, after time.Duration) {
	if s.Map == "" || body == nil {
		v.transportStream(s, body)
		return
	}
	tracks := v.tracks(ctx, s.Map)
	if first && (s.Discontinuity || s.Map != v.mapping) {
		if s.Map != v.mapping && v.mapping != "" && !s.Discontinuity {
			v.wrong("segment %d has another map without discontinuity", s.Number)
		}
		clear(v.ends)
		v.mapping = s.Map
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(body); err != nil {
		v.wrong("segment %d: %v", s.Number, err)
		return
	}
	pictures := 0
	for _, p := range parts {
		for _, t := range p.Tracks {
			info, known := tracks[t.ID]
			if !known {
				v.wrong("segment %d: track %d is not in %s", s.Number, t.ID, s.Map)
				continue
			}
			if end, began := v.ends[t.ID]; began && end != t.BaseTime {
				v.wrong("segment %d: track %d goes on at %d, it ended at %d", s.Number, t.ID, t.BaseTime, end)
			}
			at := t.BaseTime
			for _, x := range t.Samples {
				at += uint64(x.Duration)
			}
			v.ends[t.ID] = at
			if !info.video {
				continue
			}
			if pictures == 0 && independent && t.Samples[0].IsNonSyncSample {
				v.wrong("segment %d, %v after its start: claims to be independent, but does not begin with a key frame", s.Number, after)
			}
			pictures += len(t.Samples)
			v.clock(s, after, time.Duration(float64(t.BaseTime)/float64(info.timescale)*1e9))
		}
	}
}

// clock compares the time of day with media time: their difference is constant.
func (v *Validator) clock(s Segment, after, media time.Duration) {
	if s.Time.IsZero() {
		return
	}
	offset := time.Duration(s.Time.Add(after).UnixNano()) - media
	if v.offset == nil {
		v.offset = &offset
	}
	if off := (offset - *v.offset).Abs(); off > v.Slack {
		v.wrong("segment %d, %v after its start: the time of day is %v off", s.Number, after, off)
	}
}

func (v *Validator) transportStream(s Segment, body []byte) {
	const packet = 188
	if len(body)%packet != 0 {
		v.wrong("segment %d has %d bytes", s.Number, len(body))
		return
	}
	for i := 0; i < len(body); i += packet {
		if body[i] != 0x47 {
			v.wrong("segment %d: no sync byte at %d", s.Number, i)
			return
		}
	}
	if len(body) > 0 && (body[1]&0x1F != 0 || body[2] != 0) {
		v.wrong("segment %d does not begin with the PAT", s.Number)
	}
}

// tracks loads a map once.
func (v *Validator) tracks(ctx context.Context, uri string) map[int]track {
	if t := v.maps[uri]; t != nil {
		return t
	}
	out := make(map[int]track)
	v.maps[uri] = out
	var init fmp4.Init
	if err := init.Unmarshal(bytes.NewReader(v.load(ctx, uri, false))); err != nil {
		v.wrong("%s: %v", uri, err)
	}
	for _, t := range init.Tracks {
		out[t.ID] = track{t.TimeScale, t.Codec.IsVideo()}
	}
	return out
}

func (v *Validator) resolve(uri string) string {
	u, err := v.base.Parse(uri)
	if err != nil {
		v.wrong("%q: %v", uri, err)
		return ""
	}
	return u.String()
}

// load returns what is at uri; nil if it is a gap, where nothing may be.
func (v *Validator) load(ctx context.Context, uri string, gap bool) []byte {
	var h http.Header
	body, status, err := v.get(ctx, v.resolve(uri), &h)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		v.wrong("%s: %v", uri, err)
	case gap && status != http.StatusNotFound:
		v.wrong("%s is a gap, but answers %d", uri, status)
	case gap:
		return nil
	case status != http.StatusOK:
		v.wrong("%s answers %d", uri, status)
	case !strings.Contains(h.Get("Cache-Control"), "immutable"):
		v.wrong("%s has Cache-Control %q", uri, h.Get("Cache-Control"))
	case len(body) == 0:
		v.wrong("%s is empty", uri)
	default:
		v.report.Bytes += int64(len(body))
		return body
	}
	return nil
}

func (v *Validator) get(ctx context.Context, address string, h *http.Header) (body []byte, status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, err
	}
	client := v.Client
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	if h != nil {
		*h = response.Header
	}
	body, err = io.ReadAll(response.Body)
	return body, response.StatusCode, err
}
