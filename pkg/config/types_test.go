package config

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
)

type text interface {
	encoding.TextMarshaler
	encoding.TextUnmarshaler
}

func TestTypes(t *testing.T) {
	newDuration := func() text { return new(Duration) }
	newSize := func() text { return new(ByteSize) }
	newListen := func() text { return new(Listen) }
	newPrefix := func() text { return new(Prefix) }
	for _, test := range []struct {
		name     string
		make     func() text
		in       string
		want     string // the text it marshals to; empty if in is refused
		mentions string // in the error
	}{
		{"duration", newDuration, "15s", "15s", ""},
		{"duration", newDuration, "350ms", "350ms", ""},
		{"duration", newDuration, "60s", "1m", ""},
		{"duration", newDuration, "1h", "1h", ""},
		{"duration", newDuration, "1h30m", "1h30m", ""},
		{"duration", newDuration, "1h0m5s", "1h0m5s", ""},
		{"duration", newDuration, "10m", "10m", ""},
		{"duration", newDuration, "0", "0s", ""},
		{"duration", newDuration, "15", "", "unit"},
		{"duration", newDuration, "-1s", "", `"-1s"`},
		{"duration", newDuration, "", "", "unit"},
		{"size", newSize, "8MiB", "8MiB", ""},
		{"size", newSize, "64KB", "64KB", ""},
		{"size", newSize, "64 kib", "64KiB", ""},
		{"size", newSize, "8388608", "8MiB", ""},
		{"size", newSize, "1500", "1500", ""},
		{"size", newSize, "7B", "7", ""},
		{"size", newSize, "0", "0", ""},
		{"size", newSize, "7TiB", "7TiB", ""},
		{"size", newSize, "9223372036854775807", "9223372036854775807", ""},
		{"size", newSize, "9223372036854775808", "", "8 EiB"},
		{"size", newSize, "8388608TiB", "", "8 EiB"},
		{"size", newSize, "-1", "", "size"},
		{"size", newSize, "1.5MiB", "", "size"},
		{"size", newSize, "8M", "", "size"},
		{"size", newSize, "MiB", "", "size"},
		{"listen", newListen, ":1935", ":1935", ""},
		{"listen", newListen, "127.0.0.1:0", "127.0.0.1:0", ""},
		{"listen", newListen, "[::1]:8080", "[::1]:8080", ""},
		{"listen", newListen, "localhost:80", "localhost:80", ""},
		{"listen", newListen, "off", "off", ""},
		{"listen", newListen, "1935", "", `":1935"`},
		{"listen", newListen, "no", "", `"off"`},
		{"listen", newListen, "", "", `"off"`},
		{"listen", newListen, ":rtmp", "", "PORT"},
		{"listen", newListen, ":65536", "", "PORT"},
		{"listen", newListen, "http://x:80", "", "HOST"},
		{"listen", newListen, "::1:80", "", "HOST"},
		{"prefix", newPrefix, "10.0.0.0/8", "10.0.0.0/8", ""},
		{"prefix", newPrefix, "10.0.0.1", "10.0.0.1", ""},
		{"prefix", newPrefix, "10.0.0.1/32", "10.0.0.1", ""},
		{"prefix", newPrefix, "fd00::/8", "fd00::/8", ""},
		{"prefix", newPrefix, "::1", "::1", ""},
		{"prefix", newPrefix, "10.0.0.1/8", "", `"10.0.0.0/8"`},
		{"prefix", newPrefix, "::ffff:10.0.0.1", "", "IPv4"},
		{"prefix", newPrefix, "fe80::1%eth0", "", "address"},
		{"prefix", newPrefix, "10.0.0.0/33", "", "address"},
		{"prefix", newPrefix, "localhost", "", "address"},
	} {
		t.Run(test.name+" "+test.in, func(t *testing.T) {
			v := test.make()
			err := v.UnmarshalText([]byte(test.in))
			if test.want == "" {
				if err == nil || !strings.Contains(err.Error(), test.mentions) {
					t.Fatalf("got %v, %v", v, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			marshalled, err := v.MarshalText()
			if err != nil || string(marshalled) != test.want {
				t.Errorf("got %q, %v", marshalled, err)
			}
			again := test.make()
			if err := again.UnmarshalText(marshalled); err != nil || fmt.Sprint(again) != fmt.Sprint(v) {
				t.Errorf("read again as %v, %v", again, err)
			}
		})
	}
}

func TestListenOff(t *testing.T) {
	for in, want := range map[Listen]bool{"": true, "off": true, ":1": false} {
		if in.Off() != want {
			t.Errorf("%q: got %v", string(in), !want)
		}
	}
	if s := Listen("").String(); s != "off" {
		t.Errorf("got %q", s)
	}
}

func TestPrefixesContain(t *testing.T) {
	var p Prefixes
	for _, s := range []string{"10.0.0.0/8", "::1", "fe80::/10"} {
		var one Prefix
		if err := one.UnmarshalText([]byte(s)); err != nil {
			t.Fatal(err)
		}
		p = append(p, one)
	}
	for s, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "11.0.0.1": false, "::1": true, "::2": false, "fe80::1%eth0": true,
	} {
		if got := p.Contains(netip.MustParseAddr(s)); got != want {
			t.Errorf("%s: got %v", s, got)
		}
	}
	if p.Contains(netip.Addr{}) {
		t.Error("contains no address")
	}
	if got := p.Netip(); len(got) != 3 || got[0] != netip.MustParsePrefix("10.0.0.0/8") {
		t.Errorf("got %v", got)
	}
}

func TestSecretStaysSecret(t *testing.T) {
	const hush = "hush"
	v := struct{ Password Secret }{hush}
	asJSON, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "a", v.Password, "b", v)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "a", v.Password, "b", v)
	out := string(asJSON) + log.String() + fmt.Sprintf("%v %+v %#v %s %q %x %d %t", v, v, v, v, v, v, v, v) +
		fmt.Sprintf("%v %s %q %x %X %d %#v", v.Password, v.Password, v.Password, v.Password, v.Password, v.Password, v.Password)
	for _, leak := range []string{hush, fmt.Sprintf("%x", hush), fmt.Sprintf("%X", hush)} {
		if strings.Contains(out, leak) {
			t.Errorf("%q leaks in %s", leak, out)
		}
	}
	if !strings.Contains(string(asJSON), Hidden) || v.Password.Reveal() != hush {
		t.Errorf("got %s, %q", asJSON, v.Password.Reveal())
	}
	if s := Secret("").String(); s != "" {
		t.Errorf("an empty secret prints as %q", s)
	}
}
