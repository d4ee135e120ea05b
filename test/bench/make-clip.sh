#!/bin/sh
# Makes a clip for the macro benchmark, with ffmpeg: a test picture and a tone,
# H.264 without B-frames and AAC, one minute.
#   normal  690 kbit/s, 1280x720 at 25/s, a key frame every 2 s
#   small   206 kbit/s,  640x360 at 25/s, a key frame every 2 s
#   tiny    24 kbit/s,   160x90 at 5/s, a key frame every 2 s, sound of 8 kHz
#   medium  2.0 Mbit/s, 1280x720 at 25/s, a key frame every 2 s
#   large   4.1 Mbit/s, 1920x1080 at 25/s, a key frame every 4 s
# Usage: make-clip.sh normal|small|tiny|medium|large OUT.flv
set -eu
usage() { echo "usage: make-clip.sh normal|small|tiny|medium|large OUT.flv" >&2; exit 2; }
[ $# -eq 2 ] || usage
rate=25 hertz=44100 channels=2
case $1 in
normal) size=1280x720 video=600k audio=64k gop=50 ;;
small) size=640x360 video=150k audio=40k gop=50 ;;
tiny) size=160x90 video=12k audio=8k gop=10 rate=5 hertz=8000 channels=1 ;;
medium) size=1280x720 video=1920k audio=64k gop=50 ;;
large) size=1920x1080 video=4000k audio=96k gop=100 ;;
*) usage ;;
esac

ffmpeg -nostdin -v error -y \
  -f lavfi -i "testsrc2=size=$size:rate=$rate:duration=60" -f lavfi -i "sine=frequency=440:sample_rate=$hertz:duration=60" \
  -c:v libx264 -profile:v baseline -preset veryfast -pix_fmt yuv420p -bf 0 \
  -b:v "$video" -maxrate "$video" -bufsize "$video" -g "$gop" -keyint_min "$gop" -sc_threshold 0 \
  -c:a aac -b:a "$audio" -ac "$channels" -f flv "$2.part"
mv "$2.part" "$2"
