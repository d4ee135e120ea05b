package fmp4

import (
	"encoding/binary"
	"math"

	"github.com/weirmedia/weir/pkg/av"
)

// Run is a number of consecutive frames of one track.
type Run struct {
	// Track is one that Carries, as the init segment has it.
	Track  *av.Track
	Frames []*av.Frame
	// End is the DTS in nanoseconds at which the last frame ends, that of the
	// frame after it: then the fragments of a track leave no gap and do not
	// overlap, since they share the rounding of their borders.
	End int64
}

// Flags of samples (ISO/IEC 14496-12, 8.8.3.1): what a sample depends on, and
// whether decoding can start there.
const (
	flagsSync    = 2 << 24       // it depends on no other
	flagsNonSync = 1<<24 | 1<<16 // it depends on others, and is no sync sample
)

// defaultFlags returns the flags of the samples that have none of their own.
func defaultFlags(k av.Kind) uint32 {
	if k == av.Audio {
		return flagsSync
	}
	return flagsNonSync
}

// Lengths of boxes in bytes.
const (
	mfhdSize       = 16
	tfhdSize       = 16
	tfdtSize       = 20
	trunSize       = 20 // without samples
	trafSize       = boxHeader + tfhdSize + tfdtSize + trunSize
	videoEntrySize = 16
	audioEntrySize = 8
)

// AppendFragment appends one moof and the mdat with the payloads of runs, in
// their order. A run without frames is left out; if none has any, nothing is
// appended. Decode times are those of the frames plus Shift, rounded to the
// timescale; composition offsets are the differences to the rounded PTS and may
// be negative. Durations are the differences of rounded decode times. Frames of
// a run must be in decoding order, and all of them together have less than 2
// GiB. It does not allocate if dst has room.
func AppendFragment(dst []byte, sequence uint32, runs ...Run) []byte {
	moof, media := boxHeader+mfhdSize, 0
	for _, r := range runs {
		moof += r.boxSize()
		for _, f := range r.Frames {
			media += len(f.Payload)
		}
	}
	if moof == boxHeader+mfhdSize {
		return dst
	}
	dst = appendHeader(dst, moof, "moof")
	dst = appendFullHeader(dst, mfhdSize, "mfhd", 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, sequence)
	offset := moof + boxHeader
	for _, r := range runs {
		dst = r.append(dst, offset)
		for _, f := range r.Frames {
			offset += len(f.Payload)
		}
	}
	dst = appendHeader(dst, boxHeader+media, "mdat")
	for _, r := range runs {
		for _, f := range r.Frames {
			dst = append(dst, f.Payload...)
		}
	}
	return dst
}

func (r *Run) entrySize() int {
	if r.Track.Kind == av.Audio {
		return audioEntrySize
	}
	return videoEntrySize
}

// boxSize returns the length of the run's traf, 0 if there is none.
func (r *Run) boxSize() int {
	if len(r.Frames) == 0 {
		return 0
	}
	return trafSize + len(r.Frames)*r.entrySize()
}

// append appends the run's traf (8.8.6). Its media begin offset bytes after the
// start of the moof.
func (r *Run) append(dst []byte, offset int) []byte {
	if len(r.Frames) == 0 {
		return dst
	}
	const (
		baseIsMoof = 0x020000 // tfhd: offsets count from the moof

		hasOffset, hasDuration, hasSize, hasFlags, hasComposition = 0x1, 0x100, 0x200, 0x400, 0x800

		signedComposition = 1 // version of trun
		wideTime          = 1 // version of tfdt
	)
	flags := uint32(hasOffset | hasDuration | hasSize)
	if r.Track.Kind != av.Audio {
		flags |= hasFlags | hasComposition
	}
	scale := Timescale(r.Track)
	at := units(r.Frames[0].DTS, scale)

	dst = appendHeader(dst, r.boxSize(), "traf")
	dst = appendFullHeader(dst, tfhdSize, "tfhd", 0, baseIsMoof)
	dst = binary.BigEndian.AppendUint32(dst, trackID(r.Track))
	dst = appendFullHeader(dst, tfdtSize, "tfdt", wideTime, 0)
	dst = binary.BigEndian.AppendUint64(dst, at)
	dst = appendFullHeader(dst, trunSize+len(r.Frames)*r.entrySize(), "trun", signedComposition, flags)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(r.Frames)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(offset))
	for i, f := range r.Frames {
		end := r.End
		if i+1 < len(r.Frames) {
			end = r.Frames[i+1].DTS
		}
		next := max(at, units(end, scale))
		dst = binary.BigEndian.AppendUint32(dst, uint32(min(next-at, math.MaxUint32)))
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(f.Payload)))
		if r.Track.Kind != av.Audio {
			dst = binary.BigEndian.AppendUint32(dst, sampleFlags(f))
			composition := int64(units(f.PTS, scale) - at)
			dst = binary.BigEndian.AppendUint32(dst, uint32(max(math.MinInt32, min(composition, math.MaxInt32))))
		}
		at = next
	}
	return dst
}

func sampleFlags(f *av.Frame) uint32 {
	if f.Key {
		return flagsSync
	}
	return flagsNonSync
}
