#!/bin/bash
# Takes screenshots of dialogs, menus, messages and panels on a small screen or with large letters:
#   SIZE=1024x768 SCALE=1.5 THEME=light tests/screenshots/desktop.sh [BINARY] [FOLDER]
. "$(dirname "$0")/window.sh"
look="$size-$scale-$theme"

# part X Y: moves the pointer to a position in percent of the window.
part() { xdotool mousemove $((width * $1 / 100)) $((height * $2 / 100)); sleep 0.2; }
take() { sleep 0.7; shot "$look-$1"; }
# Presses keys, with a pause for the frame that each changes.
key() { for k; do xdotool key "$k"; sleep 0.7; done; }

open
take welcome
key ctrl+shift+o
take path
xdotool type "/no/such/folder"
key Return
sleep 1
take message
key ctrl+comma
take settings
key Escape F1
take keys
key Escape ctrl+p
sleep 0.5
xdotool type "dark"
take palette
close

open "$samples/fetal-head"
take case
key Tab Tab Tab Tab Tab Tab
take focus
key Escape
part 45 50
xdotool click 3
take picture-menu
key Escape
key ctrl+f
xdotool type "103"
sleep 0.3
take find
key Return ctrl+s
take export
key Escape
# The View menu, third in the menu bar.
xdotool mousemove $(awk "BEGIN { print int(112 * $scale) }") $(awk "BEGIN { print int(16 * $scale) }") click 1
take view-menu
key Escape
# A second window on the same workspace, on top of the first.
rest
"$binary" "$samples/fetal-head" >"$work/log2" 2>&1 &
second=$!
sleep "$settle"
xdotool search --name Labrum windowsize "$width" "$height" windowmove 0 0 2>/dev/null
sleep 1
take second
kill $second
close
