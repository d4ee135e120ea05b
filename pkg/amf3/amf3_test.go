package amf3

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// golden pairs values with bytes written by hand from the specification.
var golden = []struct {
	name   string
	values []any
	bytes  string
}{
	{"undefined", []any{Undefined{}}, "\x00"},
	{"null", []any{nil}, "\x01"},
	{"false and true", []any{false, true}, "\x02\x03"},
	{"integer of one byte", []any{int32(127)}, "\x04\x7f"},
	{"integer of two bytes", []any{int32(128)}, "\x04\x81\x00"},
	{"integer of three bytes", []any{int32(16384)}, "\x04\x81\x80\x00"},
	{"integer of four bytes", []any{int32(2097152)}, "\x04\x80\xc0\x80\x00"},
	{"largest integer", []any{int32(maxInteger)}, "\x04\xbf\xff\xff\xff"},
	{"smallest integer", []any{int32(minInteger)}, "\x04\xc0\x80\x80\x00"},
	{"minus one", []any{int32(-1)}, "\x04\xff\xff\xff\xff"},
	{"double", []any{1.5}, "\x05\x3f\xf8\x00\x00\x00\x00\x00\x00"},
	{"string", []any{"live"}, "\x06\x09live"},
	{"empty string", []any{""}, "\x06\x01"},
	{"string of 64 bytes", []any{strings.Repeat("a", 64)}, "\x06\x81\x01" + strings.Repeat("a", 64)},
	{"XML document", []any{XMLDocument("<a/>")}, "\x07\x09<a/>"},
	{"date", []any{Date(2)}, "\x08\x01\x40\x00\x00\x00\x00\x00\x00\x00"},
	{"array", []any{Array{Dense: []any{int32(1), nil}}}, "\x09\x05\x01\x04\x01\x01"},
	{"array with names", []any{Array{Named: []Property{{"a", true}}, Dense: []any{false}}}, "\x09\x03\x03a\x03\x01\x02"},
	{"empty object", []any{Object{}}, "\x0a\x03\x01"},
	{"object", []any{Object{"C", []Property{{"x", nil}, {"", true}}}}, "\x0a\x23\x03C\x03x\x01\x01\x03"},
	{"XML", []any{XML("<a/>")}, "\x0b\x09<a/>"},
	{"byte array", []any{ByteArray("\x00\xff")}, "\x0c\x05\x00\xff"},
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

// TestDecodeWhatIsNotWritten: references, dynamic objects and long integers.
func TestDecodeWhatIsNotWritten(t *testing.T) {
	object := Object{"", []Property{{"a", "b"}}}
	for _, tt := range []struct {
		name, bytes string
		want        []any
	}{
		{"dynamic object", "\x0a\x0b\x01\x03a\x06\x03b\x01", []any{object}},
		{"sealed and dynamic", "\x0a\x1b\x03C\x03x\x03\x03y\x02\x01",
			[]any{Object{"C", []Property{{"x", true}, {"y", false}}}}},
		{"integer with leading zeros", "\x04\x80\x80\x01", []any{int32(1)}},
		{"reference to a string", "\x06\x03a\x06\x00", []any{"a", "a"}},
		{"the empty string is never referred to", "\x06\x01\x06\x03a\x06\x00", []any{"", "a", "a"}},
		{"a property name is a string", "\x0a\x0b\x01\x03a\x06\x03b\x01\x06\x00\x06\x02", []any{object, "a", "b"}},
		{"reference to an object", "\x0a\x0b\x01\x03a\x06\x03b\x01\x0a\x00", []any{object, object}},
		{"reference to a date", "\x08\x01\x40\x00\x00\x00\x00\x00\x00\x00\x08\x00", []any{Date(2), Date(2)}},
		{"the outer object comes before the inner", "\x09\x03\x01\x09\x01\x01\x09\x02",
			[]any{Array{Dense: []any{Array{}}}, Array{}}},
		{"reference to traits", "\x0a\x13\x03C\x03x\x02\x0a\x01\x03",
			[]any{Object{"C", []Property{{"x", false}}}, Object{"C", []Property{{"x", true}}}}},
	} {
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
	deep := func(n int) string { return strings.Repeat("\x09\x03\x01", n) + "\x01" }
	// Each array holds the one before it twice: 2^20 values in 120 bytes.
	bomb := "\x09\x01\x01"
	for i := range 20 {
		bomb = bomb + "\x09\x05\x01\x09" + string(rune(i<<1)) + "\x09" + string(rune(i<<1))
	}
	text := "\x06\x87\xff\x7f" + strings.Repeat("a", 65535) // 64 KiB - 1
	for _, tt := range []struct {
		name, bytes string
		offset      int
		problem     string
	}{
		{"no value", "\x01\x04", 2, "integer of 1 bytes, but 0 are left"},
		{"cut integer", "\x04\x80\x80", 3, "integer of 1 bytes"},
		{"cut double", "\x05\x00", 1, "double of 8 bytes, but 1 are left"},
		{"cut string", "\x06\x07ab", 2, "string of 3 bytes, but 2 are left"},
		{"huge string", "\x06\xff\xff\xff\xff", 5, "string of 268435455 bytes"},
		{"huge array", "\x09\xff\xff\xff\xff\x01", 5, "array of 268435455 values in 0 bytes"},
		{"huge object", "\x0a\xff\xff\xff\xf3\x01", 5, "sealed properties, more than 4096 values"},
		{"reference to no string", "\x06\x00", 1, "reference to string 0 of 0"},
		{"reference to no object", "\x01\x09\x02", 1, "reference to value 1 of 0"},
		{"reference to no traits", "\x0a\x01", 2, "reference to traits 0 of 0"},
		{"itself", "\x09\x03\x01\x09\x00", 3, "a value contains itself"},
		{"externalizable", "\x0a\x07\x03C", 2, `externalizable object of class "C"`},
		{"vector", "\x0d\x01", 0, "vectors are not supported"},
		{"dictionary", "\x11\x01", 0, "dictionaries are not supported"},
		{"unknown marker", "\x01\x12", 1, "unknown type marker 0x12"},
		{"too deep", deep(MaxDepth + 1), 3 * MaxDepth, "nested deeper than 32"},
		{"too many values", strings.Repeat("\x01", MaxValues+1), MaxValues, "more than 4096 values"},
		{"values by references", bomb, -1, "more than 4096 values"},
		{"text by references", text + strings.Repeat("\x06\x00", 17), len(text) + 2*16 + 1, "references repeat more than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode([]byte(tt.bytes))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if tt.offset >= 0 && e.Offset != tt.offset || !strings.Contains(e.Error(), tt.problem) {
				t.Errorf("got %v, want byte %d: %s", e, tt.offset, tt.problem)
			}
		})
	}
	if _, err := Decode([]byte(deep(MaxDepth))); err != nil {
		t.Errorf("depth %d: %v", MaxDepth, err)
	}
}

