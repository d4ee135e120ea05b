package ts

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h265"
	"github.com/weirmedia/weir/pkg/codec/opus"
	"github.com/weirmedia/weir/pkg/reason"
)

// readAll reads to the end and counts why something was ignored.
func readAll(r io.Reader) (frames []*av.Frame, why map[string]int, err error) {
	d := NewDemuxer(r)
	why = make(map[string]int)
	for {
		p, err := d.Next()
		switch {
		case err != nil:
			if _, again := d.Next(); again != err {
				err = errors.Join(err, again)
			}
			return frames, why, err
		case p.Kind == IgnoredPacket:
			why[p.Why]++
		case p.Kind == FramePacket:
			frames = append(frames, p.Frame)
		}
	}
}

// Damage costs the frames that it hits, and no others.
func TestDamage(t *testing.T) {
	in := footage(t, "bframes.flv")
	whole := mux(t, in)
	list := packets(t, whole)
	// at returns the offset of the n-th packet of pid that begins a unit.
	at := func(pid uint16, n int) int {
		for i, p := range list {
			if p.pid == pid && p.start {
				if n == 0 {
					return i * packetSize
				}
				n--
			}
		}
		t.Fatal("no such packet")
		return 0
	}
	const video, audio = 0x100, 0x101
	for _, c := range []struct {
		name   string
		damage func(b []byte) []byte
		lost   int
		why    map[string]int
		err    error
	}{
		{"none", func(b []byte) []byte { return b }, 0, nil, io.EOF},
		{"garbage first", func(b []byte) []byte { return slices.Concat(bytes.Repeat([]byte("garbage G"), 300), b) }, 0, map[string]int{"lost sync": 1}, io.EOF},
		{"garbage between", func(b []byte) []byte { i := at(video, 3); return slices.Concat(b[:i], []byte("garbage"), b[i:]) }, 0, map[string]int{"lost sync": 1}, io.EOF},
		{"bytes missing", func(b []byte) []byte { i := at(audio, 3); return slices.Delete(b, i+150, i+170) }, 1, map[string]int{"lost sync": 1, "packets lost": 1}, io.EOF},
		{"packet missing", func(b []byte) []byte { i := at(audio, 3); return slices.Delete(b, i, i+packetSize) }, 1, map[string]int{"packets lost": 1}, io.EOF},
		{"packet twice", func(b []byte) []byte {
			i := at(audio, 3)
			return slices.Insert(b, i, slices.Clone(b[i:i+packetSize])...)
		}, 0, nil, io.EOF},
		{"packet marked", func(b []byte) []byte { b[at(audio, 3)+1] |= errorIndicator; return b }, 1, map[string]int{"damaged packet": 1, "packets lost": 1}, io.EOF},
		{"packet scrambled", func(b []byte) []byte { b[at(audio, 3)+3] |= 0x80; return b }, 1, map[string]int{"scrambled packet": 1, "packets lost": 1}, io.EOF},
		{"adaptation field too long", func(b []byte) []byte { b[at(audio, 3)+4] = 184; return b }, 1, map[string]int{"adaptation field beyond its packet": 1, "packets lost": 1}, io.EOF},
		{"PES start code", func(b []byte) []byte { i := at(audio, 3); b[i+5+int(b[i+4])+2] = 7; return b }, 1, map[string]int{whyHeader: 1}, io.EOF},
		// The tables are repeated, so that a broken one does no harm.
		{"PMT", func(b []byte) []byte { b[at(pidPMT, 1)+12]++; return b }, 0, map[string]int{"section with a wrong checksum": 1}, io.EOF},
		{"section length", func(b []byte) []byte { b[at(pidPMT, 1)+6] = 0xFF; return b }, 0, map[string]int{"section of impossible length": 1}, io.EOF},
		{"section pointer", func(b []byte) []byte { b[at(pidPMT, 1)+4] = 0xFF; return b }, 0, map[string]int{"section beyond its packet": 1}, io.EOF},
		{"null packets", func(b []byte) []byte {
			return append(bytes.Repeat([]byte{syncByte, 0x1F, 0xFF, 0x10}, packetSize), b...)
		}, 0, nil, io.EOF},
		{"cut in a packet", func(b []byte) []byte { return b[:len(b)-10] }, 1, nil, io.ErrUnexpectedEOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			damaged := c.damage(slices.Clone(whole))
			frames, why, err := readAll(bytes.NewReader(damaged))
			if !errors.Is(err, c.err) {
				t.Errorf("error %v", err)
			}
			if c.why == nil {
				c.why = make(map[string]int)
			}
			if len(frames) != len(in)-c.lost || !reflect.DeepEqual(why, c.why) {
				t.Errorf("%d frames of %d, ignored %v, want %v", len(frames), len(in)-c.lost, why, c.why)
			}
			slow, _, _ := readAll(iotest.OneByteReader(bytes.NewReader(damaged)))
			if !reflect.DeepEqual(slow, frames) {
				t.Errorf("%d frames when read byte by byte", len(slow))
			}
		})
	}
}

