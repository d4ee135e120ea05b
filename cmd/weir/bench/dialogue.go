package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/auth"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/conn"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/headers"
	"github.com/bluenviron/gortsplib/v4/pkg/sdp"

	"github.com/weirmedia/weir/protocols/rtsp"
)

// dialogue is one connection of RTSP, on which an answer follows each request. It
// begins a session without the goroutines, queues and timers of a whole client,
// and follows no redirections. It is for one goroutine at a time.
type dialogue struct {
	url     *base.URL
	control *base.URL // of the whole stream
	conn    net.Conn
	rtsp    *conn.Conn
	sender  *auth.Sender // nil until the server asks for credentials
	session string
	cseq    int
}

// The ports of RTSP and RTSPS.
const (
	rtspPort  = "554"
	rtspsPort = "322"
)

// openDialogue connects to the server.
func openDialogue(ctx context.Context, rawURL string) (*dialogue, error) {
	u, err := base.ParseURL(rawURL)
	if err != nil {
		return nil, errors.New("the URL cannot be read") // err may repeat credentials
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"rtsp": rtspPort, "rtsps": rtspsPort}[u.Scheme]
	}
	address := net.JoinHostPort(u.Hostname(), port)
	var nc net.Conn
	if u.Scheme == "rtsps" {
		nc, err = (&tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12}}).DialContext(ctx, "tcp", address)
	} else {
		nc, err = (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
	if err != nil {
		return nil, err
	}
	return &dialogue{url: u, control: u, conn: nc, rtsp: conn.NewConn(nc)}, nil
}

// request makes a request of the session.
func (d *dialogue) request(method base.Method, u *base.URL, header base.Header) *base.Request {
	d.cseq++
	r := &base.Request{Method: method, URL: u, Header: base.Header{
		"CSeq": {strconv.Itoa(d.cseq)}, "User-Agent": {"weir-bench"},
	}}
	for key, value := range header {
		r.Header[key] = value
	}
	if d.session != "" {
		r.Header["Session"] = base.HeaderValue{d.session}
	}
	if d.sender != nil {
		d.sender.AddAuthorization(r)
	}
	return r
}

// ask sends a request and returns the answer. One that is not 200 is a
// *rtsp.StatusError.
func (d *dialogue) ask(method base.Method, u *base.URL, header base.Header) (*base.Response, error) {
	if err := d.rtsp.WriteRequest(d.request(method, u, header)); err != nil {
		return nil, err
	}
	res, err := d.answer()
	if err != nil {
		return nil, err
	}
	if res.StatusCode == base.StatusUnauthorized && d.sender == nil && d.url.User != nil {
		password, _ := d.url.User.Password()
		d.sender = &auth.Sender{WWWAuth: res.Header["WWW-Authenticate"], User: d.url.User.Username(), Pass: password}
		if err := d.sender.Initialize(); err != nil {
			return nil, err
		}
		return d.ask(method, u, header)
	}
	if res.StatusCode != base.StatusOK {
		return nil, &rtsp.StatusError{Status: int(res.StatusCode), Message: res.StatusMessage}
	}
	return res, nil
}

// answer reads on until an answer.
func (d *dialogue) answer() (*base.Response, error) {
	for {
		what, err := d.rtsp.Read()
		if err != nil {
			return nil, err
		}
		if res, ok := what.(*base.Response); ok {
			return res, nil
		}
	}
}

// describe returns the media of the stream.
func (d *dialogue) describe() ([]*description.Media, error) {
	res, err := d.ask(base.Describe, d.url, base.Header{"Accept": {"application/sdp"}})
	if err != nil {
		return nil, err
	}
	if at := res.Header["Content-Base"]; len(at) == 1 {
		if u, err := base.ParseURL(at[0]); err == nil {
			d.control = u
		}
	}
	var raw sdp.SessionDescription
	var session description.Session
	if err := raw.Unmarshal(res.Body); err != nil {
		return nil, fmt.Errorf("the description: %w", err)
	}
	if err := session.Unmarshal(&raw); err != nil {
		return nil, fmt.Errorf("the description: %w", err)
	}
	return session.Medias, nil
}

// setUp sets a medium up, and returns what the server says of the transport.
func (d *dialogue) setUp(m *description.Media, wanted headers.Transport) (given headers.Transport, err error) {
	u, err := m.URL(d.control)
	if err != nil {
		return given, err
	}
	unicast := headers.TransportDeliveryUnicast
	wanted.Delivery = &unicast
	res, err := d.ask(base.Setup, u, base.Header{"Transport": wanted.Marshal()})
	if err != nil {
		return given, err
	}
	var s headers.Session
	if err := s.Unmarshal(res.Header["Session"]); err != nil {
		return given, err
	}
	d.session = s.Session
	return given, given.Unmarshal(res.Header["Transport"])
}

func (d *dialogue) play() error {
	_, err := d.ask(base.Play, d.control, base.Header{"Range": {"npt=0.000-"}})
	return err
}

// signOfLife returns a request that keeps the session.
func (d *dialogue) signOfLife() []byte {
	b, err := d.request(base.Options, d.control, nil).Marshal()
	if err != nil {
		return nil
	}
	return b
}

// tearDown ends the session; nobody waits for the answer.
func (d *dialogue) tearDown() {
	_ = d.conn.SetDeadline(time.Now().Add(heartbeatPatience))
	_ = d.rtsp.WriteRequest(d.request(base.Teardown, d.control, nil)) // if it fails, there is no session
}
