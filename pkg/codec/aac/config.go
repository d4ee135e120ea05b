// Package aac reads the configuration of AAC tracks.
package aac

import (
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
)

// Config is what an AudioSpecificConfig says (ISO/IEC 14496-3, 1.6.2.1).
type Config struct {
	// ObjectType is the audio object type of the core coder, such as 2 for
	// AAC LC (table 1.17).
	ObjectType int
	// SampleRate is the core coder's sampling frequency in Hz.
	SampleRate int
	// OutputRate is the sampling frequency after spectral band replication in
	// Hz, as far as the configuration signals it; else equal to SampleRate.
	OutputRate int
	// ChannelConfiguration is the field of that name, 0 to 15.
	ChannelConfiguration int
	// Channels counts the output channels, 0 if the configuration does not say.
	Channels int
	// SBR and PS report explicitly signalled spectral band replication and
	// parametric stereo.
	SBR, PS bool
	// FrameLength is how many samples at SampleRate a frame has for one channel.
	FrameLength int
}

// Audio object types (ISO/IEC 14496-3, table 1.17).
const (
	typeMain   = 1
	typeLC     = 2
	typeSSR    = 3
	typeLTP    = 4
	typeSBR    = 5
	typeLD     = 23
	typePS     = 29
	typeEscape = 31
	typeELD    = 39
	typeUSAC   = 42
)

// Marks of the backward compatible signalling (1.6.5).
const (
	syncExtSBR = 0x2B7
	syncExtPS  = 0x548
)

// Tables, never written to.
var (
	profiles = [...]string{typeMain: "Main", typeLC: "LC", typeSSR: "SSR", typeLTP: "LTP", typeLD: "LD", typeELD: "ELD", typeUSAC: "xHE-AAC"}

	// sampleRates is table 1.18.
	sampleRates = [...]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

	// channels counts loudspeakers by channel configuration (table 1.19); 0 is
	// unknown or reserved.
	channels = [16]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 13: 24, 14: 8}
)

// ParseConfig reads an AudioSpecificConfig. Both explicit ways to signal
// spectral band replication are understood; bytes that follow are ignored, as
// encoders pad. An error names the field and its bit offset in b. Object types
// that are not AAC are an error.
func ParseConfig(b []byte) (Config, error) {
	r := bitReader{buf: b}
	var c Config
	c.ObjectType = r.objectType("audioObjectType")
	c.SampleRate = r.sampleRate("samplingFrequency")
	c.ChannelConfiguration = r.read(4, "channelConfiguration")
	c.Channels = channels[c.ChannelConfiguration]
	c.OutputRate = c.SampleRate
	signalled := c.ObjectType == typeSBR || c.ObjectType == typePS
	if signalled {
		c.SBR, c.PS = true, c.ObjectType == typePS
		c.OutputRate = r.sampleRate("extensionSamplingFrequency")
		c.ObjectType = r.objectType("audioObjectType after SBR")
	}
	if r.err != nil {
		return Config{}, r.err
	}
	if c.ObjectType >= len(profiles) || profiles[c.ObjectType] == "" {
		return Config{}, fmt.Errorf("aac configuration: audio object type %d is not AAC", c.ObjectType)
	}
	c.readSpecific(&r)
	if r.err != nil {
		return Config{}, r.err
	}
	if !signalled && c.ObjectType == typeLC {
		c.readSyncExtension(r)
	}
	if c.PS && c.Channels == 1 {
		c.Channels = 2
	}
	return c, nil
}

// readSpecific reads the core coder's part: GASpecificConfig (ISO/IEC 14496-3,
// 4.4.1) or the first bit of ELDSpecificConfig. The USAC one is not needed.
func (c *Config) readSpecific(r *bitReader) {
	if c.ObjectType == typeUSAC {
		c.FrameLength = 1024
		return
	}
	short := r.read(1, "frameLengthFlag") == 1
	c.FrameLength = 1024
	if c.ObjectType == typeLD || c.ObjectType == typeELD {
		c.FrameLength = 512
	}
	if short {
		c.FrameLength -= c.FrameLength / 16 // 960 of 1024, 480 of 512
	}
	if c.ObjectType == typeELD {
		return
	}
	if r.read(1, "dependsOnCoreCoder") == 1 {
		r.read(14, "coreCoderDelay")
	}
	extended := r.read(1, "extensionFlag") == 1
	if r.err == nil {
		c.readTail(r, extended)
	}
}

