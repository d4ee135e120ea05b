package relay

import (
	"context"
	"errors"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/transcode"
	"github.com/weirmedia/weir/remux/flv"
)

// Client opens streams of one scheme.
type Client interface {
	// Check returns why rawURL cannot be used, without repeating credentials.
	Check(rawURL string) error
	// Open connects and returns once the stream is promised. ctx bounds the time
	// until then and has no effect later.
	Open(ctx context.Context, rawURL string, o Options) (Source, error)
}

// Sender is a Client that can also send streams.
type Sender interface {
	Client
	// Audio is the choice of audio that most servers take.
	Audio() transcode.Choice
	// Carries reports whether the protocol can carry a track.
	Carries(t *av.Track) bool
	// Send connects and announces a stream of that layout, which is ready. ctx
	// bounds the time until the server takes it and has no effect later.
	Send(ctx context.Context, rawURL string, l *av.Layout, o Options) (Target, error)
}

// Target takes a stream that is sent. Write is for one goroutine, Close for any.
type Target interface {
	// Write sends a frame, beginning with a start point, with the layout in force.
	// It waits while the network takes nothing. It returns how many bytes of media
	// went out, none if the protocol does not carry the frame. Errors are final.
	Write(f *av.Frame, l *av.Layout) (int, error)
	Close() error
}

// Clients are the clients by scheme, such as "rtmp".
type Clients map[string]Client

// Options say how a Client connects.
type Options struct {
	// Transport is what carries media by RTSP.
	Transport Transport
	// Timeout bounds connecting and each answer.
	Timeout time.Duration
	// Via are the marks of what the stream is on its way through, this server
	// included: the client tells of them by session.WithVia.
	Via []string
}

// Source is a stream that is fetched. Read is for one goroutine, Close for any.
type Source interface {
	// Read returns what comes next. Its error is final, io.EOF if the stream is over.
	Read() (Part, error)
	Close() error
}

// Part is what came of a source at once. What a field does not have is zero.
type Part struct {
	// Announces tells of kinds of tracks and Metadata, which replaces what was said
	// before.
	Announces bool
	Hinted    [av.Kinds]bool
	Metadata  av.Metadata
	// Track is new or changed, and in force before Frame.
	Track *av.Track
	Frame *av.Frame
	// Bytes is what Part took on the wire, about.
	Bytes int
	// Why tells in a few words of a small fixed set why something was left out.
	Why string
	// LeftOut are tracks that cannot be used, each of them told once or more often.
	LeftOut []av.Omission
}

// Publish has a publisher write what p holds, which came just now.
func (p Part) Publish(pub *bus.Publisher) error {
	if p.Announces {
		if err := errors.Join(pub.Hint(p.Hinted), pub.SetMetadata(p.Metadata)); err != nil {
			return err
		}
	}
	if p.Track != nil {
		if err := pub.SetTrack(p.Track); err != nil {
			return err
		}
	}
	if p.Frame == nil {
		return nil
	}
	p.Frame.Arrival = av.Now()
	return pub.Write(p.Frame)
}

// TagReader is a client that reads FLV tags.
type TagReader interface {
	ReadTag() (flv.Tag, error)
	Close() error
}

// Tags makes a Source of what reads tags.
func Tags(r TagReader) Source { return &tagSource{TagReader: r} }

type tagSource struct {
	TagReader
	demuxer flv.Demuxer
	parts   []Part // of the newest tag, those that are to be returned
	room    []Part // the memory of parts
}

// Read implements Source.
func (s *tagSource) Read() (Part, error) {
	for len(s.parts) == 0 {
		tag, err := s.ReadTag()
		if err != nil {
			return Part{}, err
		}
		packets, err := s.demuxer.Decode(tag.Type, tag.Timestamp, tag.Body)
		if err != nil {
			return Part{}, err
		}
		s.room = s.room[:0]
		for i, p := range packets {
			part := Part{
				Announces: p.Kind == flv.MetadataPacket, Hinted: p.Hinted, Metadata: p.Metadata,
				Track: p.Track, Frame: p.Frame, Why: p.Why,
			}
			if p.LeftOut != nil {
				part.LeftOut = []av.Omission{*p.LeftOut}
			}
			if i == 0 {
				part.Bytes = len(tag.Body)
			}
			s.room = append(s.room, part)
		}
		s.parts = s.room
	}
	part := s.parts[0]
	s.parts = s.parts[1:]
	return part, nil
}
