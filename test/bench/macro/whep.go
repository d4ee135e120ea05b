package main

import "context"

const (
	whepCrowd = 500
	// whepRamp is how many players begin per second: each costs a handshake of DTLS,
	// on both sides.
	whepRamp = 50
)

// whepPlayers measures players by WHEP of one stream.
func whepPlayers(ctx context.Context, l *lab) ([]row, error) {
	const (
		cpu    = 0.9 // ms/s for each player: 0.09 % of a core
		memory = 300 // KB for each player
	)
	l.generator = weirBench{l.weir} // the only one that knows WHEP
	clip, err := l.clip(ctx, normalClip)
	if err != nil {
		return nil, err
	}
	s, err := l.startWeir(ctx, serverCore, "WEIR_WEBRTC_LISTEN=127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer s.kill()
	source, err := l.broadcast(ctx, s, publishing{url: s.url("s"), n: 1, clip: clip})
	if err != nil {
		return nil, err
	}
	defer source.kill()
	before, err := s.memory()
	if err != nil {
		return nil, err
	}
	w, err := l.play(ctx, s, playing{
		url: "http://" + s.http + "/live/s/whep", n: whepCrowd, streams: 1, perSecond: whepRamp, verify: 4, tick: l.ticks()[0], window: l.window,
	})
	if err != nil {
		return nil, err
	}
	rows := []row{
		told("CPU", w.CPU, "%"),
		atMost("CPU for each player", 10*w.CPU/whepCrowd, "ms/s", cpu),
		atMost("memory for each player", (w.memory-before)/whepCrowd/1000, "KB", memory),
		told("received", w.Rate*8/megabyte, "Mbit/s"),
		told("latency p99", w.P99, "ms"),
		told("first picture, slowest", w.FirstPicture, "ms"),
		none("players that failed, wrong frames", w.Lost+w.Errors),
		atMost("RTP packets lost, of a million", 1e6*w.LostPackets, "", 0),
	}
	for i := range rows {
		rows[i] = rows[i].with(w.remarks)
	}
	return rows, nil
}
