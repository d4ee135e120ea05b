//go:build !unix

package overload

// SystemDescriptors is not known here.
func SystemDescriptors() int64 { return 0 }
