// Package message reads and writes RTMP commands: the calls of NetConnection
// and NetStream and the answers to them (Adobe, "Real Time Messaging
// Protocol", 1.0, 2012, section 7.2).
//
// A command is the payload of a message of type 20, in AMF0. Clients that ask
// for AMF3 (objectEncoding 3 in connect) may send it in a message of type 17
// instead; answers are of type 20 all the same, which such clients accept, as
// they must for the answer to connect. Nothing here is safe for concurrent
// change; everything is safe for concurrent reading.
package message

import (
	"fmt"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/amf3"
	"github.com/weirmedia/weir/pkg/reason"
)

// The names of commands. Those of the second group are not in the
// specification; encoders and players send them all the same.
const (
	NameConnect      = "connect"
	NameCreateStream = "createStream"
	NameResult       = "_result"
	NameError        = "_error"
	NameOnStatus     = "onStatus"
	NamePublish      = "publish"
	NamePlay         = "play"
	NamePlay2        = "play2"
	NamePause        = "pause"
	NameSeek         = "seek"
	NameReceiveAudio = "receiveAudio"
	NameReceiveVideo = "receiveVideo"
	NameDeleteStream = "deleteStream"

	NameClose           = "close"
	NameCloseStream     = "closeStream"
	NameReleaseStream   = "releaseStream"
	NameFCPublish       = "FCPublish"
	NameOnFCPublish     = "onFCPublish"
	NameFCUnpublish     = "FCUnpublish"
	NameOnFCUnpublish   = "onFCUnpublish"
	NameFCSubscribe     = "FCSubscribe"
	NameOnFCSubscribe   = "onFCSubscribe"
	NameGetStreamLength = "getStreamLength"
	NameCheckBandwidth  = "_checkbw"
	NameOnBWDone        = "onBWDone"
)

// Command is one call or answer.
type Command struct {
	Name string
	// TransactionID pairs an answer with its call; 0 if none is expected.
	TransactionID float64
	// Object is the command object: an amf0.Object in connect and its answer,
	// nil (null) nearly everywhere else.
	Object any
	// Args are the values behind the command object, in the types of amf0.
	Args []any
}

// ParseCommand reads the payload of a message of type 20. The transaction id
// may be missing or null, which reads as 0, and the command object may be
// missing: old encoders leave them out of commands that want no answer.
//
// The error has reason.BadMessage and, if the AMF0 itself is broken, wraps an
// *amf0.Error.
func ParseCommand(payload []byte) (Command, error) {
	values, err := amf0.Decode(payload)
	if err != nil {
		return Command{}, bad("command: %w", err)
	}
	return fromValues(values)
}

// The first byte of a command of type 17.
const (
	formatAMF0 = 0 // AMF0 follows, with the AVM+ marker before each value in AMF3
	formatAMF3 = 3 // AMF3 follows
)

// ParseCommandAMF3 reads the payload of a message of type 17. Its first byte
// names the format of the rest: 0, which Flash and its followers send, or 3.
// The command and errors are as ParseCommand's; broken AMF3 behind a 3 gives an
// *amf3.Error.
func ParseCommandAMF3(payload []byte) (Command, error) {
	if len(payload) == 0 {
		return Command{}, bad("command: empty message")
	}
	switch format, rest := payload[0], payload[1:]; format {
	case formatAMF0:
		return ParseCommand(rest)
	case formatAMF3:
		values, err := amf3.Decode(rest)
		if err == nil {
			values, err = amf0.FromAMF3(values)
		}
		if err != nil {
			return Command{}, bad("command: %w", err)
		}
		return fromValues(values)
	default:
		return Command{}, bad("command: unknown format %d", format)
	}
}

func fromValues(values []any) (Command, error) {
	var c Command
	if len(values) == 0 {
		return Command{}, bad("command: empty message")
	}
	name, ok := values[0].(string)
	if !ok || name == "" {
		return Command{}, bad("command: the name is %s", describe(values[0]))
	}
	c.Name = name
	if len(values) > 1 {
		switch id := values[1].(type) {
		case float64:
			c.TransactionID = id
		case nil, amf0.Undefined:
		default:
			return Command{}, bad("command %q: the transaction id is %s", name, describe(id))
		}
	}
	if len(values) > 2 {
		c.Object = values[2]
	}
	if len(values) > 3 {
		c.Args = values[3:]
	}
	return c, nil
}

// Append appends the command in AMF0 to dst, as the payload of a message of
// type 20, and returns it.
func (c Command) Append(dst []byte) []byte {
	dst = amf0.Append(dst, c.Name, c.TransactionID, c.Object)
	return amf0.Append(dst, c.Args...)
}

// String returns argument i, counted from 0 behind the command object, if it
// is a string, else "".
func (c Command) String(i int) string {
	s, _ := c.arg(i).(string)
	return s
}

// Number returns argument i if it is a number, else fallback.
func (c Command) Number(i int, fallback float64) float64 {
	if n, ok := c.arg(i).(float64); ok {
		return n
	}
	return fallback
}

// Bool returns argument i if it is a boolean, or whether it differs from 0 if
// it is a number, else fallback.
func (c Command) Bool(i int, fallback bool) bool {
	switch v := c.arg(i).(type) {
	case bool:
		return v
	case float64:
		return v != 0
	}
	return fallback
}

func (c Command) arg(i int) any {
	if i < 0 || i >= len(c.Args) {
		return nil
	}
	return c.Args[i]
}

// Result returns the answer to a call that succeeded. object is null for all
// calls but connect.
func Result(transactionID float64, object any, args ...any) Command {
	return Command{Name: NameResult, TransactionID: transactionID, Object: object, Args: args}
}

// Error returns the answer to a call that failed.
func Error(transactionID float64, s Status) Command {
	return Command{Name: NameError, TransactionID: transactionID, Args: []any{s.Object()}}
}

func bad(format string, args ...any) error {
	return reason.Wrap(reason.BadMessage, fmt.Errorf(format, args...))
}

// describe names v's type, and v itself if that is short, for errors.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		if v == "" {
			return "empty"
		}
		return "a string"
	case float64:
		return fmt.Sprintf("the number %v", v)
	case bool:
		return fmt.Sprintf("the boolean %v", v)
	}
	return fmt.Sprintf("of type %T", v)
}
