// Package bitstest writes bit fields for tests.
package bitstest

import (
	"fmt"
	"strconv"
	"strings"
)

// Pack returns bits that are written as 0 and 1; blanks have no meaning. The
// last byte is filled up with zeros.
func Pack(parts ...string) []byte {
	var out []byte
	n := 0
	for _, c := range strings.ReplaceAll(strings.Join(parts, ""), " ", "") {
		if n%8 == 0 {
			out = append(out, 0)
		}
		out[n/8] |= byte(c-'0') << (7 - n%8)
		n++
	}
	return out
}

// Hex returns the bits of bytes that are written in hexadecimal. It panics if
// they are not: a test is wrong then.
func Hex(s string) string {
	var out strings.Builder
	for _, c := range strings.ReplaceAll(s, " ", "") {
		v, err := strconv.ParseUint(string(c), 16, 8)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&out, "%04b", v)
	}
	return out.String()
}

// Golomb returns the Exp-Golomb code of v.
func Golomb(v uint64) string {
	code := fmt.Sprintf("%b", v+1)
	return strings.Repeat("0", len(code)-1) + code
}
