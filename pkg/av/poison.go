//go:build !race

package av

// poison makes recycled payloads unreadable, so that tests see who still reads
// them.
const poison = false
