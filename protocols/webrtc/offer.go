package webrtc

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/sdp/v3"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// maxMedias bounds the media sections of an offer: browsers make one for each
// track, and a few for what they stopped.
const maxMedias = 32

// maxCandidates bounds the candidates of a section that are used: each is sent
// packets, and may be the address of somebody who never asked for them.
const maxCandidates = 64

// offer is what a client's SDP offers (RFC 8866, RFC 9429).
type offer struct {
	text   string // without candidates that are too many
	medias []*media
}

// media is a section for sound or pictures.
type media struct {
	kind       av.Kind
	sends      bool    // the client
	receives   bool    // the client
	codecs     []codec // known ones, in the client's order
	unknown    []string
	extensions []string
}

// codec is one payload type that a client can do.
type codec struct {
	av.Codec
	params pion.RTPCodecParameters
	rtx    *pion.RTPCodecParameters // its retransmissions (RFC 4588); nil if there is none
	fmtp   map[string]string
}

// known maps the names in SDP, in lower case, to codecs.
var known = [...]map[string]av.Codec{
	av.Video: {"h264": av.H264, "h265": av.H265, "vp8": av.VP8, "vp9": av.VP9, "av1": av.AV1},
	av.Audio: {"opus": av.Opus, "pcma": av.G711A, "pcmu": av.G711U},
}

// parseOffer reads an offer. An error is the client's fault.
func parseOffer(text string) (*offer, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return nil, reason.Wrap(reason.BadRequest, fmt.Errorf("the offer is no SDP: %w", err))
	}
	if len(d.MediaDescriptions) > maxMedias {
		return nil, reason.Wrap(reason.BadRequest, fmt.Errorf("the offer has %d media sections, at most %d can be", len(d.MediaDescriptions), maxMedias))
	}
	if dropCandidates(&d) {
		fewer, err := d.Marshal()
		if err != nil {
			return nil, reason.Wrap(reason.BadRequest, fmt.Errorf("the offer without some of its candidates: %w", err))
		}
		text = string(fewer)
	}
	o := &offer{text: text}
	for _, m := range d.MediaDescriptions {
		if err := checkFormats(m.MediaName.Formats); err != nil {
			return nil, err
		}
		if parsed := parseMedia(m); parsed != nil {
			o.medias = append(o.medias, parsed)
		}
	}
	if len(o.medias) == 0 {
		return nil, reason.Wrap(reason.BadRequest, errors.New("the offer has neither sound nor pictures"))
	}
	return o, nil
}

// dropCandidates drops the candidates that are too many, and reports whether there
// were such. Clients do without: what they send themselves tells where they are.
func dropCandidates(d *sdp.SessionDescription) (dropped bool) {
	for _, m := range d.MediaDescriptions {
		count := 0
		m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool {
			if a.IsICECandidate() {
				count++
			}
			return a.IsICECandidate() && count > maxCandidates
		})
		dropped = dropped || count > maxCandidates
	}
	return dropped
}

// checkFormats refuses a section that names a payload type twice: its parameters, of
// which there may be many, would be kept each time.
func checkFormats(formats []string) error {
	var named [math.MaxUint8 + 1]bool
	for _, text := range formats {
		n, err := strconv.ParseUint(text, 10, 8)
		if err != nil {
			continue // of data channels
		}
		if named[n] {
			return reason.Wrap(reason.BadRequest, fmt.Errorf("the offer names the payload type %d twice", n))
		}
		named[n] = true
	}
	return nil
}

// parseMedia returns nil for what is neither sound nor pictures.
func parseMedia(d *sdp.MediaDescription) *media {
	m := &media{sends: true, receives: true}
	switch d.MediaName.Media {
	case "video":
		m.kind = av.Video
	case "audio":
		m.kind = av.Audio
	default:
		return nil
	}
	for _, a := range d.Attributes {
		switch a.Key {
		case sdp.AttrKeySendOnly:
			m.receives = false
		case sdp.AttrKeyRecvOnly:
			m.sends = false
		case sdp.AttrKeyInactive:
			m.sends, m.receives = false, false
		case sdp.AttrKeyExtMap:
			if _, uri, ok := strings.Cut(a.Value, " "); ok {
				uri, _, _ = strings.Cut(uri, " ")
				m.extensions = append(m.extensions, uri)
			}
		}
	}
	m.parseCodecs(d)
	return m
}

// parseCodecs finds the codecs of a section.
func (m *media) parseCodecs(d *sdp.MediaDescription) {
	alone := sdp.SessionDescription{MediaDescriptions: []*sdp.MediaDescription{d}}
	described := alone.GetCodecMap()
	repairs := make(map[string]pion.RTPCodecParameters) // by the payload type that they repeat
	for _, text := range d.MediaName.Formats {
		n, err := strconv.ParseUint(text, 10, 7)
		if err != nil {
			continue
		}
		c, ok := described[uint8(n)]
		if !ok {
			continue
		}
		name := strings.ToLower(c.Name)
		params := pion.RTPCodecParameters{
			PayloadType: pion.PayloadType(n),
			RTPCodecCapability: pion.RTPCodecCapability{
				MimeType: m.kind.String() + "/" + c.Name, ClockRate: c.ClockRate, SDPFmtpLine: c.Fmtp, RTCPFeedback: feedback(c.RTCPFeedback),
			},
		}
		if channels, err := strconv.ParseUint(c.EncodingParameters, 10, 8); err == nil {
			params.Channels = uint16(channels)
		}
		fmtp := parseFmtp(c.Fmtp)
		if name == "rtx" {
			repairs[fmtp["apt"]] = params
			continue
		}
		if ours, ok := known[m.kind][name]; ok {
			m.codecs = append(m.codecs, codec{Codec: ours, params: params, fmtp: fmtp})
		} else if !slices.Contains(auxiliary(), name) {
			m.unknown = append(m.unknown, c.Name)
		}
	}
	for i := range m.codecs {
		if rtx, ok := repairs[strconv.Itoa(int(m.codecs[i].params.PayloadType))]; ok {
			m.codecs[i].rtx = &rtx
		}
	}
}

