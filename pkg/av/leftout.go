package av

import "errors"

// ErrLeftOut is wrapped by a muxer's errors about one frame that its format cannot
// express. Such a frame is left out, and counted; the stream goes on.
var ErrLeftOut = errors.New("frame left out")
