package flv

import (
	"math"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/av"
)

const (
	handlerMetadata = "onMetaData"
	// RTMP publishers wrap data that the server shall keep, or forget, in these
	// commands.
	commandSetDataFrame   = "@setDataFrame"
	commandClearDataFrame = "@clearDataFrame"

	// maxMetadata bounds the names and strings kept from metadata in bytes, as
	// every viewer gets a copy when it joins. Real metadata has about 1 kB.
	maxMetadata = 16 << 10
)

// decodeScript reads SCRIPTDATA (E.4.4.1): the name of a handler and its values.
func (d *Demuxer) decodeScript(timestamp uint32, body []byte) Packet {
	const whyNotAMF, whyNameless = "script data is not AMF0", "script data without a handler name"
	name, values, err := amf0.DecodeValue(body)
	if err != nil {
		return ignored(whyNotAMF)
	}
	if name == commandSetDataFrame {
		if body = values; len(body) == 0 {
			return ignored(whyNameless)
		}
		if name, values, err = amf0.DecodeValue(body); err != nil {
			return ignored(whyNotAMF)
		}
	}
	arguments, err := amf0.Decode(values)
	if err != nil {
		return ignored(whyNotAMF)
	}
	switch handler, ok := name.(string); {
	case !ok:
		return ignored(whyNameless)
	case handler == commandClearDataFrame, handler == commandSetDataFrame:
		return ignored("data frame command without data")
	case handler == handlerMetadata:
		return decodeMetadata(arguments)
	}
	at := d.clock.at(timestamp) * nanosecondsPerMillisecond
	return Packet{Kind: ScriptPacket, Frame: &av.Frame{Track: av.ScriptTrack, DTS: at, PTS: at, Payload: body}}
}

func decodeMetadata(arguments []any) Packet {
	for _, v := range arguments {
		if fields, ok := amf0.AsObject(v); ok {
			return Packet{Kind: MetadataPacket, Metadata: scalars(fields), Hinted: hints(fields)}
		}
	}
	return ignored("onMetaData without fields")
}

// scalars keeps what av.Metadata can hold, up to maxMetadata.
func scalars(fields amf0.Object) av.Metadata {
	var m av.Metadata
	room := maxMetadata
	for _, f := range fields {
		const numberSize = 8
		size := len(f.Name)
		switch v := f.Value.(type) {
		case string:
			size += len(v)
		case float64, bool:
			size += numberSize
		default:
			continue
		}
		if size > room {
			continue
		}
		room -= size
		m = append(m, av.Field{Name: f.Name, Value: f.Value})
	}
	return m
}

func hints(fields amf0.Object) (hinted [av.Kinds]bool) {
	hinted[av.Video] = announced(fields, av.Video, "hasVideo", "videocodecid", "width", "height")
	hinted[av.Audio] = announced(fields, av.Audio, "hasAudio", "audiocodecid", "audiosamplerate", "audiochannels")
	return hinted
}

// announced tells whether fields announce a track of kind k that the Demuxer will
// find. The has flag and the codec say it outright; without them, nominal values above
// zero do. Codecs that will be ignored are no track.
func announced(fields amf0.Object, k av.Kind, has, codec string, nominal ...string) bool {
	flag, flagged := fields.Get(has)
	if flagged && (flag == false || flag == 0.0) {
		return false
	}
	switch id, _ := fields.Get(codec); id := id.(type) {
	case float64:
		return supported(k, id)
	case string: // "avc1", "mp4a" and other names
		return id != ""
	}
	for _, name := range nominal {
		if fields.Number(name) > 0 {
			return true
		}
	}
	return flagged && (flag == true || flag == 1.0)
}

// supported tells whether the Demuxer reads the codec with the number id, which
// is an old one or a FourCC.
func supported(k av.Kind, id float64) bool {
	unsupported := &unsupportedVideo
	if k == av.Audio {
		unsupported = &unsupportedSound
	}
	switch {
	case !(id >= 0 && id <= math.MaxUint32): // so written, it holds for NaN
		return false
	case id < float64(len(unsupported)):
		return unsupported[int(id)] == ""
	}
	return FourCC(id).Codec(k) != av.Unknown
}
