package main

import (
	"net"
	"testing"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/conn"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/relay"
)

// camera is what a camera says of itself that has sound of no use, and metadata.
const camera = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\n" +
	"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n" +
	"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 L16/44100/1\r\na=control:trackID=1\r\n" +
	"m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:trackID=2\r\n"

// serveCamera answers one client of l.
func serveCamera(l net.Listener) {
	nc, err := l.Accept()
	if err != nil {
		return
	}
	defer nc.Close()
	c := conn.NewConn(nc)
	for {
		req, err := c.ReadRequest()
		if err != nil {
			return
		}
		res := &base.Response{StatusCode: base.StatusOK, Header: base.Header{"CSeq": req.Header["CSeq"]}}
		switch req.Method {
		case base.Describe:
			res.Header["Content-Type"], res.Body = base.HeaderValue{"application/sdp"}, []byte(camera)
		case base.Setup:
			res.Header["Session"], res.Header["Transport"] = base.HeaderValue{"1"}, base.HeaderValue{"RTP/AVP/TCP;unicast;interleaved=0-1"}
		}
		if c.WriteResponse(res) != nil {
			return
		}
	}
}

// TestCameraWithoutSound: the sound of a camera that cannot be used is told, its
// metadata is not.
func TestCameraWithoutSound(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	served := make(chan struct{})
	go func() { defer close(served); serveCamera(l) }()
	defer func() { l.Close(); <-served }()
	source, err := rtspSource{}.Open(t.Context(), "rtsp://"+l.Addr().String()+"/main", relay.Options{Timeout: patience, Transport: relay.TCP})
	must(t, err)
	defer source.Close()
	part, err := source.Read()
	must(t, err)
	if !part.Hinted[av.Video] || part.Hinted[av.Audio] || len(part.LeftOut) != 1 || part.LeftOut[0].Kind != av.Audio || part.LeftOut[0].Codec != "LPCM" || part.LeftOut[0].Why == "" {
		t.Errorf("%+v", part)
	}
}
