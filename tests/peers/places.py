#!/usr/bin/env python3
"""Segmentations on every kind of grid, made with highdicom and imported by Labrum.

    tests/peers/places.py labrum

BINARY, FRACTIONAL and LABELMAP; on the grid of the images, mirrored, rotated, with frames in
reverse order, with other spacing, and for one of four time points; with and without references to
their sources. The expected masks are computed from the affine matrices of highdicom's volumes
alone. Exit code 1 if Labrum puts a pixel elsewhere, or imports what it should refuse.
"""
import pathlib
import subprocess
import sys
import tempfile
import warnings

import highdicom
import numpy as np
import PIL.Image
import pydicom
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentDescription
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

warnings.simplefilter("ignore")
PROGRAM = sys.argv[1]
COLUMNS, ROWS, SLICES, TIMES = 24, 18, 5, 4
SPACING, BETWEEN = (1.5, 0.75), 3.0
ROW, COLUMN = np.array([0.8, 0.6, 0.0]), np.array([-0.48, 0.64, 0.6])
NORMAL = np.cross(ROW, COLUMN)
ORIGIN = np.array([-31.5, 12.25, 40.0])


def images(folder, times):
    """Writes oblique slices at each time point; returns the datasets by time point and slice."""
    study, series, space = generate_uid(), generate_uid(), generate_uid()
    made = []
    for time in range(times):
        made.append([])
        for place in range(SLICES):
            d = pydicom.Dataset()
            d.file_meta = pydicom.dataset.FileMetaDataset()
            d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
            d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = study, series, space
            d.PatientID, d.PatientName, d.PatientBirthDate, d.PatientSex = "1", "Made^Up", "", "O"
            d.StudyID, d.AccessionNumber, d.ReferringPhysicianName = "", "", ""
            d.StudyDate, d.StudyTime, d.PositionReferenceIndicator = "20240101", "120000", ""
            d.Modality, d.SeriesNumber, d.InstanceNumber = "MR", 1, time * SLICES + place + 1
            d.TemporalPositionIdentifier, d.NumberOfTemporalPositions = time + 1, times
            d.ImagePositionPatient = [f"{v:.6f}" for v in ORIGIN + BETWEEN * place * NORMAL]
            d.ImageOrientationPatient = [*ROW, *COLUMN]
            d.PixelSpacing, d.SliceThickness, d.SpacingBetweenSlices = list(SPACING), BETWEEN, BETWEEN
            d.Rows, d.Columns, d.SamplesPerPixel, d.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME2"
            d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 16, 15, 0
            d.PixelData = np.full((ROWS, COLUMNS), 100 + place, np.uint16).tobytes()
            d.save_as(folder / f"t{time + 1}-s{place + 1}.dcm", enforce_file_format=True)
            made[-1].append(d)
    return made


