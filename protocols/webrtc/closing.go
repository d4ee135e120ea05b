package webrtc

import (
	"time"

	pion "github.com/pion/webrtc/v4"
)

const (
	// closePatience is how long a connection may take to close, which it mostly does in
	// a few milliseconds.
	closePatience = 5 * time.Second
	// setUp is how long a client takes to set itself up for media once it is connected,
	// at most: some wait for ever if they are told goodbye and closed before.
	setUp = 200 * time.Millisecond
)

// closePeer closes a connection and waits for that, though not for ever: the library's
// locks up if the other side sends RTCP and closes in the very moment in which it is
// connected (github.com/pion/srtp, v3.0.13 and v3.1.0: a session that is closed waits for
// its reader, which waits for somebody to accept the new source). It costs the
// goroutines of that connection then, not the session.
func closePeer(pc *pion.PeerConnection) {
	closed := make(chan struct{})
	go func() {
		_ = pc.GracefulClose() // it has nothing to say that matters now
		close(closed)
	}()
	patience := time.NewTimer(closePatience)
	defer patience.Stop()
	select {
	case <-closed:
	case <-patience.C:
	}
}
