#!/bin/sh
# Makes the clip that `weir demo` loops: a moving test picture with a running
# clock and a beep each second. The result is the same on every run of one
# ffmpeg version. Usage: test/make-demo.sh OUT.flv
set -eu
out=${1:?usage: make-demo.sh OUT.flv}

# 256 pictures at 25 per second are exactly 441 AAC frames of 1024 samples at
# 44.1 kHz: 10.24 s, so the clip loops without audio and video drifting apart.
seconds=10.24

# The chord swells and fades to silence at both ends, so the loop does not
# click; beeps mark the seconds 1 to 10 of the clock in the picture.
chord='0.03*(sin(2*PI*220*t)+sin(2*PI*277.2*t)+sin(2*PI*329.6*t))'
swell="pow(sin(PI*t/$seconds)\\,2)"
beep='0.10*sin(2*PI*880*t)*gte(t\,1)*exp(-30*mod(t\,1))'

# The AAC encoder puts one frame of silence in front, with a negative time:
# hence 440 frames of sound, and setts, which adds those 23 ms. SEI units are
# removed because they only say with which options x264 ran.
ffmpeg -nostdin -v error -y \
  -f lavfi -i "testsrc2=size=640x360:rate=25:duration=$seconds" \
  -f lavfi -i "aevalsrc='$chord*$swell+$beep':s=44100:c=mono" \
  -af "atrim=end_sample=$((440 * 1024)),pan=stereo|c0=c0|c1=c0" \
  -c:v libx264 -profile:v main -preset veryslow -pix_fmt yuv420p -threads 1 \
  -b:v 280k -maxrate 340k -bufsize 340k -g 52 -keyint_min 52 -sc_threshold 0 -bf 0 -flags:v +cgop+bitexact \
  -bsf:v filter_units=remove_types=6 \
  -c:a aac -b:a 64k -flags:a +bitexact -bsf:a setts=ts=TS+23 \
  -map_metadata -1 -fflags +bitexact -flvflags no_duration_filesize -f flv "$out"
