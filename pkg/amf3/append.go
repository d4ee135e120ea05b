package amf3

import (
	"encoding/binary"
	"math"
)

// maxLength is the longest text, and the largest count, that can be written.
const maxLength = 1<<28 - 1

// Append appends values, of the types in the package comment, to dst and
// returns it. It writes no references. All properties of an object are written
// as sealed ones. Named values of an array that have no name cannot be written
// and are left out.
//
// A value of any other type, and one nested deeper than MaxDepth, is written as
// undefined. So is text of 256 MiB or more; it cannot be written.
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
			return append(dst, markerTrue)
		}
		return append(dst, markerFalse)
	case int32:
		if v < minInteger || v > maxInteger {
			return appendDouble(append(dst, markerDouble), float64(v))
		}
		return appendU29(append(dst, markerInteger), uint32(v)&(1<<29-1))
	case float64:
		return appendDouble(append(dst, markerDouble), v)
	case string:
		return appendText(dst, markerString, v)
	default:
		if depth < MaxDepth {
			return appendComplex(dst, v, depth+1)
		}
	}
	return append(dst, markerUndefined)
}

func appendComplex(dst []byte, v any, depth int) []byte {
	switch v := v.(type) {
	case XMLDocument:
		return appendText(dst, markerXMLDocument, string(v))
	case XML:
		return appendText(dst, markerXML, string(v))
	case ByteArray:
		return appendText(dst, markerByteArray, string(v))
	case Date:
		return appendDouble(append(dst, markerDate, 1), float64(v))
	case Array:
		dst = appendU29(append(dst, markerArray), uint32(len(v.Dense))<<1|1)
		for _, p := range v.Named {
			if p.Name != "" {
				dst = appendValue(appendString(dst, p.Name), p.Value, depth)
			}
		}
		dst = appendString(dst, "")
		for _, e := range v.Dense {
			dst = appendValue(dst, e, depth)
		}
		return dst
	case Object:
		dst = appendU29(append(dst, markerObject), uint32(len(v.Properties))<<4|3)
		dst = appendString(dst, v.Class)
		for _, p := range v.Properties {
			dst = appendString(dst, p.Name)
		}
		for _, p := range v.Properties {
			dst = appendValue(dst, p.Value, depth)
		}
		return dst
	}
	return append(dst, markerUndefined)
}

func appendText(dst []byte, marker byte, s string) []byte {
	if len(s) > maxLength {
		return append(dst, markerUndefined)
	}
	return appendString(append(dst, marker), s)
}

func appendString(dst []byte, s string) []byte {
	s = s[:min(len(s), maxLength)]
	return append(appendU29(dst, uint32(len(s))<<1|1), s...)
}

func appendDouble(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(f))
}

// appendU29 writes the 29 lowest bits of n (section 1.3.1).
func appendU29(dst []byte, n uint32) []byte {
	switch {
	case n < 1<<7:
		return append(dst, byte(n))
	case n < 1<<14:
		return append(dst, byte(n>>7)|0x80, byte(n&0x7F))
	case n < 1<<21:
		return append(dst, byte(n>>14)|0x80, byte(n>>7)|0x80, byte(n&0x7F))
	}
	return append(dst, byte(n>>22)|0x80, byte(n>>15)|0x80, byte(n>>8)|0x80, byte(n))
}
