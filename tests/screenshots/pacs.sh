#!/bin/bash
# Takes the screenshots of a server's studies and of the queue from the built app, with an Orthanc of its own that gets the
# DICOM files of a folder (public test data): tests/screenshots/pacs.sh BINARY FOLDER PICTURES
# Needs the Debian packages orthanc, orthanc-dicomweb and dcmtk.
files=$(realpath "$3")
SIZE=1280x800 # the places below are those of this size
. "$(dirname "$0")/window.sh"

http=18042 dicom=14242
cat >"$work/orthanc.json" <<JSON
{ "Name": "Screenshots", "StorageDirectory": "$work/storage", "IndexDirectory": "$work/storage", "HttpPort": $http,
  "DicomPort": $dicom, "AuthenticationEnabled": false, "DicomAlwaysAllowStore": true, "UnknownSopClassAccepted": true,
  "Plugins": ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"], "DicomWeb": { "Enable": true, "Root": "/dicom-web/" } }
JSON
Orthanc "$work/orthanc.json" >"$work/orthanc.log" 2>&1 &
orthanc=$!
trap 'kill $app $server $orthanc 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 100); do curl -fs "localhost:$http/system" >/dev/null && break; sleep 0.2; done
find "$samples" "$files" -name '*.dcm' -print0 | xargs -0 -n 40 storescu -xs localhost $dicom >/dev/null 2>&1
find "$samples" "$files" -name '*.dcm' -print0 | xargs -0 -n 40 storescu localhost $dicom >/dev/null 2>&1

open # with fresh settings: the server comes after it
close
mkdir -p "$LABRUM_CONFIG"
echo "{ \"servers\": [{ \"name\": \"Radiology\", \"address\": \"http://localhost:$http/dicom-web\" }] }" >"$LABRUM_CONFIG/settings.json"
keep=$LABRUM_CONFIG/settings.json.kept
cp "$LABRUM_CONFIG/settings.json" "$work/settings.json"
"$binary" >"$work/log" 2>&1 &
app=$!
sleep 4
window=$(xdotool search --name Labrum | head -1)
xdotool windowsize "$window" 1280 800 windowmove "$window" 0 0
sleep 1
xdotool windowfocus "$window"
key ctrl+r
sleep 1
shot pacs-asked
key Return
sleep 3
click 500 270
sleep 2
shot pacs-browser
