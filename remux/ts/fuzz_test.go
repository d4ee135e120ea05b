package ts

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/aac"
	"github.com/weirmedia/weir/pkg/codec/ac3"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/h265"
	"github.com/weirmedia/weir/pkg/codec/mp3"
	"github.com/weirmedia/weir/pkg/codec/opus"
	"github.com/weirmedia/weir/pkg/reason"
)

// streamTypes are those of which FuzzDemuxer makes programs; that of Opus has
// its descriptors.
var streamTypes = []byte{typeH264, typeH265, typeADTS, typeMPEG1Audio, typeAC3, typeEAC3, typePrivate}

// wrapped makes a transport stream of an elementary one, which it cuts into PES
// packets of size bytes.
func wrapped(kind byte, size int, b []byte) []byte {
	s := &stream{kind: kind, pid: firstPID}
	if kind == typePrivate {
		s.descriptors = append(registration(formatOpus), tagDVBExtension, 2, extensionOpus, 2)
	}
	var w writer
	w.program(0, s)
	at := int64(0)
	for part := range slices.Chunk(b, size) {
		w.pes(firstPID, idVideo, at, part, at%80 == 0)
		at += 40
	}
	return w.out
}

// FuzzDemuxer reads any bytes as a transport stream, or, with a program, as an
// elementary stream in PES packets of size bytes. What comes out is what package
// av says, and a Muxer writes it so that it comes out again.
func FuzzDemuxer(f *testing.F) {
	for _, name := range []string{"bframes.flv", "hevc.flv", "multitrack.flv", "mp3.flv", "opus.flv", "ac3.flv", "eac3.flv"} {
		f.Add(mux(f, footage(f, name)), byte(0), uint16(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, program byte, size16 uint16) {
		if program > 0 {
			b = wrapped(streamTypes[int(program)%len(streamTypes)], 1+int(size16), b)
		}
		frames, _, err := readAll(bytes.NewReader(b))
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && reason.Of(err, "") != reason.BadMedia {
			t.Fatal(err)
		}
		size := 0
		for _, frame := range frames {
			size += len(frame.Payload)
			checkFrame(t, frame)
		}
		if size > 2*len(b) { // lengths take more than start codes of three bytes
			t.Fatalf("frames of %d bytes from %d", size, len(b))
		}
		again(t, frames)
	})
}

// checkFrame checks that a frame is as package av says.
func checkFrame(t *testing.T, f *av.Frame) {
	t.Helper()
	var err error
	switch f.Track.Codec {
	case av.H264:
		_, err = h264.ParseConfig(f.Track.Config)
		err = errors.Join(err, h264.CheckNALs(f.Payload, lengthSize))
	case av.H265:
		_, err = h265.ParseConfig(f.Track.Config)
		err = errors.Join(err, h264.CheckNALs(f.Payload, lengthSize))
	case av.AAC:
		_, err = aac.ParseConfig(f.Track.Config)
	case av.MP3:
		_, err = mp3.ParseHeader(f.Payload)
	case av.AC3, av.EAC3:
		_, err = ac3.ParseHeader(f.Track.Codec, f.Payload)
	case av.Opus:
		_, err = opus.ParseHeader(f.Track.Config)
	default:
		t.Fatalf("codec %s", f.Track.Codec)
	}
	if err != nil || len(f.Payload) == 0 || (f.Track.ID%2 == 0) != (f.Track.Kind == av.Video) {
		t.Fatalf("%+v of %+v: %v", f, f.Track, err)
	}
}

// again writes frames and reads them.
func again(t *testing.T, frames []*av.Frame) {
	t.Helper()
	in := make(map[int][]*av.Frame)
	m, tracks := new(Muxer), make(map[int]*av.Track)
	var out []byte
	for _, f := range frames {
		if tracks[f.Track.ID] = f.Track; !Carries(f.Track) {
			continue
		}
		if f.Track.Kind == av.Video && !f.Key && len(in[f.Track.ID]) == 0 {
			continue // viewers begin at key frames, which bring the configuration
		}
		l := new(av.Layout)
		for id := range 2 * maxTracks {
			if track := tracks[id]; track != nil {
				l.Tracks = append(l.Tracks, track)
			}
		}
		var err error
		if out, err = m.AppendFrame(out, f, l, true); err != nil {
			return // larger than its headers can express now
		}
		in[f.Track.ID] = append(in[f.Track.ID], f)
	}
	second, _, err := readAll(bytes.NewReader(out))
	if err != io.EOF {
		t.Fatal(err)
	}
	count := 0
	for _, list := range in {
		count += len(list)
	}
	if len(second) != count {
		t.Fatalf("%d frames again, want %d", len(second), count)
	}
}
