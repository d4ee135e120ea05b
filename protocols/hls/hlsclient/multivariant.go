package hlsclient

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/weirmedia/weir/pkg/reason"
)

// Multivariant is a multivariant playlist (4.4.6).
type Multivariant struct {
	Variants   []Variant
	Renditions []Rendition
}

// Variant is one EXT-X-STREAM-INF (4.4.6.2).
type Variant struct {
	URI string
	// Bandwidth is the bit rate of the densest segments, AverageBandwidth that of
	// all, in bits per second; 0 if it is not said.
	Bandwidth, AverageBandwidth uint64
	// Codecs are as RFC 6381 writes them; nil if they are not said.
	Codecs []string
	// Width and Height are in pixels, FrameRate is in frames per second; 0 if it
	// is not said.
	Width, Height int
	FrameRate     float64
	// Audio is the group of renditions that have the sound; empty if the variant
	// has it itself.
	Audio string
}

// Rendition is one EXT-X-MEDIA (4.4.6.1).
type Rendition struct {
	// Type is "AUDIO", "VIDEO", "SUBTITLES" or "CLOSED-CAPTIONS".
	Type, Group, Name, Language string
	Default                     bool
	// URI is empty if the rendition is in the variant itself.
	URI string
}

// IsMultivariant reports whether a playlist is a multivariant one.
func IsMultivariant(text string) bool { return strings.Contains(text, "\n#EXT-X-STREAM-INF") }

// ParseMultivariant reads a multivariant playlist. Tags and attributes that it
// does not know are passed over. Errors have a reason, and are *SyntaxError if
// they are about one line.
func ParseMultivariant(text string) (*Multivariant, error) {
	m := &Multivariant{}
	var next *Variant // whose URI comes on the next line
	err := scan(text, func(tag, value string) (err error) {
		switch {
		case tag == "" && next != nil:
			next.URI = value
			m.Variants = append(m.Variants, *next)
			next = nil
		case tag == "":
			return errors.New("a URI without EXT-X-STREAM-INF before it")
		case next != nil:
			return errors.New("EXT-X-STREAM-INF without a URI behind it")
		case tag == "EXT-X-STREAM-INF":
			next = &Variant{}
			return attributes(value, next.attribute)
		case tag == "EXT-X-MEDIA":
			var r Rendition
			if err = attributes(value, r.attribute); err == nil && (r.Type == "" || r.Group == "") {
				err = errors.New("a rendition without TYPE or GROUP-ID")
			}
			m.Renditions = append(m.Renditions, r)
		case tag == "EXT-X-DEFINE":
			return errDefine
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case next != nil || len(m.Variants) == 0:
		return nil, reason.Wrap(reason.BadMessage, errors.New("a multivariant playlist without a variant"))
	}
	return m, nil
}

// errDefine is about variables in playlists (4.4.2.3), which nothing live uses.
var errDefine = reason.Wrap(reason.Unsupported, errors.New("variables cannot be read"))

func (v *Variant) attribute(name, value string) (err error) {
	switch name {
	case "BANDWIDTH":
		v.Bandwidth, err = whole(value)
	case "AVERAGE-BANDWIDTH":
		v.AverageBandwidth, err = whole(value)
	case "CODECS":
		for c := range strings.SplitSeq(value, ",") {
			if c = strings.TrimSpace(c); c != "" {
				v.Codecs = append(v.Codecs, c)
			}
		}
	case "RESOLUTION":
		width, height, _ := strings.Cut(strings.ToLower(value), "x")
		if v.Width, err = pixels(width); err == nil {
			v.Height, err = pixels(height)
		}
	case "FRAME-RATE":
		if v.FrameRate, err = strconv.ParseFloat(value, 64); err != nil || !(v.FrameRate >= 0 && v.FrameRate < 1e6) {
			v.FrameRate, err = 0, fmt.Errorf("%.20q is no frame rate", value)
		}
	case "AUDIO":
		v.Audio = value
	}
	return err
}

func pixels(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%.20q is no number of pixels", s)
	}
	return int(n), nil
}

func (r *Rendition) attribute(name, value string) error {
	switch name {
	case "TYPE":
		r.Type = value
	case "GROUP-ID":
		r.Group = value
	case "NAME":
		r.Name = value
	case "LANGUAGE":
		r.Language = value
	case "DEFAULT":
		r.Default = value == "YES"
	case "URI":
		r.URI = value
	}
	return nil
}

// sound returns the rendition that has v's sound, nil if v has it itself: the
// default one of its group, else the first.
func (m *Multivariant) sound(v *Variant) *Rendition {
	var best *Rendition
	for i := range m.Renditions {
		r := &m.Renditions[i]
		if v.Audio == "" || r.Type != "AUDIO" || r.Group != v.Audio {
			continue
		}
		if best == nil || r.Default && !best.Default {
			best = r
		}
	}
	if best == nil || best.URI == "" {
		return nil
	}
	return best
}

// Best returns the variant with the greatest bandwidth.
func (m *Multivariant) Best() *Variant {
	best := &m.Variants[0]
	for i := range m.Variants {
		if m.Variants[i].Bandwidth > best.Bandwidth {
			best = &m.Variants[i]
		}
	}
	return best
}
