// Command macro measures the whole server under load, as docs/performance.md
// shows it: each scenario starts bin/weir on one core, nginx with its RTMP
// module beside it where the two are compared, and a load generator on the other
// core. It prints a table of figures with their bounds.
//
// The load is that of "weir bench", or of the program that LOADGEN names, which
// is cheaper and also knows what the kernel alone needs. Linux only.
package main
