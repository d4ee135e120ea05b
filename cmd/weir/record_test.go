package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/record"
	"github.com/weirmedia/weir/protocols/record/library"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/fmp4"
	"github.com/weirmedia/weir/remux/mediafile"
)

func (s *settings) record() *record.Config { return section[*record.Config](s) }

// recordAll starts a server that records all streams into folders of the test.
func recordAll(t testing.TB, change func(*settings)) *testServer {
	t.Helper()
	return startServer(t, func(s *settings) {
		s.data.Dir = t.TempDir()
		s.record().Streams = []record.Rule{{Scope: scope(t, "**")}}
		change(s)
		must(t, s.record().Validate())
	})
}

// publishClip publishes the demo's clip once, faster than in real time, and returns
// its frames from the first key frame on.
func publishClip(t testing.TB, url string) (frames []*av.Frame) {
	t.Helper()
	p, err := rtmp.Publish(t.Context(), url, rtmp.ClientOptions{})
	must(t, err)
	defer p.Close()
	d := new(flv.Demuxer)
	for r := flv.NewReader(bytes.NewReader(demoClip)); ; {
		tag, err := r.Next()
		if errors.Is(err, io.EOF) {
			return frames
		}
		must(t, err)
		must(t, p.WriteTag(tag.Type, tag.Timestamp, tag.Body))
		packets, err := d.Decode(tag.Type, tag.Timestamp, tag.Body)
		must(t, err)
		for _, packet := range packets {
			if packet.Kind == flv.FramePacket && (len(frames) > 0 || packet.Frame.Key) {
				frames = append(frames, packet.Frame)
			}
		}
	}
}

// recorded waits until n segments have ended, and returns them.
func (s *testServer) recorded(t testing.TB, n int) (list []library.Segment) {
	t.Helper()
	eventually(t, "the recordings", func() bool {
		var err error
		list, _, err = s.record.Library().List(library.Query{Limit: 100})
		must(t, err)
		for _, r := range list {
			if r.Writing {
				return false
			}
		}
		return len(list) == n
	})
	return list
}

