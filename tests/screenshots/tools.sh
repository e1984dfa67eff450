#!/bin/bash
# Takes screenshots of each tool, the difference, the case list, labels and keys from the built app:
# tests/screenshots/tools.sh [BINARY] [FOLDER]
SIZE=1280x800 # the positions below are for this size
. "$(dirname "$0")/window.sh"

open "$samples/cardiac-mr"
key k
click 640 400
sleep 3
move 760 560
shot tool-click
key ctrl+z y
press 575 330 640 380 700 450
release
key shift+e
press 600 440 640 470 690 500
release
shot tool-measure
close

open "$samples/fetal-head"
key b
press 845 370 855 420 850 470 820 500
shot tool-brush
release
key ctrl+z e
press 740 240 790 270 815 310
shot tool-eraser
release
key ctrl+z s bracketright bracketright bracketright bracketright bracketright bracketright
way 540 250 575 262 # over the bright skull: what it would paint
shot tool-smart-brush
key p
for at in "820 280" "880 300" "890 400"; do click $at; done
way 890 400 840 440 820 460
shot tool-polygon
key Escape l
xdotool keydown alt
press 600 250 680 230 720 290 650 350 600 320
shot tool-lasso
xdotool keyup alt
key Escape
release
key x
click 545 300
click 505 380
click 500 440
click 545 530
way 545 530 560 560 600 578 690 582
shot tool-live-wire
key Escape p
xdotool keydown alt
for at in "600 380" "700 380" "700 460" "600 460"; do click $at; done
click 600 380
xdotool keyup alt
key g
way 560 420 620 400 650 420 # over the hole: what it would fill
shot tool-fill
key ctrl+z u
press 838 360 850 362 880 366
shot tool-pull
release
key b
press 560 280 545 300
release
key e
press 640 560 680 570
release
key d v
move 640 790
shot difference
key o o Return # shown as fill again; accepted: on to the next
sleep 2
key e
press 600 330 700 400
release
key v ctrl+Next BackSpace # one is corrected, one is skipped
sleep 2
move 640 790
shot cases
close

open "$samples/fetal-head"
key b
for name in Midline Ventricle; do
    if [ $name = Midline ]; then click 1028 199; else click 1028 226; fi
    sleep 1
    xdotool type "$name"
    sleep 0.3
    [ $name = Midline ] && key Return
    sleep 0.7
done
shot labels
key Escape
sleep 1
key F1
sleep 1
shot keys
close
