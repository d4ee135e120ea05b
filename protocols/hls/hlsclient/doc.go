// Package hlsclient plays HLS and Low-Latency HLS (RFC 8216 and
// draft-pantos-hls-rfc8216bis, whose sections the comments name) from any
// server.
//
// ParseMultivariant and ParseMedia read playlists. A Follower decides what a
// player loads next, without any input or output. A Client loads it, and reads
// frames from it.
package hlsclient
