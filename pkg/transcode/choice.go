package transcode

import (
	"context"
	"fmt"
	"net/url"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
)

// Choice is how a player wants its audio.
type Choice string

// The choices: as it was published, or in one codec. Unchosen is as it was
// published, but G.711 as AAC where it could not be heard. MP3 stays MP3 for who
// wants AAC: who decodes the one decodes the other, and MP3 cannot be transcoded.
const (
	Unchosen Choice = ""
	Copy     Choice = "copy"
	AsAAC    Choice = "aac"
	AsOpus   Choice = "opus"
)

// MarshalText returns the choice as text.
func (c Choice) MarshalText() ([]byte, error) { return []byte(c), nil }

// UnmarshalText sets c to one of the choices.
func (c *Choice) UnmarshalText(text []byte) error {
	switch t := Choice(text); t {
	case Copy, AsAAC, AsOpus:
		*c = t
		return nil
	}
	return fmt.Errorf("must be aac, opus or copy, is %.32q", text)
}

// ChoiceOf returns what the query of a player chooses by audio=aac, audio=opus or
// audio=copy, and preset if it says nothing of it. An error is a *reason.Error of
// BadRequest.
func ChoiceOf(query url.Values, preset Choice) (Choice, error) {
	c := preset
	if text := query.Get("audio"); text != "" {
		if err := c.UnmarshalText([]byte(text)); err != nil {
			return c, reason.Wrap(reason.BadRequest, fmt.Errorf("audio: %w", err))
		}
	}
	return c, nil
}

// Carries says which tracks an output can carry; nil means all.
type Carries func(t *av.Track) bool

// Transcodes reports whether an output that carries so much gets audio of l
// transcoded.
func (c Choice) Transcodes(l *av.Layout, carries Carries) bool {
	return c.target(l, carries) != av.Unknown
}

// target returns the codec that audio becomes, av.Unknown if all stays as it is.
func (c Choice) target(l *av.Layout, carries Carries) av.Codec {
	switch c {
	case AsAAC:
		return av.AAC
	case AsOpus:
		return av.Opus
	case Copy:
		return av.Unknown
	}
	for _, t := range l.Tracks {
		if (t.Codec == av.G711A || t.Codec == av.G711U) && carries != nil && !carries(t) && aacBuilt() == nil {
			return av.AAC
		}
	}
	return av.Unknown
}

// Settle waits until the tracks of v's stream are known, if Acquire depends on them:
// it goes by those that the stream has when it is called. It fails if ctx or the
// stream ends before. Safe for concurrent use.
func (c Choice) Settle(ctx context.Context, v *bus.View, carries Carries) error {
	if c != Unchosen || carries == nil || v.Stream().Layout().Ready {
		return nil
	}
	sub := v.SubscribeSettled(0)
	defer sub.Close()
	for !v.Stream().Layout().Ready {
		if _, err := sub.Next(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Acquire returns v with its audio as chosen, for an output that carries so much:
// v itself, or a view as the function Acquire makes it, encoded once for all who
// choose the same. release gives it back and may be called repeatedly. Missing of
// the view tells what could not be transcoded. It fails as that function does. See
// Settle for streams that have just begun. Safe for concurrent use.
func (c Choice) Acquire(v *bus.View, carries Carries) (view *bus.View, release func(), err error) {
	target := c.target(v.Stream().Layout(), carries)
	if target == av.Unknown {
		return v, func() {}, nil
	}
	keep := []av.Codec{target}
	switch c {
	case AsAAC:
		keep = append(keep, av.MP3)
	case Unchosen:
		keep = append(keep, av.MP3, av.Opus, av.FLAC, av.AC3, av.EAC3)
	}
	transcoded, release, err := Acquire(v, Format{Codec: target}, keep...)
	if err != nil {
		return nil, nil, err
	}
	return transcoded.View, release, nil
}
