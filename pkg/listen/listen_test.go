package listen_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/weirmedia/weir/pkg/listen"
)

func tcp(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := listen.TCP("http.listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestPortInUse(t *testing.T) {
	address := tcp(t).Addr().String()
	_, err := listen.TCP("http.listen", address)
	want := "http.listen: " + address + " is in use by another program; set http.listen (or WEIR_HTTP_LISTEN) to another address"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	var e *listen.Error
	if !errors.As(err, &e) || e.Key != "http.listen" || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("error %#v", err)
	}
}

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		name, address string
		err           error
		want          string
	}{
		{"any address", ":1935", syscall.EADDRINUSE, "rtmp.listen: port 1935 is in use by another program; set rtmp.listen (or WEIR_RTMP_LISTEN) to another address"},
		{"low port", "127.0.0.1:80", syscall.EACCES, "rtmp.listen: no permission to listen on 127.0.0.1:80; set rtmp.listen (or WEIR_RTMP_LISTEN) to another address"},
		{"foreign address", "192.0.2.1:80", syscall.EADDRNOTAVAIL, "rtmp.listen: 192.0.2.1:80 is not an address of this machine; set rtmp.listen (or WEIR_RTMP_LISTEN) to another address"},
		{"anything else", "x:80", errors.New("no such host"), "rtmp.listen: cannot listen on x:80: no such host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := &listen.Error{Key: "rtmp.listen", Address: c.address, Err: c.err}
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}

func TestBadAddress(t *testing.T) {
	if _, err := listen.TCP("http.listen", "127.0.0.1:99999"); err == nil || !strings.HasPrefix(err.Error(), "http.listen: ") {
		t.Error(err)
	}
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestLimit(t *testing.T) {
	refused := make(chan net.Addr, 1)
	l := listen.Limit(tcp(t), 2, func(a net.Addr) { refused <- a })
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()

	dial(t, l)
	first := <-accepted
	dial(t, l)
	second := <-accepted
	if l.Open() != 2 {
		t.Errorf("%d are open", l.Open())
	}
	// The reset may come before Dial returns.
	if third, err := net.Dial("tcp", l.Addr().String()); err == nil {
		if _, err := third.Read(make([]byte, 1)); err == nil {
			t.Error("the refused connection is open")
		}
		third.Close()
	}
	if a := <-refused; !strings.HasPrefix(a.String(), "127.0.0.1:") {
		t.Errorf("refused %v", a)
	}

	if _, ok := first.(syscall.Conn); !ok {
		t.Error("the raw connection is out of reach")
	}
	var closers sync.WaitGroup
	for range 4 { // closing more than once counts once
		closers.Go(func() { first.Close() })
	}
	closers.Wait()
	if l.Open() != 1 {
		t.Errorf("%d are open after one closed", l.Open())
	}
	fourth := dial(t, l)
	third2 := <-accepted
	if _, err := third2.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(fourth, make([]byte, 1)); err != nil {
		t.Errorf("a connection after one closed: %v", err)
	}
	second.Close()
	third2.Close()
	if l.Open() != 0 {
		t.Errorf("%d are open after all closed", l.Open())
	}
	l.Close()
	for range accepted {
		t.Error("accepted after Close")
	}
}

func TestNoLimit(t *testing.T) {
	l := listen.Limit(tcp(t), 0, nil)
	for range 5 {
		dial(t, l)
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if l.Open() != 5 {
		t.Errorf("%d are open", l.Open())
	}
}
