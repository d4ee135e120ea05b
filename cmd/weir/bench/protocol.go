package bench

import (
	"path"
	"slices"
	"strings"
)

// Protocol says what players speak: "auto", or one of those that only the
// beginning or the ending of a URL tells apart.
type Protocol string

const (
	auto      Protocol = "auto" // by the URL
	protoRTMP Protocol = "rtmp"
	protoRTSP Protocol = "rtsp"
	protoHLS  Protocol = "hls"
	protoWHEP Protocol = "whep"
	protoFLV  Protocol = "flv"
	protoTS   Protocol = "ts"
	protoMP4  Protocol = "mp4"
)

// protocolOf returns what a URL says that is spoken.
func protocolOf(url string) Protocol {
	scheme, _, _ := strings.Cut(strings.ToLower(url), "://")
	switch {
	case strings.HasPrefix(scheme, "rtmp"):
		return protoRTMP
	case strings.HasPrefix(scheme, "rtsp"):
		return protoRTSP
	}
	url, _, _ = strings.Cut(url, "?")
	switch path.Ext(url) {
	case ".m3u8":
		return protoHLS
	case ".ts":
		return protoTS
	case ".mp4":
		return protoMP4
	}
	if path.Base(url) == "whep" {
		return protoWHEP
	}
	return protoFLV
}

// checkProtocol finds out what is spoken.
func (p *Plan) checkProtocol() error {
	said := protocolOf(p.URL)
	if p.Protocol == "" || p.Protocol == auto {
		p.Protocol = said
	}
	overHTTP := []Protocol{protoHLS, protoWHEP, protoFLV, protoTS, protoMP4}
	switch {
	case p.Protocol == said:
		return nil
	case !slices.Contains(overHTTP, p.Protocol) && p.Protocol != protoRTMP && p.Protocol != protoRTSP:
		return wrong("--protocol", "%.16q is none of auto, rtmp, rtsp, flv, ts, mp4, hls, whep", p.Protocol)
	case !slices.Contains(overHTTP, p.Protocol) || !slices.Contains(overHTTP, said):
		return wrong("--protocol", "the scheme of the URL says %s", said)
	}
	return nil
}

// isRTSP reports whether a URL is one of RTSP or RTSPS.
func isRTSP(url string) bool { return protocolOf(url) == protoRTSP }
