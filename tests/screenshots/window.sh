# Shared by the other scripts: opens the built app under Xvfb, operates it, takes screenshots.
# SIZE=1920x1080 sets the size of the window in pixels, SCALE=1.5 the zoom of its controls, THEME=light its colours.
# Needs Xvfb, xdotool and ImageMagick. Waits for a mask by time: give a slow machine more with SETTLE=seconds.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
binary=$(realpath "${1:-target/release/labrum}")
out=${2:-docs/screenshots}
settle=${SETTLE:-6}
size=${SIZE:-1440x900}
width=${size%x*} height=${size#*x}
scale=${SCALE:-1.0} theme=${THEME:-dark}
samples=${SAMPLES:-$PWD/assets/samples}
work=$(mktemp -d)
mkdir -p "$out"
# The export dialog shows the home folder.
export HOME=/home/clinician LABRUM_CACHE=$work/cache LABRUM_CONFIG=$work/config LABRUM_DATA=$work/data XDG_RUNTIME_DIR=$work
unset WAYLAND_DISPLAY

display=:$((100 + RANDOM % 800))
# Without -noreset the server starts anew when its last client ends, and refuses the app meanwhile.
Xvfb "$display" -noreset -screen 0 "${size}x24" >/dev/null 2>&1 &
server=$!
app=
# Where the image is: see find_image.
canvas= placement=
trap 'kill $app $server 2>/dev/null; rm -rf "$work"' EXIT
export DISPLAY=$display
for _ in $(seq 50); do xdotool getmouselocation >/dev/null 2>&1 && break; sleep 0.1; done

# open PATH...: starts the app with fresh settings and a fresh workspace and waits until it has settled.
open() {
    rm -rf "$LABRUM_CONFIG" "$LABRUM_DATA"
    mkdir -p "$LABRUM_CONFIG"
    echo "{\"ui_scale\": $scale, \"theme\": \"$theme\"}" >"$LABRUM_CONFIG/settings.json"
    placement=
    "$binary" "$@" >"$work/log" 2>&1 &
    app=$!
    local window=
    for _ in $(seq 300); do
        window=$(xdotool search --name Labrum 2>/dev/null | head -1) && [ -n "$window" ] && break
        sleep 0.1
    done
    [ -n "$window" ] || { cat "$work/log" >&2; exit 1; }
    sleep 1
    xdotool windowsize "$window" "$width" "$height" windowmove "$window" 0 0
    sleep 0.5
    xdotool windowfocus "$window"
    rest
    sleep "$settle"
}

# find_image COLUMNS ROWS: from now on, positions are in pixels of the image of this size, which fits into the canvas.
# The canvas is the largest black area of the window.
find_image() {
    canvas=$(import -window root PNG:- |
        convert - -fill white +opaque black -define connected-components:verbose=true -connected-components 4 null: |
        awk '/gray\(0\)|\(0,0,0\)/ { gsub(/[x+]/, " ", $2); print $2; exit }')
    placement=$(awk -v columns="$1" -v rows="$2" -v scale="$scale" -v canvas="$canvas" 'BEGIN {
        split(canvas, at, " ")
        margin = 8 * scale
        zoom = (at[1] - 2 * margin) / columns
        high = (at[2] - 2 * margin) / rows
        if (high < zoom) zoom = high
        print at[3] + at[1] / 2 - zoom * columns / 2, at[4] + at[2] / 2 - zoom * rows / 2, zoom }')
}

# point X Y: a position as one of the window in pixels.
point() {
    if [ -z "$placement" ]; then
        echo "$1 $2"
    else
        awk -v x="$1" -v y="$2" -v placement="$placement" 'BEGIN {
            split(placement, at, " "); printf "%d %d\n", at[1] + x * at[3] + 0.5, at[2] + y * at[3] + 0.5 }'
    fi
}

# beside_canvas X Y: a position in a panel, in points from the right edge of the canvas and from the top of the window.
beside_canvas() {
    awk -v x="$1" -v y="$2" -v scale="$scale" -v canvas="$canvas" 'BEGIN {
        split(canvas, at, " "); printf "%d %d\n", at[3] + at[1] + x * scale, y * scale }'
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
# rest: moves the pointer to the lower edge of the window, where it changes nothing.
rest() { xdotool mousemove $((width / 2)) $((height - 10)); sleep 0.15; }
move() { xdotool mousemove $(point "$1" "$2"); sleep 0.15; }
click() { move "$1" "$2"; xdotool click 1; sleep 0.2; }

# way X Y X Y...: moves the pointer from point to point in small steps.
way() {
    local x y to_x to_y
    read -r x y < <(point "$1" "$2")
    move "$1" "$2"
    shift 2
    while [ $# -gt 0 ]; do
        read -r to_x to_y < <(point "$1" "$2")
        for i in 1 2 3 4 5 6; do xdotool mousemove $((x + (to_x - x) * i / 6)) $((y + (to_y - y) * i / 6)); sleep 0.02; done
        x=$to_x y=$to_y
        shift 2
    done
    sleep 0.15
}

# press X Y X Y...: the same with the button down; it stays down until `release`.
press() { move "$1" "$2"; xdotool mousedown 1; way "$@"; }
release() { xdotool mouseup 1; sleep 0.3; }

