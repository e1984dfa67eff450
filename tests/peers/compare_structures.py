#!/usr/bin/env python3
"""Compares RT Structure Sets rasterised by Labrum with known masks and with a second rasteriser.

    tests/peers/compare_structures.py target/release/labrum FOLDER

Folders below FOLDER hold `RTSTRUCT.dcm`, the slices in `dicom/` and their masks in `gtv_masks/`.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pydicom
from PIL import Image


def even_odd(points, rows, columns):
    """Pixel centres inside a polygon, by the crossings of a ray to the right."""
    inside = np.zeros((rows, columns), bool)
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0)):
        if y0 != y1:
            crosses = (y0 > y) != (y1 > y)
            inside ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return inside


def own(structures, slices):
    """The masks of all regions together, by slice, computed directly by the standard's formula."""
    masks = {name: np.zeros((d.Rows, d.Columns), bool) for name, d in slices.items()}
    for region in structures.ROIContourSequence:
        for contour in region.get("ContourSequence", []):
            points = np.array(contour.ContourData, float).reshape(-1, 3)
            def distance(item):
                data = item[1]
                row, column = np.array(data.ImageOrientationPatient, float).reshape(2, 3)
                return np.abs((points - np.array(data.ImagePositionPatient, float)) @ np.cross(row, column)).max()
            name, data = min(slices.items(), key=distance)
            row, column = np.array(data.ImageOrientationPatient, float).reshape(2, 3)
            off = points - np.array(data.ImagePositionPatient, float)
            spacing = [float(v) for v in data.PixelSpacing]
            pixels = np.stack([off @ row / spacing[1], off @ column / spacing[0]], -1)
            masks[name] ^= even_odd(pixels, data.Rows, data.Columns)
    return masks


def dice(a, b):
    return 2 * (a & b).sum() / max(1, a.sum() + b.sum())


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    worst = 1.0
    for path in sorted(folder.rglob("RTSTRUCT.dcm")):
        slices = {p.stem: pydicom.dcmread(p, stop_before_pixels=True) for p in sorted((path.parent / "dicom").glob("*"))}
        with tempfile.TemporaryDirectory() as out:
            command = [program, "import-masks", str(path), "--of", str(path.parent / "dicom"), "--out", out]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(path, done.stderr)
                return 1
            found = {name: np.zeros((d.Rows, d.Columns), bool) for name, d in slices.items()}
            for mask in pathlib.Path(out).glob("*.png"):
                found[mask.stem] = np.array(Image.open(mask)) > 0
        known = {name: np.array(Image.open(path.parent / "gtv_masks" / f"{name}.png")) > 0 for name in slices}
        reference = own(pydicom.dcmread(path), slices)
        stack = lambda masks: np.stack([masks[name] for name in slices])
        beside, formula = dice(stack(found), stack(known)), dice(stack(found), stack(reference))
        off = int((stack(found) ^ stack(reference)).sum())
        print(f"{path.relative_to(folder).parent}: Dice {beside:.4f} with the masks beside it, {formula:.6f} with the formula ({off} pixels differ)")
        print("   " + done.stderr.strip().replace("\n", "\n   ")) if done.stderr else None
        worst = min(worst, beside, formula)
    return 0 if worst > 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())
