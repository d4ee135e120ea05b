#!/usr/bin/env bash
# Prints the benchmarks of the hot paths as benchstat reads them, between a line
# that says which machine this is and one that says how much of its time others
# took. Usage: record.sh [PATTERN]
set -euo pipefail

# Jiffies since the start: all of them, and those that were stolen (proc_stat(5)).
jiffies() { awk '/^cpu / { print $2+$3+$4+$5+$6+$7+$8+$9, $9 }' /proc/stat; }

model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
echo "machine: $(nproc) × $model, Linux $(uname -r), $(go env GOVERSION)"
read -r all stolen < <(jiffies)
# Six runs are the least from which benchstat tells a change from chance.
go test -run '^$' -bench "${1:-.}" -benchmem -count 6 ./pkg/bus ./pkg/fanout ./pkg/session ./remux/...
read -r all_after stolen_after < <(jiffies)
steal=$((100 * (stolen_after - stolen) / (all_after - all)))
echo "steal: $steal %"
if [ "$steal" -gt 5 ]; then
  echo "steal $steal %: others used this machine, so times are not to be compared; allocations are" >&2
fi
