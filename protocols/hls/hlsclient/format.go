package hlsclient

// Format is the container of segments.
type Format string

// The formats that can be read.
const (
	FMP4 Format = "fmp4"
	TS   Format = "ts"
)

// SniffLength is how many bytes Sniff wants to see.
const SniffLength = 8

// Sniff tells the format of a segment or file by its first bytes; empty if it is
// neither.
func Sniff(head []byte) Format {
	const sync = 0x47 // ISO/IEC 13818-1, 2.4.3.2
	switch {
	case len(head) > 0 && head[0] == sync:
		return TS
	case len(head) < SniffLength:
		return ""
	}
	switch string(head[4:SniffLength]) { // the type of a box (ISO/IEC 14496-12, 4.2)
	case "ftyp", "styp", "sidx", "emsg", "prft", "moov", "moof":
		return FMP4
	}
	return ""
}
