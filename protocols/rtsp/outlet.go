package rtsp

import (
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"

	"github.com/weirmedia/weir/remux/rtp"
)

// reportInterval is the time between two sender reports (RFC 3550, 6.2).
const reportInterval = 5 * time.Second

// mediaOf says in terms of SDP what the packets of m are.
func mediaOf(m *rtp.Muxer) *description.Media {
	return &description.Media{Type: description.MediaType(m.Track().Kind.String()), Formats: []format.Format{m.Format()}}
}
