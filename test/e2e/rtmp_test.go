//go:build e2e

package e2e

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// The smallest RTMP client that does: for what ffmpeg cannot send, such as
// timestamps beyond 2^31 ms, and for many publishers and players at once. It
// sends blindly; tests look at the list of streams or at what is played.

const (
	sentChunkSize = 4096
	// mediaStream is the id that servers give to the first createStream.
	mediaStream = 1
)

type rtmpClient struct {
	conn net.Conn
}

// dialPublisher connects, asks to publish app/key and throws the server's
// answers away.
func dialPublisher(address, name string) (*rtmpClient, error) {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	p := &rtmpClient{conn}
	if err := p.open("publish", name); err != nil {
		conn.Close()
		return nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	return p, nil
}

// open does all that comes before media: to publish or play app/key.
func (p *rtmpClient) open(action, name string) error {
	app, key, _ := strings.Cut(name, "/")
	call := []any{action, 3, nil, key}
	if action == "publish" {
		call = append(call, "live")
	}
	return errors.Join(
		p.handshake(),
		p.message(2, 1, 0, 0, binary.BigEndian.AppendUint32(nil, sentChunkSize)),
		p.command(0, "connect", 1, amfObject{{"app", app}, {"tcUrl", "rtmp://" + p.conn.RemoteAddr().String() + "/" + app}, {"flashVer", "FMLE/3.0"}}),
		p.command(0, "createStream", 2, nil),
		p.command(mediaStream, call...),
	)
}

// handshake is the simple one (RTMP 1.0, 5.2).
func (p *rtmpClient) handshake() error {
	const size = 1536
	if _, err := p.conn.Write(append([]byte{3}, make([]byte, size)...)); err != nil {
		return err
	}
	answer := make([]byte, 1+2*size)
	if _, err := io.ReadFull(p.conn, answer); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	_, err := p.conn.Write(answer[1 : 1+size])
	return err
}

// send sends one FLV tag with its timestamp.
func (p *rtmpClient) send(tag flvTag) error {
	return p.message(6, tag.kind, mediaStream, tag.timestamp, tag.body)
}

func (p *rtmpClient) command(stream uint32, values ...any) error {
	return p.message(3, 20, stream, 0, amf(values...))
}

// message writes a type 0 chunk and as many of type 3 as it takes.
func (p *rtmpClient) message(chunkStream, kind byte, stream, timestamp uint32, body []byte) error {
	var extended []byte
	short := timestamp
	if timestamp >= 0xFFFFFF {
		extended, short = binary.BigEndian.AppendUint32(nil, timestamp), 0xFFFFFF
	}
	var out bytes.Buffer
	out.Write([]byte{chunkStream, byte(short >> 16), byte(short >> 8), byte(short)})
	out.Write([]byte{byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body)), kind})
	out.Write(binary.LittleEndian.AppendUint32(nil, stream))
	out.Write(extended)
	size := sentChunkSize
	if kind == 1 {
		size = 128 // Set Chunk Size itself goes by the default
	}
	for len(body) > size {
		out.Write(body[:size])
		body = body[size:]
		out.WriteByte(0xC0 | chunkStream)
		out.Write(extended)
	}
	out.Write(body)
	_, err := p.conn.Write(out.Bytes())
	return err
}

// amfObject is an AMF0 object of strings.
type amfObject [][2]string

// amf encodes strings, numbers, objects and null as AMF0. Text is at most
// 65,535 bytes long.
func amf(values ...any) (out []byte) {
	text := func(s string) { out = append(binary.BigEndian.AppendUint16(out, uint16(len(s))), s...) }
	for _, v := range values {
		switch v := v.(type) {
		case string:
			out = append(out, 2)
			text(v)
		case int:
			out = binary.BigEndian.AppendUint64(append(out, 0), math.Float64bits(float64(v)))
		case amfObject:
			out = append(out, 3)
			for _, property := range v {
				text(property[0])
				out = append(out, 2)
				text(property[1])
			}
			out = append(out, 0, 0, 9)
		case nil:
			out = append(out, 5)
		}
	}
	return out
}

// fileTags returns all tags of a clip.
func fileTags(t *testing.T, c clip) (tags []flvTag) {
	t.Helper()
	data, err := os.ReadFile(c.path(t))
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFLVReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for {
		tag, err := f.next()
		if errors.Is(err, io.EOF) {
			return tags
		}
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, tag)
	}
}

// sendInRealTime sends tags at the pace of their timestamps, moved by offset,
// until the last one or an error.
func (p *rtmpClient) sendInRealTime(tags []flvTag, offset uint32) error {
	begin := time.Now()
	for _, tag := range tags {
		time.Sleep(time.Until(begin.Add(time.Duration(tag.timestamp) * time.Millisecond)))
		tag.timestamp += offset
		if err := p.send(tag); err != nil {
			return err
		}
	}
	return nil
}