def grids():
    """Name, size (frames, rows, columns), and the affine from its (frame, row, column) to the patient."""
    step = np.stack([BETWEEN * NORMAL, SPACING[0] * COLUMN, SPACING[1] * ROW], 1)

    def grid(name, size, first, steps, scale=(1, 1, 1)):
        affine = np.eye(4)
        affine[:3, :3] = step @ np.array(steps, float).T * scale
        affine[:3, 3] = ORIGIN + step @ np.array(first, float)
        return name, size, affine

    size, last = (SLICES, ROWS, COLUMNS), (SLICES - 1, ROWS - 1, COLUMNS - 1)
    s, r, c = np.eye(3)
    yield grid("same grid", size, (0, 0, 0), (s, r, c))
    yield grid("mirrored rows", size, (0, last[1], 0), (s, -r, c))
    yield grid("mirrored columns", size, (0, 0, last[2]), (s, r, -c))
    yield grid("rotated by 90 degrees", (SLICES, COLUMNS, ROWS), (0, 0, last[2]), (s, -c, r))
    yield grid("rotated by 180 degrees", size, (0, last[1], last[2]), (s, -r, -c))
    yield grid("frames reversed", size, (last[0], 0, 0), (-s, r, c))
    yield grid("other spacing", (SLICES, ROWS // 2, COLUMNS // 2), (0, 0.5, 0.5), (s, r, c), (1, 2, 2))
    yield grid("other slice spacing", (3, ROWS, COLUMNS), (0.25, 0, 0), (s, r, c), (2, 1, 1))


def noise(size):
    """Two labels without any symmetry, in blocks larger than a pixel."""
    random = np.random.default_rng(11).integers(0, 3, size)
    random[:, ::2] = random[:, 1::2] if size[1] % 2 == 0 else random[:, ::2]
    return random.astype(np.uint8)


def segmentation(path, sources, kind, size, affine, is_named):
    labels = noise(size)
    positions = [highdicom.PlanePositionSequence("PATIENT", affine[:3, 3] + k * affine[:3, 0]) for k in range(size[0])]
    unit = lambda v: v / np.linalg.norm(v)  # noqa: E731
    orientation = highdicom.PlaneOrientationSequence("PATIENT", [*unit(affine[:3, 2]), *unit(affine[:3, 1])])
    distance = float(np.linalg.norm(affine[:3, 0]))
    spacing = [float(np.linalg.norm(affine[:3, 1])), float(np.linalg.norm(affine[:3, 2]))]
    pixels = labels if kind == "LABELMAP" else np.stack([labels == 1, labels == 2], -1)
    if kind == "FRACTIONAL":
        pixels = np.where(pixels, 0.8, 0.3)
    algorithm = highdicom.AlgorithmIdentificationSequence("Test", codes.DCM.ArtificialIntelligence, "1")
    describe = lambda n: SegmentDescription(  # noqa: E731
        n, f"Label {n}", codes.SCT.Tissue, codes.SCT.Tissue, SegmentAlgorithmTypeValues.AUTOMATIC, algorithm
    )
    seg = Segmentation(
        sources, pixels.astype(np.float32) if kind == "FRACTIONAL" else pixels.astype(np.uint8), kind,
        [describe(1), describe(2)], generate_uid(), 9, generate_uid(), 1, "Labrum", "Test", "1", "1",
        pixel_measures=highdicom.PixelMeasuresSequence(spacing, distance, distance),
        plane_orientation=orientation, plane_positions=positions, omit_empty_frames=False,
    )  # fmt: skip
    # highdicom takes the slice spacing from the sources.
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.SliceThickness, measures.SpacingBetweenSlices = distance, distance
    seg.save_as(path)
    if not is_named:
        dataset = pydicom.dcmread(path)
        for name in ("ReferencedSeriesSequence", "SourceImageSequence"):
            if name in dataset:
                del dataset[name]
        for group in [*dataset.PerFrameFunctionalGroupsSequence, dataset.SharedFunctionalGroupsSequence[0]]:
            if "DerivationImageSequence" in group:
                del group.DerivationImageSequence
        dataset.save_as(path)


def by_highdicom(path, sources):
    """The labels of each slice: nearest neighbours by the affine of highdicom's volume."""
    seg = highdicom.seg.segread(path)
    volume = seg.get_volume(combine_segments=False, rescale_fractional=seg.SegmentationType == "FRACTIONAL")
    labels = np.zeros(volume.array.shape[:3], np.uint8)
    for n in (1, 2):
        labels[volume.array[..., n - 1] >= 0.5] = n
    into = np.linalg.inv(volume.affine)
    masks = []
    for source in sources:
        row, column = np.array(source.ImageOrientationPatient, float).reshape(2, 3)
        spacing = [float(v) for v in source.PixelSpacing]
        y, x = np.mgrid[: source.Rows, : source.Columns]
        at = np.array(source.ImagePositionPatient, float) + y[..., None] * spacing[0] * column + x[..., None] * spacing[1] * row
        index = np.floor(at @ into[:3, :3].T + into[:3, 3] + 0.5 + 1e-4).astype(int)
        inside = np.all((index >= 0) & (index < labels.shape), axis=-1)
        index = np.where(inside[..., None], index, 0)
        masks.append(np.where(inside, labels[tuple(np.moveaxis(index, -1, 0))], 0))
    return np.stack(masks)


def imported(path, folder, *more):
    """The labels by output file, or None after an error; and the program's messages."""
    with tempfile.TemporaryDirectory() as out:
        command = [PROGRAM, "import-masks", path, "--of", folder, "--out", out, *more]
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
        if done.returncode:
            return None, done.stderr.strip()
        return {p.stem: np.array(PIL.Image.open(p)) for p in pathlib.Path(out).glob("*.png")}, done.stderr.strip()


def is_right(masks, truth, time):
    names = {f"t{time}-s{place + 1}" for place in range(SLICES)}
    wanted = {name: truth[int(name[-1]) - 1] for name in names}
    empty = {name for name in names if not wanted[name].any()}
    return names - empty <= set(masks) <= names and all(np.array_equal(masks[n], wanted[n]) for n in masks)


def main():
    failures = 0

    def tell(what, problem):
        nonlocal failures
        failures += bool(problem)
        print(f"{what}: {problem or 'right'}")

    for kind in ("BINARY", "FRACTIONAL", "LABELMAP"):
        for name, size, affine in grids():
            for is_named in (True, False):
                with tempfile.TemporaryDirectory() as temporary:
                    folder, path = pathlib.Path(temporary) / "images", pathlib.Path(temporary) / "seg.dcm"
                    folder.mkdir()
                    sources = images(folder, 1)[0]
                    segmentation(path, sources, kind, size, affine, is_named)
                    masks, words = imported(path, folder)
                    what = f"{kind}, {name}, {'with' if is_named else 'without'} references"
                    problem = words if masks is None else None
                    if masks is not None and not is_right(masks, by_highdicom(path, sources), 1):
                        problem = f"different pixels ({words})"
                    if name.startswith("other") and not problem and not ("resampled" in words or "mm from the slices" in words):
                        problem = f"it does not say that it was resampled: {words}"
                    tell(what, problem)
        for is_named in (True, False):
            with tempfile.TemporaryDirectory() as temporary:
                folder, path = pathlib.Path(temporary) / "images", pathlib.Path(temporary) / "seg.dcm"
                folder.mkdir()
                sources = images(folder, TIMES)[2]
                _, size, affine = next(grids())
                segmentation(path, sources, kind, size, affine, is_named)
                truth = by_highdicom(path, sources)
                masks, words = imported(path, folder)
                problem = None
                if not is_named:
                    if masks is not None or "time 3 of 4" not in words:
                        problem = f"the time point was not asked for: {words}"
                    masks, words = imported(path, folder, "--time", "3")
                if not problem and (masks is None or not is_right(masks, truth, 3)):
                    problem = f"not only on the third time point ({words})"
                tell(f"{kind}, one time of four, {'with' if is_named else 'without'} references", problem)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
