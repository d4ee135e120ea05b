package amf3

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Decode returns the values in b, which it reads to the end. On error, an
// *Error, it also returns the values before the broken one.
func Decode(b []byte) (values []any, err error) {
	var d Decoder
	for rest := b; len(rest) > 0; {
		v, after, err := d.Value(rest)
		if err != nil {
			if e, ok := errors.AsType[*Error](err); ok {
				e.Offset += len(b) - len(rest)
			}
			return values, err
		}
		values, rest = append(values, v), after
	}
	return values, nil
}

// Decoder decodes the values of one message, in which later values refer to
// earlier ones (section 2.2). The zero value is ready. After an error it must
// not be used any more.
type Decoder struct {
	b     []byte
	off   int
	depth int

	strings []string
	objects []complexValue
	traits  []traits

	values   int // returned so far, those inside others included
	text     int // bytes of text in them
	repeated int // of these, bytes that references stand for
}

// complexValue is a value that can be referred to.
type complexValue struct {
	value  any
	ready  bool // false while it is being read
	values int  // that it consists of
	text   int  // bytes of text in it
}

// traits say what an object's properties are (section 3.12).
type traits struct {
	class   string
	names   []string // of the sealed properties
	dynamic bool     // more follow, with their names
}

// Value returns the first value in b and the bytes after it. The error is an
// *Error; a value that contains itself is one.
func (d *Decoder) Value(b []byte) (v any, rest []byte, err error) {
	d.b, d.off, d.depth = b, 0, 0
	v, err = d.value()
	if err != nil {
		return nil, b, err
	}
	return v, b[d.off:], nil
}

func (d *Decoder) value() (any, error) {
	start := d.off
	b, err := d.take(1, "type marker")
	if err != nil {
		return nil, err
	}
	if err := d.count(start, 1); err != nil {
		return nil, err
	}
	switch marker := b[0]; marker {
	case markerUndefined:
		return Undefined{}, nil
	case markerNull:
		return nil, nil
	case markerFalse, markerTrue:
		return marker == markerTrue, nil
	case markerInteger:
		n, err := d.u29()
		return int32(n<<3) >> 3, err // bit 28 is the sign
	case markerDouble:
		return d.double()
	case markerString:
		return d.string("string")
	case markerXMLDocument, markerXML, markerDate, markerByteArray, markerArray, markerObject:
		return d.complex(start, marker)
	case markerDictionary:
		return nil, d.fail(start, "dictionaries are not supported")
	default:
		if marker >= markerVectorInt && marker <= markerVectorLast {
			return nil, d.fail(start, "vectors are not supported")
		}
		return nil, d.fail(start, "unknown type marker 0x%02x", marker)
	}
}

// count takes account of n more values.
func (d *Decoder) count(at, n int) error {
	if d.values += n; d.values > MaxValues {
		return d.fail(at, "more than %d values", MaxValues)
	}
	return nil
}

// complex reads a value that can be a reference or be referred to.
func (d *Decoder) complex(start int, marker byte) (any, error) {
	header, err := d.u29()
	if err != nil {
		return nil, err
	}
	if header&1 == 0 {
		return d.reference(start, header>>1)
	}
	if d.depth == MaxDepth {
		return nil, d.fail(start, "nested deeper than %d", MaxDepth)
	}
	d.depth++
	defer func() { d.depth-- }()
	values, text := d.values, d.text
	index := len(d.objects)
	d.objects = append(d.objects, complexValue{})
	v, err := d.content(marker, header>>1)
	if err != nil {
		return nil, err
	}
	d.objects[index] = complexValue{v, true, d.values - values, d.text - text}
	return v, nil
}

func (d *Decoder) reference(start int, index uint32) (any, error) {
	if int(index) >= len(d.objects) {
		return nil, d.fail(start, "reference to value %d of %d", index, len(d.objects))
	}
	o := d.objects[index]
	if !o.ready {
		return nil, d.fail(start, "a value contains itself")
	}
	if err := d.repeat(start, o.text); err != nil {
		return nil, err
	}
	return o.value, d.count(start, o.values)
}

// content reads what follows the header of a complex value; header is without
// the bit that tells values from references.
func (d *Decoder) content(marker byte, header uint32) (any, error) {
	switch marker {
	case markerXMLDocument:
		s, err := d.utf8(header, "XML document")
		return XMLDocument(s), err
	case markerXML:
		s, err := d.utf8(header, "XML")
		return XML(s), err
	case markerByteArray:
		s, err := d.utf8(header, "byte array") // a copy, and counted
		return ByteArray(s), err
	case markerDate:
		f, err := d.double()
		return Date(f), err
	case markerArray:
		return d.array(header)
	}
	return d.object(header)
}

