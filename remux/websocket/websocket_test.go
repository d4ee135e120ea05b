package websocket

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

func TestAppendHeader(t *testing.T) {
	for _, test := range []struct {
		n    int
		want string
	}{
		{0, "8200"}, {125, "827d"}, {126, "827e007e"}, {256, "827e0100"}, {65535, "827effff"}, {65536, "827f0000000000010000"},
	} {
		if got := hex.EncodeToString(AppendHeader(nil, Binary, test.n)); got != test.want {
			t.Errorf("%d bytes: %s, want %s", test.n, got, test.want)
		}
	}
}

func TestAppendClose(t *testing.T) {
	if got := hex.EncodeToString(AppendClose(nil, StatusGoingAway, "bye")); got != "880503e9627965" {
		t.Errorf("close: %s", got)
	}
	long := AppendClose(nil, StatusNormal, strings.Repeat("ü", 100))
	if n := int(long[1]); n > MaxControl || n != len(long)-2 {
		t.Errorf("close frame says %d bytes, has %d", n, len(long)-2)
	}
	if text := string(long[4:]); !strings.HasPrefix(strings.Repeat("ü", 100), text) || strings.ContainsRune(text, '\uFFFD') {
		t.Errorf("text cut within a character: %q", text)
	}
}

// clientFrame is what a browser would send.
func clientFrame(first byte, payload []byte) []byte {
	mask := [4]byte{1, 2, 3, 4}
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, masked|byte(n))
	case n <= 0xFFFF:
		b = binary.BigEndian.AppendUint16(append(b, masked|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, masked|127), uint64(n))
	}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

