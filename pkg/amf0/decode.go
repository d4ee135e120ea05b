package amf0

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/weirmedia/weir/pkg/amf3"
)

// Decode returns the values in b, which it reads to the end. On error, an
// *Error, it also returns the values before the broken one.
//
// It accepts what encoders are known to send: the count of an ECMA array is
// only a hint, and an object or array of properties at the very end of b may
// lack its end marker or the rest of it.
func Decode(b []byte) (values []any, err error) {
	d := decoder{b: b}
	for d.off < len(b) {
		v, err := d.value()
		if err != nil {
			return values, err
		}
		values = append(values, v)
	}
	return values, nil
}

// DecodeValue returns the first value in b and the bytes after it. It is as
// tolerant as Decode; its error is an *Error too.
func DecodeValue(b []byte) (v any, rest []byte, err error) {
	d := decoder{b: b}
	v, err = d.value()
	if err != nil {
		return nil, b, err
	}
	return v, b[d.off:], nil
}

type decoder struct {
	b      []byte
	off    int
	depth  int
	values int
	amf3   amf3.Decoder
}

func (d *decoder) value() (any, error) {
	start := d.off
	marker, err := d.take(1, "type marker")
	if err != nil {
		return nil, err
	}
	if d.values++; d.values > MaxValues {
		return nil, d.fail(start, "more than %d values", MaxValues)
	}
	switch marker[0] {
	case markerNumber:
		return d.number()
	case markerBoolean:
		b, err := d.take(1, "boolean")
		if err != nil {
			return nil, err
		}
		return b[0] != 0, nil
	case markerString:
		return d.shortString("string")
	case markerLongString:
		return d.longString("long string")
	case markerXMLDocument:
		s, err := d.longString("XML document")
		return XMLDocument(s), err
	case markerNull:
		return nil, nil
	case markerUndefined:
		return Undefined{}, nil
	case markerUnsupported:
		return Unsupported{}, nil
	case markerDate:
		return d.date()
	case markerAVMPlus:
		return d.avmPlus()
	case markerObject, markerECMAArray, markerTypedObject, markerStrictArray:
		if d.depth == MaxDepth {
			return nil, d.fail(start, "nested deeper than %d", MaxDepth)
		}
		d.depth++
		v, err := d.container(marker[0])
		d.depth--
		return v, err
	}
	return nil, d.fail(start, "%s", markerProblem(marker[0]))
}

// markerProblem says why no value can start with marker.
func markerProblem(marker byte) string {
	switch marker {
	case markerReference:
		return "references are not supported"
	case markerMovieClip, markerRecordSet:
		return fmt.Sprintf("reserved type marker 0x%02x", marker)
	case markerObjectEnd:
		return "end of an object outside of an object"
	}
	return fmt.Sprintf("unknown type marker 0x%02x", marker)
}

func (d *decoder) container(marker byte) (any, error) {
	switch marker {
	case markerStrictArray:
		return d.strictArray()
	case markerECMAArray:
		// Many encoders write 0 or a wrong count; the end marker decides.
		if _, err := d.take(4, "count of an ECMA array"); err != nil {
			return nil, err
		}
		p, err := d.properties()
		return ECMAArray(p), err
	case markerTypedObject:
		class, err := d.shortString("class name")
		if err != nil {
			return nil, err
		}
		p, err := d.properties()
		return TypedObject{Class: class, Properties: p}, err
	}
	p, err := d.properties()
	return Object(p), err
}

func (d *decoder) strictArray() (any, error) {
	start := d.off
	b, err := d.take(4, "count of a strict array")
	if err != nil {
		return nil, err
	}
	count, left := binary.BigEndian.Uint32(b), len(d.b)-d.off
	if uint64(count) > uint64(left) { // a value takes at least one byte
		return nil, d.fail(start, "strict array of %d values in %d bytes", count, left)
	}
	var a StrictArray
	for range count {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	return a, nil
}

// properties reads names and values up to and with the end marker.
func (d *decoder) properties() ([]Property, error) {
	var props []Property
	for !d.truncatedEnd() {
		name, err := d.shortString("property name")
		if err != nil {
			return nil, err
		}
		if name == "" && d.off < len(d.b) && d.b[d.off] == markerObjectEnd {
			d.off++
			return props, nil
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		props = append(props, Property{Name: name, Value: v})
	}
	return props, nil
}

var objectEnd = []byte{0, 0, markerObjectEnd}

// truncatedEnd consumes an end marker that the end of the input cut short.
// What is left of it can be nothing else: a property takes three bytes.
func (d *decoder) truncatedEnd() bool {
	rest := d.b[d.off:]
	if len(rest) >= len(objectEnd) || !bytes.HasPrefix(objectEnd, rest) {
		return false
	}
	d.off = len(d.b)
	return true
}

func (d *decoder) number() (any, error) {
	b, err := d.take(8, "number")
	if err != nil {
		return nil, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

func (d *decoder) date() (any, error) {
	b, err := d.take(10, "date")
	if err != nil {
		return nil, err
	}
	return Date{
		UnixMilli: math.Float64frombits(binary.BigEndian.Uint64(b)),
		Zone:      int16(binary.BigEndian.Uint16(b[8:])),
	}, nil
}

func (d *decoder) shortString(what string) (string, error) {
	b, err := d.take(2, "length of "+what)
	if err != nil {
		return "", err
	}
	b, err = d.take(uint64(binary.BigEndian.Uint16(b)), what)
	return string(b), err
}

func (d *decoder) longString(what string) (string, error) {
	b, err := d.take(4, "length of "+what)
	if err != nil {
		return "", err
	}
	b, err = d.take(uint64(binary.BigEndian.Uint32(b)), what)
	return string(b), err
}

// take consumes n bytes that hold a what.
func (d *decoder) take(n uint64, what string) ([]byte, error) {
	left := d.b[d.off:]
	if n > uint64(len(left)) {
		return nil, d.fail(d.off, "%s of %d bytes, but %d are left", what, n, len(left))
	}
	d.off += int(n)
	return left[:n], nil
}

func (d *decoder) fail(offset int, format string, args ...any) error {
	return &Error{Offset: offset, Problem: fmt.Sprintf(format, args...)}
}
