//go:build !linux

package fanout

import (
	"errors"
	"net"
	"syscall"
)

// direct returns nil: every viewer is driven by a goroutine of its own.
func direct(net.Conn) syscall.RawConn { return nil }

func send(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }
