package probe

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/weirmedia/weir/pkg/av"
)

// judgeHeaders compares the flags of the FLV header with what came.
func (a *Analyzer) judgeHeaders(n *notes, r *Report) {
	h := a.facts.Header
	if h == nil {
		return
	}
	for _, c := range []struct {
		kind      av.Kind
		announced bool
	}{{av.Video, h.HasVideo}, {av.Audio, h.HasAudio}} {
		there := a.first(c.kind) != nil
		switch {
		case there && !c.announced:
			n.wrong("header_flags", "", "the FLV header announces no %s, but it comes: players may drop it", c.kind)
		case c.announced && !there && r.Seconds >= enoughMedia:
			n.wrong("header_flags", "", "the FLV header announces %s, but none comes: players may wait for it", c.kind)
		}
	}
}

// judgeMetadata compares onMetaData with what came.
func (a *Analyzer) judgeMetadata(n *notes, r *Report) {
	video, audio := firstOf(r.Tracks, av.Video), firstOf(r.Tracks, av.Audio)
	for _, f := range a.meta {
		name := strings.ToLower(f.Name)
		switch name {
		case "videocodecid":
			judgeCodec(n, f, video, "video", r)
		case "audiocodecid":
			judgeCodec(n, f, audio, "audio", r)
		}
		value, ok := f.Value.(float64)
		if !ok || value <= 0 {
			continue
		}
		lie := func(truth float64, what string) {
			n.wrong("metadata_"+name, "", "onMetaData says %s %.6g, the codec %.6g%s", f.Name, value, truth, what)
		}
		switch {
		case name == "width" && video != nil && video.Width > 0 && value != float64(video.Width):
			lie(float64(video.Width), " pixels")
		case name == "height" && video != nil && video.Height > 0 && value != float64(video.Height):
			lie(float64(video.Height), " pixels")
		case name == "audiosamplerate" && audio != nil && !sameRate(value, audio):
			lie(float64(audio.SampleRate), " Hz")
		case name == "audiochannels" && audio != nil && audio.Channels > 0 && value != float64(audio.Channels):
			lie(float64(audio.Channels), "")
		case (name == "framerate" || name == "fps") && video != nil && video.FrameRate > 0 &&
			r.Seconds >= enoughMedia && differ(value, video.FrameRate, offRate):
			n.advise("metadata_"+name, "", "onMetaData says %s %.6g, but %.6g frames a second come", f.Name, value, video.FrameRate)
		}
	}
}

// sameRate compares sample rates. Of HE-AAC encoders tell the rate before or
// after spectral band replication, which doubles it.
func sameRate(value float64, t *Track) bool {
	rate := float64(t.SampleRate)
	return rate == 0 || value == rate || (t.codec == av.AAC && strings.HasPrefix(t.Profile, "HE") && value*2 == rate)
}

func judgeCodec(n *notes, f av.Field, t *Track, kind string, r *Report) {
	said := codecOf(f.Value, kind)
	switch {
	case t == nil && said != av.Unknown && r.Seconds >= enoughMedia:
		n.wrong("missing_track", "", "onMetaData announces %s (%s), but none comes", kind, said)
	case t == nil:
	case said != t.codec:
		n.wrong("metadata_"+strings.ToLower(f.Name), "", "onMetaData says %s %v, but the %s is %s", f.Name, idText(f.Value), kind, t.Codec)
	}
}

// The codec ids of FLV (annex E.4.2 and E.4.3, and usual extensions). Like the
// next table it is never written to.
var codecIDs = map[string]map[float64]av.Codec{
	"video": {7: av.H264, 12: av.H265, 13: av.AV1},
	"audio": {2: av.MP3, 14: av.MP3, 10: av.AAC, 7: av.G711A, 8: av.G711U},
}

// The first four characters of names of codecs: FourCCs of Enhanced RTMP, and
// what encoders write as text.
var codecNames = map[string]av.Codec{
	"avc1": av.H264, "h264": av.H264, "hvc1": av.H265, "hev1": av.H265, "hevc": av.H265,
	"av01": av.AV1, "vp08": av.VP8, "vp09": av.VP9,
	"mp4a": av.AAC, "aac": av.AAC, ".mp3": av.MP3, "mp3": av.MP3,
	"opus": av.Opus, "flac": av.FLAC, "ac-3": av.AC3, "ec-3": av.EAC3,
}

// codecOf returns the codec that a videocodecid or audiocodecid means.
func codecOf(id any, kind string) av.Codec {
	text, _ := id.(string) // such as "avc1" or "avc1.64001f"
	if number, ok := id.(float64); ok {
		if c, ok := codecIDs[kind][number]; ok {
			return c
		}
		text = fourCC(number)
	}
	text = strings.ToLower(text)
	return codecNames[text[:min(len(text), 4)]]
}

// fourCC returns the four characters that Enhanced RTMP puts into a number, ""
// if there are none.
func fourCC(number float64) string {
	if number < 1<<24 || number >= 1<<32 {
		return ""
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(number))
	if bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return string(b)
}

// idText returns an id as people write it.
func idText(id any) string {
	switch id := id.(type) {
	case float64:
		return cmp.Or(fourCC(id), strconv.FormatFloat(id, 'g', -1, 64))
	case string:
		return fmt.Sprintf("%.16q", id)
	}
	return fmt.Sprint(id)
}
