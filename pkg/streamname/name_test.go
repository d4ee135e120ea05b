package streamname_test

import (
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/streamname"
)

// checkBadName fails unless err carries reason.BadName and says want.
func checkBadName(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", want)
	}
	if got := reason.Of(err, ""); got != reason.BadName {
		t.Errorf("reason %q, want %q", got, reason.BadName)
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("error %q does not say %q", err, want)
	}
}

func TestParse(t *testing.T) {
	for _, test := range []struct{ name, in, want, err string }{
		{name: "one segment", in: "demo", want: "demo"},
		{name: "two segments", in: "live/test", want: "live/test"},
		{name: "as URL path", in: "/live/test/", want: "live/test"},
		{name: "case is kept", in: "Live/Test", want: "Live/Test"},
		{name: "other scripts", in: "live/веб-камера", want: "live/веб-камера"},
		{name: "space inside", in: "live/my stream", want: "live/my stream"},
		{name: "dots inside", in: "live/v1..2", want: "live/v1..2"},
		{name: "eight segments", in: "a/b/c/d/e/f/g/h", want: "a/b/c/d/e/f/g/h"},
		{name: "255 bytes", in: strings.Repeat("x", 255), want: strings.Repeat("x", 255)},
		{name: "empty", in: "", err: "empty"},
		{name: "only a slash", in: "/", err: "empty"},
		{name: "256 bytes", in: strings.Repeat("x", 256), err: "256 bytes"},
		{name: "nine segments", in: "a/b/c/d/e/f/g/h/i", err: "9 segments"},
		{name: "two slashes inside", in: "live//test", err: "empty segment"},
		{name: "two slashes in front", in: "//live", err: "empty segment"},
		{name: "two slashes behind", in: "live//", err: "empty segment"},
		{name: "dot", in: "live/./test", err: `segment "."`},
		{name: "dot dot", in: "live/../test", err: `segment ".."`},
		{name: "backslash", in: `live\test`, err: `'\\'`},
		{name: "question mark", in: "live/test?a=b", err: "'?'"},
		{name: "number sign", in: "live/#1", err: "'#'"},
		{name: "percent", in: "live/%41", err: "'%'"},
		{name: "NUL", in: "live/\x00", err: "U+0000"},
		{name: "newline", in: "live/test\n", err: "U+000A"},
		{name: "C1 control", in: "live/\u0085", err: "U+0085"},
		{name: "line separator", in: "live/\u2028x", err: "U+2028"},
		{name: "space behind", in: "live/test ", err: "space"},
		{name: "space in front", in: "live/ test", err: "space"},
		{name: "broken UTF-8", in: "live/\xff", err: "UTF-8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := streamname.Parse(test.in)
			if test.err != "" {
				checkBadName(t, err, test.err)
				return
			}
			if err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestCheckPublish(t *testing.T) {
	for _, test := range []struct{ name, err string }{
		{name: "live/test"},
		{name: "live/api"},
		{name: "apis/x"},
		{name: "whip/live"},
		{name: "live/index/a"},
		{name: "live/test.flv/hd"},
		{name: "live/a~b.c"},
		{name: "API/test"},
		{"api/test", `starts with "api"`},
		{"rtc", `starts with "rtc"`},
		{"metrics", `starts with "metrics"`},
		{"healthz", `starts with "healthz"`},
		{"readyz/x", `starts with "readyz"`},
		{"debug/pprof", `starts with "debug"`},
		{"assets/x", `starts with "assets"`},
		{"live/whip", `ends with "whip"`},
		{"whep", `ends with "whep"`},
		{"live/index", `ends with "index"`},
		{"live/snapshot", `ends with "snapshot"`},
		{"live/~hls", `starts with "~"`},
		{"~live/x", `starts with "~"`},
		{".well-known/x", `starts with "."`},
		{"live/test.flv", `ends with ".flv"`},
		{"live/test.ts", `ends with ".ts"`},
		{"live/test.mp4", `ends with ".mp4"`},
		{"live/index.m3u8", `ends with ".m3u8"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := streamname.CheckPublish(test.name)
			if test.err != "" {
				checkBadName(t, err, test.err)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestJoin(t *testing.T) {
	for _, test := range []struct{ name, app, key, want, query, err string }{
		{name: "usual", app: "live", key: "test", want: "live/test"},
		{name: "long app", app: "cam/north", key: "hd", want: "cam/north/hd"},
		{name: "long key", app: "cam", key: "north/hd", want: "cam/north/hd"},
		{name: "slashes around", app: "/live/", key: "/test/", want: "live/test"},
		{name: "no key", app: "live/test", want: "live/test"},
		{name: "no app", key: "test", want: "test"},
		{name: "instance in app", app: "live/_definst_", key: "test", want: "live/test"},
		{name: "instance in app with slash", app: "live/_definst_/", key: "test", want: "live/test"},
		{name: "instance in key", app: "live", key: "_definst_/test", want: "live/test"},
		{name: "instance elsewhere", app: "live/_definst_/x", key: "test", want: "live/_definst_/x/test"},
		{name: "encoded", app: "live", key: "my%20stream", want: "live/my stream"},
		{name: "query at key", app: "live", key: "test?token=a%2Bb&x=1", want: "live/test", query: "token=a%2Bb&x=1"},
		{name: "query at app", app: "live?vhost=v", key: "test", want: "live/test", query: "vhost=v"},
		{name: "query at both", app: "live?k=app&v=1", key: "test?k=key", want: "live/test", query: "k=key&k=app&v=1"},
		{name: "empty query", app: "live", key: "test?", want: "live/test"},
		{name: "both empty", err: "empty"},
		{name: "only a query", app: "?a=b", key: "?c=d", err: "empty"},
		{name: "slashes inside", app: "live", key: "a//b", err: "empty segment"},
		{name: "bad encoding", app: "live", key: "100%", err: "percent-encoded"},
		{name: "encoded question mark", app: "live", key: "a%3Fb", err: "'?'"},
		{name: "encoded twice", app: "live", key: "a%2541", err: "'%'"},
		{name: "encoded way up", app: "live", key: "%2e%2e/x", err: `".."`},
		{name: "bad query", app: "live", key: "test?a=%zz", err: "query"},
		{name: "huge", app: "live", key: strings.Repeat("%", 1<<20), err: "longer than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, query, err := streamname.Join(test.app, test.key)
			if test.err != "" {
				checkBadName(t, err, test.err)
				return
			}
			if err != nil || got != test.want || query.Encode() != test.query {
				t.Errorf("got %q, %q, %v; want %q, %q", got, query.Encode(), err, test.want, test.query)
			}
		})
	}
}

func TestJoinHidesTheQuery(t *testing.T) {
	_, _, err := streamname.Join("live", "test?pass=%zzecret")
	if err == nil || strings.Contains(err.Error(), "zz") {
		t.Errorf("error %v repeats the query", err)
	}
}
