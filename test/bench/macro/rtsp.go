package main

import "context"

const rtspCrowd = 500

// rtspPlayers measures players by RTMP, by RTSP inside the connection and by UDP,
// each of them of a server of its own.
func rtspPlayers(ctx context.Context, l *lab) ([]row, error) {
	l.generator = weirBench{l.weir} // the only one that knows RTSP
	var rows []row
	var reference float64
	for _, way := range []string{"rtmp", "tcp", "udp"} {
		w, before, err := l.playRTSP(ctx, way)
		if err != nil {
			return rows, err
		}
		measured := []row{
			told(way+": CPU", w.CPU, "%"),
			told(way+": CPU for each player", 10*w.CPU/rtspCrowd, "ms/s"),
			told(way+": memory for each player", (w.memory-before)/rtspCrowd/1000, "KB"),
			told(way+": received", w.Rate*8/megabyte, "Mbit/s"),
			told(way+": latency p99", w.P99, "ms"),
			none(way+": players that failed, wrong frames", w.Lost+w.Errors),
		}
		if way == "udp" {
			measured = append(measured, told(way+": RTP packets lost, of a million", 1e6*w.LostPackets, ""))
		}
		if way == "rtmp" {
			reference = w.CPU
		} else {
			measured = append(measured, against(way+": CPU against RTMP", w.CPU, reference, "RTMP", "%", bound(0)))
		}
		for _, r := range measured {
			rows = append(rows, r.with(w.remarks))
		}
	}
	return rows, nil
}

// playRTSP plays a stream that is published by RTMP, in one of the ways. before
// is what the server needed without players, in resident bytes.
func (l *lab) playRTSP(ctx context.Context, way string) (w *watched, before float64, err error) {
	clip, err := l.clip(ctx, normalClip)
	if err != nil {
		return nil, 0, err
	}
	_, address, err := freeAddress()
	if err != nil {
		return nil, 0, err
	}
	s, err := l.startWeir(ctx, serverCore, "WEIR_RTSP_LISTEN="+address, "WEIR_RTSP_UDP_LISTEN=127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	defer s.kill()
	source, err := l.broadcast(ctx, s, publishing{url: s.url("s"), n: 1, clip: clip})
	if err != nil {
		return nil, 0, err
	}
	defer source.kill()
	if before, err = s.memory(); err != nil {
		return nil, 0, err
	}
	url := "rtsp://" + address + "/live/s"
	if way == "rtmp" {
		url = s.url("s")
	}
	w, err = l.play(ctx, s, playing{
		url: url, udp: way == "udp", n: rtspCrowd, streams: 1, perSecond: rampPerSecond, verify: 4, tick: l.ticks()[0], window: l.window,
	})
	return w, before, err
}
