#!/usr/bin/env bash
# Installs the media clients that tests use, if they are missing, on Debian and
# its relatives. Usage: install.sh quick|all
set -euo pipefail

quick=(ffmpeg chromium curl gcc libc6-dev)
more=(util-linux iproute2 debootstrap vlc-bin vlc-plugin-base rtmpdump nginx libnginx-mod-rtmp
  glib-networking gstreamer1.0-tools
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
  gstreamer1.0-rtsp gstreamer1.0-nice python3-gi gir1.2-gst-plugins-bad-1.0 nftables
  prometheus docker-compose systemd ca-certificates mpv)

case ${1:-} in
quick) wanted=("${quick[@]}") ;;
all) wanted=("${quick[@]}" "${more[@]}") ;;
*) echo "usage: install.sh quick|all" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
  echo "not a Debian system: install what gives ${wanted[*]} by hand" >&2
  exit 0
fi

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "all there: ${wanted[*]}"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "not root and no sudo; missing: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo -n)
fi
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Lock::Timeout=120 "$@"; }

echo "installing ${missing[*]}"
for attempt in 1 2 3 4; do
  apt update && apt install --no-install-recommends "${missing[@]}" && exit 0
  echo "attempt $attempt failed" >&2
  sleep $((attempt * 5))
done
exit 1
