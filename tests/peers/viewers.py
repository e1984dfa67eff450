#!/usr/bin/env python3
"""Labrum's files in other viewers: SEG in OHIF's own reader, RTSTRUCT in plastimatch.

    tests/peers/viewers.py write_seg FOLDER_OF_OHIF

FOLDER_OF_OHIF contains ohif.mjs, bundled from tests/peers/ohif_read.mjs. Four series, each with two
labels. Exit code 1 if a pixel differs.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import pydicom

warnings.simplefilter("ignore")
WRITE, OHIF = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]) / "ohif.mjs"
ROOT = pathlib.Path(__file__).resolve().parents[2]
TEST_FILES = pathlib.Path(pydicom.__file__).parent / "data/test_files"


class Wrong(Exception):
    """A difference."""


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise Wrong(f"{pathlib.Path(str(command[0])).name}: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout


def sources():
    """Name and files of four series with image positions."""
    yield "CT, 12 slices", sorted((ROOT / "assets/samples/sarcoma-ct").glob("*.dcm"))
    yield "oblique MR, 12 slices", sorted((ROOT / "assets/samples/cardiac-mr").glob("*.dcm"))
    yield "CT, one slice", [TEST_FILES / "CT_small.dcm"]
    yield "MR, one slice", [TEST_FILES / "MR_small.dcm"]


def blobs(shape):
    """Two labels in each slice, one of them with a hole and an island in it; all slices differ."""
    masks = np.zeros(shape, np.uint8)
    rows, columns = shape[1:]
    y, x = np.mgrid[:rows, :columns]
    for i in range(shape[0]):
        away = np.hypot((y - rows * 0.4 - i) / rows, (x - columns * 0.35 - 2 * i) / columns)
        masks[i][away < 0.25] = 1
        masks[i][away < 0.15] = 0
        masks[i][away < 0.06] = 1
        masks[i][(x > columns * 0.75 - i) & (y > rows * 0.6 + i) & (x + y < 0.9 * (rows + columns))] = 2
    return masks


def write(folder, flag, name, masks, files):
    """Writes a file; returns it, and the headers of the slices in the order of the masks."""
    raw, out = folder / "in.raw", folder / name
    masks.tofile(raw)
    order = json.loads(run(WRITE, *flag, out, raw, *files))
    return out, [pydicom.dcmread(path, stop_before_pixels=True) for path, _ in order]


def seen_by_ohif(folder, flag, masks, files):
    path, slices = write(folder, flag, "seg.dcm", masks, files)
    seen = json.loads(run("node", OHIF, path, folder / "images").strip().splitlines()[-1])
    for mask, header in zip(masks, slices, strict=True):
        counts, number = seen["slices"].get(header.SOPInstanceUID, [{}, 0])
        ours = {str(n): int((mask == n).sum()) for n in (1, 2) if (mask == n).any()}
        # The products and the sum fit into 64 bits.
        sum_ = int((np.arange(1, mask.size + 1, dtype=np.int64) * mask.ravel()).sum() % 1000000007)
        if (counts, number) != (ours, sum_):
            raise Wrong(f"OHIF sees {counts} on slice {header.InstanceNumber}, not {ours}, or elsewhere")


def seen_by_plastimatch(folder, masks, files):
    path, slices = write(folder, ["--rtstruct"], "rtstruct.dcm", masks, files)
    prefix = folder / "structures"
    run(
        "plastimatch", "convert", "--input", path, "--referenced-ct", folder / "images",
        "--output-prefix", prefix, "--prefix-format", "mha",
    )  # fmt: skip
    volumes = {p.stem: mha(p) for p in sorted(prefix.glob("*.mha"))}
    for n in (1, 2):
        name = next((k for k in volumes if k.replace("_", " ") == f"Label {n}"), None)
        if name is None:
            raise Wrong(f"plastimatch does not see label {n}: {sorted(volumes)}")
        array, into = volumes[name]
        for mask, header in zip(masks, slices, strict=True):
            found = at(array, into, header)
            if not np.array_equal(found > 0, mask == n):
                off = int(((found > 0) ^ (mask == n)).sum())
                raise Wrong(f"plastimatch sees {off} different pixels of label {n} on slice {header.InstanceNumber}")


def mha(path):
    """The array of a MetaImage, and the matrix from the patient to its indices."""
    data = path.read_bytes()
    head, _, body = data.partition(b"ElementDataFile = LOCAL\n")
    fields = dict(line.split(" = ", 1) for line in head.decode().splitlines() if " = " in line)
    if fields.get("CompressedData") == "True":
        import zlib

        body = zlib.decompress(body)
    numbers = lambda name: np.array(fields[name].split(), float)  # noqa: E731
    sizes = numbers("DimSize").astype(int)
    affine = np.eye(4)
    affine[:3, :3] = numbers("TransformMatrix").reshape(3, 3).T * numbers("ElementSpacing")
    affine[:3, 3] = numbers("Offset" if "Offset" in fields else "Position")
    kind = {"MET_UCHAR": np.uint8, "MET_UINT": np.uint32, "MET_SHORT": np.int16}[fields["ElementType"]]
    return np.frombuffer(body, kind).reshape(sizes[::-1]), np.linalg.inv(affine)


def at(array, into, header):
    """The values of the volume at the pixels of a slice."""
    row, column = np.array(header.ImageOrientationPatient, float).reshape(2, 3)
    spacing = [float(v) for v in header.PixelSpacing]
    y, x = np.mgrid[: header.Rows, : header.Columns]
    place = np.array(header.ImagePositionPatient, float) + y[..., None] * spacing[0] * column + x[..., None] * spacing[1] * row
    index = np.rint(place @ into[:3, :3].T + into[:3, 3]).astype(int)
    sizes = np.array(array.shape[::-1])
    inside = np.all((index >= 0) & (index < sizes), axis=-1)
    x, y, z = np.moveaxis(np.where(inside[..., None], index, 0), -1, 0)
    return np.where(inside, array[z, y, x], 0)


def main():
    failures = 0
    for name, files in sources():
        for what in ("SEG BINARY in OHIF", "SEG LABELMAP in OHIF", "structure set in plastimatch"):
            with tempfile.TemporaryDirectory() as temporary:
                folder = pathlib.Path(temporary)
                (folder / "images").mkdir()
                copies = [pathlib.Path(shutil.copy(file, folder / "images")) for file in files]
                header = pydicom.dcmread(copies[0], stop_before_pixels=True)
                masks = blobs((len(copies), header.Rows, header.Columns))
                try:
                    if "OHIF" in what:
                        seen_by_ohif(folder, ["--labelmap"] if "LABELMAP" in what else [], masks, copies)
                    else:
                        seen_by_plastimatch(folder, masks, copies)
                    print(f"{name}, {what}: same pixels")
                except Wrong as wrong:
                    failures += 1
                    print(f"{name}, {what}: {wrong}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