func (s *testServer) openRecording(t testing.TB, r library.Segment) *os.File {
	t.Helper()
	f, err := os.Open(filepath.Join(s.settings.data.Dir, "recordings", r.File))
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// TestRecordClip: a clip that is published is in a file, whole, in each format, and hooks
// are told of it.
func TestRecordClip(t *testing.T) {
	for _, format := range []mediafile.Format{mediafile.MP4, mediafile.FLV, mediafile.TS} {
		t.Run(string(format), func(t *testing.T) {
			hooks := newReceiver(t, nil)
			s := recordAll(t, func(s *settings) {
				s.hooks.URL, s.record().Format = hooks.url, record.Format(format)
			})
			frames := publishClip(t, s.url("live/demo"))
			r := s.recorded(t, 1)[0]
			if r.Stream != "live/demo" || r.Why != "unpublished" || len(r.Tracks) != 2 {
				t.Errorf("%+v", r)
			}
			file := s.openRecording(t, r)
			info, err := mediafile.Describe(file, r.Bytes)
			must(t, err)
			if !info.Complete || info.Stream != "live/demo" || !info.Start.Equal(r.Start) || info.Good != r.Bytes {
				t.Errorf("%+v of %+v", info, r)
			}
			length := time.Duration(frames[len(frames)-1].DTS - frames[0].DTS)
			if d := info.Duration - length; d < 0 || d > 50*time.Millisecond {
				t.Errorf("%v of %v", info.Duration, length)
			}
			if format == mediafile.MP4 {
				requirePayloads(t, file, frames)
			}
			eventually(t, "the event", func() bool {
				for _, e := range hooks.events() {
					if e.Type == event.RecordSegment {
						return e.Stream == "live/demo" && bytes.Contains(e.Data, []byte(r.File))
					}
				}
				return false
			})
		})
	}
}

// requirePayloads compares the frames of an MP4 file, track by track.
func requirePayloads(t *testing.T, file io.Reader, want []*av.Frame) {
	t.Helper()
	got, n := make(map[av.Kind][]*av.Frame), 0
	for d := fmp4.NewDemuxer(file); ; n++ {
		f, err := d.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		got[f.Track.Kind] = append(got[f.Track.Kind], f)
	}
	if n != len(want) {
		t.Errorf("%d frames, want %d", n, len(want))
	}
	for i, f := range want {
		all := got[f.Track.Kind]
		if len(all) == 0 || !bytes.Equal(all[0].Payload, f.Payload) || all[0].Key != f.Key && f.Track.Kind == av.Video {
			t.Fatalf("frame %d is another", i)
		}
		got[f.Track.Kind] = all[1:]
	}
}

// TestRecordAnswered: a receiver has one stream recorded, in its way, and not the
// other; and what makes no sense is no harm.
func TestRecordAnswered(t *testing.T) {
	for answer, format := range map[string]mediafile.Format{
		`{"record": true}`: mediafile.MP4, `{"record": {"format": "flv", "before": "5s", "segment_duration": "1h"}}`: mediafile.FLV,
		`{"record": false}`: "", `{}`: "", ``: "", `{"record": {"format": "avi"}}`: "", `{"record": {"colour": 1}}`: "", `{"record": 7}`: "",
	} {
		t.Run(answer, func(t *testing.T) {
			d := newAnswerer(t, map[event.Type]string{event.StreamPublished: answer})
			s := startServer(t, func(s *settings) {
				s.data.Dir, s.hooks.URL = t.TempDir(), config.WebURL(d.URL)
			})
			src := s.publish(t, "live/a", sourceOptions{})
			stop := src.run()
			if format != "" {
				eventually(t, "it is recorded", func() bool { return s.sessionsOf("record") == 1 && s.record.Recorders()[0].State == record.Recording })
			} else {
				eventually(t, "the event", func() bool { return d.count(event.SessionOpened) == 1 })
			}
			stop()
			src.unpublish()
			if format == "" {
				if all := s.record.Recorders(); len(all) != 0 {
					t.Errorf("%+v", all)
				}
				return
			}
			if r := s.recorded(t, 1)[0]; r.Format != format {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestRecorderIsASession: it is listed, is no viewer, and ends when it is kicked.
func TestRecorderIsASession(t *testing.T) {
	s := recordAll(t, func(s *settings) { s.stream.IdleClose = config.Duration(time.Hour) })
	src := s.publish(t, "live/a", sourceOptions{})
	stop := src.run()
	defer stop()
	eventually(t, "it is recorded", func() bool { return s.sessionsOf("record") == 1 })
	for _, o := range s.sessions.List() {
		if o.Protocol == "record" && (o.Action != session.Record || !s.sessions.Kill(o.ID, reason.Kicked)) {
			t.Errorf("%+v", o)
		}
	}
	eventually(t, "it is kicked", func() bool { return s.ends("record", session.Record, reason.Kicked) == 1 })
	if n := len(s.sessions.Viewers()); n != 0 {
		t.Errorf("%d viewers", n)
	}
	eventually(t, "it is stopped", func() bool { return s.record.Recorders()[0].State == record.Stopped })
}

// TestRecordUntilTheEnd: a server that stops completes its files.
func TestRecordUntilTheEnd(t *testing.T) {
	s := recordAll(t, func(*settings) {})
	src := s.publish(t, "live/a", sourceOptions{})
	stop := src.run()
	eventually(t, "it is recorded", func() bool {
		all := s.record.Recorders()
		return len(all) == 1 && all[0].State == record.Recording && all[0].Bytes > 0
	})
	list, _, err := s.record.Library().List(library.Query{Limit: 1})
	must(t, err)
	must(t, s.stop())
	stop()
	file := s.openRecording(t, list[0])
	size, err := file.Seek(0, io.SeekEnd)
	must(t, err)
	if info, err := mediafile.Describe(file, size); err != nil || !info.Complete || info.Duration < time.Second {
		t.Errorf("%+v, %v", info, err)
	}
}
