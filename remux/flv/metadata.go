package flv

import (
	"strconv"
	"strings"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/av"
)

// fieldStreamTime is our own field of onMetaData: the timestamp of the first
// frame that follows, in milliseconds. A player whose media time starts at 0
// there can tell from it, and from the stream's time in the API, how far it is
// behind the server.
const fieldStreamTime = "streamTime"

// AppendMetadataBody appends the body of an onMetaData script tag (E.5): what
// the tracks of l know, then the publisher's other fields. Codecs that FLV has
// no number for are named by their FourCC. If o asks for them, the tracks that are
// not the first of their kind are described in the maps that Enhanced RTMP has
// for them.
//
// The tags must not contradict it: fields about a kind of track are written
// only if l has a track of the kind that FLV can carry, or, as the publisher
// put them, while one is expected. Fields that describe a finished file are
// left out, because a player that finds a duration or an index seeks in it.
func AppendMetadataBody(dst []byte, l *av.Layout, dts int64, o Options) []byte {
	video, audio := carried(l, av.Video), carried(l, av.Audio)
	var fields amf0.ECMAArray
	if video != nil {
		fields = append(fields, videoFields(video)...)
		fields = append(fields, amf0.Property{Name: "videocodecid", Value: codecID(video)})
	}
	if audio != nil {
		fields = append(fields, amf0.Property{Name: "audiocodecid", Value: codecID(audio)})
		fields = append(fields, audioFields(audio)...)
	}
	for _, f := range l.Metadata {
		if passes(f.Name, l, video, audio) {
			fields = append(fields, amf0.Property{Name: f.Name, Value: f.Value})
		}
	}
	fields = append(fields, amf0.Property{Name: fieldStreamTime, Value: float64(Milliseconds(dts))})
	fields = appendTrackMap(fields, "videoTrackIdInfoMap", l, av.Video, o)
	fields = appendTrackMap(fields, "audioTrackIdInfoMap", l, av.Audio, o)
	return amf0.Append(dst, handlerMetadata, fields)
}

func videoFields(t *av.Track) (fields []amf0.Property) {
	if t.Width > 0 && t.Height > 0 {
		fields = append(fields, amf0.Property{Name: "width", Value: float64(t.Width)}, amf0.Property{Name: "height", Value: float64(t.Height)})
	}
	if t.FrameRate > 0 {
		fields = append(fields, amf0.Property{Name: "framerate", Value: t.FrameRate})
	}
	return fields
}

func audioFields(t *av.Track) (fields []amf0.Property) {
	if t.SampleRate > 0 {
		fields = append(fields, amf0.Property{Name: "audiosamplerate", Value: float64(t.SampleRate)})
	}
	fields = append(fields, amf0.Property{Name: "audiosamplesize", Value: 16.0})
	if t.Channels > 0 {
		fields = append(fields, amf0.Property{Name: "audiochannels", Value: float64(t.Channels)}, amf0.Property{Name: "stereo", Value: t.Channels >= 2})
	}
	return fields
}

// appendTrackMap describes the tracks of kind k that go out in multitrack form,
// by their track ids (Enhanced RTMP v2, "Enhancing onMetaData").
func appendTrackMap(fields amf0.ECMAArray, name string, l *av.Layout, k av.Kind, o Options) amf0.ECMAArray {
	var tracks amf0.Object
	for _, t := range l.Tracks {
		if t.Kind != k || o.formOf(l, t) != multitrack {
			continue
		}
		info := amf0.Object{{Name: "videocodecid", Value: float64(FourCCOf(t.Codec))}}
		if k == av.Video {
			info = append(info, videoFields(t)...)
		} else {
			info[0].Name = "audiocodecid"
			info = append(info, amf0.Property{Name: "channels", Value: float64(t.Channels)}, amf0.Property{Name: "samplerate", Value: float64(t.SampleRate)})
		}
		tracks = append(tracks, amf0.Property{Name: strconv.Itoa(trackNumber(t)), Value: info})
	}
	if len(tracks) == 0 {
		return fields
	}
	return append(fields, amf0.Property{Name: name, Value: tracks})
}

// codecID returns what names the codec of a track in single-track form.
func codecID(t *av.Track) float64 {
	switch {
	case t.Codec == av.H264:
		return codecAVC
	case legacy(t.Codec):
		return float64(soundFormat(t))
	}
	return float64(FourCCOf(t.Codec))
}

// passes reports whether the publisher's field called name may be passed on
// for layout l, whose carried tracks are video and audio, or nil.
func passes(name string, l *av.Layout, video, audio *av.Track) bool {
	switch strings.ToLower(name) {
	case "duration", "filesize", "datasize", "videosize", "audiosize",
		"starttime", "totalduration", "totaldatarate",
		"keyframes", "haskeyframes", "hascuepoints", "hasmetadata", "canseektoend",
		"lasttimestamp", "lastkeyframetimestamp", "lastkeyframelocation":
		return false // of a finished file
	case strings.ToLower(fieldStreamTime): // of another weir
		return false
	case "hasvideo", "hasaudio":
		return false // the codec ids say it
	case "width", "height", "displaywidth", "displayheight", "videocodecid", "avcprofile", "avclevel":
		return video == nil && expects(l, video, av.Video)
	case "framerate", "videoframerate", "fps":
		return expects(l, video, av.Video) && (video == nil || video.FrameRate == 0)
	case "videodatarate":
		return expects(l, video, av.Video)
	case "audiocodecid", "audiosamplerate", "audiosamplesize":
		return audio == nil && expects(l, audio, av.Audio)
	case "audiochannels", "stereo":
		return expects(l, audio, av.Audio) && (audio == nil || audio.Channels == 0)
	case "audiodatarate":
		return expects(l, audio, av.Audio)
	}
	return true
}

// expects reports whether the stream has, or may yet get, a track of kind k
// that FLV can carry; t is the one it has.
func expects(l *av.Layout, t *av.Track, k av.Kind) bool {
	return t != nil || (l.First(k) == nil && l.Expects(k))
}

// soundFormat returns the SoundFormat of a track that has one.
func soundFormat(t *av.Track) byte {
	switch {
	case t.Codec == av.AAC:
		return soundAAC
	case t.Codec == av.G711A:
		return soundALaw
	case t.Codec == av.G711U:
		return soundMuLaw
	case t.SampleRate == 8000:
		return soundMP38kHz
	}
	return soundMP3
}
