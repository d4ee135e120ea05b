// Package fanout sends one stream of bytes to very many sockets.
//
// A Log holds what a Muxer made of a view's frames, written once however many
// viewers there are. A Viewer is a socket and a position in a log. Loops, one
// per core, own the sockets: publishing a frame wakes them, the first to come
// serialises the new frames, and each sends every socket all that it lacks in
// one non-blocking call. A socket that would block is parked with a goroutine
// of its own until it takes bytes again.
//
// Connections that are not plain TCP, and systems other than Linux, have a
// goroutine per viewer over the same log and cursor.
package fanout
