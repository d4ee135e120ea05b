#!/usr/bin/env bash
# Fuzzes each target of the module, beginning with its committed corpus, for a
# time (20s) or a number of inputs (30000x). Usage: fuzz.sh TIME
set -euo pipefail
cd "$(dirname "$0")/../.."
time=${1:?usage: fuzz.sh TIME}

# Go makes each interesting input smaller for up to a minute, in which nothing new
# is tried; a finding that fails stays readable with five seconds.
found=0
for package in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...); do
  for target in $(go test -run '^$' -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
    found=$((found + 1))
    echo "$package $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 5s "$package"
  done
done
echo "$found fuzz targets"
test "$found" -gt 0
