package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// Live implements the interface of that name.
func (s *sampleRTMP) Live() []string { return []string{"chunk_size", "timeout", "codecs", "tls.key"} }

// Live implements the interface of that name.
func (s *sampleAuth) Live() []string { return []string{"*"} }

func TestLive(t *testing.T) {
	report, err := newSample().load("")
	if err != nil {
		t.Fatal(err)
	}
	for key, live := range map[string]bool{"rtmp.timeout": true, "rtmp.tls.key": true, "rtmp.listen": false, "rtmp.tls.certificate": false, "auth.users": true, "none": false} {
		if report.IsLive(key) != live {
			t.Errorf("%s: live is %t", key, !live)
		}
	}
	if !report.Has("rtmp.tls.key") || report.Has("rtmp.tls") || report.Has("rtmp.none") || report.Has("") {
		t.Error("Has is wrong")
	}
}

type misnamed struct {
	Key string `yaml:"key"`
}

// Live implements the interface of that name.
func (misnamed) Live() []string { return []string{"kye"} }

func TestLiveOfUnknownKey(t *testing.T) {
	if _, err := Load(LoadOptions{Sections: []Section{{"x", &misnamed{}}}}); err == nil {
		t.Error("a key that is not there was taken for live")
	}
}

// TestFollow: what differs from the configuration before, and what of it counts.
func TestFollow(t *testing.T) {
	const before = "rtmp:\n  listen: 127.0.0.1:1\n  timeout: 1s\n  codecs: []\n  tls: {key: old}\nauth:\n  users:\n    - {name: ann, password: old}\n"
	for _, test := range []struct {
		name, before, after string
		changed, restart    []string
	}{
		{"nothing", before, before, nil, nil},
		{"order, places and forms", before, "# moved\nauth: {users: [{password: old, name: ann}]}\nrtmp: {tls: {key: old}, timeout: 1000ms, listen: '127.0.0.1:1', codecs: []}\n", nil, nil},
		{"live and not live", before, strings.Replace(before, "1s", "2s\n  fast: true", 1), []string{"rtmp.timeout"}, []string{"rtmp.fast"}},
		{"a secret", before, strings.Replace(before, "key: old", "key: new", 1), []string{"rtmp.tls.key"}, nil},
		{"a secret in a list", before, strings.Replace(before, "password: old", "password: new", 1), []string{"auth.users"}, nil},
		{"taken out", before, "", []string{"rtmp.timeout", "rtmp.codecs", "rtmp.tls.key", "auth.users"}, []string{"rtmp.listen"}},
		// The certificate keeps its value, which needs the key that goes.
		{"what cannot be used in between", "rtmp: {tls: {key: old, certificate: a.pem}}\n", "rtmp: {timeout: 2s}\n",
			nil, []string{"rtmp.timeout", "rtmp.tls.certificate", "rtmp.tls.key"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			old, oldReport := loaded(t, test.before)
			now, report := loaded(t, test.after)
			c := report.Follow(oldReport)
			if !slices.Equal(c.Changed, test.changed) || !slices.Equal(c.Restart, test.restart) {
				t.Errorf("changed %q, restart %q", c.Changed, c.Restart)
			}
			if now.rtmp.Listen != old.rtmp.Listen || now.rtmp.Fast || now.rtmp.Validate() != nil {
				t.Errorf("in force is %+v", now.rtmp)
			}
			if len(c.Restart) > 0 && c.Restart[0] == "rtmp.listen" && report.Origin("rtmp.listen") != oldReport.Origin("rtmp.listen") {
				t.Errorf("set by %v", report.Origin("rtmp.listen"))
			}
			if c.Covers("auth") != slices.Contains(c.Changed, "auth.users") {
				t.Error("Covers is wrong")
			}
		})
	}
}

// TestFollowAgain: what waits for a restart is named until it is reverted.
func TestFollowAgain(t *testing.T) {
	const file = "rtmp: {fast: false}\n"
	_, inForce := loaded(t, file)
	for _, text := range []string{"rtmp: {fast: true}", "rtmp: {fast: true, timeout: 2s}", "rtmp: {fast: true, timeout: 2s}"} {
		s, report := loaded(t, text)
		c := report.Follow(inForce)
		if !slices.Equal(c.Restart, []string{"rtmp.fast"}) || s.rtmp.Fast {
			t.Fatalf("%q: %+v", text, c)
		}
		inForce = report
	}
	s, report := loaded(t, "rtmp: {timeout: 2s}")
	if c := report.Follow(inForce); !reflect.DeepEqual(c, Change{}) || s.rtmp.Timeout != Duration(2*time.Second) {
		t.Errorf("%+v", c)
	}
}

func loaded(t *testing.T, file string) (*sample, *Report) {
	t.Helper()
	s := newSample()
	report, err := s.load(file)
	if err != nil {
		t.Fatal(err)
	}
	return s, report
}
