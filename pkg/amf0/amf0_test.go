package amf0

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/amf3"
)

// golden pairs values with bytes written by hand from the specification.
var golden = []struct {
	name   string
	values []any
	bytes  string
}{
	{"number", []any{1.5}, "\x00\x3f\xf8\x00\x00\x00\x00\x00\x00"},
	{"true", []any{true}, "\x01\x01"},
	{"false", []any{false}, "\x01\x00"},
	{"string", []any{"live"}, "\x02\x00\x04live"},
	{"empty string", []any{""}, "\x02\x00\x00"},
	{"longest short string", []any{strings.Repeat("a", 65535)}, "\x02\xff\xff" + strings.Repeat("a", 65535)},
	{"long string", []any{strings.Repeat("a", 65536)}, "\x0c\x00\x01\x00\x00" + strings.Repeat("a", 65536)},
	{"null", []any{nil}, "\x05"},
	{"undefined", []any{Undefined{}}, "\x06"},
	{"unsupported", []any{Unsupported{}}, "\x0d"},
	{"empty object", []any{Object(nil)}, "\x03\x00\x00\x09"},
	{"object keeps order", []any{Object{{"b", true}, {"a", nil}}}, "\x03\x00\x01b\x01\x01\x00\x01a\x05\x00\x00\x09"},
	{"empty property name", []any{Object{{"", nil}}}, "\x03\x00\x00\x05\x00\x00\x09"},
	{"ECMA array", []any{ECMAArray{{"a", "b"}}}, "\x08\x00\x00\x00\x01\x00\x01a\x02\x00\x01b\x00\x00\x09"},
	{"strict array", []any{StrictArray{nil, false}}, "\x0a\x00\x00\x00\x02\x05\x01\x00"},
	{"date", []any{Date{UnixMilli: 2, Zone: -1}}, "\x0b\x40\x00\x00\x00\x00\x00\x00\x00\xff\xff"},
	{"XML document", []any{XMLDocument("<a/>")}, "\x0f\x00\x00\x00\x04<a/>"},
	{"typed object", []any{TypedObject{"C", Object{{"x", nil}}}}, "\x10\x00\x01C\x00\x01x\x05\x00\x00\x09"},
	{"nested", []any{Object{{"o", Object{{"s", StrictArray{Object(nil)}}}}}},
		"\x03\x00\x01o\x03\x00\x01s\x0a\x00\x00\x00\x01\x03\x00\x00\x09\x00\x00\x09\x00\x00\x09"},
	{"sequence", []any{"connect", 1.0, nil}, "\x02\x00\x07connect\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x05"},
	{"nothing", nil, ""},
}

func TestGolden(t *testing.T) {
	for _, tt := range golden {
		t.Run(tt.name, func(t *testing.T) {
			if got := Append(nil, tt.values...); string(got) != tt.bytes {
				t.Errorf("Append: got %x, want %x", got, tt.bytes)
			}
			got, err := Decode([]byte(tt.bytes))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.values) {
				t.Errorf("Decode: got %#v, want %#v", got, tt.values)
			}
		})
	}
}

func TestDecodeTolerates(t *testing.T) {
	array := []any{ECMAArray{{"a", true}}}
	inner := []any{Object{{"o", Object{{"a", true}}}}}
	tests := []struct {
		name, bytes string
		want        []any
	}{
		{"count 0", "\x08\x00\x00\x00\x00\x00\x01a\x01\x01\x00\x00\x09", array},
		{"count too high", "\x08\xff\xff\xff\xff\x00\x01a\x01\x01\x00\x00\x09", array},
		{"no end marker", "\x08\x00\x00\x00\x00\x00\x01a\x01\x01", array},
		{"a third of the end marker", "\x08\x00\x00\x00\x00\x00\x01a\x01\x01\x00", array},
		{"two thirds of the end marker", "\x08\x00\x00\x00\x00\x00\x01a\x01\x01\x00\x00", array},
		{"two end markers missing", "\x03\x00\x01o\x03\x00\x01a\x01\x01", inner},
		{"object without anything", "\x03", []any{Object(nil)}},
		{"boolean above 1", "\x01\x02", []any{true}},
		{"text that is no UTF-8", "\x02\x00\x01\xff", []any{"\xff"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Decode([]byte(tt.bytes))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %#v, want %#v", got, tt.want)
			}
		})
	}
}

