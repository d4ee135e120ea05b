package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// hlsMode is how an HLS player behaves.
type hlsMode string

const (
	// hlsPlain loads the playlist each target duration and each segment once.
	hlsPlain hlsMode = "plain"
	// hlsReloads waits for each part of the playlist and loads no media.
	hlsReloads hlsMode = "reloads"
	// hlsLow waits for each part and loads it.
	hlsLow hlsMode = "low"
)

// hlsPlayer plays one stream over one connection. What it loads is dropped.
type hlsPlayer struct {
	mode  hlsMode
	notes *hlsNotes

	conn     net.Conn
	reader   *bufio.Reader
	scratch  []byte
	playlist *url.URL
	list     hlsList // as it was last
	newest   string  // the media that was loaded last
}

// play plays the stream whose multivariant playlist is at address until ctx ends.
func (p *hlsPlayer) play(ctx context.Context, address string) error {
	index, err := url.Parse(address)
	if err != nil {
		return err
	}
	if p.conn, err = net.Dial("tcp", index.Host); err != nil {
		return err
	}
	defer p.conn.Close()
	defer context.AfterFunc(ctx, func() { _ = p.conn.Close() })() // ends what is being read
	const readAhead, bodies = 4 << 10, 64 << 10
	p.reader, p.scratch = bufio.NewReaderSize(p.conn, readAhead), make([]byte, bodies)
	text, err := p.load(index)
	if err != nil {
		return err
	}
	if p.playlist, err = index.Parse(firstURI(string(text))); err != nil {
		return err
	}
	for err == nil {
		err = p.step(ctx)
	}
	return err
}

func firstURI(playlist string) string {
	for line := range strings.Lines(playlist) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return line
		}
	}
	return ""
}

// step loads the playlist once and what is new in it.
func (p *hlsPlayer) step(ctx context.Context) error {
	address, blocking := *p.playlist, p.mode != hlsPlain && p.list.target > 0
	if blocking {
		q := address.Query()
		q.Set("_HLS_msn", strconv.Itoa(p.list.next))
		q.Set("_HLS_part", strconv.Itoa(p.list.open))
		address.RawQuery = q.Encode()
	}
	began := time.Now()
	text, err := p.load(&address)
	if err != nil {
		return err
	}
	list, answered := parseHLS(string(text)), time.Now()
	changed := list.next != p.list.next
	p.list = list
	if blocking {
		p.notes.answer(list.next, list.open, answered)
	} else {
		p.notes.add(false, began, answered)
	}
	for _, uri := range p.fresh() {
		media, err := p.playlist.Parse(uri)
		if err != nil {
			return err
		}
		began := time.Now()
		if _, err := p.load(media); err != nil {
			return err
		}
		p.notes.add(true, began, time.Now())
	}
	if p.mode != hlsPlain {
		return nil
	}
	pause := list.target
	if !changed {
		pause /= 2 // RFC 8216, 6.3.4
	}
	return sleep(ctx, time.Until(began.Add(pause)))
}

// fresh returns the media that was not loaded yet; at first, the newest.
func (p *hlsPlayer) fresh() []string {
	media := p.list.segments
	switch p.mode {
	case hlsReloads:
		return nil
	case hlsLow:
		media = p.list.parts
	}
	if len(media) == 0 {
		return nil
	}
	from := len(media) - 1
	if i := slices.Index(media, p.newest); i >= 0 {
		from = i + 1
	}
	p.newest = media[len(media)-1]
	return media[from:]
}

// load returns the start of what is at u, as much as a playlist may have, and
// drops the rest.
func (p *hlsPlayer) load(u *url.URL) ([]byte, error) {
	if _, err := io.WriteString(p.conn, "GET "+u.RequestURI()+" HTTP/1.1\r\nHost: "+u.Host+"\r\n\r\n"); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(p.reader, nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	n, err := io.ReadFull(response.Body, p.scratch)
	total := int64(n)
	text := p.scratch[:n]
	if err == nil {
		text = nil
	}
	for err == nil {
		n, err = response.Body.Read(p.scratch)
		total += int64(n)
	}
	p.notes.bytes.Add(total)
	switch {
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		return nil, err
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: %s", u, response.Status)
	}
	return text, nil
}

// hlsList is what a player needs of a media playlist.
type hlsList struct {
	target          time.Duration
	next, open      int      // the number of the segment to come, and how many parts of it are there
	segments, parts []string // addresses
}

func parseHLS(text string) (l hlsList) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, value, _ := strings.Cut(line, ":")
		switch {
		case line == "":
		case line[0] != '#':
			l.segments = append(l.segments, line)
			l.next++
			l.open = 0
		case name == "#EXT-X-TARGETDURATION":
			seconds, _ := strconv.Atoi(value) // 0 if it is broken
			l.target = time.Duration(seconds) * time.Second
		case name == "#EXT-X-MEDIA-SEQUENCE":
			l.next, _ = strconv.Atoi(value)
		case name == "#EXT-X-PART":
			_, uri, _ := strings.Cut(value, `URI="`)
			uri, _, _ = strings.Cut(uri, `"`)
			l.parts = append(l.parts, uri)
			l.open++
		}
	}
	return l
}
