// Package e2e tests the built program from outside: real clients against a
// real server on free ports of 127.0.0.1. The tests have the build tag e2e;
// TestQuick… are part of `make test`, TestFull… of `make test-all`.
//
// WEIR_BIN names the program to test, bin/weir if unset. Clips are made by
// ffmpeg on first use and kept in a folder below os.TempDir. ffmpeg 9, for
// Enhanced RTMP, is installed on first use in the user's cache folder, with the
// clips that it makes; that takes root. TestSetup… does it beforehand.
package e2e
