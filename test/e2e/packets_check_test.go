//go:build e2e

package e2e

import (
	"slices"
	"testing"
)

// TestQuickCheckRun makes sure that the comparison finds what it is for.
func TestQuickCheckRun(t *testing.T) {
	published := []packet{
		{kind: "video", dts: 0, pts: 80, key: true, size: 1, hash: "v0"},
		{kind: "audio", dts: 0, pts: 0, key: true, size: 1, hash: "a0"},
		{kind: "video", dts: 40, pts: 200, size: 1, hash: "v1"},
		{kind: "audio", dts: 23, pts: 23, key: true, size: 1, hash: "a1"},
		{kind: "video", dts: 80, pts: 160, key: true, size: 1, hash: "v2"},
		{kind: "audio", dts: 46, pts: 46, key: true, size: 1, hash: "a2"},
		{kind: "video", dts: 120, pts: 120, size: 1, hash: "v3"},
	}
	change := func(f func(got []packet) []packet) []packet {
		got := slices.Clone(published)
		for i := range got {
			got[i].dts += 1000
			got[i].pts += 1000
		}
		return f(got)
	}
	tests := []struct {
		name string
		got  []packet
		ok   bool
	}{
		{"all", change(func(p []packet) []packet { return p }), true},
		{"from the second key frame", change(func(p []packet) []packet { return p[4:] }), true},
		{"across 32 bits", change(func(p []packet) []packet {
			for i := range p {
				p[i].dts = int64(uint32(p[i].dts - 1060))
				p[i].pts = int64(uint32(p[i].pts - 1060))
			}
			return p
		}), true},
		{"not from a key frame", change(func(p []packet) []packet { return p[1:] }), false},
		{"one lost", change(func(p []packet) []packet { return slices.Delete(p, 2, 3) }), false},
		{"one changed", change(func(p []packet) []packet { p[3].hash = "x"; return p }), false},
		{"one twice", change(func(p []packet) []packet { return slices.Insert(p, 3, p[3]) }), false},
		{"dts moved", change(func(p []packet) []packet { p[6].dts++; return p }), false},
		{"pts moved", change(func(p []packet) []packet { p[6].pts--; return p }), false},
		{"audio moved against video", change(func(p []packet) []packet {
			for _, i := range []int{1, 3, 5} {
				p[i].dts++
				p[i].pts++
			}
			return p
		}), false},
		{"no audio", change(func(p []packet) []packet { return byKind(p)["video"] }), false},
		{"nothing", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := checkRun(published, tt.got); (err == nil) != tt.ok {
				t.Errorf("checkRun = %v, want ok %v", err, tt.ok)
			}
		})
	}
}
