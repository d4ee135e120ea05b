package websocket

import (
	"testing"

	"github.com/weirmedia/weir/pkg/av"
)

// payloads is the least an inner format can do: the payload as it is.
type payloads struct{}

func (payloads) AppendPrelude(dst []byte, _ *av.Layout, _ int64) ([]byte, error) { return dst, nil }

func (payloads) AppendChange(dst []byte, _, _ *av.Layout, _ int64) ([]byte, error) { return dst, nil }

func (payloads) AppendFrame(dst []byte, f *av.Frame, _ *av.Layout, _ bool) ([]byte, error) {
	return append(dst, f.Payload...), nil
}

func BenchmarkAppendFrame(b *testing.B) {
	m, f, dst := &Muxer{payloads{}}, &av.Frame{Payload: make([]byte, 2500)}, make([]byte, 0, 4096)
	b.SetBytes(int64(len(f.Payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.AppendFrame(dst, f, nil, false); err != nil {
			b.Fatal(err)
		}
	}
}
