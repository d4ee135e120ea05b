#!/usr/bin/env bash
# Writes NOTICE anew: the licences of everything that is in the program, taken
# from the module cache, the Go installation and web/node_modules (run `npm ci`
# in web first). Equal texts are printed once. Usage: notice.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C

# What is compiled in differs between systems; released is what NOTICE is for.
modules() {
  GOOS=linux GOARCH=amd64 CGO_ENABLED=0 go list -deps -tags nomsgpack \
    -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/weir | sort -u
}

# packages lists what the console brings along: its dependencies and theirs.
packages() {
  (cd web && npm ls --omit=dev --all --parseable --long) | sed -n 's/^\(.*\):\(.*\)@\([^@:]*\)\(:.*\)\{0,1\}$/\2 \3 \1/p' |
    grep -v '^weir-console ' | sort -u
}

# licence names what a text is; an unknown one stops the script, for somebody
# must read it.
licence() {
  case $(tr -s ' \n\t' ' ' <"$1") in
  *"GNU LESSER GENERAL PUBLIC LICENSE Version 2.1"*) echo LGPL-2.1 ;;
  *"Apache License Version 2.0"* | *"Licensed under the Apache License, Version 2.0"*) echo Apache-2.0 ;;
  *"Neither the name"*"be used to endorse"*) echo BSD-3-Clause ;;
  *"Permission is hereby granted, free of charge"*) echo MIT ;;
  *) echo "unknown licence: $1" >&2; return 1 ;;
  esac
}

texts=$(mktemp -d)
trap 'rm -rf "$texts"' EXIT

# add notes one component: a line of the list, and its texts.
add() {
  local name=$1 version=$2 dir=$3 file kind=
  for file in "$dir"/LICENSE* "$dir"/COPYING* "$dir"/NOTICE* "$dir"/PATENTS*; do
    [ -f "$file" ] || continue
    case ${file##*/} in LICENSE* | COPYING*) kind=$(licence "$file") ;; esac
    local sum
    sum=$(sha256sum "$file" | cut -c1-16)
    echo "$name" >>"$texts/$sum.names"
    tr -d '\r' <"$file" >"$texts/$sum.text"
  done
  [ -n "$kind" ] || { echo "no licence: $name" >&2; return 1; }
  printf '  %-46s %-38s %s\n' "$name" "$version" "$kind" >>"$texts/list"
}

while read -r name version dir; do add "$name" "$version" "$dir"; done < <(modules)
goroot=$(go env GOROOT)
add "Go standard library" "$(go env GOVERSION | sed 's/^go\([0-9]*\.[0-9]*\).*/\1/')" "$goroot"
while read -r name version dir; do add "$name" "$version" "$dir"; done < <(packages)

{
  cat <<'END'
weir
Copyright (c) 2026 the weir authors, under the MIT licence in LICENSE.

The program contains the components below, under the licences that follow.
This file is made by test/tools/notice.sh.
mpegts.js is modified at build time; web/mpegts-fixes.ts says how and why.

END
  cat "$texts/list"
  # In the order of the first component that each text belongs to.
  for names in $(grep -H -m1 '' "$texts"/*.names | sort -t: -k2 | cut -d: -f1); do
    printf '\n%s\n' "--------------------------------------------------------------------------------"
    sed 's/^/For /' "$names"
    echo
    cat "${names%.names}.text"
  done
} >NOTICE
