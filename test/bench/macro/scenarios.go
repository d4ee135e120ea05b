package main

import (
	"context"
	"math"
)

// scenario is a load with the figures that it gives.
type scenario struct {
	name, about string
	run         func(ctx context.Context, l *lab) ([]row, error)
}

// scenarios are all there are. Their bounds are those of the project for one
// core; a megabyte has 1,000,000 bytes.
var scenarios = []scenario{
	{"players-1000", "1,000 RTMP players of one stream",
		crowd{players: 1000, cpu: 12, floor: 1.3, latency: 10, memory: 45, nginx: true}.run},
	{"flv-1000", "1,000 HTTP-FLV players of one stream",
		crowd{players: 1000, http: true, cpu: 12, floor: 1.3, latency: 10, memory: 45}.run},
	{"players-4000", "4,000 RTMP players of one stream",
		crowd{players: 4000, cpu: 45, floor: math.Inf(1), latency: 45, memory: 90, nginx: true}.run},
	{"players-10000-small", "10,000 RTMP players of one stream of 206 kbit/s",
		crowd{players: 10_000, clip: smallClip, latency: 200, memory: 150}.run},
	{"players-10000", "10,000 RTMP players of one stream",
		crowd{players: 10_000, latency: 200, memory: 150}.run},
	{"interval-350ms", "1,000 RTMP players with delivery.interval: 350ms",
		crowd{players: 1000, cpu: 4, settings: []string{"WEIR_DELIVERY_INTERVAL=350ms"}}.run},
	{"publishers-1000", "1,000 publishers without viewers, beside nginx-rtmp",
		publishers{n: 1000, clip: normalClip}.run},
	{"publishers-8000", "8,000 publishers of 206 kbit/s without viewers, beside nginx-rtmp",
		publishers{n: 8000, clip: smallClip}.run},
	{"pairs-500", "500 publishers with one player each, beside nginx-rtmp",
		publishers{n: 500, clip: normalClip, players: true}.run},
	{"cores-2", "2,000 RTMP players by one core and by two", twoCores},
	{"one-viewer", "one RTMP player of an otherwise idle server, and joining one after the other", oneViewer},
	{"hls-1000", "1,000 HLS players of one stream, beside nginx that serves the same files", hlsPlayers},
	{"hls-blocked-1000", "1,000 blocked reloads of a playlist, and as many players of low latency", hlsBlocked},
	{"rtsp-500", "500 players by RTMP, by RTSP inside TCP and by UDP, each alone", rtspPlayers},
	{"whep-500", "500 WHEP players of one stream", whepPlayers},
	{"control-10000", "10,000 sessions listed and 1,000 streams scraped each second, beside 100 RTMP players",
		controlPlane{sessions: 10_000, streams: 1000, players: 100}.run},
	{"record-100", "100 streams of 2 Mbit/s recorded at once, with 200 RTMP players of ten of them, beside the same without recording",
		recording{streams: 100, played: 10, players: 200}.run},
	{"join-storm", "1,000 RTMP players joining a stream of 4 Mbit/s within a second", joinStorm},
}
