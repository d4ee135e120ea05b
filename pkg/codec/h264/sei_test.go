package h264

import (
	"bytes"
	"slices"
	"testing"
)

func TestIsRecoveryPoint(t *testing.T) {
	user := append([]byte{5, 255, 45}, bytes.Repeat([]byte{0xAB}, 300)...) // as of x264, 300 bytes
	for _, tt := range []struct {
		name string
		nal  []byte
		want bool
	}{
		{"alone", []byte{6, 6, 1, 0xC4, 0x80}, true},
		{"behind a long one", slices.Concat([]byte{6}, user, []byte{6, 1, 0xC4, 0x80}), true},
		{"behind one with emulation prevention", []byte{6, 1, 4, 0, 0, 3, 0, 6, 6, 1, 0xC4, 0x80}, true},
		{"inside another", []byte{6, 1, 2, 6, 1, 0x80}, false},
		{"another", []byte{6, 1, 2, 0, 0x40, 0x80}, false},
		{"longer than the NAL unit", []byte{6, 1, 200, 6, 1, 0x80}, false},
		{"cut off", []byte{6, 255, 255}, false},
		{"empty", []byte{6}, false},
		{"of a slice", []byte{0x41, 6, 1, 0xC4, 0x80}, false},
	} {
		au := append([]byte{0, 0, 0, byte(len(tt.nal) % 256)}, tt.nal...)
		au[2] = byte(len(tt.nal) / 256)
		au = append(au, 0, 0, 0, 2, 0x41, 0x9A)
		if got := IsRecoveryPoint(au, 4); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}

func FuzzIsRecoveryPoint(f *testing.F) {
	f.Add([]byte{6, 1, 4, 0, 0, 3, 0, 6, 6, 1, 0xC4, 0x80})
	f.Fuzz(func(_ *testing.T, nal []byte) { hasMessage(nal, seiRecoveryPoint) })
}
