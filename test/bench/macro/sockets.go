package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// queues are what the kernel holds for the connections of one server.
type queues struct {
	connections int
	unread      int // bytes that the server has not read, of all connections
	maxUnsent   int // bytes that were not sent yet, the most of one connection
}

// readQueues reads the connections that a server accepted on a port. It keeps
// off the server's core.
func readQueues(ctx context.Context, port int) (queues, error) {
	out, err := exec.CommandContext(ctx, "taskset", "-c", loadCore, "ss", "-HtniO", "state", "established", "sport", "=", fmt.Sprintf(":%d", port)).Output()
	if err != nil {
		return queues{}, fmt.Errorf("ss: %w", err)
	}
	return parseQueues(string(out))
}

// parseQueues reads what ss(8) prints: a line for each connection that begins
// with the bytes not read and the bytes not acknowledged, and has notsent:N if
// some of these were not even sent.
func parseQueues(text string) (queues, error) {
	var q queues
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		unread, err := strconv.Atoi(fields[0])
		if err != nil {
			return q, fmt.Errorf("ss: %w", err)
		}
		q.connections++
		q.unread += unread
		for _, field := range fields {
			number, ok := strings.CutPrefix(field, "notsent:")
			if !ok {
				continue
			}
			unsent, err := strconv.Atoi(number)
			if err != nil {
				return q, fmt.Errorf("ss: %w", err)
			}
			q.maxUnsent = max(q.maxUnsent, unsent)
		}
	}
	return q, nil
}
