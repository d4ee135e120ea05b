package probe

import "github.com/weirmedia/weir/pkg/av"

// Report is what was found out about a stream. Times are seconds, rounded to
// milliseconds; rates are bits per second of codec data, without container.
type Report struct {
	// Source is what was probed, without credentials.
	Source string `json:"source"`
	// Protocol is "rtmp", "rtmps", "rtsp", "rtsps", "hls", "whep", "file", or "http-" or "ws-" with "flv",
	// "ts" or "fmp4".
	Protocol string `json:"protocol"`
	// Container is "FLV", "MPEG-TS" or "fMP4"; empty for RTMP, RTSP, WHEP and HLS.
	Container string `json:"container,omitempty"`
	// Live tells that media came at its own time, so that Join and Pace mean
	// something.
	Live bool `json:"live"`
	// Seconds is how much media was seen.
	Seconds float64 `json:"seconds"`
	// End tells why the stream ended before the probe did; empty if it did not.
	End string `json:"end,omitempty"`

	// Recording is nil if it is no file that weir wrote.
	Recording *Recording `json:"recording,omitempty"`

	Tracks []Track `json:"tracks"`
	// Join is nil if the source is not live, or sent no media.
	Join *Join `json:"join,omitempty"`
	// Pace is nil if the source is not live, comes in segments, or was seen too
	// briefly.
	Pace *Pace `json:"pace,omitempty"`
	// HLS is nil if it is not HLS.
	HLS *HLS `json:"hls,omitempty"`
	// RTSP is nil if it is not RTSP.
	RTSP *RTSP `json:"rtsp,omitempty"`
	// WHEP is nil if it is not WHEP.
	WHEP *WHEP `json:"whep,omitempty"`
	// Sync is nil unless there are both audio and video.
	Sync     *Sync    `json:"sync,omitempty"`
	Jumps    Jumps    `json:"jumps"`
	Timeline Timeline `json:"timeline"`
	// Verdicts has one entry for each way into a browser.
	Verdicts []Verdict `json:"verdicts"`
	// Findings has what is wrong first.
	Findings []Finding `json:"findings"`
}

// Wrong reports whether something is wrong with the stream.
func (r *Report) Wrong() bool {
	for _, f := range r.Findings {
		if f.Severity == Wrong {
			return true
		}
	}
	return false
}

// Track is one elementary stream.
type Track struct {
	ID    int    `json:"id"`
	Kind  string `json:"kind"` // "video" or "audio"
	Codec string `json:"codec"`
	codec av.Codec
	// Profile and Level are as people write them, such as "High" and "4.1".
	Profile string `json:"profile,omitempty"`
	Level   string `json:"level,omitempty"`
	// Width and Height are pixels.
	Width  int `json:"width,omitempty"`
	Height int `json:"height,omitempty"`
	// FrameRate is measured; DeclaredFrameRate is that of the codec
	// configuration, 0 if it has none. Video only.
	FrameRate         float64 `json:"frame_rate,omitempty"`
	DeclaredFrameRate float64 `json:"declared_frame_rate,omitempty"`
	// SampleRate is in Hz.
	SampleRate int `json:"sample_rate,omitempty"`
	Channels   int `json:"channels,omitempty"`

	Frames int `json:"frames"`
	// BitRate is the average, PeakBitRate that of the fullest second; it is 0 if
	// there was no whole second.
	BitRate     int `json:"bit_rate"`
	PeakBitRate int `json:"peak_bit_rate,omitempty"`
	// GOP and Reorder are nil for audio.
	GOP     *GOP     `json:"gop,omitempty"`
	Reorder *Reorder `json:"reorder,omitempty"`
}

// GOP tells how far key frames lie apart.
type GOP struct {
	// Complete counts groups from one key frame to the next; the other fields
	// but the last are about these, and 0 if there are none.
	Complete       int     `json:"complete"`
	Shortest       float64 `json:"shortest_seconds"`
	Mean           float64 `json:"mean_seconds"`
	Longest        float64 `json:"longest_seconds"`
	ShortestFrames int     `json:"shortest_frames"`
	LongestFrames  int     `json:"longest_frames"`
	// Unfinished is the length of what followed the last key frame, or of all if
	// there was none.
	Unfinished float64 `json:"unfinished_seconds"`
}

