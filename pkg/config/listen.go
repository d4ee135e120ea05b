package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Listen is where a listener listens: "HOST:PORT", ":PORT" for all addresses,
// or "off". Port 0 lets the system choose. The zero Listen is off.
type Listen string

// Off reports whether nothing is to listen.
func (l Listen) Off() bool { return l == "" || l == "off" }

// String returns the address as net.Listen takes it, or "off".
func (l Listen) String() string {
	if l.Off() {
		return "off"
	}
	return string(l)
}

// MarshalText returns String.
func (l Listen) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText sets l if text is "off" or an address with a numeric port. It
// resolves nothing.
func (l *Listen) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "off" {
		*l = "off"
		return nil
	}
	if isPort(s) {
		return fmt.Errorf(`must be "HOST:PORT", ":PORT" or "off", is %s; did you mean %q?`, quote(s), ":"+s)
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil || !isPort(port) || strings.ContainsFunc(host, notInHost) {
		return fmt.Errorf(`must be "HOST:PORT", ":PORT" or "off", is %s`, quote(s))
	}
	*l = Listen(s)
	return nil
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// notInHost finds what is in no host name, IP address or zone, such as the
// slashes of a URL pasted by mistake.
func notInHost(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`/\"'@?#`, r)
}

// ConfigType implements Typed.
func (Listen) ConfigType() Type { return TypeAddress }
