package config

import (
	"fmt"
	"strings"
	"time"
)

// Duration is a length of time, never negative, written with its unit: "15s",
// "350ms", "1h30m".
type Duration time.Duration

// String returns the shortest of the usual ways to write d, such as "1m" for
// sixty seconds.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText returns String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText sets d from what time.ParseDuration reads, except negative
// durations.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed < 0 {
		return fmt.Errorf(`must be a duration with its unit, such as "350ms", "15s" or "168h", is %s`, quote(string(text)))
	}
	*d = Duration(parsed)
	return nil
}

// ConfigType implements Typed.
func (Duration) ConfigType() Type { return TypeDuration }
