package main

import (
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/protocols/hls"
	"github.com/weirmedia/weir/protocols/httpflv"
	"github.com/weirmedia/weir/protocols/httpmp4"
	"github.com/weirmedia/weir/protocols/httpts"
	"github.com/weirmedia/weir/protocols/record"
	"github.com/weirmedia/weir/protocols/relay"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/protocols/rtsp"
	"github.com/weirmedia/weir/protocols/webrtc"
)

// plugins is the table of protocols, in the order in which they start.
func plugins() []plugin.Plugin {
	return []plugin.Plugin{
		{Section: "relay", New: relay.New(relayClients())}, // first, to know of all viewers
		{Section: "record", New: record.New},
		{Section: "rtmp", New: rtmp.New},
		{Section: "rtsp", New: rtsp.New},
		{Section: "httpflv", New: httpflv.New},
		{Section: "httpts", New: httpts.New},
		{Section: "httpmp4", New: httpmp4.New},
		{Section: "hls", New: hls.New},
		{Section: "webrtc", New: webrtc.New},
	}
}