func TestNotTransportStream(t *testing.T) {
	_, _, err := readAll(bytes.NewReader(bytes.Repeat([]byte("GIF89a"), 1<<20)))
	var e *SyncError
	if !errors.As(err, &e) || e.Offset != packetSize || e.Skipped != maxGarbage/packetSize*packetSize+packetSize || reason.Of(err, "") != reason.BadMedia {
		t.Errorf("error %v, %+v", err, e)
	}
	for _, short := range []string{"G", "no", strings.Repeat("x", 1000)} {
		if _, _, err := readAll(strings.NewReader(short)); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%.5q: error %v", short, err)
		}
	}
	if _, _, err := readAll(strings.NewReader("")); err != io.EOF {
		t.Errorf("nothing: error %v", err)
	}
	want := errors.New("broken pipe")
	if _, _, err := readAll(iotest.ErrReader(want)); !errors.Is(err, want) {
		t.Errorf("error %v", err)
	}
}

// A unit that never ends is an error before it takes much memory.
func TestEndlessUnit(t *testing.T) {
	m, video := new(Muxer), videoTrack(t, 0)
	head, err := m.AppendTables(nil, layoutOf(video))
	if err != nil {
		t.Fatal(err)
	}
	b := append(appendPESHead(nil, idVideo, 0, 0, maxPES), make([]byte, 2*maxPicture)...)
	w := packetizer{dst: head, pid: firstPID, counter: new(uint8), left: len(b)}
	w.write(b)
	_, _, err = readAll(bytes.NewReader(w.dst))
	if reason.Of(err, "") != reason.BadMedia || !strings.Contains(err.Error(), "unit of more than 8388608 bytes") {
		t.Errorf("error %v", err)
	}
}

// writer writes what a Muxer never would.
type writer struct {
	out      []byte
	counters map[uint16]*uint8
}

func (w *writer) unit(pid uint16, b []byte, random bool) {
	if w.counters == nil {
		w.counters = make(map[uint16]*uint8)
	}
	if w.counters[pid] == nil {
		w.counters[pid] = new(uint8)
	}
	p := packetizer{dst: w.out, pid: pid, counter: w.counters[pid], left: len(b), random: random}
	p.write(b)
	w.out = p.dst
}

// program writes tables that name streams: type, PID and descriptors each.
func (w *writer) program(version uint8, streams ...*stream) {
	w.unit(pidPAT, append([]byte{0}, patSection()...), false)
	w.unit(pidPMT, append([]byte{0}, appendSection(nil, tablePMT, programNumber, version, pmtBody(firstPID, streams))...), false)
}

// pes writes a PES packet; one with a time below 0 has none.
func (w *writer) pes(pid uint16, id byte, ms int64, payload []byte, random bool) {
	b := appendPESHead(nil, id, ms*90, ms*90, len(payload))
	if ms < 0 {
		b = append([]byte{0, 0, 1, id, 0, 0}, pesMarker, 0, 0)
		binary.BigEndian.PutUint16(b[4:], uint16(pesFlags+len(payload)))
	}
	w.unit(pid, append(b, payload...), random)
}

// frameWant is what a test expects of a frame.
type frameWant struct {
	id, ms  int
	key     bool
	payload string
}

func expectFrames(t *testing.T, w *writer, why map[string]int, want ...frameWant) {
	t.Helper()
	frames, ignored, err := readAll(bytes.NewReader(w.out))
	if err != io.EOF {
		t.Fatal(err)
	}
	var got []frameWant
	for _, f := range frames {
		got = append(got, frameWant{f.Track.ID, int(f.DTS / millisecond), f.Key, string(f.Payload)})
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %.200v\nwant %.200v", got, want)
	}
	if why == nil {
		why = make(map[string]int)
	}
	if !reflect.DeepEqual(ignored, why) {
		t.Errorf("ignored %v, want %v", ignored, why)
	}
}

