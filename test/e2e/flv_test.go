//go:build e2e

package e2e

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// The tests read FLV with a reader of their own, small and independent of the
// server's code (Video File Format Specification 10.1, annex E).

const (
	tagAudio  = 8
	tagVideo  = 9
	tagScript = 18

	flagVideo = 1
	flagAudio = 4
)

type flvTag struct {
	kind      byte
	timestamp uint32 // milliseconds
	body      []byte
}

// media reports whether the tag holds a picture or sound, not a header.
func (g flvTag) media() bool {
	switch g.kind {
	case tagAudio:
		return len(g.body) > 2 && (g.body[0]>>4 != 10 || g.body[1] == 1)
	case tagVideo:
		return len(g.body) > 5 && g.body[1] == 1
	}
	return false
}

// key reports whether the tag is a key frame or the header of video.
func (g flvTag) key() bool { return g.kind == tagVideo && len(g.body) > 0 && g.body[0]>>4 == 1 }

type flvReader struct {
	r     io.Reader
	flags byte
}

// newFLVReader reads the file header.
func newFLVReader(r io.Reader) (*flvReader, error) {
	var h [13]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, fmt.Errorf("FLV header: %w", err)
	}
	if string(h[:4]) != "FLV\x01" || binary.BigEndian.Uint32(h[5:]) != 9 || binary.BigEndian.Uint32(h[9:]) != 0 {
		return nil, fmt.Errorf("not an FLV header: % x", h)
	}
	return &flvReader{r: r, flags: h[4]}, nil
}

// next reads one tag. It returns io.EOF only between tags.
func (f *flvReader) next() (flvTag, error) {
	var h [11]byte
	if _, err := io.ReadFull(f.r, h[:]); err != nil {
		return flvTag{}, err
	}
	size := uint32(h[1])<<16 | uint32(h[2])<<8 | uint32(h[3])
	tag := flvTag{
		kind:      h[0],
		timestamp: uint32(h[7])<<24 | uint32(h[4])<<16 | uint32(h[5])<<8 | uint32(h[6]),
	}
	rest := make([]byte, size+4)
	if _, err := io.ReadFull(f.r, rest); err != nil {
		return flvTag{}, errors.Join(io.ErrUnexpectedEOF, err)
	}
	tag.body = rest[:size]
	if back := binary.BigEndian.Uint32(rest[size:]); back != size+11 {
		return flvTag{}, fmt.Errorf("PreviousTagSize %d after a tag of %d bytes", back, size+11)
	}
	if tag.kind != tagAudio && tag.kind != tagVideo && tag.kind != tagScript {
		return flvTag{}, fmt.Errorf("tag type %d", tag.kind)
	}
	return tag, nil
}

// openFLV requests a stream over HTTP-FLV; the connection is closed when the
// test ends.
func openFLV(t *testing.T, url string) *flvReader {
	t.Helper()
	f, err := requestFLV(t, url)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// requestFLV is openFLV for goroutines, which may not end the test.
func requestFLV(t *testing.T, url string) (*flvReader, error) {
	// A transport of its own, so that every viewer has a connection of its own.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return newFLVReader(resp.Body)
}

// askFLV requests a stream over HTTP-FLV on a connection of its own.
func askFLV(conn net.Conn, name string) error {
	_, err := fmt.Fprintf(conn, "GET /%s.flv HTTP/1.1\r\nHost: %s\r\n\r\n", name, conn.RemoteAddr())
	return err
}

// leave plays a stream until n bytes arrived and closes the connection.
func leave(address, name string, n int) {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if askFLV(conn, name) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, conn, int64(n))
}
