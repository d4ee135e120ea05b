package amf0

import (
	"errors"
	"strconv"

	"github.com/weirmedia/weir/pkg/amf3"
)

// avmPlus reads an AMF3 value behind the AVM+ marker (section 3.1). All of a
// message share their references.
func (d *decoder) avmPlus() (any, error) {
	start := d.off
	v, rest, err := d.amf3.Value(d.b[d.off:])
	if err != nil {
		problem := &Error{Offset: start, Problem: err.Error()}
		if e, ok := errors.AsType[*amf3.Error](err); ok {
			problem = &Error{Offset: start + e.Offset, Problem: "AMF3: " + e.Problem}
		}
		return nil, problem
	}
	d.off = len(d.b) - len(rest)
	d.values-- // convert counts the value itself too
	return d.convert(v, start)
}

// FromAMF3 returns what values of amf3 are in the types of this package:
// integers are numbers, both kinds of XML are XML documents, an array is an
// ECMA array if some of its values have names, and a byte array, which AMF0
// lacks, is Unsupported. The error, an *Error, is about a limit.
func FromAMF3(values []any) ([]any, error) {
	var d decoder
	return d.convertAll(values, 0)
}

func (d *decoder) convertAll(values []any, at int) ([]any, error) {
	var out []any
	for _, v := range values {
		v, err := d.convert(v, at)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// convert turns an amf3 value, which was read at byte at, into one of ours.
func (d *decoder) convert(v any, at int) (any, error) {
	if d.values++; d.values > MaxValues {
		return nil, d.fail(at, "more than %d values", MaxValues)
	}
	switch v := v.(type) {
	case amf3.Undefined:
		return Undefined{}, nil
	case int32:
		return float64(v), nil
	case amf3.XMLDocument:
		return XMLDocument(v), nil
	case amf3.XML:
		return XMLDocument(v), nil
	case amf3.Date:
		return Date{UnixMilli: float64(v)}, nil
	case amf3.ByteArray:
		return Unsupported{}, nil
	case amf3.Array, amf3.Object:
		if d.depth == MaxDepth {
			return nil, d.fail(at, "nested deeper than %d", MaxDepth)
		}
		d.depth++
		defer func() { d.depth-- }()
		return d.convertContainer(v, at)
	}
	return v, nil // null, a boolean, a double or a string
}

func (d *decoder) convertContainer(v any, at int) (any, error) {
	if o, ok := v.(amf3.Object); ok {
		props, err := d.convertProperties(o.Properties, at)
		if err == nil && len(o.Class) > maxShort {
			err = d.fail(at, "class name of %d bytes", len(o.Class))
		}
		if err != nil {
			return nil, err
		}
		if o.Class == "" {
			return Object(props), nil
		}
		return TypedObject{Class: o.Class, Properties: props}, nil
	}
	a := v.(amf3.Array)
	dense, err := d.convertAll(a.Dense, at)
	if err != nil || len(a.Named) == 0 {
		return StrictArray(dense), err
	}
	props, err := d.convertProperties(a.Named, at)
	for i, e := range dense {
		props = append(props, Property{strconv.Itoa(i), e})
	}
	return ECMAArray(props), err
}

func (d *decoder) convertProperties(in []amf3.Property, at int) ([]Property, error) {
	var out []Property
	for _, p := range in {
		if len(p.Name) > maxShort {
			return nil, d.fail(at, "property name of %d bytes", len(p.Name))
		}
		v, err := d.convert(p.Value, at)
		if err != nil {
			return nil, err
		}
		out = append(out, Property{p.Name, v})
	}
	return out, nil
}
