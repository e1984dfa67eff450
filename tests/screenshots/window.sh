# Shared by the other scripts: opens the built app under Xvfb, operates it, takes screenshots.
# Needs Xvfb, xdotool and ImageMagick. Waits for a mask by time: give a slow machine more with SETTLE=seconds.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
binary=$(realpath "${1:-target/release/labrum}")
out=${2:-docs/screenshots}
settle=${SETTLE:-6}
size=${SIZE:-1440x900}
samples=${SAMPLES:-$PWD/assets/samples}
work=$(mktemp -d)
mkdir -p "$out"
# The export dialog shows the home folder.
export HOME=/home/clinician LABRUM_CACHE=$work/cache LABRUM_CONFIG=$work/config LABRUM_DATA=$work/data XDG_RUNTIME_DIR=$work
unset WAYLAND_DISPLAY

display=:$((100 + RANDOM % 800))
Xvfb "$display" -screen 0 "${size}x24" >/dev/null 2>&1 &
server=$!
app=
trap 'kill $app $server 2>/dev/null; rm -rf "$work"' EXIT
export DISPLAY=$display
for _ in $(seq 50); do xdotool getmouselocation >/dev/null 2>&1 && break; sleep 0.1; done

# open PATH...: starts the app with fresh settings and a fresh workspace and waits until it has settled.
open() {
    rm -rf "$LABRUM_CONFIG" "$LABRUM_DATA"
    if [ -n "${SETTINGS:-}" ]; then
        mkdir -p "$LABRUM_CONFIG"
        printf '%s' "$SETTINGS" >"$LABRUM_CONFIG/settings.json"
    fi
    "$binary" "$@" >"$work/log" 2>&1 &
    app=$!
    local window=
    for _ in $(seq 300); do
        window=$(xdotool search --name Labrum 2>/dev/null | head -1) && [ -n "$window" ] && break
        sleep 0.1
    done
    sleep 1
    xdotool windowsize "$window" "${size%x*}" "${size#*x}" windowmove "$window" 0 0
    sleep 0.5
    xdotool windowfocus "$window" mousemove $((${size%x*} / 2)) $((${size#*x} - 10))
    sleep "$settle"
}

shot() {
    sleep 0.8
    # 256 colours are enough for greys and controls, and half the size.
    import -window root -dither None -colors 256 -define png:compression-level=9 "PNG8:$out/$1.png"
    echo "$out/$1.png"
}

close() {
    kill $app
    wait $app 2>/dev/null || true
    app=
}

key() { for k; do xdotool key "$k"; sleep 0.2; done; }
move() { xdotool mousemove "$1" "$2"; sleep 0.15; }
click() { move "$1" "$2"; xdotool click 1; sleep 0.2; }

# way X Y X Y...: moves the pointer from point to point in small steps.
way() {
    local x=$1 y=$2
    move "$x" "$y"
    shift 2
    while [ $# -gt 0 ]; do
        for i in 1 2 3 4 5 6; do xdotool mousemove $((x + ($1 - x) * i / 6)) $((y + ($2 - y) * i / 6)); sleep 0.02; done
        x=$1 y=$2
        shift 2
    done
    sleep 0.15
}

# press X Y X Y...: the same with the button down; it stays down until `release`.
press() { move "$1" "$2"; xdotool mousedown 1; way "$@"; }
release() { xdotool mouseup 1; sleep 0.3; }

