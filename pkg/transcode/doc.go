// Package transcode turns audio tracks of one codec into those of another, in
// process and in pure Go: AAC-LC, Opus and G.711 in, the same out.
//
// A Transcoder takes the frames of one track and gives those of another. New
// makes those of this package; whoever brings another kind, such as an external
// process, implements the interface and gives its Maker to NewTransform.
//
// Acquire returns a stream with its audio in another codec: a view of pkg/bus
// that is made for the first who asks, shared by all, and gone after the last.
//
// Times: what a decoder gives for a frame belongs at the frame's PTS, of frames
// that come in and of frames that go out. Encoders delay what they encode; their
// frames are stamped that much earlier.
package transcode
