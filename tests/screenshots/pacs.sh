#!/bin/bash
# Takes the screenshot of the studies on a server from the built app. Starts an Orthanc with the
# DICOM files of a folder (public test data): tests/screenshots/pacs.sh BINARY FOLDER PICTURES
# Needs the Debian packages orthanc, orthanc-dicomweb and curl.
files=$(realpath "$3")
SIZE=1280x800 # the positions below are for this size
. "$(dirname "$0")/window.sh"

http=18942
cat >"$work/orthanc.json" <<JSON
{ "Name": "Screenshots", "StorageDirectory": "$work/storage", "IndexDirectory": "$work/storage", "HttpPort": $http,
  "DicomServerEnabled": false, "AuthenticationEnabled": false,
  "Plugins": ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"], "DicomWeb": { "Enable": true, "Root": "/dicom-web/" } }
JSON
Orthanc "$work/orthanc.json" >"$work/orthanc.log" 2>&1 &
orthanc=$!
trap 'kill $app $server $orthanc 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 100); do curl -fs "localhost:$http/system" >/dev/null && break; sleep 0.2; done
find "$samples" "$files" -name '*.dcm' -size -3M -print0 |
    xargs -0 -I{} curl -s -o /dev/null --max-time 20 --data-binary @{} "localhost:$http/instances"

mkdir -p "$LABRUM_CONFIG"
address=http://localhost:$http/dicom-web
echo "{ \"servers\": [{ \"name\": \"Radiology\", \"address\": \"$address\" }] }" >"$LABRUM_CONFIG/settings.json"
"$binary" >"$work/log" 2>&1 &
app=$!
window=
for _ in $(seq 300); do
    window=$(xdotool search --name Labrum 2>/dev/null | head -1) && [ -n "$window" ] && break
    sleep 0.1
done
sleep 4
xdotool windowsize "$window" "$width" "$height" windowmove "$window" 0 0
sleep 1
xdotool windowfocus "$window"
key ctrl+r
sleep 2
key Return
sleep 5
click 400 322
sleep 4
shot pacs-browser
close
