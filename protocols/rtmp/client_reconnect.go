package rtmp

import (
	"github.com/weirmedia/weir/protocols/internal/reconnect"
	"github.com/weirmedia/weir/protocols/rtmp/message"
)

// ReconnectRequest is a server's wish that its client connects again, since it
// is about to stop or another server suits better (Enhanced RTMP, version 2,
// section "Reconnect Request"). Until the client does, the stream goes on.
type ReconnectRequest struct {
	// URL is where to Publish or Play now, the key included. It may be the same
	// as before. It may hold a secret and should not be logged whole.
	URL         string
	Description string // for people; may be empty
}

// ReconnectRequested delivers what the server asks for, the newest only. A good
// moment to obey is before a key frame, with a new client. Who does not obey is
// cut off sooner or later. It is safe for concurrent use.
func (c *client) ReconnectRequested() <-chan ReconnectRequest { return c.reconnect }

// requested takes note of a request. Only the reading goroutine calls it.
func (c *client) requested(s message.Status) {
	target := c.url
	if tcURL := s.More.String("tcUrl"); tcURL != "" {
		other, err := c.url.elsewhere(tcURL)
		if err != nil {
			return // the wish cannot be granted; the stream goes on
		}
		target = other
	}
	select {
	case <-c.reconnect:
	default:
	}
	c.reconnect <- ReconnectRequest{URL: target.String(), Description: s.Description}
}

// Reconnector keeps a session going: it begins a new one when one fails, after a
// delay that grows. It gives up after a *URLError, and if the server's certificate
// is not trusted.
type Reconnector = reconnect.Reconnector