func TestDecodeErrors(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("\x0a\x00\x00\x00\x01", n) + "\x05" }
	tests := []struct {
		name, bytes string
		offset      int
		problem     string
	}{
		{"short number", "\x05\x00\x3f", 2, "number of 8 bytes, but 1 are left"},
		{"short string", "\x02\x00\x05abc", 3, "string of 5 bytes, but 3 are left"},
		{"short string length", "\x02\x00", 1, "length of string"},
		{"huge long string", "\x0c\xff\xff\xff\xffabc", 5, "long string of 4294967295 bytes"},
		{"huge strict array", "\x0a\xff\xff\xff\xff\x05", 1, "strict array of 4294967295 values in 1 bytes"},
		{"short strict array", "\x0a\x00\x00\x00\x02\x00\x00", 6, "number of 8 bytes"},
		{"property without value", "\x03\x00\x01a", 4, "type marker"},
		{"reference", "\x03\x00\x01a\x07\x00\x00", 4, "references are not supported"},
		{"AVM+", "\x05\x11\x0a", 3, "AMF3: integer of 1 bytes"},
		{"AVM+ nested too deep", "\x0a\x00\x00\x00\x01\x11" + strings.Repeat("\x09\x03\x01", MaxDepth) + "\x01", 6, "nested deeper than 32"},
		{"AVM+ with too many values", strings.Repeat("\x11\x01", MaxValues) + "\x05", 2 * MaxValues, "more than 4096 values"},
		{"AVM+ with a long name", "\x11\x0a\x0b\x01\x88\x80\x01" + strings.Repeat("a", 65536) + "\x01\x01", 1, "property name of 65536 bytes"},
		{"movie clip", "\x04", 0, "reserved type marker 0x04"},
		{"stray object end", "\x09", 0, "outside of an object"},
		{"unknown marker", "\x05\x42", 1, "unknown type marker 0x42"},
		{"too deep", deep(MaxDepth + 1), 5 * MaxDepth, "nested deeper than 32"},
		{"too many values", strings.Repeat("\x05", MaxValues+1), MaxValues, "more than 4096 values"},
		{"too many values in an object", "\x03" + strings.Repeat("\x00\x01a\x05", MaxValues), 1 + 4*MaxValues - 1, "more than 4096 values"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode([]byte(tt.bytes))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Offset != tt.offset || !strings.Contains(e.Error(), tt.problem) {
				t.Errorf("got %v, want byte %d: %s", e, tt.offset, tt.problem)
			}
		})
	}
	if _, err := Decode([]byte(deep(MaxDepth))); err != nil {
		t.Errorf("depth %d: %v", MaxDepth, err)
	}
	if _, err := Decode(bytes.Repeat([]byte{markerNull}, MaxValues)); err != nil {
		t.Errorf("%d values: %v", MaxValues, err)
	}
}

func TestDecodeAMF3(t *testing.T) {
	in := amf3.Append([]byte{markerNull, markerAVMPlus}, amf3.Array{Named: []amf3.Property{{Name: "a", Value: int32(-1)}}, Dense: []any{
		amf3.Undefined{}, nil, true, 1.5, "s", amf3.XML("<a/>"), amf3.XMLDocument("<b/>"), amf3.Date(2), amf3.ByteArray{1},
		amf3.Object{}, amf3.Object{Class: "C", Properties: []amf3.Property{{Name: "x", Value: amf3.Array{}}}},
		amf3.Array{Dense: []any{int32(7)}},
	}})
	in = append(in, "\x11\x06\x00"...) // refers to "a" in the value before
	want := []any{nil, ECMAArray{
		{"a", -1.0}, {"0", Undefined{}}, {"1", nil}, {"2", true}, {"3", 1.5}, {"4", "s"},
		{"5", XMLDocument("<a/>")}, {"6", XMLDocument("<b/>")}, {"7", Date{UnixMilli: 2}}, {"8", Unsupported{}},
		{"9", Object(nil)}, {"10", TypedObject{"C", Object{{"x", StrictArray(nil)}}}}, {"11", StrictArray{7.0}},
	}, "a"}
	if got, err := Decode(in); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, %v\nwant %#v", got, err, want)
	}
}

func TestDecodeReturnsValuesBeforeError(t *testing.T) {
	got, err := Decode([]byte("\x02\x00\x01a\x11"))
	if err == nil || !reflect.DeepEqual(got, []any{"a"}) {
		t.Errorf("got %v and %v, want [a] and an error", got, err)
	}
}

func TestDecodeValue(t *testing.T) {
	v, rest, err := DecodeValue([]byte("\x02\x00\x01aREST"))
	if err != nil || v != "a" || string(rest) != "REST" {
		t.Errorf("got %v, %q, %v", v, rest, err)
	}
	if _, rest, err = DecodeValue(nil); err == nil || len(rest) != 0 {
		t.Errorf("no input: got %q and %v, want an error", rest, err)
	}
}

