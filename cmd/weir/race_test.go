//go:build race

package main

// raceEnabled scales crowds down: the race detector costs some ten times the
// processor time.
const raceEnabled = true
