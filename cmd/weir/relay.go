package main

import (
	"context"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/httpflv"
	"github.com/weirmedia/weir/protocols/relay"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/protocols/rtsp"
)

// relayClients are the protocols by which streams are fetched.
func relayClients() relay.Clients {
	return relay.Clients{
		"rtmp": rtmpSource{}, "rtmps": rtmpSource{},
		"rtsp": rtspSource{}, "rtsps": rtspSource{},
		"http": flvSource{}, "https": flvSource{}, "ws": flvSource{}, "wss": flvSource{},
		"file": relay.Files{},
	}
}

type rtmpSource struct{}

// Check implements relay.Client.
func (rtmpSource) Check(rawURL string) error {
	_, err := rtmp.ParseURL(rawURL)
	return err
}

// Open implements relay.Client.
func (rtmpSource) Open(ctx context.Context, rawURL string, o relay.Options) (relay.Source, error) {
	c, err := rtmp.Play(ctx, rawURL, rtmp.ClientOptions{
		WriteTimeout: o.Timeout, Agent: session.WithVia("LNX 9,0,124,2 (compatible; weir)", o.Via),
	})
	if err != nil {
		return nil, withReason(err)
	}
	return relay.Tags(c), nil
}

type flvSource struct{}

// Check implements relay.Client.
func (flvSource) Check(rawURL string) error { return httpflv.CheckURL(rawURL) }

// Open implements relay.Client.
func (flvSource) Open(ctx context.Context, rawURL string, o relay.Options) (relay.Source, error) {
	c, err := httpflv.Play(ctx, rawURL, httpflv.ClientOptions{Agent: session.WithVia("weir", o.Via)})
	if err != nil {
		return nil, withReason(err)
	}
	return relay.Tags(c), nil
}

type rtspSource struct{}

// Check implements relay.Client.
func (rtspSource) Check(rawURL string) error { return rtsp.CheckURL(rawURL) }

// Open implements relay.Client.
func (rtspSource) Open(ctx context.Context, rawURL string, o relay.Options) (relay.Source, error) {
	c, err := rtsp.Play(ctx, rawURL, rtspOptions(o))
	if err != nil {
		return nil, withReason(err)
	}
	return &rtspStream{PlayClient: c, told: map[int]*av.Track{}}, nil
}

// rtspStream makes parts of what an RTSP server sends.
type rtspStream struct {
	*rtsp.PlayClient
	announced bool
	told      map[int]*av.Track // by id, in force
}

// Read implements relay.Source. The first part tells what tracks there are.
func (s *rtspStream) Read() (relay.Part, error) {
	if !s.announced {
		s.announced = true
		part := relay.Part{Announces: true}
		for _, m := range s.Media() {
			part.Hinted[m.Kind] = part.Hinted[m.Kind] || m.LeftOut == ""
			if m.LeftOut != "" && m.Kind != av.Data { // nobody misses the metadata of cameras
				part.LeftOut = append(part.LeftOut, av.Omission{Kind: m.Kind, Codec: m.Codec, Why: m.LeftOut})
			}
		}
		return part, nil
	}
	p, err := s.Next()
	if err != nil || p.Frame == nil {
		return relay.Part{Why: p.Why}, err
	}
	part := relay.Part{Frame: p.Frame, Bytes: len(p.Frame.Payload)}
	if t := p.Frame.Track; s.told[t.ID] != t {
		s.told[t.ID], part.Track = t, t
	}
	return part, nil
}

func rtspOptions(o relay.Options) rtsp.ClientOptions {
	out := rtsp.ClientOptions{Timeout: o.Timeout, Agent: session.WithVia("weir", o.Via)}
	switch o.Transport {
	case relay.TCP:
		out.Transport = rtsp.TCP
	case relay.UDP:
		out.Transport = rtsp.UDP
	}
	return out
}
