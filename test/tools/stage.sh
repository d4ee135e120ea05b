#!/usr/bin/env bash
# Runs one stage of the tests: a heading, a time limit, its duration, and a
# clear line if it failed. Usage: stage.sh LIMIT NAME COMMAND...
set -uo pipefail
limit=$1 name=$2
shift 2

printf '\n=== %s (at most %s)\n' "$name" "$limit"
begin=$SECONDS
timeout --kill-after=10 "$limit" "$@" </dev/null
status=$?
took=$((SECONDS - begin))

case $status in
0) printf -- '--- ok: %s, %d s\n' "$name" "$took" ;;
124 | 137) printf -- '--- FAILED: %s took longer than %s\n' "$name" "$limit" >&2 ;;
*) printf -- '--- FAILED: %s, status %d, after %d s: %s\n' "$name" "$status" "$took" "$*" >&2 ;;
esac
exit "$status"
