package websocket

import "github.com/weirmedia/weir/pkg/av"

// Inner is the muxer of the format that is framed.
type Inner interface {
	AppendPrelude(dst []byte, l *av.Layout, dts int64) ([]byte, error)
	AppendChange(dst []byte, from, to *av.Layout, dts int64) ([]byte, error)
	AppendFrame(dst []byte, f *av.Frame, l *av.Layout, start bool) ([]byte, error)
}

// Muxer writes what Inner writes as binary WebSocket messages: one for each
// prelude or change of layout and one for each frame. It has no state of its own.
type Muxer struct{ Inner Inner }

// AppendPrelude frames Inner's prelude; nothing if that is empty.
func (m *Muxer) AppendPrelude(dst []byte, l *av.Layout, dts int64) ([]byte, error) {
	return framed(dst, func(b []byte) ([]byte, error) { return m.Inner.AppendPrelude(b, l, dts) })
}

// AppendChange frames Inner's change; nothing if that is empty.
func (m *Muxer) AppendChange(dst []byte, from, to *av.Layout, dts int64) ([]byte, error) {
	return framed(dst, func(b []byte) ([]byte, error) { return m.Inner.AppendChange(b, from, to, dts) })
}

// AppendFrame frames Inner's frame; nothing if that is empty. It does not
// allocate if dst has room and Inner does not.
func (m *Muxer) AppendFrame(dst []byte, f *av.Frame, l *av.Layout, start bool) ([]byte, error) {
	return framed(dst, func(b []byte) ([]byte, error) { return m.Inner.AppendFrame(b, f, l, start) })
}

// LeftOut returns what Inner leaves out of l; nothing if it does not tell.
func (m *Muxer) LeftOut(l *av.Layout) []av.Omission {
	if inner, tells := m.Inner.(interface {
		LeftOut(l *av.Layout) []av.Omission
	}); tells {
		return inner.LeftOut(l)
	}
	return nil
}

// AppendEnd frames what Inner holds at the end; nothing if it holds no frames
// back.
func (m *Muxer) AppendEnd(dst []byte) []byte {
	inner, holds := m.Inner.(interface{ AppendEnd(dst []byte) []byte })
	if !holds {
		return dst
	}
	out, _ := framed(dst, func(b []byte) ([]byte, error) { return inner.AppendEnd(b), nil }) // f does not fail
	return out
}

// framed appends what f appends, behind the header that its length asks for.
// The length is known only afterwards, so the payload is written behind room
// for the longest header and then moved: once per frame, not per viewer.
func framed(dst []byte, f func([]byte) ([]byte, error)) ([]byte, error) {
	start := len(dst)
	out, err := f(append(dst, make([]byte, maxHeader)...))
	if err != nil {
		return dst, err
	}
	n := len(out) - start - maxHeader
	if n == 0 {
		return out[:start], nil
	}
	head := AppendHeader(out[:start], Binary, n)
	copy(out[len(head):], out[start+maxHeader:])
	return out[:len(head)+n], nil
}