// auxiliary are the payload formats that carry no media of their own, in lower
// case.
func auxiliary() []string {
	return []string{"red", "ulpfec", "flexfec", "flexfec-03", "cn", "telephone-event"}
}

// maxNamed bounds the codecs of a section that are named when it cannot be used,
// maxName each of them, in bytes: a stranger wrote them.
const (
	maxNamed = 8
	maxName  = 32
)

// omission says that none of the section's codecs can be used.
func (m *media) omission() av.Omission {
	o := av.Omission{Kind: m.kind, Why: "its codec is unknown"}
	var names []string
	for _, c := range m.codecs { // what is not usable
		names = append(names, c.String())
		o.Why = "its profile or packetization mode cannot be used"
	}
	for _, name := range m.unknown {
		names = append(names, strings.ToValidUTF8(name[:min(len(name), maxName)], ""))
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		o.Why = "it has no codec"
	}
	o.Codec = strings.Join(names[:min(len(names), maxNamed)], ", ")
	return o
}

// feedback returns the feedback messages that are understood.
func feedback(lines []string) (list []pion.RTCPFeedback) {
	for _, line := range lines {
		switch line {
		case "nack", "nack pli", "ccm fir", "transport-cc":
			kind, parameter, _ := strings.Cut(line, " ")
			list = append(list, pion.RTCPFeedback{Type: kind, Parameter: parameter})
		}
	}
	return list
}

// parseFmtp reads "a=1;b=2".
func parseFmtp(line string) map[string]string {
	out := make(map[string]string)
	for _, pair := range strings.Split(line, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		out[strings.ToLower(key)] = value
	}
	return out
}

// first returns the first codec that is among those wanted, the earlier of them
// first; nil if there is none.
func (m *media) first(wanted ...av.Codec) *codec {
	for _, w := range wanted {
		i := slices.IndexFunc(m.codecs, func(c codec) bool { return c.Codec == w && c.usable() })
		if i >= 0 {
			return &m.codecs[i]
		}
	}
	return nil
}

// carrying returns the codec in which t can be sent, nil if there is none. Of
// several for H.264 it is one of the profile of t, by which clients may choose a
// decoder; what has another profile they mostly decode too.
func (m *media) carrying(t *av.Track) *codec {
	if t.Codec == av.H264 {
		for i := range m.codecs {
			if c := &m.codecs[i]; c.Codec == t.Codec && c.usable() && c.sameProfile(t) {
				return c
			}
		}
	}
	return m.first(t.Codec)
}

// sameProfile compares the profile of H.264 with that of a track (RFC 6184, 8.1).
// Constrained Baseline is told from Baseline by a flag.
func (c *codec) sameProfile(t *av.Track) bool {
	const baseline, constrained = 66, 0x40 // constraint_set1_flag
	offered, err := hex.DecodeString(c.fmtp["profile-level-id"])
	if err != nil || len(offered) != 3 || len(t.Config) < 4 || offered[0] != t.Config[1] {
		return false
	}
	return offered[0] != baseline || offered[1]&constrained == t.Config[2]&constrained
}

// usable reports whether packets of c are as ours.
func (c *codec) usable() bool {
	switch c.Codec {
	case av.H264: // fragmented, if need be (RFC 6184, 6.3)
		return c.fmtp["packetization-mode"] == "1"
	case av.H265: // in one stream (RFC 7798, 7.1)
		mode := c.fmtp["tx-mode"]
		return mode == "" || mode == "SRST"
	case av.VP9, av.AV1: // profile 0 is what everybody decodes
		profile := c.fmtp["profile-id"] + c.fmtp["profile"]
		return profile == "" || profile == "0"
	}
	return true
}

// format says to remux/rtp what packets of c are.
func (c *codec) format() format.Format {
	payloadType := uint8(c.params.PayloadType)
	switch c.Codec {
	case av.H264:
		return &format.H264{PayloadTyp: payloadType, PacketizationMode: 1}
	case av.H265:
		return &format.H265{PayloadTyp: payloadType}
	case av.VP8:
		return &format.VP8{PayloadTyp: payloadType}
	case av.VP9:
		return &format.VP9{PayloadTyp: payloadType}
	case av.AV1:
		return &format.AV1{PayloadTyp: payloadType}
	case av.Opus:
		return &format.Opus{PayloadTyp: payloadType, ChannelCount: 2}
	}
	return &format.G711{PayloadTyp: payloadType, MULaw: c.Codec == av.G711U, SampleRate: 8000, ChannelCount: 1}
}
