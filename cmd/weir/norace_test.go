//go:build !race

package main

// raceEnabled scales crowds down where the race detector runs.
const raceEnabled = false
