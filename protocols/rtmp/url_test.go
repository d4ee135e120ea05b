package rtmp

import (
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     URL
		tcURL    string
	}{
		{"the usual", "rtmp://example.org/live/test", URL{false, "example.org:1935", "live", "test"}, "rtmp://example.org/live"},
		{"with a port", "rtmp://127.0.0.1:11935/live/test", URL{false, "127.0.0.1:11935", "live", "test"}, "rtmp://127.0.0.1:11935/live"},
		{"the default port is left out of tcUrl", "rtmp://h:1935/a/b", URL{false, "h:1935", "a", "b"}, "rtmp://h/a"},
		{"IPv6", "rtmp://[::1]/a/b", URL{false, "[::1]:1935", "a", "b"}, "rtmp://[::1]/a"},
		{"IPv6 with a port", "rtmp://[::1]:5/a/b", URL{false, "[::1]:5", "a", "b"}, "rtmp://[::1]:5/a"},
		{"many segments", "rtmp://h/cam/north/hd", URL{false, "h:1935", "cam", "north/hd"}, "rtmp://h/cam"},
		{"one segment", "rtmp://h/test", URL{false, "h:1935", "", "test"}, "rtmp://h"},
		{"slashes around", "rtmp://h//live/test/", URL{false, "h:1935", "live", "test"}, "rtmp://h/live"},
		{"query", "rtmp://h/live/test?user=a&pass=b/c?d@e", URL{false, "h:1935", "live", "test?user=a&pass=b/c?d@e"}, "rtmp://h/live"},
		{"empty query", "rtmp://h/live/test?", URL{false, "h:1935", "live", "test"}, "rtmp://h/live"},
		{"RTMPS", "rtmps://h/live/test", URL{true, "h:443", "live", "test"}, "rtmps://h/live"},
		{"RTMPS with a port", "RTMPS://h:1935/live/test", URL{true, "h:1935", "live", "test"}, "rtmps://h:1935/live"},
		{"encoded and odd characters stay", "RTMP://h/a%20b/c d#e@f:g", URL{false, "h:1935", "a%20b", "c d#e@f:g"}, "rtmp://h/a%20b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseURL(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("got %#v, want %#v", got, c.want)
			}
			if tc := got.TCURL(); tc != c.tcURL {
				t.Errorf("tcUrl %q, want %q", tc, c.tcURL)
			}
		})
	}
}

func TestParseURLErrors(t *testing.T) {
	for _, c := range []struct{ name, in, says string }{
		{"empty", "", "does not begin with rtmp://"},
		{"a name", "live/secret", "does not begin with rtmp://"},
		{"RTMPT", "rtmpt://h/live/secret", `scheme "rtmpt" is not supported`},
		{"HTTP", "http://h/live/secret", `scheme "http" is not supported`},
		{"no host", "rtmp:///live/secret", `"" is not a host`},
		{"port without host", "rtmp://:1935/live/secret", `":1935" is not a host`},
		{"bad port", "rtmp://h:x/live/secret", `"h:x" is not a host`},
		{"IPv6 without brackets", "rtmp://::1/live/secret", `"::1" is not a host`},
		{"host with a fragment", "rtmp://h#f/live/secret", `"h#f" is not a host`},
		{"no stream", "rtmp://h/", "no stream is named after the host h:1935"},
		{"query without a stream", "rtmp://h?secret", "no stream is named"},
		{"credentials", "rtmp://me:secret@h/live/test", "credentials before the host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseURL(c.in)
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%q tells the secret", err)
			}
		})
	}
}

func TestElsewhere(t *testing.T) {
	for _, c := range []struct{ name, from, tcURL, want string }{
		{"another host", "rtmp://h/live/test", "rtmp://other:1/live", "rtmp://other:1/live/test"},
		{"the key's query stays", "rtmp://h/live/test?key=1", "rtmp://other/app", "rtmp://other/app/test?key=1"},
		{"a query of its own", "rtmp://h/live/test?key=1", "rtmp://other/app?x=2", "rtmp://other/app/test?key=1&x=2"},
		{"only a query of its own", "rtmp://h/live/test", "rtmp://other/app?x=2", "rtmp://other/app/test?x=2"},
		{"slash at the end", "rtmp://h/live/test", "rtmp://other/app/", "rtmp://other/app/test"},
		{"with the stream's name", "rtmp://h/live/test?key=1", "rtmp://other/live/test", "rtmp://other/live/test?key=1"},
		{"without scheme", "rtmps://h/live/test", "//other/live", "rtmps://other/live/test"},
		{"only a path", "rtmp://h:5/live/test", "/other", "rtmp://h:5/other/test"},
		{"no app", "rtmp://h/test", "rtmp://other", "rtmp://other/test"},
		{"to TLS", "rtmp://h/live/test", "rtmps://other/live", "rtmps://other/live/test"},
		{"from TLS", "rtmps://h/live/test", "rtmp://other/live", ""},
		{"another protocol", "rtmp://h/live/test", "http://other/live", ""},
		{"no URL", "rtmp://h/live/test", "other", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := ParseURL(c.from)
			if err != nil {
				t.Fatal(err)
			}
			got, err := u.elsewhere(c.tcURL)
			if (err == nil) != (c.want != "") || err == nil && got.String() != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
		})
	}
}

// FuzzParseURL: what was parsed once is parsed the same from its own text, and
// names a host and a stream.
func FuzzParseURL(f *testing.F) {
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURL(s)
		if err != nil {
			return
		}
		if u.Key == "" || u.Host == "" || strings.Contains(u.App, "/") {
			t.Fatalf("%q gave %#v", s, u)
		}
		again, err := ParseURL(u.String())
		if err != nil || again != u {
			t.Fatalf("%q gave %#v, whose text %q gives %#v, %v", s, u, u, again, err)
		}
	})
}
