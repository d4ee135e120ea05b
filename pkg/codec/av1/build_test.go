package av1

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// BuildConfig makes of a sequence header the record that encoders make of it.
func TestBuildConfig(t *testing.T) {
	// libaom's, with initial_display_delay_present_flag.
	want, err := hex.DecodeString("81000c000a0b02000005157fbc02f80040")
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseConfig(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := BuildConfig(c.Sequence); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v; want %x", got, err, want)
	}
	if _, err := BuildConfig(c.Sequence[:6]); err == nil {
		t.Error("half a sequence header is enough")
	}
}
