// Package httplive plays streams in formats that are one endless body, over
// HTTP/1, HTTP/2 and WebSocket. A Format says what the body is; all else, from
// credentials to the way in which a viewer is closed, is the same for all.
package httplive

import (
	"context"
	"net/url"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/transcode"
)

// Format is a form in which a stream can be played. It is not changed once
// it is served.
type Format struct {
	// Suffix is what the path has behind the stream's name, such as ".flv".
	Suffix      string
	ContentType string
	// Protocol names viewers over HTTP in sessions and metrics, WebSocketProtocol
	// those over WebSocket.
	Protocol, WebSocketProtocol string
	// Name names the format in the metrics of the delivery; that over WebSocket
	// is called "ws-" and this.
	Name string
	// Settled and NoData say that the format must name all tracks at its start,
	// and that it cannot carry script data.
	Settled, NoData bool
	// Carries says which tracks it can carry; nil means all of those that can be
	// transcoded.
	Carries transcode.Carries
	// Borrows says that its muxers keep nothing of a frame; see fanout.Key.
	Borrows bool
	// Variant returns what the query asks for beyond kinds of track. An error is
	// the client's fault.
	Variant func(query url.Values) (Variant, error)
	// Hello returns what goes before the first prelude, knowing the layout that
	// the viewer begins with; nil if that is nothing.
	Hello func(l *av.Layout) []byte
}

// Variant is one of the ways to write a format. It is comparable: viewers whose
// variants are equal share what is written.
type Variant interface {
	NewMuxer() fanout.Muxer
}

// Start serves f on the HTTP listeners.
func Start(h *plugin.Host, f Format) plugin.Service {
	s := &service{host: h, format: f}
	h.HTTP.HandleSuffix(f.Suffix, h.HTTP.Media(s.serve))
	return Idle{}
}

// Idle is the service of a plugin that has nothing of its own to end: the HTTP
// server owns the connections until they are hijacked, and the session registry
// ends the sessions.
type Idle struct{}

var _ plugin.Service = Idle{}

// Drain implements plugin.Service: the HTTP server stops accepting.
func (Idle) Drain() {}

// Close implements plugin.Service: ending the sessions ended all there is.
func (Idle) Close(context.Context) error { return nil }

// service answers the requests for one format.
type service struct {
	host   *plugin.Host
	format Format
}

// wanted is what one viewer asks for.
type wanted struct {
	stream    string
	selection av.Selection
	audio     transcode.Choice
	variant   Variant
}

// hello returns what goes before the first prelude.
func (f *Format) hello(l *av.Layout) []byte {
	if f.Hello == nil {
		return nil
	}
	return f.Hello(l)
}