// Frames of audio may lie across PES packets, whose time is that of the first
// that begins in them.
func TestTornAudio(t *testing.T) {
	header, err := adtsHeader(unhex(t, "1190")) // 48 kHz: frames of 21.3 ms
	if err != nil {
		t.Fatal(err)
	}
	frame := func(payload string) []byte { return append(appendADTS(nil, header, len(payload)), payload...) }
	all := slices.Concat(frame("first"), frame("second"), frame("third"))
	var w writer
	w.program(0, &stream{kind: typeADTS, pid: 0x200})
	w.pes(0x200, idAudio, -1, frame("early"), false)
	w.pes(0x200, idAudio, 1000, all[:20], false)
	w.pes(0x200, idAudio, 1050, all[20:], false)
	// What only looks like a header is not followed by one.
	w.pes(0x200, idAudio, 1500, slices.Concat([]byte{1}, frame("no"), []byte("noise that is no frame")), false)
	w.pes(0x200, idAudio, 2000, slices.Concat([]byte{1, 2, 0xFF}, frame("fourth")), false)
	expectFrames(t, &w, map[string]int{whyTime: 1, "audio without a valid header": 2},
		frameWant{1, 1000, false, "first"}, frameWant{1, 1021, false, "second"}, frameWant{1, 1050, false, "third"}, frameWant{1, 2000, false, "fourth"})
}

// Layer II, of which there is much in broadcasting, is not taken for Layer III.
func TestOtherLayers(t *testing.T) {
	var w writer
	w.program(0, &stream{kind: typeMPEG1Audio, pid: 0x200})
	layerII := append(unhex(t, "fffd8404"), bytes.Repeat(unhex(t, "fffb9064"), 100)...)
	w.pes(0x200, idAudio, 0, layerII, false)
	w.pes(0x200, idAudio, 24, layerII, false)
	expectFrames(t, &w, map[string]int{"unsupported MPEG audio: Layer I or II": 2})
}

// Access units of video may lie across PES packets without time, and their
// parameter sets make the track.
func TestTornVideo(t *testing.T) {
	const code = "00000001"
	units := func(s ...string) []byte { return unhex(t, code+strings.Join(s, code)) }
	big := append(units("0910", testSPS, testPPS, "6588"), bytes.Repeat([]byte{0x5A}, maxPES-200)...)
	var w writer
	w.program(0, &stream{kind: typeH264, pid: 0x100})
	w.pes(0x100, idVideo, 0, units("0910", "6588"), true)
	w.pes(0x100, idVideo, -1, units("4188"), false)
	w.pes(0x100, idVideo, 1000, big, true)
	w.pes(0x100, idVideo, -1, []byte("end"), false)
	w.pes(0x100, idVideo, 1040, units("0910", testPPS, "4188"), false)
	w.pes(0x100, idVideo, 1080, units(testSPS, testPPS, "0605", "4188"), true) // a recovery point
	w.pes(0x100, idVideo, 1120, units(testSPS[:8], "6588"), true)
	w.pes(0x100, idVideo, 1160, units("0910"), true)
	long := append(unhex(t, "6588"), bytes.Repeat([]byte{0x5A}, maxPES-200)...)
	long = append(long, "end"...)
	expectFrames(t, &w, map[string]int{whyNoConfig: 1, whyTime: 1, whyBroken: 1, whyEmpty: 1},
		frameWant{0, 1000, true, string(binary.BigEndian.AppendUint32(nil, uint32(len(long)))) + string(long)},
		frameWant{0, 1040, false, string(unhex(t, "00000005"+testPPS+"00000002 4188"))},
		frameWant{0, 1080, true, string(unhex(t, "00000002 0605 00000002 4188"))})
}