func TestAppendWhatCannotBeExpressed(t *testing.T) {
	cyclic := Array{Dense: []any{nil}}
	cyclic.Dense[0] = cyclic
	for name, v := range map[string]any{
		"foreign type":         struct{}{},
		"cyclic":               cyclic,
		"integer beyond range": int32(maxInteger + 1),
		"named without name":   Array{Named: []Property{{"", 1.0}}},
	} {
		t.Run(name, func(t *testing.T) {
			values, err := Decode(Append(nil, v, "next"))
			if err != nil || len(values) != 2 || values[1] != "next" {
				t.Errorf("got %v and %v, want two values with the last intact", values, err)
			}
		})
	}
	if got, err := Decode(Append(nil, int32(minInteger-1))); err != nil || got[0] != float64(minInteger-1) {
		t.Errorf("got %v, %v", got, err)
	}
}

// FuzzDecode checks that what was decoded is written such that it decodes to
// the same, and that neither values nor text get out of proportion.
func FuzzDecode(f *testing.F) {
	f.Fuzz(func(t *testing.T, in []byte) {
		values, err := Decode(in)
		if n, text := count(values); n > MaxValues || text > len(in)+MaxRepeated {
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
	})
}

// count returns the number of values in a sequence and the bytes of text in
// them.
func count(values []any) (n, text int) {
	for _, v := range values {
		var props []Property
		var dense []any
		switch v := v.(type) {
		case string:
			text += len(v)
		case XML:
			text += len(v)
		case XMLDocument:
			text += len(v)
		case ByteArray:
			text += len(v)
		case Array:
			props, dense = v.Named, v.Dense
		case Object:
			text += len(v.Class)
			props = v.Properties
		}
		for _, p := range props {
			text += len(p.Name)
			dense = append(dense, p.Value)
		}
		inner, more := count(dense)
		n, text = n+1+inner, text+more
	}
	return n, text
}
