//go:build noaac

package transcode

import (
	"github.com/weirmedia/weir/pkg/av"
)

// aacBuilt says why there is no AAC.
func aacBuilt() error {
	return unsupported("this program was built without AAC (build tag noaac)")
}

func aacSource(*av.Track) (source, error) { return source{}, aacBuilt() }

func newAACDecoder(*av.Track, source) (decoder, error) { return nil, aacBuilt() }

func newAACEncoder(int, int, int) (encoder, *av.Track, error) { return nil, nil, aacBuilt() }
