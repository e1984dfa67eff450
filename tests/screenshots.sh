#!/bin/bash
# Takes the screenshots of the README from the built app: tests/screenshots.sh [BINARY] [FOLDER]
# Needs Xvfb, xdotool and ImageMagick. Waits for a mask by time: give a slow machine more with SETTLE=seconds.
set -eu
cd "$(dirname "$0")/.."
binary=$(realpath "${1:-target/release/labrum}")
out=${2:-docs/screenshots}
settle=${SETTLE:-6}
size=${SIZE:-1440x900}
samples=$PWD/assets/samples
work=$(mktemp -d)
mkdir -p "$out"
export LABRUM_CACHE=$work/cache LABRUM_CONFIG=$work/config XDG_RUNTIME_DIR=$work
unset WAYLAND_DISPLAY

display=:$((100 + RANDOM % 800))
Xvfb "$display" -screen 0 "${size}x24" >/dev/null 2>&1 &
server=$!
app=
trap 'kill $app $server 2>/dev/null; rm -rf "$work"' EXIT
export DISPLAY=$display
for _ in $(seq 50); do xdotool getmouselocation >/dev/null 2>&1 && break; sleep 0.1; done

# open PATH...: starts the app with fresh settings and waits until it has settled.
open() {
    rm -rf "$LABRUM_CONFIG"
    "$binary" "$@" >"$work/log" 2>&1 &
    app=$!
    local window=
    for _ in $(seq 100); do
        window=$(xdotool search --name Labrum 2>/dev/null | head -1) && [ -n "$window" ] && break
        sleep 0.1
    done
    xdotool windowsize "$window" "${size%x*}" "${size#*x}" windowmove "$window" 0 0
    sleep 0.5
    xdotool windowfocus "$window" mousemove $((${size%x*} / 2)) $((${size#*x} - 10))
    sleep "$settle"
}

shot() {
    sleep 0.7
    import -window root "$out/$1.png"
    echo "$out/$1.png"
}

close() {
    kill $app
    wait $app 2>/dev/null || true
    app=
}

# Chooses the first model of the list although it does not fit, and runs it on the whole series.
force_model() {
    xdotool mousemove $((${size%x*} - 150)) 81 click 1
    sleep 0.5
    xdotool mousemove_relative 0 60 click 1
    sleep 0.5
    xdotool mousemove $((${size%x*} / 2)) $((${size#*x} - 10)) key shift+r
    sleep "$settle"
}

# three NAME: the three ways to show a mask.
three() {
    shot "$1-fill"
    xdotool key o
    shot "$1-outline"
    xdotool key o
    shot "$1-confidence"
}

open
shot welcome
close

open "$samples/fetal-head"
xdotool key ctrl+Next
three ultrasound
xdotool key n
shot doubtful
xdotool key f o o
sleep 0.5
xdotool key ctrl+s
shot export
close

for name in cardiac-mr sarcoma-ct; do
    open "$samples/$name"
    [ -z "${FORCE_MODEL:-}" ] || force_model
    if [ -n "${FORCE_MODEL:-}" ]; then three "$name"; else shot "$name"; fi
    close
done