func TestReaderReturnsControlFrames(t *testing.T) {
	var in []byte
	in = append(in, clientFrame(0x89, []byte("are you there"))...)
	in = append(in, clientFrame(0x01, bytes.Repeat([]byte("x"), 70000))...) // fragmented text, skipped
	in = append(in, clientFrame(0x8A, nil)...)
	in = append(in, clientFrame(0x80, []byte("end"))...)
	in = append(in, clientFrame(0x88, []byte{3, 0xE8, 'o', 'k'})...)
	r := NewReader(bytes.NewReader(in))
	for _, want := range []Control{{Ping, []byte("are you there")}, {Pong, nil}, {Close, []byte{3, 0xE8, 'o', 'k'}}} {
		got, err := r.Next()
		if err != nil || got.Opcode != want.Opcode || !bytes.Equal(got.Payload, want.Payload) {
			t.Fatalf("got %v %v, want %v", got, err, want)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestReaderErrors(t *testing.T) {
	for _, test := range []struct {
		name string
		in   []byte
		want error // nil: reason.BadMessage
	}{
		{"not masked", []byte{0x89, 0x01, 'x'}, nil},
		{"reserved bits", []byte{0xC9, 0x80, 0, 0, 0, 0}, nil},
		{"unknown opcode", []byte{0x83, 0x80, 0, 0, 0, 0}, nil},
		{"long ping", clientFrame(0x89, make([]byte, 126)), nil},
		{"fragmented ping", clientFrame(0x09, []byte("x")), nil},
		{"negative length", append([]byte{0x82, 0xFF}, bytes.Repeat([]byte{0xFF}, 12)...), nil},
		{"cut in the header", []byte{0x89}, io.ErrUnexpectedEOF},
		{"cut in the mask", []byte{0x89, 0x81, 1}, io.ErrUnexpectedEOF},
		{"cut in the payload", clientFrame(0x89, []byte("xyz"))[:8], io.ErrUnexpectedEOF},
		{"cut in a data frame", clientFrame(0x82, []byte("xyz"))[:8], io.ErrUnexpectedEOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := NewReader(bytes.NewReader(test.in)).Next()
			if test.want == nil && reason.Of(err, "") != reason.BadMessage || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

func FuzzReader(f *testing.F) {
	f.Add(clientFrame(0x89, []byte("ping")))
	f.Add(clientFrame(0x82, bytes.Repeat([]byte("x"), 300)))
	f.Add([]byte{0x82, 0xFF, 0x3F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(bytes.NewReader(in))
		for i := 0; ; i++ {
			c, err := r.Next()
			if err != nil {
				return
			}
			if !c.Opcode.control() || len(c.Payload) > MaxControl {
				t.Fatalf("%v with %d bytes", c.Opcode, len(c.Payload))
			}
			if i > len(in) {
				t.Fatal("more frames than bytes")
			}
		}
	})
}

func TestAccept(t *testing.T) {
	r := httptest.NewRequest("GET", "/live/test.flv", nil)
	r.Header.Set("Connection", "keep-alive, Upgrade")
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==") // the example of 1.3
	if !IsUpgrade(r) {
		t.Error("not taken for an upgrade")
	}
	head, err := Accept(r)
	if err != nil || !strings.Contains(string(head), "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") {
		t.Errorf("%q, %v", head, err)
	}
	for name, value := range map[string]string{"Sec-WebSocket-Version": "8", "Sec-WebSocket-Key": "short"} {
		bad := r.Clone(t.Context())
		bad.Header.Set(name, value)
		if _, err := Accept(bad); reason.Of(err, "") != reason.BadRequest || !strings.Contains(err.Error(), name) {
			t.Errorf("%s %s: %v", name, value, err)
		}
	}
	if IsUpgrade(httptest.NewRequest("GET", "/", nil)) {
		t.Error("a plain request is taken for an upgrade")
	}
}

// plain writes payloads as they are and fails on request.
type plain struct{}

var errAsked = errors.New("as asked")

func (plain) AppendPrelude(dst []byte, l *av.Layout, _ int64) ([]byte, error) {
	if l.Ready {
		return dst, errAsked
	}
	return append(dst, "prelude"...), nil
}

func (plain) AppendChange(dst []byte, _, _ *av.Layout, _ int64) ([]byte, error) {
	return append(dst, "change"...), nil
}

func (plain) AppendFrame(dst []byte, f *av.Frame, _ *av.Layout, _ bool) ([]byte, error) {
	return append(dst, f.Payload...), nil
}

// holding has something left at the end.
type holding struct{ plain }

func (holding) AppendEnd(dst []byte) []byte { return append(dst, "held"...) }

func TestMuxerFramesMessages(t *testing.T) {
	m := &Muxer{Inner: plain{}}
	for _, n := range []int{1, 125, 126, 65535, 65536, 200000} {
		payload := bytes.Repeat([]byte("ab"), n)[:n]
		got, err := m.AppendFrame([]byte("before"), &av.Frame{Payload: payload}, nil, false)
		want := append(AppendHeader([]byte("before"), Binary, n), payload...)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes: %d bytes out, want %d; %v", n, len(got), len(want), err)
		}
	}
	if got, err := m.AppendFrame([]byte("x"), &av.Frame{}, nil, false); err != nil || string(got) != "x" {
		t.Errorf("nothing becomes %q, %v", got, err)
	}
	if got, err := m.AppendPrelude(nil, &av.Layout{}, 0); err != nil || string(got) != "\x82\x07prelude" {
		t.Errorf("prelude %q, %v", got, err)
	}
	if got, err := m.AppendChange(nil, nil, nil, 0); err != nil || string(got) != "\x82\x06change" {
		t.Errorf("change %q, %v", got, err)
	}
	if got, err := m.AppendPrelude([]byte("x"), &av.Layout{Ready: true}, 0); !errors.Is(err, errAsked) || string(got) != "x" {
		t.Errorf("failing prelude %q, %v", got, err)
	}
	if got := m.AppendEnd([]byte("x")); string(got) != "x" {
		t.Errorf("nothing held becomes %q", got)
	}
	if got := (&Muxer{Inner: holding{}}).AppendEnd(nil); string(got) != "\x82\x04held" {
		t.Errorf("end %q", got)
	}
	dst, f := make([]byte, 0, 4096), &av.Frame{Payload: make([]byte, 3000)}
	if n := testing.AllocsPerRun(100, func() { _, _ = m.AppendFrame(dst, f, f.Layout, false) }); n > 0 {
		t.Errorf("%v allocations per frame", n)
	}
}
