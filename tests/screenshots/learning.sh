#!/bin/bash
# Takes the screenshots of the learning loop from the built app, on about twenty fetal head images:
# tests/screenshots/learning.sh BINARY FOLDER PICTURES
# With LABRUM_FRAME_LOG=FILE it also measures frame times while a round runs.
pictures=$(realpath "$3")
SIZE=1280x800 # the positions below are for this size
. "$(dirname "$0")/window.sh"

settle=20
open "$pictures"
for _ in $(seq 20); do key Return; sleep 0.4; done # accepted as proposed, on to the next
key ctrl+t
sleep 12
key b
for y in 300 340 380 420 460; do
    press 560 $y 640 $((y + 30)) 720 $y 800 $((y + 40))
    release
    key ctrl+z
done
press 780 300 830 330 850 380
shot learning-training
release
key ctrl+z
sleep "${ROUND:-75}"
shot learning-done
key ctrl+g
sleep 1
shot learning-versions
click 640 270
sleep 1
shot learning-version
click 790 308 # its gate report
sleep 1
shot learning-gate
key Escape Escape
key ctrl+p
sleep 0.5
xdotool type "work report"
sleep 0.3
key Return
sleep 2
shot learning-report
close
