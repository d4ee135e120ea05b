package fmp4

import (
	"encoding/binary"

	"github.com/weirmedia/weir/pkg/av"
)

// IndexEntry is a sample at which decoding can begin: the first of a traf.
type IndexEntry struct {
	PTS    int64 // in nanoseconds, as the frame has it
	Offset int64 // of its moof in the file
	Traf   int   // number of its traf in the moof, from 1 on, 255 at most
}

// AppendIndex appends an mfra, the index at the end of a file, with entries of
// track t in their order (8.8.9 to 8.8.11). Its last four bytes are its length.
func AppendIndex(dst []byte, t *av.Track, entries []IndexEntry) []byte {
	const (
		wide      = 1 // version of tfra
		oneByte   = 0 // length of the numbers of traf, trun and sample
		first     = 1 // number of trun and sample
		mfroSize  = 16
		entrySize = 8 + 8 + 3
	)
	begin := len(dst)
	tfra := boxHeader + 16 + len(entries)*entrySize
	size := boxHeader + tfra + mfroSize
	dst = appendHeader(dst, size, "mfra")
	dst = appendFullHeader(dst, tfra, "tfra", wide, 0)
	dst = appendUint32s(dst, trackID(t), oneByte, uint32(len(entries)))
	for _, e := range entries {
		dst = binary.BigEndian.AppendUint64(dst, units(e.PTS, Timescale(t)))
		dst = binary.BigEndian.AppendUint64(dst, uint64(e.Offset))
		dst = append(dst, byte(e.Traf), first, first)
	}
	dst = appendFullHeader(dst, mfroSize, "mfro", 0, 0)
	return appendUint32s(dst, uint32(len(dst)+4-begin))
}
