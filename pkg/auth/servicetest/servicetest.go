// Package servicetest has services that behave badly, for tests of those who ask an
// operator's service or tell it something.
package servicetest

import (
	"bufio"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Bad is a service that gives no usable answer.
type Bad struct {
	Name, URL string
	// Status is that of the answer; 0 if there is none, so that nobody can know
	// what became of the request.
	Status int
}

// All starts a service for each way to behave badly. They end with the test.
func All(t testing.TB) []Bad {
	t.Helper()
	over := make(chan struct{})
	all := []Bad{
		{"nobody listens", "http://" + closedPort(t), 0},
		{"TLS that nobody trusts", untrusted(t), 0},
	}
	all = append(all, Bad{"no TLS", "https://" + listen(t, answer("HTTP/1.1 400 Bad Request\r\n\r\n")), 0})
	for _, s := range []struct {
		name   string
		status int
		speak  func(c net.Conn)
	}{
		{"never reads", 0, func(net.Conn) { <-over }},
		{"never answers", 0, func(c net.Conn) { readRequest(c); waitForEnd(c) }},
		{"hangs up", 0, func(net.Conn) {}},
		{"hangs up after the request", 0, func(c net.Conn) { readRequest(c) }},
		{"resets", 0, func(c net.Conn) { readRequest(c); _ = c.(*net.TCPConn).SetLinger(0) }},
		{"another protocol", 0, answer("SSH-2.0-OpenSSH_9.9\r\n")},
		{"noise", 0, answer("\x16\x03\x01\x00\xff\x00\x80" + strings.Repeat("\x00\xff", 200))},
		{"a status that is none", 0, answer("HTTP/1.1 2xx fine\r\n\r\n")},
		{"half a header", 0, answer("HTTP/1.1 200 OK\r\nContent-Le")},
		{"a length below 0", 0, answer("HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n")},
		{"two lengths", 0, answer("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nfour")},
		{"a switch of protocols", 101, answer("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")},
		{"endless status line", 0, repeat("HTTP/1.1 200 ", "fine ")},
		{"endless header", 0, repeat("HTTP/1.1 200 OK\r\n", "X-More: and more\r\n")},
		{"endless announcements", 0, repeat("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")},
		{"byte by byte", 0, func(c net.Conn) { readRequest(c); drip(c, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X: y\r\n", 1000)) }},
		{"endless body", 200, repeat("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("{", 1000))},
		{"endless chunks", 200, repeat("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\n{\"a\":\r\n")},
		{"broken chunks", 200, answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n")},
		{"half a body", 200, answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"allow\": true")},
		{"a body that does not come", 200, func(c net.Conn) {
			readRequest(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
			waitForEnd(c)
		}},
		{"a page", 200, answer("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")},
		{"an error", 500, answer("HTTP/1.1 500 Sorry\r\nContent-Length: 15\r\n\r\n{\"allow\": true}")},
		{"a redirection to itself", 307, answer("HTTP/1.1 307 Again\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")},
		{"a redirection elsewhere", 302, answer("HTTP/1.1 302 There\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")},
	} {
		all = append(all, Bad{s.name, "http://" + listen(t, s.speak), s.status})
	}
	t.Cleanup(func() { close(over) }) // before those of listen
	return all
}

// listen returns the address of a port on which speak treats each connection.
func listen(t testing.TB, speak func(c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			running.Go(func() {
				speak(c)
				mu.Lock()
				delete(open, c)
				mu.Unlock()
				_ = c.Close() // whoever asked may have closed it
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return l.Addr().String()
}

func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func untrusted(t testing.TB) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// readRequest reads a request with its body.
func readRequest(c net.Conn) {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err == nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

// waitForEnd returns when whoever asked is gone.
func waitForEnd(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// answer says text to each request.
func answer(text string) func(net.Conn) {
	return func(c net.Conn) {
		readRequest(c)
		_, _ = io.WriteString(c, text)
	}
}

// repeat says start and then the same again and again.
func repeat(start, text string) func(net.Conn) {
	return func(c net.Conn) {
		readRequest(c)
		_, err := io.WriteString(c, start)
		for err == nil {
			_, err = io.WriteString(c, text)
		}
	}
}

// drip says text slowly.
func drip(c net.Conn, text string) {
	for i := range len(text) {
		if _, err := io.WriteString(c, text[i:i+1]); err != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
