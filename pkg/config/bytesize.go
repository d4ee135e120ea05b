package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ByteSize is a number of bytes, never negative: "8MiB", "64KB" or a plain
// number. KiB, MiB, GiB and TiB are powers of 1024, KB, MB, GB and TB powers of
// 1000.
type ByteSize int64

type byteUnit struct {
	name string
	size int64
}

// byteUnits is ordered from large to small, and binary before decimal, for
// String.
func byteUnits() []byteUnit {
	return []byteUnit{
		{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9},
		{"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"KB", 1e3}, {"B", 1},
	}
}

// String returns b in the largest unit that expresses it exactly, a plain
// number for single bytes.
func (b ByteSize) String() string {
	for _, unit := range byteUnits() {
		if n := int64(b); unit.size > 1 && n != 0 && n%unit.size == 0 {
			return strconv.FormatInt(n/unit.size, 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// MarshalText returns String.
func (b ByteSize) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText sets b from a whole number and a unit in upper or lower case;
// without a unit it counts bytes.
func (b *ByteSize) UnmarshalText(text []byte) error {
	s := string(text)
	digits := s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
	size, ok := unitSize(strings.TrimSpace(s[len(digits):]))
	if digits == "" || !ok {
		return fmt.Errorf(`must be a size such as "8MiB", "64KB" or a number of bytes, is %s`, quote(s))
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > math.MaxInt64/size {
		return fmt.Errorf("must be less than 8 EiB, is %s", quote(s))
	}
	*b = ByteSize(n * size)
	return nil
}

func unitSize(name string) (size int64, ok bool) {
	if name == "" {
		return 1, true
	}
	for _, unit := range byteUnits() {
		if strings.EqualFold(unit.name, name) {
			return unit.size, true
		}
	}
	return 0, false
}

// ConfigType implements Typed.
func (ByteSize) ConfigType() Type { return TypeSize }