func TestAppendNumbers(t *testing.T) {
	want := Append(nil, 7.0)
	for _, v := range []any{7, int8(7), int16(7), int32(7), int64(7), uint(7), uint8(7), uint16(7), uint32(7), uint64(7), float32(7)} {
		if got := Append(nil, v); !bytes.Equal(got, want) {
			t.Errorf("%T: got %x, want %x", v, got, want)
		}
	}
}

func TestAppendWhatCannotBeExpressed(t *testing.T) {
	cyclic := StrictArray{nil}
	cyclic[0] = cyclic
	long := strings.Repeat("n", 70000)
	for name, v := range map[string]any{
		"foreign type":  struct{}{},
		"cyclic":        cyclic,
		"long name":     Object{{long, 1.0}},
		"long class":    TypedObject{Class: long},
		"foreign value": Object{{"a", []int{1}}, {"b", true}},
	} {
		t.Run(name, func(t *testing.T) {
			values, err := Decode(Append(nil, v, "next"))
			if err != nil || len(values) != 2 || values[1] != "next" {
				t.Errorf("got %d values and %v, want 2 with the last intact", len(values), err)
			}
		})
	}
}

func TestLookups(t *testing.T) {
	o := Object{{"s", "text"}, {"n", 2.0}, {"s", "second"}}
	if o.String("s") != "text" || o.String("n") != "" || o.String("-") != "" {
		t.Error("String: wrong value")
	}
	if o.Number("n") != 2 || o.Number("s") != 0 {
		t.Error("Number: wrong value")
	}
	for _, v := range []any{o, ECMAArray(o), TypedObject{Properties: o}} {
		if got, ok := AsObject(v); !ok || !reflect.DeepEqual(got, o) {
			t.Errorf("AsObject(%T): got %v, %v", v, got, ok)
		}
	}
	if _, ok := AsObject("text"); ok {
		t.Error("AsObject: a string is no object")
	}
	if v, ok := ECMAArray(o).Get("n"); !ok || v != 2.0 {
		t.Errorf("Get: got %v, %v", v, ok)
	}
	if _, ok := o.Get("missing"); ok {
		t.Error("Get: found what is not there")
	}
}

func TestDateTime(t *testing.T) {
	if got, want := (Date{UnixMilli: 1500}).Time(), time.Unix(1, 5e8).UTC(); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, ms := range []float64{math.NaN(), math.Inf(-1), 1e300} {
		if got := (Date{UnixMilli: ms}).Time(); !got.IsZero() {
			t.Errorf("%v: got %v, want the zero time", ms, got)
		}
	}
}

// FuzzDecode checks that what was decoded is written such that it decodes to
// the same, and that memory stays in proportion to the input.
func FuzzDecode(f *testing.F) {
	for _, tt := range golden {
		if len(tt.bytes) < 1000 {
			f.Add([]byte(tt.bytes))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		values, err := Decode(in)
		// References of AMF3 repeat text, and its numbered values get names.
		if n, text := count(values); n > MaxValues || text > len(in)+amf3.MaxRepeated+4*MaxValues {
			t.Fatalf("%d values with %d bytes of text from %d bytes", n, text, len(in))
		}
		first := Append(nil, values...)
		again, err2 := Decode(first)
		if err2 != nil {
			t.Fatalf("decoding what was appended: %v (input: %v)", err2, err)
		}
		// Bytes are compared, not values: NaN differs from itself.
		if second := Append(nil, again...); !bytes.Equal(first, second) {
			t.Fatalf("not stable:\n%x\n%x", first, second)
		}
		if v, rest, err := DecodeValue(in); err == nil {
			if len(rest) >= len(in) || len(values) == 0 || !bytes.Equal(Append(nil, v), Append(nil, values[0])) {
				t.Fatalf("DecodeValue differs from Decode")
			}
		}
	})
}

// count returns the number of values and the bytes of text in them.
func count(v any) (n, text int) {
	add := func(name string, v any) {
		cn, ct := count(v)
		n, text = n+cn, text+ct+len(name)
	}
	switch v := v.(type) {
	case []any: // the sequence itself is no value
		for _, e := range v {
			add("", e)
		}
		return n, text
	case StrictArray:
		for _, e := range v {
			add("", e)
		}
	case string:
		text = len(v)
	case XMLDocument:
		text = len(v)
	}
	if props, ok := AsObject(v); ok {
		for _, p := range props {
			add(p.Name, p.Value)
		}
	}
	if o, ok := v.(TypedObject); ok {
		text += len(o.Class)
	}
	return n + 1, text
}
