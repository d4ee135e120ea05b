package rtmp

import (
	"context"
	"testing"
	"time"
)

// A server that stops asks the clients that can to connect again; to the
// others it says goodbye (see TestShutdown in cmd/weir).
func TestShutdownAsksClientsToReconnect(t *testing.T) {
	s := startServer(t, nil)
	publisher := s.publish(t, "live/test")
	player := s.play(t, "live/test")
	played := make(chan error, 1)
	go func() {
		for {
			if _, err := player.ReadTag(); err != nil {
				played <- err
				return
			}
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.host.Sessions.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	for name, requests := range map[string]<-chan ReconnectRequest{
		"publisher": publisher.ReconnectRequested(), "player": player.ReconnectRequested(),
	} {
		select {
		case r := <-requests:
			if r.URL != s.url("live/test") {
				t.Errorf("%s is asked to go to %q", name, r.URL)
			}
		case <-ctx.Done():
			t.Errorf("%s is not asked to reconnect", name)
		}
	}
	<-played
}
