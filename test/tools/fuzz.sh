#!/usr/bin/env bash
# Fuzzes each target of the module for some seconds, beginning with its
# committed corpus. Usage: fuzz.sh SECONDS
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:?usage: fuzz.sh SECONDS}

found=0
for package in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...); do
  for target in $(go test -run '^$' -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
    found=$((found + 1))
    echo "$package $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "${seconds}s" "$package"
  done
done
echo "$found fuzz targets"
test "$found" -gt 0
