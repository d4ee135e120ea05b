package httpserver

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
)

// failing is a listener whose Accept fails so.
type failing struct {
	net.Listener
	errs []error
}

func (f *failing) Accept() (net.Conn, error) {
	err := f.errs[0]
	f.errs = f.errs[1:]
	return nil, err
}

// TestAcceptGoesOn: net/http ends for good at errors that pass, such as a system that
// has no memory for a moment.
func TestAcceptGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &failing{}
		for _, code := range []syscall.Errno{syscall.ENOBUFS, syscall.ENOMEM, syscall.EMFILE, syscall.EPROTO} {
			l.errs = append(l.errs, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", code)})
		}
		l.errs = append(l.errs, net.ErrClosed)
		_, err := patient{l, slog.New(slog.DiscardHandler)}.Accept()
		if !errors.Is(err, net.ErrClosed) || len(l.errs) > 0 {
			t.Errorf("it ended with %v, %d errors were to come", err, len(l.errs))
		}
	})
}
