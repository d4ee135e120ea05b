package main

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/protocols/record"
	"github.com/weirmedia/weir/protocols/record/library"
	"github.com/weirmedia/weir/remux/mediafile"
)

// recordings returns what recorders shall tell.
func (e *events) recordings() record.Observer {
	return record.Observer{
		Ended: func(s library.Segment) {
			e.hub.Publish(event.RecordSegment, s.Stream, "", describeRecording(s))
		},
		Failed:    func(f record.Failure) { e.hub.Publish(event.RecordError, f.Stream, "", describeFailure(f)) },
		Recovered: func(f record.Failure) { e.hub.Publish(event.RecordRecovered, f.Stream, "", describeFailure(f)) },
	}
}

func describeFailure(f record.Failure) api.RecordFailureInfo {
	return api.RecordFailureInfo{Stream: f.Stream, File: f.File, Reason: f.Reason, Error: f.Error}
}

// recordAnswer is how a receiver wants a stream recorded that is published: true, false,
// or an object with what differs from the configuration.
type recordAnswer struct {
	Format          mediafile.Format `json:"format"`
	Before          *config.Duration `json:"before"`
	SegmentDuration *config.Duration `json:"segment_duration"`
}

var errRecordAnswer = errors.New(`record: must be true, or an object with format, before and segment_duration`)

// recordAnswered records a stream as a receiver wants it.
func (a *app) recordAnswered(stream string, raw json.RawMessage) error {
	var wanted bool
	var answer recordAnswer
	if json.Unmarshal(raw, &wanted) == nil {
		if !wanted {
			return nil
		}
	} else {
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.DisallowUnknownFields()
		if decoder.Decode(&answer) != nil { // its error may repeat what was sent
			return errRecordAnswer
		}
	}
	err := a.record.Start(stream, record.StartOptions{
		Format: answer.Format, Before: answer.Before, SegmentDuration: answer.SegmentDuration, Once: true,
	})
	if errors.Is(err, record.ErrRecording) {
		return nil
	}
	return err
}
