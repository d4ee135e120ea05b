package handshake

import (
	"bytes"
	"encoding/hex"
	"io"
	"net"
	"testing"
)

// signed returns a packet with a digest.
func signed(seed byte, p party, s Scheme) ([]byte, digest) {
	packet := packet(seed)
	return packet, insertDigest(packet, p, s)
}

// TestDigestGolden compares with values that another implementation of HMAC
// has computed for the packet with seed 1.
func TestDigestGolden(t *testing.T) {
	for _, tt := range []struct {
		name   string
		scheme Scheme
		from   party
		at     int
		want   string
	}{
		{"client, scheme 1", Scheme1, player, 282, "fe7e4320d6e6548efe9959bb9000872b8d2748be99035791806a1122a3f6aa85"},
		{"server, scheme 1", Scheme1, server, 282, "d0f3f519f9d3d81f3c6e234f43e80e0632dcc08265d442356617915b4de850af"},
		{"client, scheme 0", Scheme0, player, 946, "ebf361bba30916b01ab034afa5ca7c8a9fc1eb7cbaf7188e0cb6868f1f75d0b0"},
		{"server, scheme 0", Scheme0, server, 946, "98aa8e29d432eaf3ecd8c1cb276ae2d8f68aa9cb9e56c0a3a05a6f460eae47d7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := packet(1)
			at := place(p, tt.scheme)
			d := packetDigest(p, tt.from, at)
			if got := hex.EncodeToString(d[:]); at != tt.at || got != tt.want {
				t.Fatalf("digest %s at byte %d, want %s at %d", got, at, tt.want, tt.at)
			}
			copy(p[at:], d[:])
			if s, found, ok := findDigest(p, tt.from); !ok || s != tt.scheme || found != d {
				t.Errorf("found %x in scheme %d, %t", found, s, ok)
			}
		})
	}
}

func TestAnswerGolden(t *testing.T) {
	for _, tt := range []struct {
		name     string
		from, to party
		want     string
	}{
		{"S2", server, player, "d715ec7906dfb4f20cb5331eb5ef04b467d85505a8238e4f7eb04725952de880"},
		{"C2", player, server, "fd00a8dd94324582b285f4eb1eee61d9896b74073846ff7baf4bd3614098d032"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := packetDigest(packet(1), tt.to, place(packet(1), Scheme1))
			got := answerSignature(packet(2), tt.from, d)
			if hex.EncodeToString(got[:]) != tt.want {
				t.Errorf("got %x, want %s", got, tt.want)
			}
		})
	}
}

func TestFindDigest(t *testing.T) {
	good, _ := signed(1, player, Scheme1)
	changed := bytes.Clone(good)
	changed[packetSize-1]++
	noVersion := packet(1)
	clear(noVersion[4:8])
	at := place(noVersion, Scheme1)
	d := packetDigest(noVersion, player, at)
	copy(noVersion[at:], d[:])
	for _, tt := range []struct {
		name   string
		packet []byte
		from   party
		want   bool
	}{
		{"good", good, player, true},
		{"changed", changed, player, false},
		{"of the other side", good, server, false},
		{"without version", noVersion, player, false},
		{"random", packet(3), player, false},
		{"zeros", make([]byte, packetSize), player, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, ok := findDigest(tt.packet, tt.from); ok != tt.want {
				t.Errorf("found: %t", ok)
			}
		})
	}
}

// TestServerDigest: the server answers in the client's scheme.
func TestServerDigest(t *testing.T) {
	for _, scheme := range []Scheme{Scheme0, Scheme1} {
		c1, d := signed(1, player, scheme)
		c := &conn{in: bytes.NewReader(join([]byte{3}, c1, packet(2)))}
		if err := Server(c); err != nil {
			t.Fatal(err)
		}
		out := c.out.Bytes()
		s, _, ok := findDigest(out[1:1+packetSize], server)
		if !ok || s != scheme || !isAnswer(out[1+packetSize:], server, d) {
			t.Errorf("scheme %d: digest in S1 %t, scheme %d, S2 right: %t", scheme, ok, s, isAnswer(out[1+packetSize:], server, d))
		}
	}
}

