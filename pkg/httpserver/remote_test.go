package httpserver_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/httpserver"
)

func behindProxies() *httpserver.Server {
	c := httpserver.NewConfig()
	c.TrustedProxies = config.Prefixes{{Prefix: netip.MustParsePrefix("10.0.0.0/8")}, {Prefix: netip.MustParsePrefix("fd00::/8")}}
	return httpserver.New(httpserver.Options{Config: c})
}

func TestRemote(t *testing.T) {
	s := behindProxies()
	for _, c := range []struct {
		name, peer string
		header     []string
		want       string
	}{
		{"no proxy", "192.0.2.1:5", nil, "192.0.2.1:5"},
		{"not trusted", "192.0.2.1:5", []string{"198.51.100.7"}, "192.0.2.1:5"},
		{"trusted", "10.0.0.1:5", []string{"198.51.100.7"}, "198.51.100.7:0"},
		{"with port", "10.0.0.1:5", []string{"198.51.100.7:99"}, "198.51.100.7:99"},
		{"forged on the left", "10.0.0.1:5", []string{"1.1.1.1, 198.51.100.7"}, "198.51.100.7:0"},
		{"two proxies", "10.0.0.1:5", []string{"1.1.1.1, 198.51.100.7, 10.0.0.2"}, "198.51.100.7:0"},
		{"two lines", "10.0.0.1:5", []string{"1.1.1.1", "198.51.100.7,10.0.0.2"}, "198.51.100.7:0"},
		{"only proxies", "10.0.0.1:5", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3:0"},
		{"trusted without header", "10.0.0.1:5", nil, "10.0.0.1:5"},
		{"rubbish", "10.0.0.1:5", []string{"198.51.100.7, unknown"}, "10.0.0.1:5"},
		{"rubbish further left", "10.0.0.1:5", []string{"unknown, 10.0.0.2"}, "10.0.0.2:0"},
		{"IPv6", "[fd00::1]:5", []string{"2001:db8::7"}, "[2001:db8::7]:0"},
		{"IPv6 in brackets", "[fd00::1]:5", []string{"[2001:db8::7]"}, "[2001:db8::7]:0"},
		{"IPv6 with port", "[fd00::1]:5", []string{"[2001:db8::7]:99"}, "[2001:db8::7]:99"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:5", []string{"::ffff:198.51.100.7"}, "198.51.100.7:0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			r.Header["X-Forwarded-For"] = c.header
			if got := s.Remote(r).String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestReconfigure(t *testing.T) {
	s := behindProxies()
	s.Reconfigure(httpserver.NewConfig())
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr, r.Header["X-Forwarded-For"] = "10.0.0.1:5", []string{"198.51.100.7"}
	if got := s.Remote(r).String(); got != "10.0.0.1:5" {
		t.Errorf("who is no trusted proxy any more is believed: %s", got)
	}
	r.Header.Set("Origin", "https://example.org")
	c := httpserver.NewConfig()
	c.AllowOrigin = "https://example.com"
	if before := s.OriginAllowed(r); !before {
		t.Error("the origin is not allowed")
	}
	s.Reconfigure(c)
	if s.OriginAllowed(r) {
		t.Error("another origin is allowed")
	}
}

func TestForwarded(t *testing.T) {
	for header, want := range map[string]bool{
		"X-Forwarded-For": true, "x-forwarded-host": true, "X-Forwarded-Proto": true, "Forwarded": true, "Via": true,
		"X-Real-IP": true, "CF-Connecting-IP": true, "True-Client-IP": true,
		"Accept": false, "Origin": false, "X-Forward": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set(header, "x")
		if got := httpserver.Forwarded(r); got != want {
			t.Errorf("%s: %v, want %v", header, got, want)
		}
	}
}

func FuzzRemote(f *testing.F) {
	s := behindProxies()
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Forwarded-For", header)
		r.RemoteAddr = "192.0.2.1:5"
		if got := s.Remote(r).String(); got != r.RemoteAddr {
			t.Errorf("%q from an untrusted peer gave %s", header, got)
		}
		r.RemoteAddr = "10.0.0.1:5"
		if got := s.Remote(r); !got.IsValid() || got.Addr().Is4In6() {
			t.Errorf("%q gave %v", header, got)
		}
		// What a client forges lies left of what the proxy writes.
		r.Header.Set("X-Forwarded-For", header+",198.51.100.7")
		if got := s.Remote(r).String(); got != "198.51.100.7:0" {
			t.Errorf("%q was believed: %s", strings.TrimSpace(header), got)
		}
	})
}
