// Package bus carries frames from publishers to outputs.
//
// A Stream is a name under which one Publisher at a time writes frames. Every
// output reads a View: the stream itself (Stream.Plain) or the stream seen
// through a Transform (View.Derive). A view keeps recent frames in a ring; a
// reader's state is a position in it, so the publisher never waits for anybody.
//
// Formats that must name all tracks at their start read settled
// (View.ReadSettled, View.SubscribeSettled). A Watch tells of streams that begin
// and end.
//
// Locks are taken in this order: Bus.mu, Stream.mu, sharedSet.mu, View.mu; and
// Watch.mu before Stream.mu, with none of the others. Nothing
// is called back while one of them is held, except Waker.Wake, which must not
// block; and, under sharedSet.mu, what Acquire is given to create and the Close
// and Broken of what that made.
package bus
