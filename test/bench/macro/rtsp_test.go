package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
)

// A player asks for all tracks, and counts what is missing between the packets of
// each.
func TestRTSPPlayerCounts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan string, 10)
	go func() {
		defer close(asked)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		text := textproto.NewReader(bufio.NewReader(conn))
		for _, answer := range []string{"Content-Length: 16\r\n\r\nm=video\r\nm=audio", "Session: 7;timeout=60\r\n\r\n", "\r\n", "\r\n"} {
			line, err := text.ReadLine()
			if err != nil {
				return
			}
			header, err := text.ReadMIMEHeader()
			if err != nil {
				return
			}
			asked <- strings.Fields(line)[0] + " " + header.Get("Session")
			_, _ = io.WriteString(conn, "RTSP/1.0 200 OK\r\n"+answer) // the player tells what is missing
		}
		packet := func(channel, number byte) string {
			return string([]byte{'$', channel, 0, 13, 0x80, 96, 0, number, 0, 0, 0, 0, 0, 0, 0, 0, 1})
		}
		_, _ = io.WriteString(conn, packet(0, 1)+packet(2, 9)+"$\x01\x00\x01x"+packet(0, 2)+packet(0, 4)+packet(2, 10)) // as before
	}()
	where, err := url.Parse("rtsp://" + l.Addr().String() + "/live/s")
	if err != nil {
		t.Fatal(err)
	}
	p := rtspPlayer{url: where, notes: &rtspNotes{}}
	if err := p.play(t.Context()); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	var requests []string
	for r := range asked {
		requests = append(requests, r)
	}
	if got := strings.Join(requests, ","); got != "DESCRIBE ,SETUP ,SETUP 7,PLAY 7" {
		t.Errorf("asked for %s", got)
	}
	if n, bytes, gaps := p.notes.packets.Load(), p.notes.bytes.Load(), p.notes.gaps.Load(); n != 5 || bytes != 5*13 || gaps != 1 {
		t.Errorf("%d packets, %d bytes, %d gaps", n, bytes, gaps)
	}
}
