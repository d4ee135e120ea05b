package message

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/amf3"
	"github.com/weirmedia/weir/pkg/reason"
)

func TestCommandGolden(t *testing.T) {
	tests := []struct {
		name string
		c    Command
		want string
	}{
		{"createStream", Command{Name: "createStream", TransactionID: 2},
			"\x02\x00\x0ccreateStream\x00\x40\x00\x00\x00\x00\x00\x00\x00\x05"},
		{"its result", Result(2, nil, 1.0),
			"\x02\x00\x07_result\x00\x40\x00\x00\x00\x00\x00\x00\x00\x05\x00\x3f\xf0\x00\x00\x00\x00\x00\x00"},
		{"publish", Command{Name: "publish", Args: []any{"key", "live"}},
			"\x02\x00\x07publish\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x02\x00\x03key\x02\x00\x04live"},
		{"onStatus", OnStatus(Status{Level: "a", Code: "b", Description: "c"}),
			"\x02\x00\x08onStatus\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05" +
				"\x03\x00\x05level\x02\x00\x01a\x00\x04code\x02\x00\x01b\x00\x0bdescription\x02\x00\x01c\x00\x00\x09"},
		{"error", Error(1, Status{Level: "a", Code: "b"}),
			"\x02\x00\x06_error\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x05" +
				"\x03\x00\x05level\x02\x00\x01a\x00\x04code\x02\x00\x01b\x00\x0bdescription\x02\x00\x00\x00\x00\x09"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.c.Append(nil); string(got) != tt.want {
				t.Errorf("Append:\ngot  %x\nwant %x", got, tt.want)
			}
			got, err := ParseCommand([]byte(tt.want))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.c) {
				t.Errorf("ParseCommand:\ngot  %#v\nwant %#v", got, tt.c)
			}
		})
	}
}

func TestParseCommandTolerates(t *testing.T) {
	tests := []struct {
		name   string
		values []any
		want   Command
	}{
		{"name alone", []any{"FCPublish"}, Command{Name: "FCPublish"}},
		{"no command object", []any{"close", 3.0}, Command{Name: "close", TransactionID: 3}},
		{"null transaction id", []any{"onStatus", nil, nil, "x"}, Command{Name: "onStatus", Args: []any{"x"}}},
		{"undefined transaction id", []any{"onStatus", amf0.Undefined{}}, Command{Name: "onStatus"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseCommand(amf0.Append(nil, tt.values...))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %#v, want %#v", got, tt.want)
			}
		})
	}
}

func TestParseCommandErrors(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing", "", "empty message"},
		{"name is a number", string(amf0.Append(nil, 1.0)), "the name is the number 1"},
		{"name is empty", string(amf0.Append(nil, "", 1.0)), "the name is empty"},
		{"name is null", string(amf0.Append(nil, nil)), "the name is null"},
		{"name is an object", string(amf0.Append(nil, amf0.Object{})), "the name is of type amf0.Object"},
		{"transaction id is a string", string(amf0.Append(nil, "play", "1")), `command "play": the transaction id is a string`},
		{"transaction id is a boolean", string(amf0.Append(nil, "play", true)), "the transaction id is the boolean true"},
		{"AMF3", "\x02\x00\x04play\x11", "amf0: byte 8: AMF3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseCommand([]byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if got := reason.Of(err, ""); got != reason.BadMessage {
				t.Errorf("reason %q", got)
			}
		})
	}
	var e *amf0.Error
	if _, err := ParseCommand([]byte("\x42")); !errors.As(err, &e) {
		t.Errorf("got %v, want it to wrap an *amf0.Error", err)
	}
}

func TestCommandArgs(t *testing.T) {
	c := Command{Args: []any{"text", 2.0, true, 0.0, nil}}
	if c.String(0) != "text" || c.String(1) != "" || c.String(9) != "" || c.String(-1) != "" {
		t.Error("String: wrong value")
	}
	if c.Number(1, 7) != 2 || c.Number(0, 7) != 7 || c.Number(9, 7) != 7 {
		t.Error("Number: wrong value")
	}
	if !c.Bool(2, false) || c.Bool(3, true) || !c.Bool(1, false) || !c.Bool(4, true) || c.Bool(9, false) {
		t.Error("Bool: wrong value")
	}
}

