package inorder

import (
	"errors"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h265"
)

// ErrH265Reordered says that a track of H.265 has B-frames, which are left out of
// H.264 only.
var ErrH265Reordered = errors.New("pictures of H.265 with B-frames cannot be shown in order: set bframes=0")

// Check returns why a track cannot be shown in order, as far as its configuration
// tells; nil if it can, or if that shows only later. It is safe for concurrent use.
func Check(t *av.Track) error {
	if t.Codec != av.H265 {
		return nil
	}
	c, err := h265.ParseConfig(t.Config)
	if err != nil {
		return err
	}
	for _, sps := range c.SPS {
		if h265.Reordered(sps) > 0 {
			return ErrH265Reordered
		}
	}
	return nil
}
