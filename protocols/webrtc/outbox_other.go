//go:build !linux

package webrtc

import "net"

// canSegment reports that packets are sent as they are.
func canSegment(*net.UDPConn) bool { return false }

// appendSegmentSize is not called.
func appendSegmentSize(b []byte, _ int) []byte { return b }
