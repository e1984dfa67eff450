#!/usr/bin/env python3
"""Compares the pixels that Labrum decodes with those of pydicom, for every DICOM file below a folder.

    cargo build --release --example dump_frames
    tests/peers/compare_pixels.py target/release/examples/dump_frames FOLDER

Equal means: integers equal, lossy JPEG within 3 grey levels, colour within 1 level (its conversion
is rounded), colour of lossy JPEG within 3 levels for 99 % of the values (decoders interpolate
subsampled colour differently). A refusal counts as right; it is listed with its reason. Exit code 1
if pixels differ.
"""
import collections
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import pydicom
from pydicom.pixels import apply_color_lut, apply_modality_lut, pixel_array

warnings.simplefilter("ignore")
LOSSY = {"1.2.840.10008.1.2.4." + tail for tail in ("50", "51", "53", "55", "81", "91", "93", "203", "111", "112")}


def reference(dataset, frame):
    """Stored greyscale values of a frame (after any Modality LUT), or 8-bit RGB."""
    frames = int(dataset.get("NumberOfFrames") or 1)
    pixels = pixel_array(dataset, index=frame if frames > 1 else None)
    if pixels.ndim == 3 and pixels.shape[0] == 1 and frames == 1 and dataset.get("SamplesPerPixel", 1) == 1:
        pixels = pixels[0]
    if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        colors = apply_color_lut(pixels, dataset)
        return (colors >> 8 if colors.dtype == np.uint16 and colors.max() > 255 else colors).astype(np.float64)
    if pixels.ndim == 3:
        most = (1 << int(dataset.BitsStored)) - 1
        return np.floor(pixels.astype(np.float64) * 255 / most + 0.5)
    if "ModalityLUTSequence" in dataset:
        pixels = apply_modality_lut(pixels, dataset)
    return pixels.astype(np.float64)


def known(path, frame, dataset):
    """The expected values beside a file, as written by `make_matrix.py`, or `None`."""
    path = pathlib.Path(path).with_suffix(".npy")
    if not path.exists():
        return None
    values = np.load(path)[frame].astype(np.float64)
    most = (1 << int(dataset.get("BitsStored", 8))) - 1
    is_wide = values.ndim == 3 and values.max() > 255
    return np.floor(values * 255 / most + 0.5) if is_wide else values


def rescale(dataset, frame):
    """Rescale Slope and Intercept of a frame."""
    groups = [dataset]
    if dataset.get("SharedFunctionalGroupsSequence"):
        groups.append(dataset.SharedFunctionalGroupsSequence[0])
    if len(dataset.get("PerFrameFunctionalGroupsSequence") or []) > frame:
        groups.append(dataset.PerFrameFunctionalGroupsSequence[frame])
    found = (1.0, 0.0)
    for group in groups:
        for item in [group, *(group.get("PixelValueTransformationSequence") or [])]:
            if item.get("RescaleSlope") is not None:
                found = (float(item.RescaleSlope), float(item.RescaleIntercept))
    return (1.0, 0.0) if "ModalityLUTSequence" in dataset else found


def compare(line, folder):
    """(verdict, remark): equal, close, DIFFERENT, refused or unknown."""
    dataset = pydicom.dcmread(line["path"], force=True)
    refused = pathlib.Path(line["path"]).with_suffix(".refused")
    if refused.exists():
        right = refused.read_text() in line.get("error", "\0")
        return "refused" if right else "DIFFERENT", line.get("error", "it is shown")
    try:
        expected = known(line["path"], line["frame"], dataset)
        expected = reference(dataset, line["frame"]) if expected is None else expected
    except Exception as error:
        if "error" in line:
            return "refused", line["error"] + " | pydicom refuses too"
        return "shown, pydicom refuses", str(error)[:150].replace("\n", " ")
    if "error" in line:
        return "refused", line["error"]
    found = np.load(folder / line["npy"]).astype(np.float64)
    if line.get("truncated"):
        rows = len(found) - int((line["truncated"].split("the lower ") + ["0"])[1].split(" ")[0])
        found, expected = found[:rows], expected[:rows]
    color = found.ndim == 3
    if not color and (line["slope"], line["intercept"]) != rescale(dataset, line["frame"]):
        return "DIFFERENT", f"rescale {line['slope']}, {line['intercept']}"
    if found.shape != expected.shape:
        return "DIFFERENT", f"shape {found.shape}, expected {expected.shape}"
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    if same.all():
        return "equal", line.get("truncated", "")
    off = np.abs(np.where(same, 0, found - expected))
    remark = f"off by {off.max():.6g} at most, {100 * (off > 0).mean():.2f} % of the values"
    lossy = dataset.file_meta.get("TransferSyntaxUID") in LOSSY
    single = found.size and (off <= np.abs(expected) * 1e-6).all()
    if single or (lossy and not color and off.max() <= 3) or (color and off.max() <= (3 if lossy else 1)):
        return "close", remark
    if lossy and color and (off <= 3).mean() >= 0.99:
        return "close", remark
    return "DIFFERENT", remark


def main():
    dump, files = sys.argv[1], pathlib.Path(sys.argv[2])
    verdicts = collections.defaultdict(collections.Counter)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        subprocess.run([dump, str(files), str(folder)], check=True)
        for text in (folder / "index.jsonl").read_text().splitlines():
            line = json.loads(text)
            dataset = pydicom.dcmread(line["path"], force=True, stop_before_pixels=True)
            if "error" in line and "Rows" not in dataset:
                verdicts["no image"]["refused"] += 1
                continue
            verdict, remark = compare(line, folder)
            syntax = getattr(dataset.file_meta.get("TransferSyntaxUID"), "name", "none")
            key = f"{syntax} | {dataset.get('PhotometricInterpretation')} | {dataset.get('BitsStored')}"
            verdicts[key][verdict] += 1
            if verdict != "equal" or line["ms"] > 1000:
                name = pathlib.Path(line["path"]).relative_to(files)
                print(f"{verdict}: {name} frame {line['frame'] + 1} [{key}] ({line['ms']} ms) {remark}")
    print()
    for key, counts in sorted(verdicts.items()):
        print(f"{key}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return 1 if any(counts["DIFFERENT"] for counts in verdicts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