func TestStatusRoundTrip(t *testing.T) {
	want := Status{LevelError, CodePublishBadName, "busy", amf0.Object{{Name: "details", Value: "live/test"}}}
	for _, c := range []Command{OnStatus(want), Error(4, want), Result(4, nil, want.Object()), {Args: []any{amf0.ECMAArray(want.Object())}}} {
		if got, ok := ParseStatus(c); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %v", c.Name, got, ok)
		}
	}
	for name, c := range map[string]Command{
		"no argument": {},
		"no object":   Result(2, nil, 1.0),
		"no code":     {Args: []any{amf0.Object{{Name: "level", Value: "status"}}}},
	} {
		if got, ok := ParseStatus(c); ok {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestParseConnect(t *testing.T) {
	more := amf0.Object{{Name: "fpad", Value: false}, {Name: "fourCcList", Value: amf0.StrictArray{"hvc1"}}}
	full := Connect{
		App: "live", TCURL: "rtmp://127.0.0.1/live", FlashVer: "FMLE/3.0 (compatible; FMSc/1.0)", SWFURL: "s", PageURL: "p",
		Type: "nonprivate", Capabilities: 15, AudioCodecs: 4071, VideoCodecs: 252, VideoFunction: 1, ObjectEncoding: 3, More: more,
	}
	tests := []struct {
		name   string
		object any
		want   Connect
	}{
		{"everything", full.Command().Object, full},
		{"as an ECMA array", amf0.ECMAArray{{Name: "app", Value: "live"}}, Connect{App: "live"}},
		{"nothing", amf0.Object{}, Connect{}},
		{"wrong types", amf0.Object{{Name: "app", Value: "a"}, {Name: "tcUrl", Value: nil}, {Name: "objectEncoding", Value: "3"}}, Connect{App: "a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseConnect(Command{Name: "connect", TransactionID: 1, Object: tt.object})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("\ngot  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestConnectCommandLeavesOutWhatIsUnset(t *testing.T) {
	want := Command{Name: "connect", TransactionID: 1, Object: amf0.Object{{Name: "app", Value: "live"}, {Name: "tcUrl", Value: ""}}}
	if got := (Connect{App: "live"}).Command(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestParseConnectErrors(t *testing.T) {
	tests := []struct {
		name string
		c    Command
		want string
	}{
		{"other command", Command{Name: "play"}, `command "play" where connect is expected`},
		{"no object", Command{Name: "connect"}, "the command object is null"},
		{"object is a string", Command{Name: "connect", Object: "live"}, "the command object is a string"},
		{"app is a number", Command{Name: "connect", Object: amf0.Object{{Name: "app", Value: 5.0}}}, "app is the number 5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseConnect(tt.c)
			if err == nil || !strings.Contains(err.Error(), tt.want) || reason.Of(err, "") != reason.BadMessage {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestConnectResult(t *testing.T) {
	c := ConnectResult(1, amf0.Object{{Name: "fmsVer", Value: "FMS/3,0,1,123"}}, 3)
	s, ok := ParseStatus(c)
	if !ok || c.Name != NameResult || c.TransactionID != 1 || s.Level != LevelStatus || s.Code != CodeConnectSuccess {
		t.Errorf("got %+v, %+v", c, s)
	}
	if s.More.Number("objectEncoding") != 3 {
		t.Errorf("object encoding: %v", s.More)
	}
}

func TestParseCommandAMF3(t *testing.T) {
	plain := Command{Name: "play", TransactionID: 4, Args: []any{"test", -2000.0}}
	connect := Command{Name: "connect", TransactionID: 1, Object: amf0.Object{{Name: "app", Value: "live"}, {Name: "objectEncoding", Value: 3.0}}}
	object := amf3.Object{Properties: []amf3.Property{{Name: "app", Value: "live"}, {Name: "objectEncoding", Value: int32(3)}}}
	for _, tt := range []struct {
		name string
		in   []byte
		want Command
	}{
		{"AMF0 behind a format byte", plain.Append([]byte{0}), plain},
		{"AMF0 with an AMF3 object", amf3.Append(append(amf0.Append([]byte{0}, "connect", 1.0), 0x11), object), connect},
		{"AMF3", amf3.Append([]byte{3}, "connect", int32(1), object), connect},
		{"AMF3, number as a double", amf3.Append([]byte{3}, "play", 4.0, nil, "test", int32(-2000)), plain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseCommandAMF3(tt.in)
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %#v, %v\nwant %#v", got, err, tt.want)
			}
		})
	}
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", "", "empty message"},
		{"only the format", "\x00", "empty message"},
		{"only the other format", "\x03", "empty message"},
		{"unknown format", "\x02\x00\x04play", "unknown format 2"},
		{"broken AMF0", "\x00\x02\x00", "amf0: byte 1"},
		{"broken AMF3", "\x03\x06", "amf3: byte 1"},
		{"name is a number", "\x03\x04\x01", "the name is the number 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseCommandAMF3([]byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) || reason.Of(err, "") != reason.BadMessage {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// FuzzParseCommand checks that a command that was understood, and a connect
// and a status in it, is written such that it is understood the same.
func FuzzParseCommand(f *testing.F) {
	fuzzCommand(f, ParseCommand)
}

// FuzzParseCommandAMF3 checks the same of commands of type 17.
func FuzzParseCommandAMF3(f *testing.F) { fuzzCommand(f, ParseCommandAMF3) }

func fuzzCommand(f *testing.F, parse func([]byte) (Command, error)) {
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := parse(in)
		if err != nil {
			if reason.Of(err, "") != reason.BadMessage {
				t.Fatalf("%v: reason %q", err, reason.Of(err, ""))
			}
			return
		}
		first := c.Append(nil)
		again, err := ParseCommand(first)
		if err != nil || again.Name != c.Name || !bytes.Equal(again.Append(nil), first) {
			t.Fatalf("got %v, %v, want %v", again, err, c)
		}
		if s, ok := ParseStatus(c); ok {
			// Properties that repeat are reordered once, so the second time counts.
			second := OnStatus(s).Append(nil)
			if s, ok := ParseStatus(OnStatus(s)); !ok || !bytes.Equal(OnStatus(s).Append(nil), second) {
				t.Fatalf("status not stable: %v, %v", s, ok)
			}
		}
		if info, err := ParseConnect(c); err == nil {
			second := info.Command().Append(nil)
			if info, err := ParseConnect(info.Command()); err != nil || !bytes.Equal(info.Command().Append(nil), second) {
				t.Fatalf("connect not stable: %v, %v", info, err)
			}
		}
	})
}
