package flv

import (
	"strings"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/av"
)

// AppendMetadataBody appends the body of an onMetaData script tag (E.5): what
// the tracks of l know, then the publisher's other fields.
//
// The tags must not contradict it: fields about a kind of track are written
// only if l has a track of the kind that FLV can carry, or, as the publisher
// put them, while one is expected. Fields that describe a finished file are
// left out, because a player that finds a duration or an index seeks in it.
func AppendMetadataBody(dst []byte, l *av.Layout) []byte {
	video, audio := carried(l, av.Video), carried(l, av.Audio)
	var fields amf0.ECMAArray
	add := func(name string, value any) { fields = append(fields, amf0.Property{Name: name, Value: value}) }
	if video != nil {
		if video.Width > 0 && video.Height > 0 {
			add("width", float64(video.Width))
			add("height", float64(video.Height))
		}
		if video.FrameRate > 0 {
			add("framerate", video.FrameRate)
		}
		add("videocodecid", float64(codecAVC))
	}
	if audio != nil {
		add("audiocodecid", float64(soundFormat(audio)))
		if audio.SampleRate > 0 {
			add("audiosamplerate", float64(audio.SampleRate))
		}
		add("audiosamplesize", 16.0)
		if audio.Channels > 0 {
			add("audiochannels", float64(audio.Channels))
			add("stereo", audio.Channels >= 2)
		}
	}
	for _, f := range l.Metadata {
		if passes(f.Name, l, video, audio) {
			add(f.Name, f.Value)
		}
	}
	return amf0.Append(dst, handlerMetadata, fields)
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

// carried returns l's first track of kind k that FLV can carry, or nil.
func carried(l *av.Layout, k av.Kind) *av.Track {
	for _, t := range l.Tracks {
		if t.Kind == k && Carries(t.Codec) {
			return t
		}
	}
	return nil
}

func soundFormat(t *av.Track) byte {
	switch {
	case t.Codec == av.AAC:
		return soundAAC
	case t.SampleRate == 8000:
		return soundMP38kHz
	}
	return soundMP3
}
