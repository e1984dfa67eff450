#!/bin/bash
# Takes screenshots of each tool, the difference, the case list, labels and keys from the built app:
#   SIZE=1920x1080 SCALE=1.5 tests/screenshots/tools.sh [BINARY] [FOLDER]
SIZE=${SIZE:-1280x800}
. "$(dirname "$0")/window.sh"

# add_label COUNT: clicks the button below the list of so many labels, right of the image, that adds one.
add_label() { xdotool mousemove $(beside_canvas 28 $((172 + 27 * $1))) click 1; sleep 0.2; }

open "$samples/cardiac-mr"
find_image 256 256
key k
click 123 138
sleep 3
move 169 199
shot tool-click
key ctrl+z y
press 98 111 123 130 146 157
release
key shift+e
press 107 153 123 164 142 176
release
shot tool-measure
close

open "$samples/fetal-head"
find_image 320 216
key b
press 250 106 255 129 253 153 239 167
shot tool-brush
release
key ctrl+z e
press 201 44 224 58 236 77
shot tool-eraser
release
key ctrl+z s bracketright bracketright bracketright bracketright bracketright bracketright
way 106 49 123 55 # over the bright skull: what it would paint
shot tool-smart-brush
key p
for at in "239 63" "267 72" "272 120"; do click $at; done
way 272 120 248 139 239 148
shot tool-polygon
key Escape l
xdotool keydown alt
press 134 49 172 39 191 68 158 96 134 82
shot tool-lasso
xdotool keyup alt
key Escape
release
key x
click 108 72
click 89 110
click 87 139
click 108 181
way 108 181 116 196 134 204 177 206
shot tool-live-wire
key Escape p
xdotool keydown alt
for at in "134 110" "182 110" "182 148" "134 148"; do click $at; done
click 134 110
xdotool keyup alt
key g
way 116 129 144 120 158 129 # over the hole: what it would fill
shot tool-fill
key ctrl+z u
press 247 101 253 102 267 104
shot tool-pull
release
key b
press 116 63 108 72
release
key e
press 153 196 172 200
release
key d v
rest
shot difference
key o o Return # shown as fill again; accepted: on to the next
sleep 2
key e
press 134 87 182 120
release
key v ctrl+Next BackSpace # one is corrected, one is skipped
sleep 2
rest
shot cases
close

open "$samples/fetal-head"
find_image 320 216
key b
for name in Midline Ventricle; do
    if [ $name = Midline ]; then add_label 1; else add_label 2; fi
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
