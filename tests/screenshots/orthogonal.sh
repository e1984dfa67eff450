#!/bin/bash
# Takes the screenshot of the orthogonal views from the built app: tests/screenshots/orthogonal.sh BINARY FOLDER SERIES
# The positions below are for this size and a CT of a thigh; the mask is painted in all three views.
series=$(realpath "$3")
SIZE=1280x800
. "$(dirname "$0")/window.sh"

open "$series"
key F2 b
for _ in 1 2 3 4 5 6 7 8; do key bracketright; done
press ${SLICE_AT:-480 400 500 410 520 400}
release
press ${COLUMN_AT:-860 240 880 250}
release
press ${ROW_AT:-860 560 880 570}
release
key v
sleep 2
shot orthogonal
close
