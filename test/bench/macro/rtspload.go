package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// rtspCommand makes this program the load of the RTSP scenario.
const rtspCommand = "rtsp-clients"

// rtspReport is what RTSP players found in their window.
type rtspReport struct {
	Failed  int
	Why     string  // the first failure
	Packets float64 // per second, of all players
	Rate    float64 // bytes of RTP per second, of all players
	Gaps    int     // packets that did not follow the one before
	observed
}

// rtspNotes are taken by all players.
type rtspNotes struct{ packets, bytes, gaps atomic.Int64 }

// runRTSPClients plays a stream with many players and prints a report of a
// window.
func runRTSPClients(ctx context.Context, args []string, out, messages io.Writer) error {
	flags := flag.NewFlagSet(rtspCommand, flag.ContinueOnError)
	flags.SetOutput(messages)
	address := flags.String("url", "", "`stream`")
	udp := flags.Bool("udp", false, "media by UDP")
	n := flags.Int("n", 1, "how `many`")
	pid := flags.Int("pid", 0, "process `id` of the server")
	window := flags.Duration("window", 10*time.Second, "how long it is `measured`")
	warm := flags.Duration("warm", 3*time.Second, "how `long` before that the last player begins")
	if err := flags.Parse(args); err != nil {
		return err
	}
	where, err := url.Parse(*address)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	notes := &rtspNotes{}
	var crowd players
	if err := crowd.start(ctx, *n, func(ctx context.Context) error {
		p := rtspPlayer{url: where, udp: *udp, notes: notes}
		return p.play(ctx)
	}); err != nil {
		return err
	}
	if err := sleep(ctx, *warm); err != nil {
		return err
	}
	packets, bytes, gaps := notes.packets.Load(), notes.bytes.Load(), notes.gaps.Load()
	seen, err := observe(ctx, *pid, *window)
	if err != nil {
		return err
	}
	r := rtspReport{
		Packets: float64(notes.packets.Load()-packets) / seen.Seconds, Rate: float64(notes.bytes.Load()-bytes) / seen.Seconds,
		Gaps: int(notes.gaps.Load() - gaps), observed: seen,
	}
	r.Failed, r.Why = crowd.failures()
	cancel()
	crowd.running.Wait()
	return json.NewEncoder(out).Encode(r)
}

// rtspPlayer plays one stream over one connection, and drops what it receives.
type rtspPlayer struct {
	url   *url.URL
	udp   bool
	notes *rtspNotes

	conn    net.Conn
	reader  *bufio.Reader
	session string
	asked   int
}

// play plays all tracks until ctx ends or the server does not go on. By UDP it
// gives no sign of life, so it must be shorter than the server's patience.
func (p *rtspPlayer) play(ctx context.Context) error {
	var err error
	if p.conn, err = net.Dial("tcp", p.url.Host); err != nil {
		return err
	}
	defer p.conn.Close()
	defer context.AfterFunc(ctx, func() { _ = p.conn.Close() })() // ends what is being read
	const readAhead = 16 << 10
	p.reader = bufio.NewReaderSize(p.conn, readAhead)
	sdp, err := p.ask("DESCRIBE", p.url.String(), "Accept: application/sdp")
	if err != nil {
		return err
	}
	var receiving sync.WaitGroup
	defer receiving.Wait()
	for track := range strings.Count(sdp, "m=") {
		transport := fmt.Sprintf("RTP/AVP/TCP;unicast;interleaved=%d-%d", 2*track, 2*track+1)
		if p.udp {
			ports, err := p.receive(ctx, &receiving)
			if err != nil {
				return err
			}
			transport = "RTP/AVP;unicast;client_port=" + ports
		}
		if _, err := p.ask("SETUP", fmt.Sprintf("%s/trackID=%d", p.url, track), "Transport: "+transport); err != nil {
			return err
		}
	}
	if _, err := p.ask("PLAY", p.url.String(), "Range: npt=0-"); err != nil {
		return err
	}
	if p.udp {
		_, err := io.Copy(io.Discard, p.reader) // the server says no more
		return err
	}
	return p.interleaved()
}

// ask sends a request and returns the body of the answer.
func (p *rtspPlayer) ask(method, address string, headers ...string) (string, error) {
	p.asked++
	headers = append(headers, "CSeq: "+strconv.Itoa(p.asked))
	if p.session != "" {
		headers = append(headers, "Session: "+p.session)
	}
	if _, err := fmt.Fprintf(p.conn, "%s %s RTSP/1.0\r\n%s\r\n\r\n", method, address, strings.Join(headers, "\r\n")); err != nil {
		return "", err
	}
	text := textproto.NewReader(p.reader)
	status, err := text.ReadLine()
	if err != nil {
		return "", err
	}
	header, err := text.ReadMIMEHeader()
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(status, "RTSP/1.0 200 ") {
		return "", fmt.Errorf("%s: %s", method, status)
	}
	if id := header.Get("Session"); id != "" {
		p.session, _, _ = strings.Cut(id, ";")
	}
	length, _ := strconv.Atoi(header.Get("Content-Length")) // 0 if there is none
	body := make([]byte, length)
	_, err = io.ReadFull(p.reader, body)
	return string(body), err
}

// interleaved reads packets inside the connection (RFC 2326, 10.12).
func (p *rtspPlayer) interleaved() error {
	const header = 4
	var tracks [256]sequence // by channel
	for {
		b, err := p.reader.Peek(header)
		if err != nil {
			return err
		}
		channel, size := b[1], int(binary.BigEndian.Uint16(b[2:]))
		if b[0] != '$' {
			return fmt.Errorf("byte %#x between packets", b[0])
		}
		if b, err = p.reader.Peek(header + min(size, rtpHeader)); err != nil {
			return err
		}
		if channel%2 == 0 {
			p.note(&tracks[channel], b[header:], size)
		}
		if _, err := p.reader.Discard(header + size); err != nil {
			return err
		}
	}
}

// receive opens the ports of a track, and reads what comes until ctx ends.
func (p *rtspPlayer) receive(ctx context.Context, receiving *sync.WaitGroup) (ports string, err error) {
	var sockets [2]*net.UDPConn // RTP and RTCP, which nobody reads
	for i := range sockets {
		if sockets[i], err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
			return "", err
		}
		context.AfterFunc(ctx, func() { _ = sockets[i].Close() })
	}
	receiving.Go(func() {
		var track sequence
		b := make([]byte, 2048)
		for {
			n, err := sockets[0].Read(b)
			if err != nil {
				return
			}
			p.note(&track, b[:n], n)
		}
	})
	port := func(i int) int { return sockets[i].LocalAddr().(*net.UDPAddr).Port }
	return fmt.Sprintf("%d-%d", port(0), port(1)), nil
}

const rtpHeader = 12

// sequence is the number of the next packet of a track.
type sequence struct {
	began bool
	next  uint16
}

// note takes in the start of a packet of size bytes.
func (p *rtspPlayer) note(s *sequence, b []byte, size int) {
	if len(b) < rtpHeader {
		p.notes.gaps.Add(1)
		return
	}
	n := binary.BigEndian.Uint16(b[2:])
	if s.began && n != s.next {
		p.notes.gaps.Add(1)
	}
	s.began, s.next = true, n+1
	p.notes.packets.Add(1)
	p.notes.bytes.Add(int64(size))
}
