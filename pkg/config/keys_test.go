package config

import (
	"reflect"
	"testing"
	"time"
)

// keyed returns the keys of a report by name, those of elements too.
func keyed(t *testing.T, r *Report) map[string]Key {
	t.Helper()
	keys, err := r.Keys()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]Key{}
	var add func([]Key)
	add = func(list []Key) {
		for _, k := range list {
			add(k.Items)
			k.Items = nil
			all[k.Key] = k
		}
	}
	add(keys)
	return all
}

func TestKeys(t *testing.T) {
	report, err := newSample().load("rtmp:\n  chunk_size: 4096\n  tls: {key: hush}\nauth:\n  users:\n  - name: a\n    password: hush\n    allow: [{actions: [play], limit: 0s}]\n",
		"WEIR_RTMP_CODECS=AAC,-x")
	if err != nil {
		t.Fatal(err)
	}
	got := keyed(t, report)
	for _, want := range []Key{
		{Key: "rtmp.listen", Type: TypeAddress, Value: `":1935"`, Default: `":1935"`, Help: "Where to listen.", Variable: "WEIR_RTMP_LISTEN"},
		{Key: "rtmp.chunk_size", Type: TypeNumber, Value: "4096", Default: "60000", SetBy: "weir.yaml:2:3", Live: true, Variable: "WEIR_RTMP_CHUNK_SIZE"},
		{Key: "rtmp.timeout", Type: TypeDuration, Value: "15s", Default: "15s", Live: true, Variable: "WEIR_RTMP_TIMEOUT"},
		{Key: "rtmp.max_bytes", Type: TypeSize, Value: "8MiB", Default: "8MiB", Variable: "WEIR_RTMP_MAX_BYTES"},
		{Key: "rtmp.trusted_proxies", Type: TypeList, Value: "[]", Default: "[]", Variable: "WEIR_RTMP_TRUSTED_PROXIES"},
		{Key: "rtmp.codecs", Type: TypeList, Value: `[AAC, "-x"]`, Default: "[H264, AAC]", SetBy: "WEIR_RTMP_CODECS", Live: true, Variable: "WEIR_RTMP_CODECS"},
		{Key: "rtmp.fast", Type: TypeBool, Value: "false", Default: "false", Variable: "WEIR_RTMP_FAST"},
		{Key: "rtmp.share", Type: TypeNumber, Value: "0.5", Default: "0.5", Variable: "WEIR_RTMP_SHARE"},
		{Key: "rtmp.retries", Type: TypeNumber, Value: "0", Default: "0", Variable: "WEIR_RTMP_RETRIES"},
		{Key: "rtmp.tls.certificate", Type: TypeText, Value: `""`, Default: `""`, Variable: "WEIR_RTMP_TLS_CERTIFICATE"},
		{Key: "rtmp.tls.key", Type: TypeSecret, Value: `"***"`, Default: `""`, SetBy: "weir.yaml:3:9", Live: true, Secret: true, Variable: "WEIR_RTMP_TLS_KEY"},
		{Key: "auth.users", Type: TypeGroups, Value: "- name: a\n  password: \"***\"\n  allow:\n    - actions: [play]\n      limit: 0s\n", Default: "[]", SetBy: "weir.yaml:5:3", Live: true, Secret: true},
		{Key: "auth.users[].name", Type: TypeText, Live: true},
		{Key: "auth.users[].password", Type: TypeSecret, Live: true, Secret: true, Help: "Is not shown."},
		{Key: "auth.users[].allow", Type: TypeGroups, Live: true},
		{Key: "auth.users[].allow[].actions", Type: TypeList, Live: true, Help: "What is allowed, such as 'play'.", Example: "[play]"},
		{Key: "auth.users[].allow[].limit", Type: TypeDuration, Live: true, Help: "For how long."},
		{Key: "auth.users[].allow[].count", Type: TypeNumber, Live: true},
	} {
		if !reflect.DeepEqual(got[want.Key], want) {
			t.Errorf("got\n%+v\nwant\n%+v", got[want.Key], want)
		}
		delete(got, want.Key)
	}
	if len(got) > 0 {
		t.Errorf("more keys: %+v", got)
	}
}

func TestOptional(t *testing.T) {
	s := newSample()
	report, err := s.load("auth:\n  users:\n  - name: a\n    allow: [{actions: [play], limit: 0s, count: 3}, {actions: [play]}]\n")
	if err != nil {
		t.Fatal(err)
	}
	set, unset := s.auth.Users[0].Allow[0], s.auth.Users[0].Allow[1]
	if set.Limit == nil || *set.Limit != 0 || set.Count == nil || *set.Count != 3 || unset.Limit != nil || unset.Count != nil {
		t.Errorf("%+v, %+v", set, unset)
	}
	again := newSample()
	if _, err := again.load(effective(t, report)); err != nil || !reflect.DeepEqual(again.auth, s.auth) {
		t.Errorf("read again %v: %+v", err, again.auth)
	}
	_, err = newSample().load("auth:\n  users:\n  - name: a\n    allow: [{limit: soon}]\n")
	want := `weir.yaml:4:21: auth.users[0].allow[0].limit: must be a duration with its unit, such as "350ms", "15s" or "168h", is "soon"`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}

	section := struct {
		Wait *Duration `yaml:"wait"`
	}{}
	for _, test := range []struct {
		env, want string
	}{
		{"", "x:\n  {}\n"},
		{"WEIR_X_WAIT=0s", "x:\n  wait: 0s # set by WEIR_X_WAIT\n"},
	} {
		section.Wait = nil
		report, err := Load(LoadOptions{Env: []string{test.env}, Sections: []Section{{"x", &section}}})
		if err != nil {
			t.Fatal(err)
		}
		if got := effective(t, report); got != test.want {
			t.Errorf("%s: got\n%s", test.env, got)
		}
	}
	if section.Wait == nil || time.Duration(*section.Wait) != 0 {
		t.Errorf("%v", section.Wait)
	}
}

func TestDifferences(t *testing.T) {
	for _, test := range []struct {
		name, file, want string
	}{
		{"none", "", ""},
		{"the default", "rtmp:\n  chunk_size: 60000\n", ""},
		{"one", "rtmp:\n  chunk_size: 4096\n", "rtmp:\n  chunk_size: 4096 # default: 60000, set by weir.yaml:2:3\n"},
		{"a group", "rtmp:\n  tls: {key: hush}\n  fast: true\n",
			"rtmp:\n  fast: true # default: false, set by weir.yaml:3:3\n  tls:\n    key: \"***\" # set by weir.yaml:2:9\n"},
		{"groups", "auth:\n  users:\n  - name: a\n    allow: [{count: 1}]\n",
			"auth:\n  users: # default: [], set by weir.yaml:2:3\n    - name: a\n      allow:\n        - count: 1\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			report, err := newSample().load(test.file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := report.Differences()
			if err != nil || string(got) != test.want {
				t.Errorf("%v, got\n%s\nwant\n%s", err, got, test.want)
			}
		})
	}
}