func (d *Decoder) array(count uint32) (any, error) {
	start := d.off
	named, err := d.properties()
	if err != nil {
		return nil, err
	}
	if left := len(d.b) - d.off; int(count) > left { // a value takes at least one byte
		return nil, d.fail(start, "array of %d values in %d bytes", count, left)
	}
	a := Array{Named: named}
	for range count {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		a.Dense = append(a.Dense, v)
	}
	return a, nil
}

// properties reads names and values up to the empty name.
func (d *Decoder) properties() ([]Property, error) {
	var props []Property
	for {
		name, err := d.string("property name")
		if err != nil || name == "" {
			return props, err
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		props = append(props, Property{name, v})
	}
}

func (d *Decoder) object(header uint32) (any, error) {
	t, err := d.traitsOf(header)
	if err != nil {
		return nil, err
	}
	o := Object{Class: t.class}
	for _, name := range t.names {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		o.Properties = append(o.Properties, Property{name, v})
	}
	if t.dynamic {
		more, err := d.properties()
		if err != nil {
			return nil, err
		}
		o.Properties = append(o.Properties, more...)
	}
	return o, nil
}

// traitsOf reads an object's traits, or finds those it refers to. The bits of
// header are, from the lowest: traits follow, externalizable, dynamic, and then
// the number of sealed properties.
func (d *Decoder) traitsOf(header uint32) (traits, error) {
	start := d.off
	if header&1 == 0 {
		index := int(header >> 1)
		if index >= len(d.traits) {
			return traits{}, d.fail(start, "reference to traits %d of %d", index, len(d.traits))
		}
		t := d.traits[index]
		names := len(t.class)
		for _, n := range t.names {
			names += len(n)
		}
		return t, d.repeat(start, names)
	}
	class, err := d.string("class name")
	if err != nil {
		return traits{}, err
	}
	if header&2 != 0 {
		return traits{}, d.fail(start, "externalizable object of class %.64q is not supported", class)
	}
	t := traits{class: class, dynamic: header&4 != 0}
	count := header >> 3
	if count > MaxValues {
		return traits{}, d.fail(start, "%d sealed properties, more than %d values", count, MaxValues)
	}
	for range count {
		name, err := d.string("property name")
		if err != nil {
			return traits{}, err
		}
		t.names = append(t.names, name)
	}
	d.traits = append(d.traits, t)
	return t, nil
}

// string reads text that may be a reference to earlier text. The empty string
// is never referred to (section 1.3.2).
func (d *Decoder) string(what string) (string, error) {
	start := d.off
	header, err := d.u29()
	if err != nil {
		return "", err
	}
	if header&1 == 0 {
		index := int(header >> 1)
		if index >= len(d.strings) {
			return "", d.fail(start, "reference to string %d of %d", index, len(d.strings))
		}
		s := d.strings[index]
		return s, d.repeat(start, len(s))
	}
	s, err := d.utf8(header>>1, what)
	if err == nil && s != "" {
		d.strings = append(d.strings, s)
	}
	return s, err
}

// repeat takes account of text that a reference stands for.
func (d *Decoder) repeat(at, text int) error {
	d.text += text
	if d.repeated += text; d.repeated > MaxRepeated {
		return d.fail(at, "references repeat more than %d bytes", MaxRepeated)
	}
	return nil
}

func (d *Decoder) utf8(length uint32, what string) (string, error) {
	b, err := d.take(int(length), what)
	d.text += len(b)
	return string(b), err
}

func (d *Decoder) double() (float64, error) {
	b, err := d.take(8, "double")
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

// u29 reads an unsigned integer of 29 bits: seven in each byte, whose first bit
// says that more follow, and all eight of a fourth one (section 1.3.1).
func (d *Decoder) u29() (uint32, error) {
	var n uint32
	for i := 0; ; i++ {
		b, err := d.take(1, "integer")
		switch {
		case err != nil:
			return 0, err
		case i == 3:
			return n<<8 | uint32(b[0]), nil
		case b[0] < 0x80:
			return n<<7 | uint32(b[0]), nil
		}
		n = n<<7 | uint32(b[0]&0x7F)
	}
}

// take consumes n bytes that hold a what.
func (d *Decoder) take(n int, what string) ([]byte, error) {
	left := d.b[d.off:]
	if n > len(left) {
		return nil, d.fail(d.off, "%s of %d bytes, but %d are left", what, n, len(left))
	}
	d.off += n
	return left[:n], nil
}

func (d *Decoder) fail(offset int, format string, args ...any) error {
	return &Error{Offset: offset, Problem: fmt.Sprintf(format, args...)}
}
