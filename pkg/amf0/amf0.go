// Package amf0 reads and writes AMF0, the serialisation of RTMP commands and
// FLV script data (Adobe, "Action Message Format -- AMF 0", 2007).
//
// AMF0 types and their Go types:
//
//	number             float64
//	boolean            bool
//	string             string
//	null               nil
//	undefined          Undefined
//	unsupported        Unsupported
//	object             Object
//	ECMA array         ECMAArray
//	strict array       StrictArray
//	date               Date
//	XML document       XMLDocument
//	typed object       TypedObject
//
// References are refused with an error that says so. A value in AMF3, behind the
// AVM+ marker, is decoded as FromAMF3 says; none is written.
// All functions are safe for concurrent use.
package amf0

import (
	"fmt"
	"math"
	"time"
)

// Limits on what is decoded. Both are far above what encoders send (metadata
// has some 30 values, two levels deep) and bound stack and memory for input
// that is made to hurt.
const (
	// MaxDepth is how many objects and arrays may lie inside each other.
	MaxDepth = 32
	// MaxValues is how many values one call decodes, those inside objects and
	// arrays included.
	MaxValues = 4096
)

// The type markers (section 2.1).
const (
	markerNumber      = 0x00
	markerBoolean     = 0x01
	markerString      = 0x02
	markerObject      = 0x03
	markerMovieClip   = 0x04
	markerNull        = 0x05
	markerUndefined   = 0x06
	markerReference   = 0x07
	markerECMAArray   = 0x08
	markerObjectEnd   = 0x09
	markerStrictArray = 0x0A
	markerDate        = 0x0B
	markerLongString  = 0x0C
	markerUnsupported = 0x0D
	markerRecordSet   = 0x0E
	markerXMLDocument = 0x0F
	markerTypedObject = 0x10
	markerAVMPlus     = 0x11
)

// Undefined is the undefined value (section 2.8).
type Undefined struct{}

// Unsupported stands for a value that its sender could not express (section
// 2.15).
type Unsupported struct{}

// Property is one named value of an object.
type Property struct {
	// Name is at most 65,535 bytes; Append cuts longer ones.
	Name  string
	Value any
}

// Object is an anonymous object (section 2.5): its properties in the order
// they were sent. Names may repeat.
type Object []Property

// Get returns the value of the first property called name.
func (o Object) Get(name string) (any, bool) {
	for _, p := range o {
		if p.Name == name {
			return p.Value, true
		}
	}
	return nil, false
}

// String returns the first property called name if it is a string, else "".
func (o Object) String(name string) string {
	v, _ := o.Get(name)
	s, _ := v.(string)
	return s
}

// Number returns the first property called name if it is a number, else 0.
func (o Object) Number(name string) float64 {
	v, _ := o.Get(name)
	n, _ := v.(float64)
	return n
}

// ECMAArray is an associative array (section 2.10). It differs from Object in
// its encoding only.
type ECMAArray []Property

// Get returns the value of the first property called name.
func (a ECMAArray) Get(name string) (any, bool) { return Object(a).Get(name) }

// StrictArray is an array with ordinal indices (section 2.12).
type StrictArray []any

// XMLDocument is an XML document as text (section 2.17).
type XMLDocument string

// TypedObject is an object of a registered class (section 2.18).
type TypedObject struct {
	// Class is at most 65,535 bytes; Append cuts longer ones.
	Class      string
	Properties Object
}

// Date is a point in time (section 2.13).
type Date struct {
	// UnixMilli is milliseconds since 1970-01-01 UTC.
	UnixMilli float64
	// Zone is reserved by the specification: senders should write 0, receivers
	// should ignore it. It is kept so that a decoded Date is written unchanged.
	Zone int16
}

// Time returns the date in UTC, or the zero Time if UnixMilli is no number
// that fits.
func (d Date) Time() time.Time {
	if !(math.Abs(d.UnixMilli) < 1<<53) {
		return time.Time{}
	}
	return time.UnixMilli(int64(d.UnixMilli)).UTC()
}

// AsObject returns the properties of v if it is an Object, an ECMAArray or a
// TypedObject: senders use them interchangeably.
func AsObject(v any) (Object, bool) {
	switch v := v.(type) {
	case Object:
		return v, true
	case ECMAArray:
		return Object(v), true
	case TypedObject:
		return v.Properties, true
	}
	return nil, false
}

// Error is the error of Decode and DecodeValue.
type Error struct {
	// Offset counts bytes from the start of the input to what is wrong.
	Offset int
	// Problem says what is wrong.
	Problem string
}

func (e *Error) Error() string {
	return fmt.Sprintf("amf0: byte %d: %s", e.Offset, e.Problem)
}
