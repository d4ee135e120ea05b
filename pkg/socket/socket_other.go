//go:build !linux

package socket

import (
	"errors"
	"net"
	"syscall"
)

// Raw returns nil: callers use net.Conn.
func Raw(net.Conn) syscall.RawConn { return nil }

// Send is never called here.
func Send(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }

// Receive is never called here.
func Receive(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }

// LimitUnsent does nothing here.
func LimitUnsent(syscall.RawConn, int) {}

// LimitSendBuffer does nothing here.
func LimitSendBuffer(syscall.RawConn, int) {}

// Acknowledged is never called here.
func Acknowledged(syscall.RawConn) uint64 { return 0 }

func wakeAt(syscall.RawConn, int) {}
