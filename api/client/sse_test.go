package client

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestDecoder(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string // data, and the id to come back with
	}{
		{"one", "id: 1\ndata: a\n\n", []string{"a", "1"}},
		{"line ends", "id:1\rdata:a\r\rdata: b\r\n\r\ndata: c\n\n", []string{"a", "1", "b", "1", "c", "1"}},
		{"lines of data", "data: a\ndata:\ndata: b\n\n", []string{"a\n\nb", ""}},
		{"no data", ": hello\nid: 7\n\n\n:\n\nevent: x\n\ndata: a\n\n", []string{"a", "7"}},
		{"empty data", "data\n\n", []string{"", ""}},
		{"other fields", "retry: 5\nevent: x\nfoo: bar\ndata: a\nDATA: b\n\n", []string{"a", ""}},
		{"one space goes", "data:  a:b\n\n", []string{" a:b", ""}},
		{"byte order mark", "\uFEFFdata: a\n\n", []string{"a", ""}},
		{"id with NUL", "id: 1\ndata: a\n\nid: 2\x003\ndata: b\n\n", []string{"a", "1", "b", "1"}},
		{"id taken back", "id: 1\ndata: a\n\nid\ndata: b\n\n", []string{"a", "1", "b", ""}},
		{"cut off", "data: a\n\nid: 9\ndata: b\n", []string{"a", ""}},
		{"nothing", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.text), iotest.OneByteReader(strings.NewReader(c.text))} {
				var got []string
				d := newDecoder(r)
				data, err := d.next()
				for ; err == nil; data, err = d.next() {
					got = append(got, data, d.last)
				}
				if !slices.Equal(got, c.want) || err != io.EOF {
					t.Errorf("%q, %v", got, err)
				}
			}
		})
	}
}

func TestDecoderIsBounded(t *testing.T) {
	for _, text := range []string{
		"data: " + strings.Repeat("x", maxMessage), strings.Repeat("data: "+strings.Repeat("x", maxMessage/8)+"\n", 9), strings.Repeat("x", 2*maxMessage),
	} {
		if data, err := newDecoder(strings.NewReader(text)).next(); !errors.Is(err, errLongMessage) {
			t.Errorf("%d bytes, %v", len(data), err)
		}
	}
	broken := errors.New("broken")
	if _, err := newDecoder(iotest.ErrReader(broken)).next(); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// FuzzDecoder: whatever comes, and in whatever pieces, the messages are the same and
// bounded; and written again they are the same once more.
func FuzzDecoder(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1024 { // TestDecoderIsBounded has long ones
			return
		}
		read := func(r io.Reader) (got []string, err error) {
			d := newDecoder(r)
			data, err := d.next()
			for ; err == nil; data, err = d.next() {
				if len(data) > maxMessage || strings.ContainsAny(d.last, "\r\n\x00") || strings.Contains(data, "\r") {
					t.Errorf("%q %q", data, d.last)
				}
				got = append(got, d.last, data)
			}
			return got, err
		}
		whole, err := read(strings.NewReader(text))
		pieces, errPieces := read(iotest.HalfReader(strings.NewReader(text)))
		if !slices.Equal(whole, pieces) || !errors.Is(errPieces, err) {
			t.Errorf("%q %v in whole, %q %v in pieces", whole, err, pieces, errPieces)
		}
		var again strings.Builder
		for i := 0; i < len(whole); i += 2 {
			again.WriteString("id: " + whole[i] + "\ndata: " + strings.ReplaceAll(whole[i+1], "\n", "\ndata: ") + "\n\n")
		}
		if got, err := read(strings.NewReader(again.String())); !slices.Equal(got, whole) || err != io.EOF {
			t.Errorf("%q written again is %q, %v", whole, got, err)
		}
	})
}
