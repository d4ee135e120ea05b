package handshake

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/weirmedia/weir/pkg/reason"
)

// conn reads what a peer has sent and keeps what is written to it.
type conn struct {
	in  io.Reader
	out bytes.Buffer
}

func (c *conn) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.out.Write(p) }

// packet is a C1 or S1 whose bytes differ along the way.
func packet(seed byte) []byte {
	p := make([]byte, packetSize)
	for i := range p {
		p[i] = byte(i*7) + byte(i>>8) + seed
	}
	return p
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestServer(t *testing.T) {
	c1 := packet(1)
	tests := []struct {
		name string
		c2   []byte
	}{
		{"random C2", packet(2)},
		{"C2 of zeros", make([]byte, packetSize)},
		{"C2 that repeats C1", c1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rest := "\x03the first chunk"
			in := bytes.NewReader(join([]byte{3}, c1, tt.c2, []byte(rest)))
			c := &conn{in: iotest.HalfReader(in)}
			if err := Server(c); err != nil {
				t.Fatal(err)
			}
			out := c.out.Bytes()
			if len(out) != 1+2*packetSize || out[0] != 3 {
				t.Fatalf("wrote %d bytes that begin with %x", len(out), out[:1])
			}
			if !bytes.Equal(out[1:9], make([]byte, 8)) {
				t.Errorf("time and zero of S1: %x", out[1:9])
			}
			if !bytes.Equal(out[1+packetSize:], c1) {
				t.Error("S2 is no echo of C1")
			}
			if left, _ := io.ReadAll(in); string(left) != rest {
				t.Errorf("left %q, want %q", left, rest)
			}
		})
	}
}

func TestClient(t *testing.T) {
	s1, rest := packet(1), "\x02the first chunk"
	in := bytes.NewReader(join([]byte{3}, s1, packet(2), []byte(rest)))
	c := &conn{in: iotest.HalfReader(in)}
	if err := Client(c); err != nil {
		t.Fatal(err)
	}
	out := c.out.Bytes()
	if len(out) != 1+2*packetSize || out[0] != 3 || !bytes.Equal(out[1:9], make([]byte, 8)) {
		t.Fatalf("wrote %d bytes that begin with %x", len(out), out[:9])
	}
	if !bytes.Equal(out[1+packetSize:], s1) {
		t.Error("C2 is no echo of S1")
	}
	if left, _ := io.ReadAll(in); string(left) != rest {
		t.Errorf("left %q, want %q", left, rest)
	}
}

func TestRandomBytesDiffer(t *testing.T) {
	first, second := make([]byte, 1+packetSize), make([]byte, 1+packetSize)
	fillHello(first)
	fillHello(second)
	if bytes.Equal(first, second) {
		t.Error("two packets have the same random bytes")
	}
}

func TestClientWithServer(t *testing.T) {
	// A pipe has no buffer: a side that writes while the other does would hang.
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close(); server.Close() })
	done := make(chan error, 1)
	go func() { done <- Server(server) }()
	if err := Client(client); err != nil {
		t.Errorf("client: %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("server: %v", err)
	}
}

var sides = map[string]func(io.ReadWriter) error{"server": Server, "client": Client, "client with digest": digestClient}

func TestForeignProtocols(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"HTTP request", "GET / HTTP/1.1\r\n\r\n", "0x47, not version 3: the peer speaks HTTP"},
		{"HTTP post", "P", "0x50, not version 3: the peer speaks HTTP"},
		{"HTTP response", "HTTP/1.1 400 Bad Request\r\n\r\n", "the peer speaks HTTP"},
		{"TLS hello", "\x16\x03\x01", "speaks TLS"},
		{"TLS alert", "\x15\x03\x01", "speaks TLS"},
		{"RTMPE", "\x06", "RTMPE"},
		{"version 2", "\x02", "unknown version of RTMP"},
		{"noise", "\xff", "this is no RTMP"},
	}
	for _, tt := range tests {
		for side, f := range sides {
			t.Run(tt.name+" to "+side, func(t *testing.T) {
				err := f(&conn{in: strings.NewReader(tt.in)})
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				if got := reason.Of(err, ""); got != reason.BadHandshake {
					t.Errorf("reason %q", got)
				}
			})
		}
	}
}

func TestEndOfInput(t *testing.T) {
	whole := join([]byte{3}, packet(1), packet(2))
	for side, f := range sides {
		for _, n := range []int{0, 1, 2, packetSize, packetSize + 1, 2 * packetSize} {
			err := f(&conn{in: bytes.NewReader(whole[:n])})
			want := io.ErrUnexpectedEOF
			if n == 0 {
				want = io.EOF
			}
			if !errors.Is(err, want) {
				t.Errorf("%s, after %d bytes: got %v, want %v", side, n, err, want)
			}
		}
	}
}

// brokenWriter fails at write number n, counted from 0.
type brokenWriter struct {
	io.Reader
	n int
}

var errBroken = errors.New("broken")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.n == 0 {
		return 0, errBroken
	}
	w.n--
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	tests := []struct {
		name string
		side func(io.ReadWriter) error
		n    int
	}{
		{"S0 to S2", Server, 0},
		{"C0 and C1", Client, 0},
		{"C2", Client, 1},
		{"C0 and C1", digestClient, 0},
		{"C2", digestClient, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := bytes.NewReader(join([]byte{3}, packet(1), packet(2)))
			err := tt.side(&brokenWriter{Reader: in, n: tt.n})
			if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), tt.name) {
				t.Errorf("got %v, want %v when writing %s", err, errBroken, tt.name)
			}
		})
	}
}

// FuzzServer checks that the server succeeds with exactly those clients that
// send the version and two packets, whatever is in them, that it reads no more
// than that, and that it answers a digest in kind, all else by an echo.
func FuzzServer(f *testing.F) { fuzz(f, Server, checkAnswer) }

func checkAnswer(t *testing.T, in, out []byte) {
	c1, s1, s2 := in[1:1+packetSize], out[1:1+packetSize], out[1+packetSize:]
	scheme, d, ok := findDigest(c1, player)
	if !ok {
		if !bytes.Equal(s2, c1) {
			t.Fatal("S2 is no echo of C1")
		}
		return
	}
	if s, _, ok := findDigest(s1, server); !ok || s != scheme || !isAnswer(s2, server, d) {
		t.Fatalf("a digest in scheme %d is answered by %t, %d", scheme, ok, s)
	}
}

// FuzzClient checks the same of the client, which echoes S1.
func FuzzClient(f *testing.F) {
	fuzz(f, Client, func(t *testing.T, in, out []byte) {
		if !bytes.Equal(out[1+packetSize:], in[1:1+packetSize]) {
			t.Fatal("C2 is no echo of S1")
		}
	})
}

func fuzz(f *testing.F, side func(io.ReadWriter) error, check func(t *testing.T, in, out []byte)) {
	const size = 1 + 2*packetSize
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		c := &conn{in: r}
		err := side(c)
		if good := len(in) >= size && in[0] == version; good != (err == nil) {
			t.Fatalf("%d bytes: %v", len(in), err)
		}
		if err == nil {
			if r.Len() != len(in)-size || c.out.Len() != size {
				t.Fatalf("left %d of %d bytes, wrote %d", r.Len(), len(in), c.out.Len())
			}
			check(t, in, c.out.Bytes())
		}
		if len(in) > 0 && in[0] != version && r.Len() != len(in)-1 {
			t.Fatalf("read on after version %d", in[0])
		}
	})
}
