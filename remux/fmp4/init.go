package fmp4

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// AppendInit appends the init segment, ftyp and moov, for the tracks of l that
// Carries; their track_ID is Track.ID+1. Parameter sets are in it alone, under
// the sample entries avc1 and hvc1: Apple's players take no others for HLS. If a
// publisher repeats them in its access units, they stay there, which players
// allow; a change of them is a change of layout and thus of the init segment.
//
// There are no edit lists. Composition offsets are signed, so B-frames need
// none, and one that hides encoder delay at the start says nothing to a viewer
// who joins later: audio and video keep the times that the publisher gave them.
//
// It fails with reason.Unsupported if there is nothing to carry and with
// reason.BadMedia if a configuration is broken; dst is returned as it was. The
// same tracks always give the same bytes.
func AppendInit(dst []byte, l *av.Layout) ([]byte, error) {
	tracks := carried(l)
	if len(tracks) == 0 {
		return dst, reason.Wrap(reason.Unsupported, nothingCarried(l))
	}
	entries := make([][]byte, len(tracks))
	for i, t := range tracks {
		entry, err := sampleEntry(t)
		if err != nil {
			return dst, reason.Wrap(reason.BadMedia, fmt.Errorf("fmp4: track %d: %w", t.ID, err))
		}
		entries[i] = entry
	}
	// Version 6 of the base format has what is used of it: tfdt, offsets from
	// the moof and signed composition offsets. The CMAF brands promise one track
	// to a file.
	dst = boxOf(dst, "ftyp", []byte("iso6\x00\x00\x00\x00iso6mp41")...)
	return box(dst, "moov", func(b []byte) []byte {
		b = appendMovieHeader(b)
		for i, t := range tracks {
			b = appendTrack(b, t, entries[i])
		}
		return appendMovieExtends(b, tracks)
	}), nil
}

// carried returns the tracks of l that go out.
func carried(l *av.Layout) []*av.Track {
	var tracks []*av.Track
	if l != nil {
		for _, t := range l.Tracks {
			if Carries(t) {
				tracks = append(tracks, t)
			}
		}
	}
	return tracks
}

func nothingCarried(l *av.Layout) error {
	if l == nil || len(l.Tracks) == 0 {
		return errors.New("fmp4 needs a track")
	}
	return fmt.Errorf("fmp4 cannot carry %s", l.Tracks[0].Codec)
}

// matrix leaves pictures as they are (8.2.2).
var matrix = []uint32{0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000}

// appendMovieHeader appends mvhd (8.2.2), with no duration as there is no end.
func appendMovieHeader(dst []byte) []byte {
	const timescale, rate, volume, noNextTrack = 1000, 0x10000, 0x0100_0000, 0xFFFFFFFF
	return box(dst, "mvhd", func(b []byte) []byte {
		b = appendUint32s(b, 0, 0, 0, timescale, 0, rate, volume, 0, 0)
		b = appendUint32s(b, matrix...)
		return appendUint32s(b, 0, 0, 0, 0, 0, 0, noNextTrack)
	})
}

// appendTrack appends the trak (8.3.1) of t, whose samples entry describes.
func appendTrack(dst []byte, t *av.Track, entry []byte) []byte {
	return box(dst, "trak", func(b []byte) []byte {
		b = appendTrackHeader(b, t)
		return box(b, "mdia", func(b []byte) []byte {
			const undetermined = 0x55C4 // the language "und", packed
			b = box(b, "mdhd", func(b []byte) []byte {
				return appendUint32s(b, 0, 0, 0, Timescale(t), 0, undetermined<<16)
			})
			b = box(b, "hdlr", func(b []byte) []byte {
				handler, name := "vide", "video\x00"
				if t.Kind == av.Audio {
					handler, name = "soun", "sound\x00"
				}
				b = append(appendUint32s(b, 0, 0), handler...)
				return append(appendUint32s(b, 0, 0, 0), name...)
			})
			return appendMediaInformation(b, t, entry)
		})
	})
}

// appendTrackHeader appends tkhd (8.3.2). The audio tracks are alternatives to
// one another.
func appendTrackHeader(dst []byte, t *av.Track) []byte {
	const (
		enabledInMovie = 3
		fullVolume     = 0x0100_0000
		alternative    = 1
	)
	return box(dst, "tkhd", func(b []byte) []byte {
		b = appendUint32s(b, enabledInMovie, 0, 0, trackID(t), 0, 0, 0, 0)
		if t.Kind == av.Audio {
			b = appendUint32s(b, alternative, fullVolume)
		} else {
			b = appendUint32s(b, 0, 0)
		}
		b = appendUint32s(b, matrix...)
		return appendUint32s(b, uint32(side(t.Width))<<16, uint32(side(t.Height))<<16)
	})
}

// side limits a picture's side to the 16 bits that there are for it.
func side(pixels int) uint16 { return uint16(max(0, min(pixels, 1<<16-1))) }

// appendMediaInformation appends minf (8.4.4). All but the sample description
// is empty: samples are in fragments.
func appendMediaInformation(dst []byte, t *av.Track, entry []byte) []byte {
	const selfContained = 1
	return box(dst, "minf", func(b []byte) []byte {
		if t.Kind == av.Audio {
			b = boxOf(b, "smhd", make([]byte, 8)...)
		} else {
			b = boxOf(b, "vmhd", append([]byte{0, 0, 0, 1}, make([]byte, 8)...)...)
		}
		b = box(b, "dinf", func(b []byte) []byte {
			return box(b, "dref", func(b []byte) []byte {
				b = appendUint32s(b, 0, 1)
				return boxOf(b, "url ", 0, 0, 0, selfContained)
			})
		})
		return box(b, "stbl", func(b []byte) []byte {
			b = box(b, "stsd", func(b []byte) []byte { return append(appendUint32s(b, 0, 1), entry...) })
			b = boxOf(b, "stts", make([]byte, 8)...)
			b = boxOf(b, "stsc", make([]byte, 8)...)
			b = boxOf(b, "stsz", make([]byte, 12)...)
			return boxOf(b, "stco", make([]byte, 8)...)
		})
	})
}

// appendMovieExtends appends mvex (8.8.1), which says that fragments follow.
func appendMovieExtends(dst []byte, tracks []*av.Track) []byte {
	return box(dst, "mvex", func(b []byte) []byte {
		for _, t := range tracks {
			const description = 1
			b = box(b, "trex", func(b []byte) []byte {
				b = appendUint32s(b, 0, trackID(t), description, 0, 0)
				return binary.BigEndian.AppendUint32(b, defaultFlags(t.Kind))
			})
		}
		return b
	})
}
