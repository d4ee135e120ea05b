//go:build !unix

package bench

import (
	"errors"
	"time"
)

// ownUsage says that this system does not tell.
func ownUsage() (cpu time.Duration, memory int64, err error) { return 0, 0, errors.ErrUnsupported }
