//go:build e2e

package library

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestFullBrokenIndex is TestBrokenIndex with pages that were overwritten. The race
// detector would end the program where bbolt follows such a page (checkptr), which is why
// this runs without it: the fault that comes instead is an error to weir.
func TestFullBrokenIndex(t *testing.T) {
	testBrokenIndex(t, 8, func(good []byte) map[string][]byte {
		random, cases := rand.New(rand.NewPCG(3, 4)), map[string][]byte{}
		for i := range 16 {
			b := bytes.Clone(good)
			for range 1 + random.IntN(2000) {
				b[random.IntN(len(b))] ^= byte(1 + random.IntN(255))
			}
			cases["flipped "+string(rune('a'+i))] = b
		}
		for range 4 {
			b := bytes.Clone(good)
			at := random.IntN(len(b) / 4096)
			clear(b[at*4096:][:4096])
			cases["page "+string(rune('a'+at))] = b
		}
		return cases
	})
}
