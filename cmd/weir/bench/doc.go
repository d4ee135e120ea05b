// Package bench loads a media server with many sessions at once and reports how
// it took them: it is the command "weir bench".
//
// A Plan is validated Options. Run makes its sessions, at the pace of the ramp,
// holds them for the duration and returns a Report, which renders as text or as
// JSON. Most players cost next to nothing: once they have their first picture,
// the kernel drops what arrives and they only count (drain). A few parse
// everything (verifier).
package bench
