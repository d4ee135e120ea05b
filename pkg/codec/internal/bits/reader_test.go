package bits

import (
	"strings"
	"testing"
)

func TestReader(t *testing.T) {
	r := NewReader([]byte{0b10100110, 0b01000010, 0b10000000, 0xFF, 0xFF, 0xFF, 0xFF})
	if got := r.Read(3, "a"); got != 5 {
		t.Errorf("three bits: %d", got)
	}
	r.Skip(2, "b")
	if got := r.Golomb("c"); got != 0 { // 1
		t.Errorf("first code: %d", got)
	}
	if !r.Flag("d") {
		t.Error("flag is false")
	}
	r.Skip(1, "e")
	if one, nine := r.Golomb("f"), r.Golomb("g"); one != 1 || nine != 9 { // 010, 0001010
		t.Errorf("codes %d and %d", one, nine)
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
}

func TestReaderErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
		read func(*Reader) uint32
		want string
	}{
		{"bits", []byte{1}, func(r *Reader) uint32 { r.Skip(6, "x"); return r.Read(3, "size") }, "size at bit 6: need 3 bits, 2 remain"},
		{"skip", []byte{1}, func(r *Reader) uint32 { r.Skip(9, "x"); return r.Read(8, "y") }, "truncated in x at bit 0"},
		{"code without an end", []byte{0, 0}, func(r *Reader) uint32 { return r.Golomb("width") }, "truncated in width"},
		{"code cut in its bits", []byte{1}, func(r *Reader) uint32 { return r.Golomb("width") }, "truncated in width at bit 8"},
		{"code too long", []byte{0, 0, 0, 0, 0x80, 0, 0, 0, 0}, func(r *Reader) uint32 { return r.Golomb("width") }, "more than 32 bits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewReader(c.b)
			if got := c.read(r); got != 0 || r.Err() == nil || !strings.Contains(r.Err().Error(), c.want) {
				t.Errorf("got %d, %v", got, r.Err())
			}
		})
	}
}
