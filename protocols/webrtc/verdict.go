package webrtc

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/transcode"
)

// Verdict is how a stream plays by WHEP, as far as what came in the last few
// seconds tells.
type Verdict struct {
	// Err is why it does not play, with reason.Unsupported, and what to set; nil if
	// it plays.
	Err error
	// FrameRate is how many pictures of the first track with any are sent per
	// second, Without how many are not, since they are B-frames.
	FrameRate, Without float64
	// LeftOut are the tracks that players do without.
	LeftOut []av.Omission
}

// Judge returns the verdict of a stream whose tracks are known. Whether a player
// can decode them is another matter.
func Judge(i bus.Info) Verdict {
	var v Verdict
	err := errors.New("it has no tracks")
	pictures := false
	for _, t := range i.Tracks {
		if err = sendable(t.Track); err != nil {
			v.LeftOut = append(v.LeftOut, av.Omit(t.Track, err.Error()))
			continue
		}
		if t.NeededRate > 0 {
			return Verdict{Err: reason.Wrap(reason.Unsupported, fmt.Errorf("video track %d cannot be shown in order: %w", t.ID, h264.ErrReordered))}
		}
		if t.Kind == av.Video && !pictures {
			pictures = true
			v.FrameRate, v.Without = max(t.FrameRate-t.LateRate, 0), t.LateRate
		}
	}
	if len(v.LeftOut) == len(i.Tracks) {
		v.Err = reason.Wrap(reason.Unsupported, fmt.Errorf("WebRTC can carry no track of %q: %w", i.Name, err))
	}
	return v
}

// sendable returns why players are not sent a track, nil if they are.
func sendable(t *av.Track) error {
	if t.Kind != av.Audio || slices.Contains(audioCodecs(), t.Codec) {
		return carries(t)
	}
	return transcode.Format{Codec: av.Opus}.Check(t)
}
