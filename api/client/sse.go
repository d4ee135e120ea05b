package client

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// maxMessage bounds a line, and the data of a message, in bytes: events have some
// 700, those of streams with many tracks some thousands.
const maxMessage = 1 << 20

// errLongMessage is what a stream of messages ends with that is beyond the bound.
var errLongMessage = errors.New("a message is longer than 1 MiB")

// decoder reads server-sent events (HTML Standard, 9.2.6). Names of events and times
// to wait are passed over: weir sends none.
type decoder struct {
	lines *bufio.Scanner
	// last is the id of the newest message, which those without one keep. An id
	// alone, without data, counts too.
	last  string
	began bool
}

func newDecoder(r io.Reader) *decoder {
	d := &decoder{lines: bufio.NewScanner(r)}
	d.lines.Buffer(nil, maxMessage)
	d.lines.Split(splitLine)
	return d
}

// next returns the data of the next message. The error is io.EOF at the end; a message that the
// end cuts off is none.
func (d *decoder) next() (data string, err error) {
	var text strings.Builder
	found, id := false, d.last
	for d.lines.Scan() {
		line := d.lines.Text()
		if !d.began {
			d.began = true
			line = strings.TrimPrefix(line, "\uFEFF")
		}
		if line == "" {
			d.last = id
			if found {
				return strings.TrimSuffix(text.String(), "\n"), nil
			}
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "data":
			if found = true; text.Len()+len(value) >= maxMessage {
				return "", errLongMessage
			}
			text.WriteString(value)
			text.WriteByte('\n')
		case "id":
			if !strings.Contains(value, "\x00") {
				id = value
			}
		}
	}
	switch err := d.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return "", errLongMessage
	case err != nil:
		return "", err
	}
	return "", io.EOF
}

// splitLine is a bufio.SplitFunc for lines that end with CR LF, LF or CR.
func splitLine(b []byte, end bool) (advance int, line []byte, err error) {
	i := bytes.IndexAny(b, "\r\n")
	switch {
	case i < 0 && end && len(b) > 0:
		return len(b), b, nil
	case i < 0, b[i] == '\r' && i+1 == len(b) && !end: // LF may follow
		return 0, nil, nil
	case b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n':
		return i + 2, b[:i], nil
	}
	return i + 1, b[:i], nil
}