// TestClientDigest: the client takes whatever the server answers, and answers
// in kind.
func TestClientDigest(t *testing.T) {
	for _, tt := range []struct {
		name            string
		serve           func(c1 digest, seen []byte) (s1, s2 []byte)
		genuine, signed bool
	}{
		{"digests, same scheme", func(c1 digest, _ []byte) ([]byte, []byte) {
			s1, _ := signed(1, server, Scheme1)
			s2 := packet(2)
			fillAnswer(s2, server, c1)
			return s1, s2
		}, true, true},
		{"digests, other scheme", func(c1 digest, _ []byte) ([]byte, []byte) {
			s1, _ := signed(1, server, Scheme0)
			s2 := packet(2)
			fillAnswer(s2, server, c1)
			return s1, s2
		}, true, true},
		{"digest in S1 only", func(digest, []byte) ([]byte, []byte) {
			s1, _ := signed(1, server, Scheme1)
			return s1, packet(2)
		}, false, true},
		{"simple", func(_ digest, seen []byte) ([]byte, []byte) { return packet(1), seen }, false, false},
		{"zeros", func(digest, []byte) ([]byte, []byte) {
			return make([]byte, packetSize), make([]byte, packetSize)
		}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			near, far := net.Pipe()
			t.Cleanup(func() { near.Close(); far.Close() })
			type outcome struct {
				genuine bool
				err     error
			}
			done := make(chan outcome, 1)
			go func() {
				genuine, err := ClientDigest(near, Scheme1)
				done <- outcome{genuine, err}
				near.Close()
			}()
			hello := make([]byte, 1+packetSize)
			if _, err := io.ReadFull(far, hello); err != nil {
				t.Fatal(err)
			}
			scheme, c1, ok := findDigest(hello[1:], player)
			if !ok || scheme != Scheme1 {
				t.Fatalf("C1 has a digest: %t, in scheme %d", ok, scheme)
			}
			s1, s2 := tt.serve(c1, hello[1:])
			if _, err := far.Write(join([]byte{3}, s1, s2)); err != nil {
				t.Fatal(err)
			}
			c2, err := io.ReadAll(far)
			if err != nil || len(c2) != packetSize {
				t.Fatalf("C2 of %d bytes, %v", len(c2), err)
			}
			if got := <-done; got.err != nil || got.genuine != tt.genuine {
				t.Errorf("genuine: %t, %v", got.genuine, got.err)
			}
			if _, d, ok := findDigest(s1, server); ok != tt.signed || ok && !isAnswer(c2, player, d) {
				t.Errorf("C2 is not signed")
			}
			if !tt.signed && !bytes.Equal(c2, s1) {
				t.Error("C2 is no echo of S1")
			}
		})
	}
}

func TestClientDigestWithServer(t *testing.T) {
	for _, scheme := range []Scheme{Scheme0, Scheme1} {
		near, far := net.Pipe()
		t.Cleanup(func() { near.Close(); far.Close() })
		done := make(chan error, 1)
		go func() { done <- Server(far) }()
		if genuine, err := ClientDigest(near, scheme); err != nil || !genuine {
			t.Errorf("client: genuine %t, %v", genuine, err)
		}
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	}
}

// FuzzClientDigest checks that a digest in S1 is answered by a signed C2, all
// else by an echo.
func FuzzClientDigest(f *testing.F) {
	fuzz(f, digestClient, func(t *testing.T, in, out []byte) {
		s1, c2 := in[1:1+packetSize], out[1+packetSize:]
		if _, d, ok := findDigest(s1, server); ok && !isAnswer(c2, player, d) || !ok && !bytes.Equal(c2, s1) {
			t.Fatalf("digest in S1: %t, and C2 does not fit", ok)
		}
	})
}

func digestClient(rw io.ReadWriter) error {
	_, err := ClientDigest(rw, Scheme1)
	return err
}
