// Package reason holds the one list of reasons for which a session ends, a
// request is refused or frames are skipped. Logs, metrics, hooks and the API
// all use these words.
package reason

import "errors"

// Reason is a stable machine-readable word. It is a metric label, so the set
// is closed: no reason is made at run time.
type Reason string

// The reasons.
const (
	// Normal ends.
	ClientClosed Reason = "client_closed" // the peer closed or asked to stop
	StreamEnded  Reason = "stream_ended"  // the publisher left and did not return in time
	Shutdown     Reason = "shutdown"      // this server stops
	Kicked       Reason = "kicked"        // closed through the API
	Revoked      Reason = "revoked"       // what allowed it has expired or was taken away
	TakenOver    Reason = "taken_over"    // the same publisher connected again
	Unpublished  Reason = "unpublished"   // the publisher said that it stops
	NoViewers    Reason = "no_viewers"    // nobody has watched for as long as is configured

	// The peer's time ran out.
	HandshakeTimeout Reason = "handshake_timeout" // handshake or first request too slow
	PublishTimeout   Reason = "publish_timeout"   // a publisher sent no media
	Stalled          Reason = "stalled"           // a viewer took no byte

	// The peer sent what cannot be accepted.
	BadHandshake Reason = "bad_handshake"
	BadChunk     Reason = "bad_chunk"   // chunk stream broken or beyond a limit
	BadMessage   Reason = "bad_message" // a message or command that makes no sense
	BadMedia     Reason = "bad_media"   // a codec header or access unit is broken
	BadName      Reason = "bad_name"    // a stream name that is reserved or malformed
	BadRequest   Reason = "bad_request" // a request that makes no sense

	// Refused.
	Unauthorized   Reason = "unauthorized"
	StreamBusy     Reason = "stream_busy"      // somebody else publishes there
	StreamNotFound Reason = "stream_not_found" // nobody published within the wait
	LimitReached   Reason = "limit_reached"    // a configured limit
	Overloaded     Reason = "overloaded"       // the server has more to do than it can
	Unsupported    Reason = "unsupported"      // the format cannot express the stream
	Loop           Reason = "loop"             // a stream that leads back to where it comes from

	// Skips.
	LagBytes Reason = "lag_bytes" // a viewer had too many bytes waiting
	LagTime  Reason = "lag_time"  // a viewer was too far behind in time

	// A recording's disk.
	DiskFull  Reason = "disk_full"
	DiskError Reason = "disk_error" // not there, read-only, broken
	DiskSlow  Reason = "disk_slow"

	// Faults.
	NetworkError  Reason = "network_error"
	InternalError Reason = "internal_error"
)

// All lists every reason, in no particular order of importance.
func All() []Reason {
	return []Reason{
		ClientClosed, StreamEnded, Shutdown, Kicked, Revoked, TakenOver, Unpublished, NoViewers,
		HandshakeTimeout, PublishTimeout, Stalled,
		BadHandshake, BadChunk, BadMessage, BadMedia, BadName, BadRequest,
		Unauthorized, StreamBusy, StreamNotFound, LimitReached, Overloaded, Unsupported, Loop,
		LagBytes, LagTime, DiskFull, DiskError, DiskSlow, NetworkError, InternalError,
	}
}

// Error is an error with the reason it leads to.
type Error struct {
	Reason Reason
	Err    error
}

// Wrap returns err with a reason; nil stays nil.
func Wrap(r Reason, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Reason: r, Err: err}
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the wrapped error.
func (e *Error) Unwrap() error { return e.Err }

// Of returns the reason of the outermost Error in err's chain, or fallback.
func Of(err error, fallback Reason) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return fallback
}
