package rtmp

import (
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

// playFake plays from a server that runs script once playing has started.
func playFake(t *testing.T, script func(*peer)) *PlayClient {
	t.Helper()
	c, err := Play(testContext(t), fakeServer(t, func(p *peer) {
		p.acceptPlay()
		script(p)
	}), ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// readAll returns the tags up to the error that ends them.
func readAll(c *PlayClient) (tags []flv.Tag, err error) {
	for {
		tag, err := c.ReadTag()
		if err != nil {
			return tags, err
		}
		tags = append(tags, tag)
	}
}

func TestPlayWire(t *testing.T) {
	url := fakeServer(t, func(p *peer) {
		info := p.acceptConnect()
		if info.App != "live" || info.FlashVer != "tester" {
			t.Errorf("connect says %+v", info)
		}
		p.acceptCreateStream()
		cmd, stream := p.expect(message.NamePlay)
		if cmd.String(0) != "test?key=1" || cmd.Number(1, 0) != -2000 || stream != fakeStream {
			t.Errorf("play %v on stream %d", cmd.Args, stream)
		}
		u, err := rtmpchunk.ParseUserControl(p.next(rtmpchunk.TypeUserControl).Payload)
		if err != nil || u.Event != rtmpchunk.EventSetBufferLength || u.Value != fakeStream {
			t.Errorf("got %+v, %v, want Set Buffer Length", u, err)
		}
		p.status(message.LevelStatus, message.CodePlayStart, "")
		for _, want := range []struct {
			name string
			on   bool
		}{
			{message.NameReceiveAudio, false}, {message.NameReceiveVideo, true}, {message.NamePause, true},
		} {
			if cmd, stream := p.expect(want.name); cmd.Bool(0, !want.on) != want.on || stream != fakeStream {
				t.Errorf("%s %v on stream %d", want.name, cmd.Args, stream)
			}
		}
		if cmd, _ := p.expect(message.NameDeleteStream); cmd.Number(0, 0) != fakeStream {
			t.Errorf("deleteStream %v", cmd.Args)
		}
	})
	c, err := Play(testContext(t), url, ClientOptions{Agent: "tester"})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{c.ReceiveAudio(false), c.ReceiveVideo(true), c.Pause(true), c.Close()} {
		if err != nil {
			t.Error(err)
		}
	}
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a second Close: %v", err)
	}
}

func TestPlayTags(t *testing.T) {
	metadata := amf0.Append(nil, "onMetaData", amf0.ECMAArray{})
	c := playFake(t, func(p *peer) {
		p.media(rtmpchunk.TypeDataAMF0, 0, amf0.Append(nil, "|RtmpSampleAccess", true, true)...)
		p.media(rtmpchunk.TypeDataAMF0, 0, amf0.Append(nil, message.NameOnStatus, amf0.Object{{Name: "code", Value: message.CodeDataStart}})...)
		p.media(rtmpchunk.TypeDataAMF0, 5, metadata...)
		p.media(rtmpchunk.TypeDataAMF3, 6, append([]byte{0}, metadata...)...)
		p.media(rtmpchunk.TypeVideo, 0xFFFFFE, 1, 2, 3)
		p.status(message.LevelStatus, message.CodePauseNotify, "")
		p.media(rtmpchunk.TypeAudio, 0xFFFFFF, 4)
		p.media(rtmpchunk.TypeVideo, 0xFFFFFFFF)
		p.media(rtmpchunk.TypeAudio, 3, 5)
		p.status(message.LevelStatus, message.CodePlayUnpublishNotify, "")
		p.untilClose()
	})
	tags, err := readAll(c)
	if err != io.EOF {
		t.Errorf("ends with %v, want EOF", err)
	}
	want := []flv.Tag{
		{Type: flv.ScriptTag, Timestamp: 5, Body: metadata},
		{Type: flv.ScriptTag, Timestamp: 6, Body: metadata},
		{Type: flv.VideoTag, Timestamp: 0xFFFFFE, Body: []byte{1, 2, 3}},
		{Type: flv.AudioTag, Timestamp: 0xFFFFFF, Body: []byte{4}},
		{Type: flv.VideoTag, Timestamp: 0xFFFFFFFF},
		{Type: flv.AudioTag, Timestamp: 3, Body: []byte{5}},
	}
	if !reflect.DeepEqual(tags, want) {
		t.Errorf("got  %+v\nwant %+v", tags, want)
	}
}

// TestPlayWithoutStart: some servers send media and no status.
func TestPlayWithoutStart(t *testing.T) {
	url := fakeServer(t, func(p *peer) {
		p.toPlay()
		p.media(rtmpchunk.TypeAudio, 1, 1)
		p.media(rtmpchunk.TypeAudio, 2, 2)
		p.status(message.LevelStatus, message.CodePlayStop, "")
		p.untilClose()
	})
	c, err := Play(testContext(t), url, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if tags, err := readAll(c); len(tags) != 2 || tags[0].Timestamp != 1 || err != io.EOF {
		t.Errorf("got %v, %v", tags, err)
	}
}

func TestPlayRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer message.Command
		code   string
	}{
		{"by a status", message.OnStatus(message.Status{Level: message.LevelError, Code: message.CodePlayStreamNotFound}), message.CodePlayStreamNotFound},
		{"by an error", message.Error(3, message.Status{Level: message.LevelError, Code: message.CodePlayFailed}), message.CodePlayFailed},
		{"by an error without a code", message.Command{Name: message.NameError, TransactionID: 3}, message.CodeCallFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Play(testContext(t), fakeServer(t, func(p *peer) {
				p.toPlay()
				p.command(0, c.answer)
				p.untilClose()
			}), ClientOptions{})
			wantStatus(t, err, c.code)
		})
	}
}

func TestPlayEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		script func(*peer)
		want   error  // by errors.Is
		code   string // or of a *StatusError
	}{
		{"UnpublishNotify", func(p *peer) {
			p.status(message.LevelStatus, message.CodePlayUnpublishNotify, "")
		}, io.EOF, ""},
		{"Play.Stop", func(p *peer) {
			p.status(message.LevelStatus, message.CodePlayStop, "")
		}, io.EOF, ""},
		{"Stream EOF", func(p *peer) {
			p.control(rtmpchunk.EventStreamEOF, fakeStream)
		}, io.EOF, ""},
		{"Stream EOF and UnpublishNotify", func(p *peer) {
			p.control(rtmpchunk.EventStreamEOF, fakeStream)
			p.status(message.LevelStatus, message.CodePlayUnpublishNotify, "")
		}, io.EOF, ""},
		{"Stream EOF and a failure", func(p *peer) {
			p.control(rtmpchunk.EventStreamEOF, fakeStream)
			p.status(message.LevelError, message.CodePlayFailed, "kicked")
		}, nil, message.CodePlayFailed},
		{"a failure", func(p *peer) {
			p.status(message.LevelError, message.CodePlayStreamNotFound, "")
		}, nil, message.CodePlayStreamNotFound},
		{"Stream EOF of another stream", func(p *peer) {
			p.control(rtmpchunk.EventStreamEOF, fakeStream+1)
		}, io.ErrUnexpectedEOF, ""},
		{"without a word", func(*peer) {}, io.ErrUnexpectedEOF, ""},
		{"in the middle of a message", func(p *peer) {
			p.send([]byte{6, 0, 0, 0, 0, 0, 99, 9, fakeStream, 0, 0, 0, 2, 0})
		}, io.ErrUnexpectedEOF, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			player := playFake(t, func(p *peer) {
				c.script(p)
				drain(p.conn)
			})
			for range 2 { // the error is final
				_, err := player.ReadTag()
				if c.code != "" {
					wantStatus(t, err, c.code)
				} else if !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
			}
		})
	}
}

// TestPlayStreamEOFAlone: the stream is over although the server says no more
// and leaves the connection open.
func TestPlayStreamEOFAlone(t *testing.T) {
	player := playFake(t, func(p *peer) {
		p.control(rtmpchunk.EventStreamEOF, fakeStream)
		p.untilClose()
	})
	if _, err := player.ReadTag(); err != io.EOF {
		t.Errorf("got %v, want EOF", err)
	}
}

func TestPlayGivesUp(t *testing.T) {
	for _, c := range []struct {
		name string
		stop func(*PlayClient) error
		want error
	}{
		{"Close", (*PlayClient).Close, net.ErrClosed},
		{"SetReadDeadline", func(p *PlayClient) error { return p.SetReadDeadline(time.Now()) }, os.ErrDeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			player := playFake(t, (*peer).untilClose)
			ended := make(chan error)
			go func() {
				_, err := player.ReadTag()
				ended <- err
			}()
			if err := c.stop(player); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}
