package hls

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/protocols/hls/segment"
)

// TestStall: a client that stops in the middle of a segment is cut off, and
// holds nothing for longer.
func TestStall(t *testing.T) {
	c := defaults()
	c.StallTimeout = seconds(1)
	r := newRig(t, options{config: c})
	s := r.publish(50)
	s.size = 400 << 10 // segments of 20 MB, more than sockets hold
	r.warm(s, segment.FMP4)
	s.play(110)
	l := r.playlist(r.open(""))
	nc, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprintf(nc, "GET /live/test/~hls/%s HTTP/1.1\r\nHost: x\r\n\r\n", l.Segments[0].URI)
	response, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.CopyN(io.Discard, response.Body, 1000); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the answer to be cut", func() bool { return r.count("weir_hls_answers_cut_total") == 1 })
	_ = nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := io.Copy(io.Discard, response.Body); err == nil || n >= response.ContentLength {
		t.Errorf("%d of %d bytes: %v", n, response.ContentLength, err)
	}
}

// count returns a counter without labels.
func (r *rig) count(name string) float64 {
	families, err := r.host.Metrics.(*prometheus.Registry).Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return 0
}