// readTail reads what may follow the fixed part of GASpecificConfig. None of it
// is needed for decoding the track's basics, and configurations made from ADTS
// leave the program config element to the first frame: a tail that is cut off
// says nothing, and nothing follows it.
func (c *Config) readTail(r *bitReader, extended bool) {
	if c.ChannelConfiguration == 0 {
		if n := readProgramConfig(r); r.err == nil {
			c.Channels = n
		}
	}
	if extended && c.ObjectType == typeLD {
		r.read(3, "resilience flags")
	}
	if extended {
		r.read(1, "extensionFlag3")
	}
	if r.err != nil {
		r.pos, r.err = len(r.buf)*8, nil
	}
}

// readProgramConfig skips a program_config_element (4.4.1.1) and returns the
// number of channels in it.
func readProgramConfig(r *bitReader) int {
	r.read(4+2+4, "program_config_element")
	front, side, back := r.read(4, "num_front_channel_elements"), r.read(4, "num_side_channel_elements"), r.read(4, "num_back_channel_elements")
	lfe, data, coupling := r.read(2, "num_lfe_channel_elements"), r.read(3, "num_assoc_data_elements"), r.read(4, "num_valid_cc_elements")
	for _, mixdown := range []int{4, 4, 3} { // bits of mono, stereo and matrix mixdown
		if r.read(1, "mixdown_present") == 1 {
			r.read(mixdown, "mixdown")
		}
	}
	n := lfe
	for range front + side + back {
		n += 1 + r.read(1, "element_is_cpe")
		r.read(4, "element_tag_select")
	}
	for range lfe + data {
		r.read(4, "element_tag_select")
	}
	for range coupling {
		r.read(5, "cc_element")
	}
	r.align() // relative to the start of the AudioSpecificConfig
	for range r.read(8, "comment_field_bytes") {
		r.read(8, "comment_field_data")
	}
	return n
}

// readSyncExtension reads the backward compatible signalling of SBR and PS
// after the core configuration. It is optional and followed by padding, so
// that a part that is cut off or makes no sense means that there is none.
func (c *Config) readSyncExtension(r bitReader) {
	if r.read(11, "syncExtensionType") != syncExtSBR || r.objectType("extensionAudioObjectType") != typeSBR || r.read(1, "sbrPresentFlag") != 1 {
		return
	}
	rate := r.sampleRate("extensionSamplingFrequency")
	if r.err != nil {
		return
	}
	c.SBR, c.OutputRate = true, rate
	if r.read(11, "syncExtensionType") == syncExtPS {
		c.PS = r.read(1, "psPresentFlag") == 1
	}
}

// Profile returns the usual short name: "LC", "HE-AAC", "HE-AAC v2" and so on.
func (c Config) Profile() string {
	switch {
	case c.PS:
		return "HE-AAC v2"
	case c.SBR:
		return "HE-AAC"
	}
	return profiles[c.ObjectType]
}

// TrackFromConfig describes the AAC track whose AudioSpecificConfig is config;
// its SampleRate is the one after spectral band replication. The track keeps
// config; the caller must not change it afterwards. Errors are ParseConfig's.
func TrackFromConfig(id int, config []byte) (*av.Track, error) {
	c, err := ParseConfig(config)
	if err != nil {
		return nil, err
	}
	return &av.Track{
		ID:         id,
		Kind:       av.Audio,
		Codec:      av.AAC,
		Config:     config,
		Profile:    c.Profile(),
		SampleRate: c.OutputRate,
		Channels:   c.Channels,
	}, nil
}
