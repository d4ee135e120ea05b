package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/record"
	"github.com/weirmedia/weir/protocols/record/library"
	"github.com/weirmedia/weir/protocols/record/vod"
	"github.com/weirmedia/weir/remux/mediafile"
)

// recordings shows the API what was recorded.
type recordings struct {
	library   *library.Library
	playlists *vod.Playlists
}

func newRecordings(l *library.Library) recordings { return recordings{l, vod.New(l)} }

// describeRecording returns a segment as the API shows it.
func describeRecording(s library.Segment) api.RecordingInfo {
	return api.RecordingInfo{
		ID: s.ID, Stream: s.Stream, File: s.File, Format: string(s.Format), Start: s.Start.UTC(), DurationS: s.Duration.Round(time.Millisecond).Seconds(),
		Bytes: s.Bytes, Writing: s.Writing, Tracks: append([]string{}, s.Tracks...), Why: s.Why,
	}
}

// recordingError returns err as the API knows it.
func recordingError(err error) error {
	switch {
	case errors.Is(err, library.ErrNotFound):
		return api.ErrNoRecording
	case errors.Is(err, library.ErrWriting):
		return api.ErrBeingWritten
	case errors.Is(err, vod.ErrNothing):
		return fmt.Errorf("%w: %w", api.ErrNoRecording, err)
	}
	return err
}

// List implements api.Recordings.
func (r recordings) List(q api.RecordingQuery) (out []api.RecordingInfo, more bool, err error) {
	list, more, err := r.library.List(library.Query{Stream: q.Stream, From: q.From, To: q.To, After: q.After, Limit: q.Limit})
	for _, s := range list {
		out = append(out, describeRecording(s))
	}
	return out, more, recordingError(err)
}

// Streams implements api.Recordings.
func (r recordings) Streams() (out []api.RecordedStreamInfo, err error) {
	all, err := r.library.Streams()
	for _, s := range all {
		out = append(out, api.RecordedStreamInfo{Stream: s.Stream, Recordings: s.Segments, Bytes: s.Bytes, From: s.From.UTC(), To: s.To.UTC()})
	}
	return out, err
}

// Free implements api.Recordings.
func (r recordings) Free() *int64 {
	n, err := r.library.Free()
	if err != nil {
		return nil
	}
	return &n
}

// Get implements api.Recordings.
func (r recordings) Get(id string) (api.RecordingInfo, error) {
	s, err := r.library.Get(id)
	return describeRecording(s), recordingError(err)
}

// Open implements api.Recordings.
func (r recordings) Open(id, hold string) (api.RecordingFile, error) {
	s, file, err := r.library.Open(id)
	if err != nil {
		return api.RecordingFile{}, recordingError(err)
	}
	r.playlists.Fetched(s, hold)
	return api.RecordingFile{RecordingContent: file, Info: describeRecording(s), ContentType: s.Format.ContentType()}, nil
}

// Remove implements api.Recordings.
func (r recordings) Remove(id string) error { return recordingError(r.library.Remove(id)) }

// Playlist implements api.Recordings.
func (r recordings) Playlist(q api.RecordingQuery, token string) ([]byte, error) {
	text, err := r.playlists.Playlist(vod.Range{Stream: q.Stream, From: q.From, To: q.To, Token: token})
	return text, recordingError(err)
}

// recorders shows the API what is recorded, and records what it asks for.
type recorders struct{ service *record.Service }

// Recorders implements api.Recorders.
func (r recorders) Recorders() (out []api.RecorderInfo) {
	for _, s := range r.service.Recorders() {
		out = append(out, api.RecorderInfo{
			Stream: s.Stream, State: string(s.State), Mode: string(s.Mode), Session: s.Session, File: s.File, Since: s.Since.UTC(),
			Segments: s.Segments, Bytes: s.Bytes, FramesDropped: s.Dropped, Error: s.Error, FailedAt: moment(s.FailedAt), Next: moment(s.Next),
		})
	}
	return out
}

// Start implements api.Recorders.
func (r recorders) Start(q api.RecorderRequest) error {
	err := r.service.Start(q.Stream, record.StartOptions{Format: mediafile.Format(q.Format), Before: q.Before, SegmentDuration: q.SegmentDuration})
	switch {
	case errors.Is(err, record.ErrRecording):
		return api.ErrRecording
	case errors.Is(err, record.ErrUnknown):
		return reason.Wrap(reason.StreamNotFound, err)
	}
	return err
}

// Stop implements api.Recorders.
func (r recorders) Stop(stream string) error {
	err := r.service.Stop(stream)
	if errors.Is(err, record.ErrNotRecording) {
		return api.ErrNotRecording
	}
	return err
}
