package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/httpflv"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/protocols/rtsp"
)

// TestWithReason: what other servers say is counted as what it means.
func TestWithReason(t *testing.T) {
	tests := []struct {
		err error
		why reason.Reason
	}{
		{&rtmp.StatusError{Code: "NetStream.Play.StreamNotFound"}, reason.StreamNotFound},
		{&rtmp.StatusError{Code: "NetStream.Play.Failed", Description: "unauthorized: wrong password"}, reason.Unauthorized},
		{&rtmp.StatusError{Code: "NetStream.Play.Failed", Description: "loop"}, reason.Loop},
		{&rtmp.StatusError{Code: "NetStream.Publish.Denied", Description: "go away"}, reason.Unauthorized},
		{&rtmp.StatusError{Code: "NetStream.Play.Failed", Description: "nonsense: x"}, ""},
		{&rtsp.StatusError{Status: 401}, reason.Unauthorized},
		{&rtsp.StatusError{Status: 404}, reason.StreamNotFound},
		{&rtsp.StatusError{Status: 409}, reason.StreamBusy},
		{&rtsp.StatusError{Status: 461}, ""},
		{&httpflv.StatusError{Status: 403, Code: "unauthorized"}, reason.Unauthorized},
		{&httpflv.StatusError{Status: 503, Code: "limit_reached"}, reason.LimitReached},
		{&httpflv.StatusError{Status: 404, Code: "of another server"}, reason.StreamNotFound},
		{&httpflv.StatusError{Status: 415}, reason.Unsupported},
		{&httpflv.StatusError{Status: 508}, reason.Loop},
		{reason.Wrap(reason.BadMedia, errors.New("x")), reason.BadMedia},
		{io.ErrUnexpectedEOF, ""},
	}
	for _, tt := range tests {
		given := fmt.Errorf("client: %w", tt.err)
		got := withReason(given)
		if !errors.Is(got, tt.err) || got.Error() != given.Error() || reason.Of(got, "") != tt.why {
			t.Errorf("%v becomes %v (%s), want %s", given, got, reason.Of(got, ""), tt.why)
		}
	}
}

// TestCheckRelay: what is wrong with rules is told with its place, and without
// credentials.
func TestCheckRelay(t *testing.T) {
	tests := []struct{ name, rules, says string }{
		{"scheme", "pulls: [{streams: [a], sources: ['gopher://h/x']}]", "relay.pulls[0].sources[0]: the scheme is none of file, http, https, rtmp"},
		{"scheme of a target", "forwards: [{streams: [a], targets: ['srt://h/x']}]", "relay.forwards[0].targets[0]: the scheme is none of"},
		{"not to be sent", "forwards: [{streams: [a], targets: ['http://h/x.flv']}]", "relay.forwards[0].targets[0]: streams cannot be sent by this scheme"},
		{"no scheme", "forwards: [{streams: [a], targets: ['h/live/x']}]", "relay.forwards[0].targets[0]: it has no scheme"},
		{"no host", "pulls: [{streams: [a], sources: ['rtsp:///x']}]", "relay.pulls[0].sources[0]: it has no host"},
		{"a port only", "forwards: [{streams: [a], targets: ['rtmp://:1935/live/x']}]", "relay.forwards[0].targets[0]: it has no host"},
		{"credentials only", "pulls: [{streams: [a], sources: ['http://ann:planted@/x.flv']}]", "relay.pulls[0].sources[0]: it has no host"},
		{"no URL", "pulls: [{streams: [a], sources: ['rtsp://ann:planted@[']}]", "relay.pulls[0].sources[0]: it is no URL"},
		{"no stream", "pulls: [{streams: [a], sources: ['rtmp://ann:planted@h']}]", "relay.pulls[0].sources[0]"},
		{"capture", "forwards: [{streams: ['cam/{id}'], targets: ['rtmp://h/live/{what}']}]", "{what} is captured by no pattern"},
		{"one pattern lacks it", "pulls: [{streams: ['cam/{id}', other], sources: ['rtsp://h/{id}']}]", "{id} is captured by no pattern"},
		{"no targets", "forwards: [{streams: [a], targets: []}]", "relay.forwards[0].targets: must be 1..8 URLs, are 0"},
		{"always a pattern", "pulls: [{streams: ['a/*'], sources: ['rtsp://h/x'], mode: always}]", "is named alone and in full"},
		{"pauses", "pulls: [{streams: [a], sources: ['rtsp://h/x'], min_delay: 1m, max_delay: 2s}]", "max_delay: must be at least min_delay"},
		{"patience", "forwards: [{streams: [a], targets: ['rtsp://h/x'], timeout: 10ms}]", "timeout: must be at least 1s"},
		{"lag", "forwards: [{streams: [a], targets: ['rtsp://h/x'], max_lag: 10ms}]", "max_lag: must be at least 500ms"},
		{"retry", "pulls: [{streams: [a], sources: ['rtsp://h/x'], retry: -1}]", "retry: must be at least 0"},
		{
			"shadowed pull", "pulls: [{streams: ['cam/{id}'], sources: ['rtsp://h/{id}']}, {streams: [cam/7], sources: ['rtsp://h/7']}]",
			`warning: relay.pulls[1].streams[0]: "cam/7" has no effect, pulls[0] matches the same first`,
		},
		{
			"shadowed forward", "forwards: [{streams: ['**'], targets: ['rtsp://h/{name}']}, {streams: ['live/{x}'], targets: ['rtmp://h/live/{x}']}]",
			`warning: relay.forwards[1].streams[0]: "live/{x}" has no effect, forwards[0] matches the same first`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("weir.yaml", []byte("relay:\n  "+tt.rules+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			var out, said bytes.Buffer
			err := (&checkCommand{}).Run(&console{out: &out, err: &said})
			if warns := strings.HasPrefix(tt.says, "warning"); (err == nil) != warns || !strings.Contains(said.String(), tt.says) {
				t.Errorf("%v, said %q, want %q", err, said.String(), tt.says)
			}
			if strings.Contains(out.String()+said.String(), "planted") {
				t.Errorf("the password is told: %s", said.String())
			}
		})
	}
}

// TestWaitingPlayerIsTold: a player that waits for what cannot be fetched gets the
// reason.
func TestWaitingPlayerIsTold(t *testing.T) {
	s := pulling(t, "rtmp://"+reserve(t)+"/live/{x}")
	_, err := rtmp.Play(t.Context(), s.url("pulled/a"), rtmp.ClientOptions{})
	if err == nil || !strings.Contains(err.Error(), "stream_not_found: ") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("the player is told %v", err)
	}
}
