package main

import (
	"bytes"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/config"
)

// TestSign: what the command prints is good for that stream and action only.
func TestSign(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("WEIR_AUTH_URL_KEYS", "0123456789abcdef,another of the keys")
	c := auth.NewConfig()
	c.URLKeys = []config.Secret{"another of the keys", "0123456789abcdef"}
	chain, err := auth.NewChain(*c, auth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer chain.Close()
	for _, test := range []struct {
		url     string
		publish bool
		stream  string
		action  auth.Action
	}{
		{"rtmp://host/live/test", true, "live/test", auth.Publish},
		{"rtsp://host:8554/live/test?audio=aac", false, "live/test", auth.Play},
		{"https://host/live/test.flv", false, "live/test", auth.Play},
		{"http://host/live/test/index.m3u8", false, "live/test", auth.Play},
		{"http://host/live/test/whip", false, "live/test", auth.Publish},
	} {
		var out bytes.Buffer
		if err := (&signCommand{URL: test.url, Publish: test.publish, For: time.Hour}).Run(&console{out: &out}); err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(strings.TrimSpace(out.String()))
		if before, _, _ := strings.Cut(test.url, "?"); err != nil || !strings.HasPrefix(u.String(), before+"?") {
			t.Fatalf("%s became %s", test.url, out.String())
		}
		if strings.Contains(test.url, "audio") && u.Query().Get("audio") != "aac" {
			t.Errorf("the query of %s is lost", test.url)
		}
		for _, action := range []auth.Action{auth.Publish, auth.Play} {
			_, err := chain.Authorize(t.Context(), auth.Request{Action: action, Stream: test.stream, Remote: netip.IPv6Loopback(), Query: u.Query()})
			if (err == nil) != (action == test.action) {
				t.Errorf("%s: to %s: %v", out.String(), action, err)
			}
		}
	}
	for _, bad := range []string{"live/test", "http://host/live/test", "ftp://host/live/test", "rtmp://host/"} {
		var out bytes.Buffer
		if err := (&signCommand{URL: bad, For: time.Hour}).Run(&console{out: &out}); err == nil {
			t.Errorf("%s: %s", bad, out.String())
		}
	}
	if err := (&signCommand{URL: "rtmp://host/live/test"}).Run(&console{}); err == nil {
		t.Error("a URL that is good for no time")
	}
	t.Setenv("WEIR_AUTH_URL_KEYS", "")
	if err := (&signCommand{URL: "rtmp://host/live/test", For: time.Hour}).Run(&console{}); err == nil || !strings.Contains(err.Error(), "auth.url_keys") {
		t.Errorf("without a key: %v", err)
	}
}
