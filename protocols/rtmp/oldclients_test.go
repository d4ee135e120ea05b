package rtmp

import (
	"context"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/amf3"
	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/protocols/rtmp/handshake"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

// appendFlash appends a command as Flash clients with objectEncoding 3 send it.
func appendFlash(c *client, stream uint32, cmd message.Command) []byte {
	return rtmpchunk.AppendMessage(nil, rtmpchunk.Header{
		ChunkStream: commandChunkStream, Type: rtmpchunk.TypeCommandAMF3, StreamID: stream,
	}, c.chunkSize, cmd.Append([]byte{0}))
}

// aggregate puts tags into one aggregate message.
func aggregate(timestamp uint32, stream uint32, tags []flv.Tag) []byte {
	var payload []byte
	for _, tag := range tags {
		at := len(payload)
		payload = binary.BigEndian.AppendUint32(payload, uint32(tag.Type)<<24|uint32(len(tag.Body)))
		payload = binary.BigEndian.AppendUint32(payload, tag.Timestamp<<8|tag.Timestamp>>24)
		payload = append(payload, 0, 0, 0)
		payload = append(payload, tag.Body...)
		payload = binary.BigEndian.AppendUint32(payload, uint32(len(payload)-at))
	}
	return rtmpchunk.AppendMessage(nil, rtmpchunk.Header{
		ChunkStream: 6, Type: rtmpchunk.TypeAggregate, StreamID: stream, Timestamp: timestamp,
	}, rtmpchunk.DefaultChunkSize, payload)
}

// shift moves tags in time.
func shift(tags []flv.Tag, by int) []flv.Tag {
	for i := range tags {
		tags[i].Timestamp += uint32(by)
	}
	return tags
}

// TestAMF3AndAggregates: an encoder that sends its commands by type 17 and its
// media in aggregate messages publishes like any other.
func TestAMF3AndAggregates(t *testing.T) {
	s := startServer(t, nil)
	c := s.dialRaw(t, "live/test")
	if err := c.send(appendFlash(c, c.stream, c.newCall(message.NamePublish, "test", "live"))); err != nil {
		t.Fatal(err)
	}
	awaitCode(t, c, message.CodePublishStart)
	player := s.play(t, "live/test")
	want := shift(gop(5000, 10), 1000-5000)
	if err := c.send(rtmpchunk.AppendSetChunkSize(nil, rtmpchunk.DefaultChunkSize)); err != nil {
		t.Fatal(err)
	}
	// Times inside count from elsewhere.
	inside := append(sequenceHeaders(t, 5000), gop(5000, 10)...)
	if err := c.send(aggregate(1000, c.stream, inside)); err != nil {
		t.Fatal(err)
	}
	_, got := frames(t, player, len(want))
	wantTags(t, "played", got, want)
}

func TestBrokenAMF3AndAggregates(t *testing.T) {
	for name, b := range map[string][]byte{
		"AMF3 command": rtmpchunk.AppendMessage(nil, rtmpchunk.Header{ChunkStream: 3, Type: rtmpchunk.TypeCommandAMF3}, 128, []byte{0, 2}),
		"aggregate":    rtmpchunk.AppendMessage(nil, rtmpchunk.Header{ChunkStream: 6, Type: rtmpchunk.TypeAggregate}, 128, []byte{9, 0, 0, 9}),
	} {
		t.Run(name, func(t *testing.T) {
			c := startServer(t, nil).dialRaw(t, "live/test")
			if err := c.send(b); err != nil {
				t.Fatal(err)
			}
			for {
				if _, err := c.receive(); err != nil {
					if isTimeout(err) {
						t.Error("the connection goes on")
					}
					return
				}
			}
		})
	}
}

// TestConnectByAMF3: connect itself by type 17, with an object in AMF3, is
// answered by type 20 in AMF0. The user in its tcUrl is the one who publishes.
func TestConnectByAMF3(t *testing.T) {
	s := startServer(t, nil)
	r := recorder{make(chan auth.Request, 1)}
	s.host.Auth = r
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if err := handshake.Client(conn); err != nil {
		t.Fatal(err)
	}
	object := amf3.Object{Properties: []amf3.Property{
		{Name: "app", Value: "live"}, {Name: "tcUrl", Value: "rtmp://studio:secret@h/live"}, {Name: "objectEncoding", Value: int32(3)},
	}}
	payload := amf3.Append(append(amf0.Append([]byte{0}, message.NameConnect, 1.0), 0x11), object)
	if _, err := conn.Write(rtmpchunk.AppendMessage(nil, rtmpchunk.Header{ChunkStream: 3, Type: rtmpchunk.TypeCommandAMF3},
		rtmpchunk.DefaultChunkSize, payload)); err != nil {
		t.Fatal(err)
	}
	p := &peer{t, conn, rtmpchunk.NewReader(conn, rtmpchunk.Limits{})}
	answer, _ := p.expect(message.NameResult)
	status, _ := message.ParseStatus(answer)
	if status.Code != message.CodeConnectSuccess || status.More.Number("objectEncoding") != 3 {
		t.Errorf("answered by %+v", status)
	}
	p.command(1, message.Command{Name: message.NamePublish, Args: []any{"test", "live"}})
	if q := <-r.asked; q.Credentials.User != "studio" || q.Credentials.Password != "secret" || q.Stream != "live/test" {
		t.Errorf("asked for %s by %q", q.Stream, q.Credentials.User)
	}
}

// TestClientAggregate: a server may send aggregates and commands by type 17.
func TestClientAggregate(t *testing.T) {
	want := shift(gop(7000, 5), 1000-7000)
	url := fakeServer(t, func(p *peer) {
		p.toPlay()
		start := message.OnStatus(message.Status{Level: message.LevelStatus, Code: message.CodePlayStart})
		p.send(rtmpchunk.AppendMessage(nil, rtmpchunk.Header{ChunkStream: 3, Type: rtmpchunk.TypeCommandAMF3, StreamID: fakeStream},
			rtmpchunk.DefaultChunkSize, start.Append([]byte{0})))
		p.send(aggregate(1000, fakeStream, gop(7000, 5)))
		p.send(aggregate(1000, fakeStream, []flv.Tag{{Type: 22}}))
		p.untilClose()
	})
	c, err := Play(testContext(t), url, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, got := frames(t, c, len(want))
	wantTags(t, "played", got, want)
	if tag, err := c.ReadTag(); err == nil {
		t.Errorf("an aggregate in an aggregate gave %+v", tag)
	}
}

// TestDigestClient: the handshake with digests, client and server.
func TestDigestClient(t *testing.T) {
	s := startServer(t, nil)
	p, err := Publish(testContext(t), s.url("live/test"), ClientOptions{Digest: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// recorder lets everybody in and keeps what was asked.
type recorder struct{ asked chan auth.Request }

func (r recorder) Authorize(_ context.Context, q auth.Request) (auth.Grant, error) {
	r.asked <- q
	return auth.Grant{Identity: auth.Anonymous(q.Remote, q.Query)}, nil
}

// TestConnectParameters: what is in app and tcUrl gets to who decides, and not
// into the name.
func TestConnectParameters(t *testing.T) {
	s := startServer(t, nil)
	r := recorder{make(chan auth.Request, 1)}
	s.host.Auth = r
	c := s.dialRaw(t, "live...vhost...example.org/test")
	if err := c.send(c.appendCommand(nil, c.stream, c.newCall(message.NamePublish, "test", "live"))); err != nil {
		t.Fatal(err)
	}
	awaitCode(t, c, message.CodePublishStart)
	q := <-r.asked
	if q.Stream != "live/test" || q.Query.Get("vhost") != "example.org" || q.Credentials.User != "" {
		t.Errorf("asked for %s with %v", q.Stream, q.Query)
	}
}
