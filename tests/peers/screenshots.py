#!/usr/bin/env python3
"""Screenshots that Labrum writes as DICOM (Secondary Capture), read by dciodvfy, pydicom and highdicom.

    tests/peers/screenshots.py screenshot

`screenshot` is the example. Sources: CT, MR, multi-frame ultrasound, colour. Exit code 1 if something differs.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

PROGRAM = sys.argv[1]
sys.argv = [sys.argv[0], "write_seg", "read_seg"]
from round_trip import Wrong, check, run, tidied  # noqa: E402
from check_seg import ROOT, ULTRASOUND_MULTI_FRAME, errors_of, made  # noqa: E402

import highdicom as hd  # noqa: E402
import numpy as np  # noqa: E402
import pydicom  # noqa: E402

warnings.simplefilter("ignore")
TEST_FILES = pathlib.Path(pydicom.__file__).parent / "data/test_files"
COPIED = [
    "StudyInstanceUID", "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "AccessionNumber", "StudyID", "ReferringPhysicianName", "StudyDescription",
]
# Of value representation SH: what is longer than the standard allows is cut.
SHORT = ["AccessionNumber", "StudyID"]


def compare(folder, name, files, slices, shows_patient, burned_in, columns=37, rows=23):
    """One screenshot: no error by dciodvfy, the pixels by pydicom and highdicom, references and copied values."""
    pixels = np.random.default_rng(len(name)).integers(0, 256, (rows, columns, 3), np.uint8)
    rgb, out = folder / f"{name}.rgb", folder / f"{name}.sc.dcm"
    rgb.write_bytes(pixels.tobytes())
    shown = ",".join(map(str, slices))
    patient = "yes" if shows_patient else "no"
    written = json.loads(run(PROGRAM, out, rgb, str(columns), str(rows), shown, patient, *files))
    errors = errors_of(out)
    check(not errors, f"{name}: dciodvfy: {errors[:3]}")

    found = pydicom.dcmread(out)
    check(found.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7", f"{name}: {found.SOPClassUID.name}")
    check(np.array_equal(found.pixel_array, pixels), f"{name}: pydicom reads other pixels")
    image = hd.imread(out)
    frame = image.get_frame(1, apply_icc_profile=False)
    check(np.array_equal(frame, pixels), f"{name}: highdicom reads other pixels")
    check((found.Modality, found.ConversionType) == ("OT", "WSD"), f"{name}: {found.Modality}, {found.ConversionType}")
    check(list(found.ImageType) == ["DERIVED", "SECONDARY"], f"{name}: {found.ImageType}")
    check(found.get("BurnedInAnnotation") == burned_in, f"{name}: burned in {found.get('BurnedInAnnotation')}")

    path, _ = written["order"][slices[0]]
    first = pydicom.dcmread(path, stop_before_pixels=True)
    for keyword in COPIED:
        copied, source = found.get(keyword) or "", first.get(keyword) or ""
        if keyword in SHORT:
            source = source[:16]
        check(copied == source, f"{name}: {keyword} is {copied!r}, not {source!r}")
    check(found.SeriesInstanceUID != first.SeriesInstanceUID, f"{name}: no new series")
    named = [(i.ReferencedSOPInstanceUID, i.get("ReferencedFrameNumber")) for i in found.SourceImageSequence]
    check(named == [reference(*written["order"][slice]) for slice in slices], f"{name}: refers to {named}")


def reference(path, frame):
    source = pydicom.dcmread(path, stop_before_pixels=True)
    frames = int(source.get("NumberOfFrames", 1)) > 1
    return source.SOPInstanceUID, frame + 1 if frames else None


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        tidy = {}
        for name in ("sarcoma-ct", "cardiac-mr"):
            (folder / name).mkdir()
            tidy[name] = list(tidied(folder / name, sorted((ROOT / "assets/samples" / name).glob("*.dcm"))))
        empty = dict.fromkeys(["PatientBirthDate", "AccessionNumber", "StudyID", "ReferringPhysicianName"], "")
        (folder / "made").mkdir()
        ultrasound = made(folder / "made", ULTRASOUND_MULTI_FRAME, 13, 11, 5, **empty)
        marked = made(folder / "made", ULTRASOUND_MULTI_FRAME, 12, 10, 2, BurnedInAnnotation="YES", **empty)
        ct, mr = tidy["sarcoma-ct"], tidy["cardiac-mr"]
        colour = [TEST_FILES / "SC_rgb_rle.dcm"]
        checks = {
            "CT with the patient": lambda: compare(folder, "ct", ct, [0], True, "YES"),
            "MR, all slices": lambda: compare(folder, "mr", mr, list(range(len(mr))), True, "YES"),
            "odd number of bytes": lambda: compare(folder, "odd", ct, [7], True, "YES", 5, 3),
            "ultrasound, two frames": lambda: compare(folder, "us", ultrasound, [1, 4], False, None),
            "text in the source": lambda: compare(folder, "marked", marked, [0], False, "YES"),
            "colour": lambda: compare(folder, "colour", colour, [0], True, "YES"),
        }
        for name, one in checks.items():
            try:
                one()
                print(f"{name}: as expected")
            except (Wrong, KeyError, ValueError, AttributeError, subprocess.SubprocessError) as wrong:
                failed += 1
                print(f"{name}: {type(wrong).__name__}: {wrong}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
