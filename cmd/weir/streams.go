package main

import (
	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/inorder"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/webrtc"
)

// listStreams returns what the API shows of the streams.
func (a *app) listStreams() []api.StreamInfo {
	all := a.bus.Streams()
	out := make([]api.StreamInfo, 0, len(all))
	for _, s := range all {
		i := s.Info()
		out = append(out, describeStream(i, a.sessions))
		if a.webrtc != nil && i.Layout.Ready {
			out[len(out)-1].WebRTC = describeWebRTC(webrtc.Judge(i))
		}
	}
	return out
}

func describeStream(i bus.Info, sessions *session.Registry) api.StreamInfo {
	out := api.StreamInfo{
		Name: i.Name, State: api.StateGrace, Ready: i.Layout.Ready, Epoch: i.Layout.Epoch, Since: i.Since,
		Bitrate: i.Bitrate, GOPS: i.GOP.Seconds(), BytesIn: i.BytesIn, FramesIn: i.FramesIn, FramesDropped: i.FramesEarly,
	}
	if i.LastFrame >= 0 {
		out.LastFrameS = new(i.LastFrame.Seconds())
	}
	if i.State == bus.Live {
		out.State = api.StateLive
	}
	if i.FramesIn > 0 {
		ms := float64(i.Time.Microseconds()) / 1000
		out.TimeMS = &ms
	}
	if s, ok := sessions.Get(i.Session); ok {
		out.Publisher = &api.PublisherInfo{
			Session: s.ID, Protocol: s.Protocol, Remote: s.Remote, User: s.User, Encoder: encoder(i.Layout.Metadata, s.Agent),
		}
	}
	for _, t := range i.Tracks {
		info := api.TrackInfo{
			ID: t.ID, Kind: t.Kind.String(), Codec: t.Codec.String(), Profile: t.Profile,
			Width: t.Width, Height: t.Height, SampleRate: t.SampleRate, Channels: t.Channels, Bitrate: t.Bitrate,
		}
		if t.Kind == av.Video {
			// Measured, since what codec headers say is often wrong or missing.
			info.FrameRate = t.FrameRate
			if t.FrameRate > 0 {
				late := t.LateRate > 0
				info.HasBFrames = &late
			}
		}
		out.Tracks = append(out.Tracks, info)
	}
	return out
}

func describeWebRTC(v webrtc.Verdict) *api.WebRTCInfo {
	out := &api.WebRTCInfo{Playable: v.Err == nil, FrameRate: v.FrameRate, LeftOut: api.Omissions(v.LeftOut)}
	switch {
	case v.Err != nil:
		out.Why = v.Err.Error()
	case v.Without > 0:
		out.Why = inorder.ErrLeftOut.Error()
	}
	return out
}

// encoder returns what the publisher calls itself: in the metadata, which
// names the encoder, else in the protocol, which names the library.
func encoder(m av.Metadata, agent string) string {
	for _, f := range m {
		if name, ok := f.Value.(string); ok && f.Name == "encoder" {
			return name
		}
	}
	return agent
}
