// Package amf3 reads and writes AMF3, in which Flash clients of ActionScript 3
// send commands if they ask for it (Adobe, "Action Message Format -- AMF 3",
// 2013; section numbers below are of that document).
//
// AMF3 types and their Go types:
//
//	undefined          Undefined
//	null               nil
//	false, true        bool
//	integer            int32
//	double             float64
//	string             string
//	XML document       XMLDocument
//	XML                XML
//	date               Date
//	array              Array
//	object             Object
//	byte array         ByteArray
//
// Vectors, dictionaries and externalizable objects are refused with an error
// that says so: no RTMP client is known to send them.
//
// All functions are safe for concurrent use, a Decoder is not.
package amf3

import "fmt"

// Limits on what is decoded: those of package amf0, for the same reasons, and
// one for what only AMF3 has.
const (
	// MaxDepth is how many objects and arrays may lie inside each other.
	MaxDepth = 32
	// MaxValues is how many values a Decoder returns, those inside objects and
	// arrays included. What a reference stands for counts each time.
	MaxValues = 4096
	// MaxRepeated is how many bytes of text references may repeat, so that a
	// short message does not become a huge one where it is written without
	// references. Clients repeat a few property names.
	MaxRepeated = 1 << 20
)

// The type markers (section 3.1).
const (
	markerUndefined   = 0x00
	markerNull        = 0x01
	markerFalse       = 0x02
	markerTrue        = 0x03
	markerInteger     = 0x04
	markerDouble      = 0x05
	markerString      = 0x06
	markerXMLDocument = 0x07
	markerDate        = 0x08
	markerArray       = 0x09
	markerObject      = 0x0A
	markerXML         = 0x0B
	markerByteArray   = 0x0C
	markerVectorInt   = 0x0D
	markerVectorLast  = 0x10
	markerDictionary  = 0x11
)

// The range of the integer type, 29 bits with sign (section 3.6).
const (
	minInteger = -1 << 28
	maxInteger = 1<<28 - 1
)

// Undefined is the undefined value (section 3.2).
type Undefined struct{}

// XMLDocument is an XML document of ActionScript 2 as text (section 3.9).
type XMLDocument string

// XML is an XML document of ActionScript 3 as text (section 3.13).
type XML string

// ByteArray is bytes without meaning (section 3.14).
type ByteArray []byte

// Date is a point in time: milliseconds since 1970-01-01 UTC (section 3.10).
type Date float64

// Property is one named value.
type Property struct {
	Name  string
	Value any
}

// Array has named values, with names that are not empty, and numbered ones, in
// that order (section 3.11).
type Array struct {
	Named []Property
	Dense []any
}

// Object is an object (section 3.12): its sealed and dynamic properties in the
// order they were sent. Names may repeat.
type Object struct {
	// Class is empty for an anonymous object.
	Class      string
	Properties []Property
}

// Error is the error of a Decoder and of Decode.
type Error struct {
	// Offset counts bytes from the start of the input to what is wrong.
	Offset int
	// Problem says what is wrong.
	Problem string
}

func (e *Error) Error() string {
	return fmt.Sprintf("amf3: byte %d: %s", e.Offset, e.Problem)
}
