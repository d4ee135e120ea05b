package rtmp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

// TestPublishWire: what a server sees of a publisher from connect to the end.
func TestPublishWire(t *testing.T) {
	metadata := amf0.Append(nil, "onMetaData", amf0.ECMAArray{{Name: "width", Value: 640.0}})
	cue := amf0.Append(nil, "onCuePoint", 1.0)
	big := bytes.Repeat([]byte{9}, 200_000)
	url := fakeServer(t, func(p *peer) {
		info := p.acceptConnect()
		if info.App != "live" || info.Type != "nonprivate" || info.TCURL != "rtmp://"+p.conn.LocalAddr().String()+"/live" {
			t.Errorf("connect says %+v", info)
		}
		for _, name := range []string{message.NameReleaseStream, message.NameFCPublish} {
			if cmd, _ := p.expect(name); cmd.String(0) != "test?key=1" {
				t.Errorf("%s of %q", name, cmd.String(0))
			}
		}
		p.acceptCreateStream()
		cmd, stream := p.expect(message.NamePublish)
		if cmd.String(0) != "test?key=1" || cmd.String(1) != "live" || stream != fakeStream {
			t.Errorf("publish %v on stream %d", cmd.Args, stream)
		}
		p.status(message.LevelStatus, message.CodePublishStart, "")
		for _, want := range []struct {
			kind      rtmpchunk.Type
			timestamp uint32
			body      []byte
		}{
			{rtmpchunk.TypeDataAMF0, 0, append(amf0.Append(nil, "@setDataFrame"), metadata...)},
			{rtmpchunk.TypeDataAMF0, 7, cue},
			{rtmpchunk.TypeVideo, 0xFFFFFF, big},
			{rtmpchunk.TypeAudio, 0xFFFFFFFF, []byte{}},
			{rtmpchunk.TypeVideo, 8, append([]byte{1, 2, 3}, big...)},
			{rtmpchunk.TypeDataAMF0, 9, append(amf0.Append(nil, "@setDataFrame"), metadata...)},
			{rtmpchunk.TypeAudio, 10, []byte{}},
		} {
			m := p.next(want.kind)
			if m.Timestamp != want.timestamp || m.StreamID != fakeStream || !bytes.Equal(m.Payload, want.body) {
				t.Errorf("type %d: got %d bytes at %d on stream %d", want.kind, len(m.Payload), m.Timestamp, m.StreamID)
			}
		}
		p.expect(message.NameFCUnpublish)
		if cmd, _ := p.expect(message.NameDeleteStream); cmd.Number(0, 0) != fakeStream {
			t.Errorf("deleteStream %v", cmd.Args)
		}
		if _, err := p.reader.ReadMessage(); err != io.EOF {
			t.Errorf("the connection ends with %v, want EOF", err)
		}
	})
	c, err := Publish(testContext(t), url, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []flv.Tag{
		{Type: flv.ScriptTag, Timestamp: 0, Body: metadata},
		{Type: flv.ScriptTag, Timestamp: 7, Body: cue},
		{Type: flv.VideoTag, Timestamp: 0xFFFFFF, Body: big},
		{Type: flv.AudioTag, Timestamp: 0xFFFFFFFF},
	} {
		if err := c.WriteTag(tag.Type, tag.Timestamp, tag.Body); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		c.WriteParts(flv.VideoTag, 8, []byte{1, 2}, nil, []byte{3}, big),
		c.WriteParts(flv.ScriptTag, 9, metadata[:20], metadata[20:]),
		c.WriteParts(flv.AudioTag, 10),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("Wait after Close: %v", err)
	}
	for range 100 { // whichever of its ends is looked at
		if err := c.ended(); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("after Close: %v", err)
		}
	}
	if err := c.WriteTag(flv.AudioTag, 0, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("WriteTag after Close: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

func TestPublishRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		script func(*peer)
		code   string
	}{
		{"by a status", func(p *peer) {
			p.toPublish()
			p.status(message.LevelError, message.CodePublishBadName, "busy")
		}, message.CodePublishBadName},
		{"by an error", func(p *peer) {
			p.command(0, message.Error(p.toPublish().TransactionID, message.Status{Level: message.LevelError, Code: message.CodeStreamFailed}))
		}, message.CodeStreamFailed},
		{"before the stream was created", func(p *peer) {
			p.acceptConnect()
			p.expect(message.NameReleaseStream)
			p.status(message.LevelError, message.CodePublishBadName, "busy")
		}, message.CodePublishBadName},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := fakeServer(t, func(p *peer) {
				c.script(p)
				p.untilClose()
			})
			_, err := Publish(testContext(t), url, ClientOptions{})
			status := wantStatus(t, err, c.code)
			if !strings.Contains(err.Error(), status.Code) || !strings.Contains(err.Error(), status.Description) {
				t.Errorf("%q does not name code and description", err)
			}
		})
	}
}

