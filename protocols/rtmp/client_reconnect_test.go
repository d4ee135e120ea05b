package rtmp

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

// redirect refuses connect and names another server.
func redirect(p *peer, tcURL string) {
	cmd, _ := p.expect(message.NameConnect)
	p.command(0, message.Error(cmd.TransactionID, message.Status{
		Level: message.LevelError, Code: message.CodeConnectRejected, Description: "go elsewhere",
		More: amf0.Object{{Name: "ex", Value: amf0.Object{{Name: "code", Value: 302.0}, {Name: "redirect", Value: tcURL}}}},
	}))
	p.untilClose()
}

func TestRedirect(t *testing.T) {
	var info message.Connect
	second := fakeServer(t, func(p *peer) {
		info = p.acceptConnect()
		p.acceptCreateStream()
		if cmd, _ := p.expect(message.NamePlay); cmd.String(0) != "test?key=1" {
			p.t.Errorf("plays %q", cmd.String(0))
		}
		p.status(message.LevelStatus, message.CodePlayStart, "")
		p.untilClose()
	})
	u, err := ParseURL(second)
	if err != nil {
		t.Fatal(err)
	}
	first := fakeServer(t, func(p *peer) { redirect(p, "rtmp://"+u.Host+"/other") })
	player, err := Play(testContext(t), first, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer player.Close()
	if info.App != "other" || info.TCURL != "rtmp://"+u.Host+"/other" || info.More.Number("capsEx") != capsReconnect {
		t.Errorf("connected by %+v", info)
	}
}

func TestRedirectsWithoutEnd(t *testing.T) {
	next := "rtmp://127.0.0.1:1/live"
	served := 0
	for range maxRedirects + 1 {
		to := next
		own := fakeServer(t, func(p *peer) { served++; redirect(p, to) })
		u, err := ParseURL(own)
		if err != nil {
			t.Fatal(err)
		}
		next = u.TCURL()
	}
	_, err := Play(testContext(t), next+"/test", ClientOptions{})
	if status := wantStatus(t, err, message.CodeConnectRejected); status.Redirect == "" || served != maxRedirects+1 {
		t.Errorf("after %d servers: %v", served, err)
	}
}

func TestRedirectToNowhere(t *testing.T) {
	_, err := Play(testContext(t), fakeServer(t, func(p *peer) { redirect(p, "http://h/live") }), ClientOptions{})
	var bad *URLError
	if !errors.As(err, &bad) {
		t.Errorf("got %v", err)
	}
}

// TestReconnectRequest: the clients pass a request on, resolved, and go on.
func TestReconnectRequest(t *testing.T) {
	request := func(p *peer, tcURL string) {
		s := message.Status{Level: message.LevelStatus, Code: message.CodeReconnectRequest, Description: "update"}
		if tcURL != "" {
			s.More = amf0.Object{{Name: "tcUrl", Value: tcURL}}
		}
		p.command(0, message.OnStatus(s))
	}
	t.Run("publish", func(t *testing.T) {
		obeyed := make(chan struct{})
		url := fakeServer(t, func(p *peer) {
			p.acceptPublish()
			request(p, "http://h/cannot/be")
			request(p, "//h/other")
			<-obeyed
			p.untilClose()
		})
		c, err := Publish(testContext(t), url, ClientOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got := <-c.ReconnectRequested()
		if got != (ReconnectRequest{"rtmp://h/other/test?key=1", "update"}) {
			t.Errorf("got %+v", got)
		}
		close(obeyed)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("play", func(t *testing.T) {
		url := fakeServer(t, func(p *peer) {
			p.acceptPlay()
			request(p, "/first") // the second replaces it
			request(p, "")
			p.media(rtmpchunk.TypeAudio, 0, 1)
			p.untilClose()
		})
		c, err := Play(testContext(t), url, ClientOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.ReadTag(); err != nil {
			t.Fatal(err)
		}
		if got := <-c.ReconnectRequested(); got.URL != url {
			t.Errorf("got %+v, want %s", got, url)
		}
	})
}

func TestReconnectorGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := Reconnector{}.Run(context.Background(), func(ctx context.Context) error {
			_, err := Publish(ctx, "http://h/a", ClientOptions{})
			return err
		})
		var badURL *URLError
		if !errors.As(bad, &badURL) {
			t.Errorf("got %v", bad)
		}
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Minute, io.ErrClosedPipe)
		defer cancel()
		refused := &StatusError{Code: message.CodePublishBadName}
		if err := (Reconnector{}).Run(ctx, func(context.Context) error { return refused }); err != io.ErrClosedPipe {
			t.Errorf("got %v, want the context's cause", err)
		}
	})
}
