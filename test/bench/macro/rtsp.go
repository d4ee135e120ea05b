package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
)

const rtspCrowd = 500

// rtspPlayers measures players by RTMP, by RTSP inside the connection and by UDP,
// each of them of a server of its own.
func rtspPlayers(ctx context.Context, l *lab) ([]row, error) {
	var rows []row
	var reference float64
	for _, way := range []string{"rtmp", "tcp", "udp"} {
		c, err := l.playRTSP(ctx, way)
		if err != nil {
			return rows, err
		}
		rows = append(rows, c.rows(way+": ")...)
		if way == "rtmp" {
			reference = c.CPU
			continue
		}
		rows = append(rows, told(way+": RTP packets for each player", c.Packets/rtspCrowd, "/s"),
			told(way+": gaps in sequence numbers", float64(c.Gaps), ""),
			against(way+": CPU against RTMP", c.CPU, reference, "RTMP", "%", bound(0)))
	}
	return rows, nil
}

// rtspLoad is what players of one way were.
type rtspLoad struct {
	rtspReport
	before float64 // resident bytes of the server without players
}

func (c rtspLoad) rows(prefix string) []row {
	rows := []row{
		told(prefix+"CPU", c.CPU, "%"),
		told(prefix+"CPU for each player", 10*c.CPU/rtspCrowd, "ms/s"),
		told(prefix+"memory for each player", (c.Memory-c.before)/rtspCrowd/1000, "KB"),
		told(prefix+"received", c.Rate*8/1e6, "Mbit/s"),
		none(prefix+"players that failed", c.Failed),
	}
	for i := range rows {
		rows[i] = rows[i].with(c.remarks())
	}
	return rows
}

// playRTSP plays a stream that is published by RTMP, in one of the ways.
func (l *lab) playRTSP(ctx context.Context, way string) (c rtspLoad, err error) {
	clip, err := l.clip(ctx, normalClip)
	if err != nil {
		return c, err
	}
	_, address, err := freeAddress()
	if err != nil {
		return c, err
	}
	s, err := l.startWeir(ctx, serverCore, "WEIR_RTSP_LISTEN="+address, "WEIR_RTSP_UDP_LISTEN=127.0.0.1:0")
	if err != nil {
		return c, err
	}
	defer s.kill()
	source, err := l.broadcast(ctx, s, publishing{url: s.url("s"), n: 1, clip: clip})
	if err != nil {
		return c, err
	}
	defer source.kill()
	if c.before, err = s.memory(); err != nil {
		return c, err
	}
	if way == "rtmp" {
		w, err := l.play(ctx, s, playing{
			url: s.url("s"), n: rtspCrowd, streams: 1, perSecond: rampPerSecond, tick: l.ticks()[0], window: l.window,
		})
		if err != nil {
			return c, err
		}
		c.rtspReport = rtspReport{
			Failed: w.Lost, Rate: w.Rate, observed: observed{CPU: w.CPU, Load: w.load, Memory: w.memory},
		}
		return c, nil
	}
	program, err := os.Executable()
	if err != nil {
		return c, err
	}
	clients, err := l.start(loadCore, l.dir, environment(), program, rtspCommand, "-url", "rtsp://"+address+"/live/s",
		"-udp="+strconv.FormatBool(way == "udp"), "-n", strconv.Itoa(rtspCrowd), "-pid", strconv.Itoa(s.pid()), "-window", l.window.String())
	if err != nil {
		return c, err
	}
	out, err := clients.wait(ctx)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(out, &c.rtspReport); err != nil {
		return c, fmt.Errorf("report of the RTSP players: %w", err)
	}
	if c.Failed > 0 {
		fmt.Fprintf(l.messages, "the first of %d failures: %s\n", c.Failed, c.Why)
	}
	return c, nil
}