// TestPublishOtherAnswers: failing calls that do not matter, and unknown
// commands, do not keep a publisher from its start.
func TestPublishOtherAnswers(t *testing.T) {
	url := fakeServer(t, func(p *peer) {
		p.acceptConnect()
		p.command(0, message.Command{Name: message.NameOnBWDone})
		for _, name := range []string{message.NameReleaseStream, message.NameFCPublish} {
			cmd, _ := p.expect(name)
			p.command(0, message.Error(cmd.TransactionID, message.Status{Level: message.LevelError, Code: message.CodeCallFailed}))
		}
		p.acceptCreateStream()
		p.expect(message.NamePublish)
		p.command(0, message.Command{Name: message.NameOnFCPublish})
		p.status(message.LevelStatus, message.CodePublishStart, "")
		p.untilClose()
	})
	c, err := Publish(testContext(t), url, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestPublishEndedByServer(t *testing.T) {
	for _, c := range []struct {
		name   string
		script func(*peer)
		check  func(t *testing.T, err error)
	}{
		{"with a status", func(p *peer) {
			p.status(message.LevelError, message.CodePublishBadName, "kicked")
		}, func(t *testing.T, err error) {
			if s := wantStatus(t, err, message.CodePublishBadName); s.Description != "kicked" {
				t.Errorf("description %q", s.Description)
			}
		}},
		{"as closed", func(p *peer) {
			p.status(message.LevelStatus, message.CodeConnectClosed, "")
		}, func(t *testing.T, err error) { wantStatus(t, err, message.CodeConnectClosed) }},
		{"without a word", func(*peer) {}, func(t *testing.T, err error) {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("got %v", err)
			}
		}},
		{"in the middle of a message", func(p *peer) {
			p.send([]byte{3, 0, 0, 0, 0, 0, 99, 20, 0, 0, 0, 0, 2, 0})
		}, func(t *testing.T, err error) {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("got %v", err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := fakeServer(t, func(p *peer) {
				p.acceptPublish()
				c.script(p)
				drain(p.conn)
			})
			p, err := Publish(testContext(t), url, ClientOptions{})
			if err != nil {
				t.Fatal(err)
			}
			c.check(t, p.Wait())
			c.check(t, p.WriteTag(flv.AudioTag, 0, []byte{1}))
			c.check(t, p.Flush())
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPublishFailingWrite: a write that the server lets fail tells why it did.
func TestPublishFailingWrite(t *testing.T) {
	url := fakeServer(t, func(p *peer) {
		p.acceptPublish()
		p.next(rtmpchunk.TypeVideo)
		p.status(message.LevelError, message.CodePublishBadName, "kicked")
		drain(p.conn)
	})
	c, err := Publish(testContext(t), url, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for err == nil {
		err = c.WriteTag(flv.VideoTag, 0, make([]byte, 1000))
	}
	wantStatus(t, err, message.CodePublishBadName)
}

func TestPublishStuckServer(t *testing.T) {
	release := make(chan struct{})
	url := fakeServer(t, func(p *peer) {
		p.acceptPublish()
		<-release // reads nothing
	})
	c, err := Publish(testContext(t), url, ClientOptions{WriteTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		err = c.WriteTag(flv.VideoTag, 0, make([]byte, 1<<20))
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := c.Close(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
	close(release)
}

// TestPublishCloseOfStuckServer: a write that waits for the server does not hold up Close
// for as long as it may wait itself.
func TestPublishCloseOfStuckServer(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	url := fakeServer(t, func(p *peer) {
		p.acceptPublish()
		<-release // reads nothing
	})
	c, err := Publish(testContext(t), url, ClientOptions{WriteTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var written atomic.Int64
	ended := make(chan error, 2)
	go func() {
		err := c.WriteTag(flv.VideoTag, 0, make([]byte, 1<<20))
		for ; err == nil; written.Add(1) {
			err = c.WriteTag(flv.VideoTag, 0, make([]byte, 1<<20))
		}
		ended <- err
	}()
	for before := int64(-1); before != written.Load(); time.Sleep(100 * time.Millisecond) {
		before = written.Load()
	}
	go func() { ended <- c.Close() }()
	for range 2 {
		select {
		case err := <-ended:
			if err == nil {
				t.Error("all was written")
			}
		case <-time.After(patience):
			t.Fatal("it waits still")
		}
	}
}

func TestPublishBuffered(t *testing.T) {
	got := make(chan uint32, 100)
	url := fakeServer(t, func(p *peer) {
		p.acceptPublish()
		for {
			m, err := p.reader.ReadMessage()
			if err != nil {
				return
			}
			if m.Type == rtmpchunk.TypeAudio {
				got <- m.Timestamp
			}
		}
	})
	c, err := Publish(testContext(t), url, ClientOptions{Buffered: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	write := func(timestamp uint32, size int) {
		t.Helper()
		if err := c.WriteTag(flv.AudioTag, timestamp, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	pending := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.out)
	}
	write(1, 1000)
	write(2, 1000)
	if n := pending(); n < 2000 || len(got) > 0 {
		t.Errorf("%d bytes are buffered", n)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if a, b := <-got, <-got; a != 1 || b != 2 {
		t.Errorf("got tags %d and %d", a, b)
	}
	write(3, maxBuffered)
	if n := pending(); n != 0 {
		t.Errorf("%d bytes are left of a full buffer", n)
	}
	write(4, 1)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if a, b := <-got, <-got; a != 3 || b != 4 {
		t.Errorf("got tags %d and %d", a, b)
	}
}

func TestPublishBadTag(t *testing.T) {
	url := fakeServer(t, func(p *peer) {
		p.acceptPublish()
		if m := p.next(rtmpchunk.TypeAudio); len(m.Payload) != 3 {
			t.Errorf("got %d bytes", len(m.Payload))
		}
		p.untilClose()
	})
	c, err := Publish(testContext(t), url, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.WriteTag(20, 0, nil); err == nil {
		t.Error("a tag of type 20 was sent")
	}
	if err := c.WriteParts(flv.VideoTag, 0, []byte{1}, make([]byte, rtmpchunk.MaxPayload)); err == nil {
		t.Error("a tag of 16 MiB was sent")
	}
	if err := c.WriteTag(flv.AudioTag, 0, []byte{1, 2, 3}); err != nil {
		t.Errorf("then a good one fails: %v", err)
	}
}