// Reorder tells how output order differs from decoding order.
type Reorder struct {
	// BFrames counts frames that are shown before one that was sent earlier.
	BFrames int `json:"b_frames"`
	// InARow is the longest run of them.
	InARow int `json:"in_a_row"`
	// Depth is how many frames at most precede a frame in decoding order and
	// follow it in output order: max_num_reorder_frames (ITU-T H.264, E.2.1).
	Depth int `json:"depth"`
}

// Join tells how the stream began. The first four steps add up to
// FirstPicture.
type Join struct {
	// FirstPicture is the time to the first key frame that can be decoded, or to
	// the first sound if there is no video; 0 if none came.
	FirstPicture float64 `json:"first_picture_seconds"`
	// Connect is the TCP connection, with the look-up of the name.
	Connect float64 `json:"connect_seconds"`
	// Handshake is TLS, the WebSocket upgrade, the handshake and commands of RTMP
	// and the requests of RTSP up to the start of playing: all that precedes media.
	// A server may wait for the stream meanwhile.
	Handshake float64 `json:"handshake_seconds"`
	// Wait is the time until the first media came.
	Wait float64 `json:"wait_seconds"`
	// GOP is the time from the first media to the key frame.
	GOP float64 `json:"gop_seconds"`

	// Burst is how much media came at once at the start, ahead of its pace;
	// BurstFrames and BurstBytes count what was in it, over all tracks.
	Burst       float64 `json:"burst_seconds"`
	BurstFrames int     `json:"burst_frames"`
	BurstBytes  int     `json:"burst_bytes"`
}

// Pace tells how evenly frames came, after the burst.
type Pace struct {
	// Speed is media time by time passed; 1 is real time, 0 means that timestamps
	// went so wrong that it makes no sense.
	Speed float64 `json:"speed"`
	// Jitter is how far from their usual delay frames came: 95 % of them less
	// than that.
	Jitter float64 `json:"jitter_seconds"`
	// Worst is the largest such distance.
	Worst float64 `json:"worst_jitter_seconds"`
}

// Sync tells how audio and video lie to each other. Positive means that the
// timestamps of audio are ahead.
type Sync struct {
	// Start is the distance of the first two timestamps.
	Start float64 `json:"start_seconds"`
	// Offset is the median distance of frames that came together.
	Offset float64 `json:"offset_seconds"`
	// Worst is the distance furthest from 0, with its sign.
	Worst float64 `json:"worst_seconds"`
	// AudioLate is how much video had come before the first audio.
	AudioLate float64 `json:"audio_late_seconds"`
}

// Jumps are the places where timestamps do not go on as they should.
type Jumps struct {
	Count int `json:"count"`
	// List has the first of them.
	List []Jump `json:"list"`
}

// Jump is one place where the timestamps of a track jump.
type Jump struct {
	Track int `json:"track"`
	// At is media time since the start.
	At float64 `json:"at_seconds"`
	// By is the distance to the timestamp before, negative if backwards.
	By float64 `json:"by_seconds"`
}

// Timeline is the stream cut into equal pieces of media time.
type Timeline struct {
	Piece float64 `json:"piece_seconds"`
	// Video and Audio are bit rates, KeyFrames and Jumps are counts; all of the
	// same length.
	Video     []int `json:"video_bit_rate"`
	Audio     []int `json:"audio_bit_rate"`
	KeyFrames []int `json:"key_frames"`
	Jumps     []int `json:"jumps"`
}

// Answer says whether a browser plays a stream.
type Answer string

// The answers.
const (
	Yes   Answer = "yes"
	Maybe Answer = "maybe" // depends on system, hardware or version
	No    Answer = "no"
)

// Verdict is about one way into a browser: "MSE", by HTTP-FLV or WS-FLV with
// mpegts.js, or "WebRTC", for the stream as it is.
type Verdict struct {
	Way     string   `json:"way"`
	Chrome  Answer   `json:"chrome"`
	Edge    Answer   `json:"edge"`
	Firefox Answer   `json:"firefox"`
	Safari  Answer   `json:"safari"`
	Reasons []Reason `json:"reasons"`
}

// Reason is why an answer is not yes.
type Reason struct {
	Text string `json:"text"`
	// Fix is what to set in the encoder.
	Fix string `json:"fix"`
}

// Severity says what a finding means.
type Severity string

// The severities.
const (
	// Wrong is what players stumble over.
	Wrong Severity = "wrong"
	// Advice is what could be better.
	Advice Severity = "advice"
)

// Finding is something worth knowing about a stream.
type Finding struct {
	Severity Severity `json:"severity"`
	// Code is a stable word.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Fix is what to do about it; may be empty.
	Fix string `json:"fix,omitempty"`
}
