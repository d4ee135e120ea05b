package httpplay

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/weirmedia/weir/remux/websocket"
)

// wire is a connection from whose other end comes what was prepared.
type wire struct {
	io.Reader
	sent bytes.Buffer
}

func (w *wire) Write(b []byte) (int, error) { return w.sent.Write(b) }

func TestMessages(t *testing.T) {
	long := strings.Repeat("x", 70000)
	frame := func(o websocket.Opcode, payload string) string {
		return string(append(websocket.AppendHeader(nil, o, len(payload)), payload...))
	}
	for _, test := range []struct {
		name, in, want, sent, err string
	}{
		{"a frame", frame(2, "abc") + frame(8, "\x03\xe8"), "abc", "\x88\x82\x00\x00\x00\x00\x03\xe8", ""},
		{"lengths of 16 and 64 bits", frame(2, long[:300]) + frame(2, long) + frame(8, ""), long[:300] + long, "\x88\x80\x00\x00\x00\x00", ""},
		{"a ping inside a message", "\x02\x01a" + frame(9, "hi") + "\x80\x01b" + frame(8, ""), "ab", "\x8a\x82\x00\x00\x00\x00hi\x88\x80\x00\x00\x00\x00", ""},
		{"an empty frame", frame(2, "") + frame(2, "a") + frame(8, ""), "a", "\x88\x80\x00\x00\x00\x00", ""},
		{"a pong", frame(10, "x") + frame(8, ""), "", "\x88\x80\x00\x00\x00\x00", ""},
		{"closed with a reason", frame(8, "\x03\xf0kicked"), "", "\x88\x82\x00\x00\x00\x00\x03\xf0", "says 1008 kicked"},
		{"closed with other words", frame(8, "\x03\xe9bye"), "", "\x88\x82\x00\x00\x00\x00\x03\xe9", "says 1001: bye"},
		{"cut in a payload", "\x82\x05abc", "abc", "", "unexpected EOF"},
		{"cut in a header", "\x82", "", "", "unexpected EOF"},
		{"cut in a length", "\x82\x7e\x01", "", "", "unexpected EOF"},
		{"cut between frames", frame(2, "a"), "a", "", "closed without a word: unexpected EOF"},
		{"masked", "\x82\x81\x00\x00\x00\x00a", "", "", "masked"},
		{"reserved bits", "\xc2\x01a", "", "", "reserved bits 0x40"},
		{"text", frame(1, "a"), "", "", "opcode 1"},
		{"a continuation of nothing", frame(0, "a"), "", "", "opcode 0"},
		{"a message inside a message", "\x02\x01a" + frame(2, "b"), "a", "", "opcode 2, but a message is open"},
		{"a long ping", "\x89\x7e\x00\x7e" + long[:126], "", "", "control frame of 126 bytes"},
		{"a ping in pieces", "\x09\x00", "", "", "final false"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &wire{Reader: iotest.OneByteReader(strings.NewReader(test.in))}
			got, err := io.ReadAll(newMessages(w))
			if string(got) != test.want || w.sent.String() != test.sent {
				t.Errorf("read %.20q of %d, sent %q; want %.20q of %d, %q", got, len(got), w.sent.String(), test.want, len(test.want), test.sent)
			}
			if (err == nil) != (test.err == "") || (err != nil && !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
}

// Whatever a server sends: the payload is no longer than the input, ends with
// an error that says why, and nothing but control frames is answered.
func FuzzMessages(f *testing.F) {
	f.Fuzz(func(t *testing.T, in []byte) {
		w := &wire{Reader: bytes.NewReader(in)}
		got, err := io.ReadAll(newMessages(w))
		if len(got) > len(in) {
			t.Fatalf("%d bytes became %d", len(in), len(got))
		}
		var status *StatusError
		if err != nil && !errors.As(err, &status) && err.Error() == "" {
			t.Fatalf("error %#v says nothing", err)
		}
		answers := websocket.NewReader(&w.sent)
		for {
			c, err := answers.Next()
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatalf("the answers are no frames: %v", err)
			}
			if c.Opcode != websocket.Pong && c.Opcode != websocket.Close {
				t.Fatalf("answered with opcode %d", c.Opcode)
			}
		}
	})
}
