package amf0

import (
	"encoding/binary"
	"math"
)

const maxShort = math.MaxUint16

// Append appends values to dst and returns it. A value is of one of the types
// in the package comment or of Go's other integer and floating-point types,
// which are written as numbers; *Object and the like are not.
//
// A value of any other type, and one nested deeper than MaxDepth, is written
// with AMF0's unsupported marker, which exists for that: the rest of the
// message stays readable.
func Append(dst []byte, values ...any) []byte {
	for _, v := range values {
		dst = appendValue(dst, v, 0)
	}
	return dst
}

func appendValue(dst []byte, v any, depth int) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, markerNull)
	case bool:
		if v {
			return append(dst, markerBoolean, 1)
		}
		return append(dst, markerBoolean, 0)
	case string:
		if len(v) > maxShort {
			return appendLong(append(dst, markerLongString), v)
		}
		return appendShort(append(dst, markerString), v)
	case XMLDocument:
		return appendLong(append(dst, markerXMLDocument), string(v))
	case Undefined:
		return append(dst, markerUndefined)
	case Date:
		dst = appendFloat(append(dst, markerDate), v.UnixMilli)
		return binary.BigEndian.AppendUint16(dst, uint16(v.Zone))
	case Object, ECMAArray, TypedObject, StrictArray:
		if depth < MaxDepth {
			return appendContainer(dst, v, depth+1)
		}
	default:
		if f, ok := number(v); ok {
			return appendFloat(append(dst, markerNumber), f)
		}
	}
	return append(dst, markerUnsupported)
}

func appendContainer(dst []byte, v any, depth int) []byte {
	switch v := v.(type) {
	case Object:
		return appendProperties(append(dst, markerObject), v, depth)
	case ECMAArray:
		dst = binary.BigEndian.AppendUint32(append(dst, markerECMAArray), uint32(len(v)))
		return appendProperties(dst, v, depth)
	case TypedObject:
		dst = appendShort(append(dst, markerTypedObject), v.Class)
		return appendProperties(dst, v.Properties, depth)
	case StrictArray:
		dst = binary.BigEndian.AppendUint32(append(dst, markerStrictArray), uint32(len(v)))
		for _, e := range v {
			dst = appendValue(dst, e, depth)
		}
	}
	return dst
}

func appendProperties(dst []byte, props []Property, depth int) []byte {
	for _, p := range props {
		dst = appendValue(appendShort(dst, p.Name), p.Value, depth)
	}
	return append(dst, objectEnd...)
}

func appendShort(dst []byte, s string) []byte {
	s = s[:min(len(s), maxShort)]
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	return append(dst, s...)
}

func appendLong(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}

func appendFloat(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(f))
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case int:
		return float64(v), true
	case int8:
		return float64(v), true
	case int16:
		return float64(v), true
	case int32:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint:
		return float64(v), true
	case uint8:
		return float64(v), true
	case uint16:
		return float64(v), true
	case uint32:
		return float64(v), true
	case uint64:
		return float64(v), true
	}
	return 0, false
}
