package webrtc

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pion/sdp/v3"

	"github.com/weirmedia/weir/pkg/streamname"
)

// browserOffer is the beginning of what Chromium offers.
const browserOffer = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 45\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=mid:0\r\n" +
	"a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\na=sendonly\r\na=rtcp-mux\r\n" +
	"a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n" +
	"a=rtpmap:102 H264/90000\r\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n" +
	"a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\na=rtpmap:45 AV1/90000\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\n"

// FuzzOffer: of whatever a client offers, what is chosen can be received. It
// is still the same offer without the candidates that are too many.
func FuzzOffer(f *testing.F) {
	f.Add(browserOffer)
	f.Add(strings.Replace(browserOffer, "a=mid:0\r\n", "a=mid:0\r\n"+strings.Repeat("a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", maxCandidates+1), 1))
	f.Fuzz(func(t *testing.T, text string) {
		o, err := parseOffer(text)
		if err != nil {
			return
		}
		if again, err := parseOffer(o.text); err != nil || again.text != o.text || len(again.medias) != len(o.medias) {
			t.Fatalf("%q is %d sections, after that %+v, %v", o.text, len(o.medias), again, err)
		}
		p := &publishing{}
		_, leftOut, err := p.take(o)
		if err != nil {
			return
		}
		if len(leftOut)+len(p.inlets) > len(o.medias) {
			t.Fatalf("%d of %d tracks are left out, %d are not", len(leftOut), len(o.medias), len(p.inlets))
		}
		for _, omission := range leftOut {
			if len(omission.Codec) > maxNamed*(maxName+2) || !utf8.ValidString(omission.Codec) || omission.Why == "" {
				t.Fatalf("left out: %+v", omission)
			}
		}
		if len(p.inlets) == 0 || len(p.inlets) > maxMedias {
			t.Fatalf("%d tracks", len(p.inlets))
		}
		for _, in := range p.inlets {
			if in.demuxer.Codec() != in.codec.Codec {
				t.Fatalf("%s as %s", in.codec.Codec, in.demuxer.Codec())
			}
		}
	})
}

// FuzzFragment: what is taken from a fragment fits into an offer and an answer.
func FuzzFragment(f *testing.F) {
	f.Add("a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		fragment, err := parseFragment(text)
		if err != nil {
			return
		}
		var d sdp.SessionDescription
		if err := d.UnmarshalString(browserOffer); err != nil {
			t.Fatal(err)
		}
		renew(&d, fragment)
		out, err := d.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var again sdp.SessionDescription
		if err := again.Unmarshal(out); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		for _, c := range fragment.candidates {
			if words := inWords(c.Candidate); words == "" || len(words) > maxWords {
				t.Fatalf("%q in words: %q", c.Candidate, words)
			}
		}
		if fragment.ufrag != "" && credential(&again, attrUfrag) != fragment.ufrag {
			t.Fatalf("the name %q became %q", fragment.ufrag, credential(&again, attrUfrag))
		}
	})
}

// configured returns a server that has a configuration and nothing else.
func configured(c *Config) *Server {
	s := &Server{config: c}
	s.live.Store(c)
	return s
}

// FuzzRequest: whatever stands in a request, an answer's candidates make sense, and
// so does the name of a stream.
func FuzzRequest(f *testing.F) {
	f.Add("127.0.0.1:8080", "application/sdp", "webrtc://weir:8080/live/test?token=abc")
	f.Add("[fe80::1%eth0]:80", "application/sdp; charset=utf-8", "webrtc://weir/live%2Ftest/")
	f.Add("weir.example", "text/plain", "http://weir/live/test")
	s := configured(&Config{TCP: true, Hosts: []string{"192.0.2.10"}})
	var err error
	if s.udp, err = net.ListenUDP("udp", nil); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.udp.Close() })
	f.Fuzz(func(t *testing.T, host, contentType, streamURL string) {
		r := &http.Request{
			Host: host, URL: &url.URL{}, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(browserOffer)),
		}
		lines, err := s.candidates(reached(r))
		if err != nil || len(lines) < 2 {
			t.Fatalf("%q: %q, %v", host, lines, err)
		}
		for _, line := range lines {
			if inWords(line) == "?" {
				t.Fatalf("%q: %q is no candidate", host, line)
			}
		}
		if text, err := readBody(httptest.NewRecorder(), r, typeSDP); (err == nil) != (text == browserOffer) {
			t.Fatalf("%q: %v", contentType, err)
		}
		if name, err := useStreamURL(r, streamURL); err == nil {
			if again, err := streamname.Parse(name); err != nil || again != name {
				t.Fatalf("%q names %q: %v", streamURL, name, err)
			}
		}
	})
}

// The codecs of a browser are known, with their retransmissions.
func TestParseOffer(t *testing.T) {
	o, err := parseOffer(browserOffer)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.medias) != 2 || len(o.medias[0].codecs) != 3 || o.medias[0].receives || !o.medias[0].sends || len(o.medias[0].extensions) != 1 {
		t.Fatalf("%+v", o.medias[0])
	}
	c := o.medias[0].first(videoCodecs()...)
	if c == nil || c.params.PayloadType != 102 || c.rtx == nil || c.rtx.PayloadType != 103 {
		t.Errorf("chosen: %+v", c)
	}
	if c := o.medias[1].first(audioCodecs()...); c == nil || c.params.PayloadType != 111 || c.params.Channels != 2 {
		t.Errorf("chosen: %+v", c)
	}
}

// The address that the client used comes first; all others are there once.
func TestAddresses(t *testing.T) {
	s := configured(&Config{Listen: "0.0.0.0:0", Hosts: []string{"192.0.2.10", "192.0.2.11"}})
	if _, err := s.openSockets(); err != nil {
		t.Fatal(err)
	}
	defer s.udp.Close()
	lines, err := s.candidates(netip.MustParseAddrPort("192.0.2.11:8080"))
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 2 || !strings.Contains(lines[0], " 192.0.2.11 ") || !strings.Contains(lines[1], " 192.0.2.10 ") || !strings.Contains(lines[0], " udp ") {
		t.Errorf("%q", lines)
	}
	s.config.TCP = true
	if lines, err = s.candidates(netip.AddrPort{}); err != nil || len(lines) != 4 || !strings.Contains(lines[1], "tcptype passive") {
		t.Errorf("%q %v", lines, err)
	}
}