// Streams keep their ids while others come and go; what cannot be read is named.
func TestProgramChange(t *testing.T) {
	sound := func(pid uint16) *stream { return &stream{kind: typeADTS, pid: pid} }
	header, _ := adtsHeader(unhex(t, "1190"))
	frame := append(appendADTS(nil, header, 1), 'x')
	var w writer
	w.program(0, sound(0x201), sound(0x202), &stream{kind: 0x02, pid: 0x203})
	w.pes(0x201, idAudio, 0, frame, false)
	w.pes(0x202, idAudio, 0, frame, false)
	w.program(0, sound(0x201), sound(0x202), &stream{kind: 0x02, pid: 0x203}) // repeated
	w.program(1, sound(0x202), sound(0x204), sound(0x204))
	w.pes(0x201, idAudio, 10, frame, false)
	w.pes(0x202, idAudio, 10, frame, false)
	w.pes(0x204, idAudio, 10, frame, false)
	w.program(2, sound(0x205), sound(0x204), sound(0x202), &stream{kind: typePrivate, pid: 0x206, descriptors: registration(formatOpus)})
	w.pes(0x205, idAudio, 20, frame, false)
	expectFrames(t, &w, map[string]int{"unsupported stream type: MPEG-1 or MPEG-2 video": 1, "PID of two streams": 1, "Opus without a descriptor": 1},
		frameWant{1, 0, false, "x"}, frameWant{3, 0, false, "x"},
		frameWant{3, 10, false, "x"}, frameWant{1, 10, false, "x"},
		frameWant{5, 20, false, "x"})
}

func TestTrackConfigs(t *testing.T) {
	// HEVC: the record says what that of the encoder said.
	in := footage(t, "hevc.flv")
	_, tracks := demux(t, mux(t, in))
	got, err := h265.ParseConfig(tracks[0].Config)
	if err != nil {
		t.Fatal(err)
	}
	want, err := h265.ParseConfig(in[0].Track.Config)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v, %v", got, want, err)
	}
	const arrays = 22 // the fields before are the same but for what the stream cannot say
	if !bytes.Equal(tracks[0].Config[:13], in[0].Track.Config[:13]) || !bytes.Equal(tracks[0].Config[16:19], in[0].Track.Config[16:19]) || tracks[0].Config[21]&0x3F != in[0].Track.Config[21]&0x3F {
		t.Errorf("got  %x\nwant %x", tracks[0].Config[:arrays], in[0].Track.Config[:arrays])
	}
	// H.264 and AAC: the same bytes.
	in = footage(t, "multitrack.flv")
	_, tracks = demux(t, mux(t, in))
	for _, track := range tracks {
		i := slices.IndexFunc(in[0].Layout.Tracks, func(t *av.Track) bool { return t.ID == track.ID })
		want := in[0].Layout.Tracks[i].Config
		if track.Codec == av.AAC {
			want = want[:2] // ffmpeg adds that there is no SBR
		}
		if !bytes.Equal(track.Config, want) {
			t.Errorf("%s: got  %x\nwant %x", track.Codec, track.Config, want)
		}
	}
	// Opus with more than two channels.
	track, err := opus.TrackFromConfig(1, opus.BuildHeader(6))
	if err != nil {
		t.Fatal(err)
	}
	l := layoutOf(track)
	_, tracks = demux(t, mux(t, []*av.Frame{{Track: track, Layout: l, Payload: []byte{0xFC, 1, 2}}}))
	if len(tracks) != 1 || !reflect.DeepEqual(tracks[0], track) {
		t.Errorf("got %+v, want %+v", tracks, track)
	}
}

// A segment goes on with the parameter sets of the one before, not with what that
// left incomplete, and its packets are numbered anew.
func TestContinue(t *testing.T) {
	const code = "00000001"
	units := func(s ...string) []byte { return unhex(t, code+strings.Join(s, code)) }
	segment := func(at int64, au []byte) *writer {
		w := &writer{}
		w.program(0, &stream{kind: typeH264, pid: 0x100})
		w.pes(0x100, idVideo, at, au, true)
		return w
	}
	first := segment(1000, units(testSPS, testPPS, "6588"))
	d := NewDemuxer(bytes.NewReader(first.out[:len(first.out)-1])) // inside a packet
	for _, err := d.Next(); !errors.Is(err, io.ErrUnexpectedEOF); _, err = d.Next() {
		if err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, s := range []*writer{
		segment(1000, units(testSPS, testPPS, "6588")), segment(1040, units("4188")), segment(1080, units("4188")),
	} {
		d.Continue(bytes.NewReader(s.out))
		for {
			p, err := d.Next()
			if err == io.EOF {
				break
			}
			switch {
			case err != nil:
				t.Fatal(err)
			case p.Kind == IgnoredPacket:
				t.Errorf("ignored: %s", p.Why)
			case p.Kind == FramePacket:
				got = append(got, fmt.Sprint(p.Frame.DTS/1e6, p.Frame.Key))
			}
		}
	}
	if want := []string{"1000 true", "1040 false", "1080 false"}; !slices.Equal(got, want) {
		t.Errorf("frames %q, want %q", got, want)
	}
}
