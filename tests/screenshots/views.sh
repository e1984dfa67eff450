#!/bin/bash
# Takes the screenshots of opening, viewing and exporting from the built app: tests/screenshots/views.sh [BINARY] [FOLDER]
. "$(dirname "$0")/window.sh"

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
sleep 1
shot export
close

open "$samples/cardiac-mr"
xdotool key o
shot cardiac-mr-outline
close
open "$samples/sarcoma-ct"
xdotool key o o
shot sarcoma-ct-confidence
close

open "$samples/cardiac-mr" "$samples/sarcoma-ct"
xdotool key ctrl+2
shot side-by-side
close

# A truncated image, with the rows that are left, and a refused file, with the reason.
mkdir -p "$work/damaged"
scans=("$samples"/cardiac-mr/*.dcm)
cp "${scans[@]:0:5}" "$work/damaged"
head -c $(($(stat -c %s "${scans[2]}") * 6 / 10)) "${scans[2]}" >"$work/damaged/$(basename "${scans[2]}")"
# A series opens on its middle slice, the third of five.
open "$work/damaged"
shot rescued
close
head -c 1500 "${scans[5]}" >"$work/damaged/$(basename "${scans[5]}")"
open "$work/damaged"
shot refused
close
