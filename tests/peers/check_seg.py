#!/usr/bin/env python3
"""Checks DICOM segmentations that Labrum writes: dciodvfy finds no error, pydicom and highdicom find the same pixels.

    tests/peers/check_seg.py [target/release/examples/write_seg]

Without an argument the example is built first. Sources are the bundled samples and files made here:
multi-frame ultrasound, an X-ray, images whose pixel count is not a multiple of 8, sources that lack
or violate what the standard requires. Exit code 1 if something is wrong.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import highdicom
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

warnings.simplefilter("ignore")
ROOT = pathlib.Path(__file__).resolve().parents[2]
ULTRASOUND_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"
DIGITAL_XRAY = "1.2.840.10008.5.1.4.1.1.1.1"
# dciodvfy reports this for invalid UIDs of the source, which must be referenced unchanged.
NOT_OURS = "Leading zeroes in embedded numeric component"


def example():
    """The program that writes given masks."""
    if len(sys.argv) > 1:
        return sys.argv[1]
    subprocess.run(["cargo", "build", "--release", "--quiet", "--example", "write_seg"], cwd=ROOT, check=True)
    return str(ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release/examples/write_seg")


def made(folder, sop_class, columns, rows, frames, **attributes):
    """Writes a greyscale DICOM file without geometry; attributes override or, with None, remove."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.PatientName, dataset.PatientID, dataset.PatientSex = "Doe^Jane", "4711", "F"
    dataset.StudyDate, dataset.StudyTime, dataset.Modality = "20240131", "101112", "US"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = rows, columns, frames
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    pixels = np.random.default_rng(1).integers(0, 255, rows * columns * frames, np.uint8).tobytes()
    dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)
    for name, value in attributes.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    path = folder / f"{columns}x{rows}x{frames}-{len(list(folder.iterdir()))}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return [path]


def discs(slices, rows, columns, labels):
    """Masks with a disc of each label; of three or more slices, both ends stay empty."""
    rng = np.random.default_rng(slices * rows + columns)
    y, x = np.mgrid[:rows, :columns]
    masks = np.zeros((slices, rows, columns), np.uint8)
    for i in range(slices):
        for label in range(1, labels + 1):
            if slices < 3 or 0 < i < slices - 1:
                radius = rng.uniform(0.7, max(1, min(rows, columns) / 3))
                masks[i][(y - rng.uniform(0, rows)) ** 2 + (x - rng.uniform(0, columns)) ** 2 < radius**2] = label
    # All labels occur, so that the number of segments is known.
    masks[slices // 2].flat[:labels] = range(1, labels + 1)
    return masks


def errors_of(path):
    """Errors that dciodvfy reports."""
    run = subprocess.run(
        ["dciodvfy", "-new", "-allpffgitems", str(path)], capture_output=True, text=True, errors="replace"
    )
    lines = (run.stderr + run.stdout).splitlines()
    return [line for line in lines if line.startswith("Error") and NOT_OURS not in line]


def by_pydicom(dataset, masks, order):
    """Errors in the frames, their references and their dimension indices, as read by pydicom."""
    pixels = dataset.pixel_array.reshape(-1, *masks.shape[1:])
    found = np.zeros_like(masks)
    for frame, groups in zip(pixels, dataset.PerFrameFunctionalGroupsSequence):
        content = groups.FrameContentSequence[0]
        segment = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        place = content.InStackPositionNumber - 1
        values = content.DimensionIndexValues
        if values[0] != segment or values[-1] != place + 1 or len(values) != len(dataset.DimensionIndexSequence):
            yield f"dimension index {values} of segment {segment} at position {place + 1}"
        if "DerivationImageSequence" in groups:
            image = groups.DerivationImageSequence[0].SourceImageSequence[0]
            path, number = order[place]
            source = pydicom.dcmread(path, stop_before_pixels=True)
            named = (image.ReferencedSOPInstanceUID, int(image.get("ReferencedFrameNumber", 1)))
            if named != (source.SOPInstanceUID, number + 1):
                yield f"a frame refers to {named}"
            if "PlanePositionSequence" in groups and "ImagePositionPatient" in source:
                position = groups.PlanePositionSequence[0].ImagePositionPatient
                if not np.allclose(position, source.ImagePositionPatient, atol=1e-3):
                    yield f"a frame lies at {position}, not at {source.ImagePositionPatient}"
        found[place][frame > 0] = segment
    if not np.array_equal(found, masks):
        yield "pydicom reads different pixels"


def by_highdicom(path, masks, order):
    """The masks as highdicom finds them by source image or, if there is none, by position."""
    seg = highdicom.seg.segread(path)
    how = {"combine_segments": True, "ignore_spatial_locations": True, "assert_missing_frames_are_empty": True}
    if "ReferencedSeriesSequence" not in seg:
        found = seg.get_volume(combine_segments=True).array
        # The direction of the first axis is a matter of convention.
        return found if np.array_equal(found, masks) else found[::-1]
    uids = [pydicom.dcmread(source, stop_before_pixels=True).SOPInstanceUID for source, _ in order]
    if len(set(uids)) == len(uids):
        return seg.get_pixels_by_source_instance(uids, **how)
    return seg.get_pixels_by_source_frame(uids[0], [frame + 1 for _, frame in order], **how)


def problems(program, folder, sources, size, labels, flags):
    """All errors in the segmentation of one series."""
    masks = discs(*size, labels)
    raw, out = folder / "labels.raw", folder / "out.seg.dcm"
    masks.tofile(raw)
    run = subprocess.run([program, *flags, out, raw, *sources], capture_output=True, text=True)
    if run.returncode:
        return [run.stderr.strip()]
    order = json.loads(run.stdout)
    dataset = pydicom.dcmread(out)
    found = errors_of(out) + list(by_pydicom(dataset, masks, order))
    if not np.array_equal(by_highdicom(out, masks, order).reshape(masks.shape), masks):
        found.append("highdicom reads different pixels")
    return found


def cases(folder):
    """Name, sources, (slices, rows, columns), labels, flags."""
    samples = ROOT / "assets/samples"
    for name in ("sarcoma-ct", "cardiac-mr"):
        sources = sorted((samples / name).glob("*.dcm"))
        header = pydicom.dcmread(sources[0], stop_before_pixels=True)
        size = (len(sources), header.Rows, header.Columns)
        yield name, sources, size, 2, []
        yield f"{name} without empty frames", sources, size, 1, ["--skip-empty-frames"]
    picture = sorted((samples / "fetal-head").glob("*.png"))[0]
    import PIL.Image

    columns, rows = PIL.Image.open(picture).size
    yield "picture", [picture], (1, rows, columns), 1, ["--manual"]
    for columns, rows, frames in ((64, 48, 4), (7, 5, 3), (13, 11, 5), (33, 31, 3), (1, 9, 4)):
        source = made(folder, ULTRASOUND_MULTI_FRAME, columns, rows, frames)
        yield f"ultrasound {columns}x{rows}x{frames}", source, (frames, rows, columns), 3, []
    yield "ultrasound for viewers", source, (frames, rows, columns), 2, ["--synthetic-geometry"]
    xray = {"Modality": "DX", "ImagerPixelSpacing": [0.2, 0.2]}
    yield "X-ray", made(folder, DIGITAL_XRAY, 35, 29, 1, **xray), (1, 29, 35), 2, []
    yield "X-ray for viewers", made(folder, DIGITAL_XRAY, 35, 29, 1, **xray), (1, 29, 35), 2, ["--synthetic-geometry"]
    lossy = {"LossyImageCompression": "01", "PatientName": "Müller^Anna", "SpecificCharacterSet": "ISO_IR 100"}
    yield "lossy source", made(folder, ULTRASOUND_MULTI_FRAME, 9, 7, 3, **lossy), (3, 7, 9), 2, []
    poor = {"StudyDate": None, "StudyTime": None, "PatientID": None, "PatientName": None, "PatientSex": ""}
    yield "poor source", made(folder, ULTRASOUND_MULTI_FRAME, 9, 7, 3, **poor), (3, 7, 9), 2, []
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    odd = {"PatientSex": "FEMALE", "StudyDate": "2024.01.31", "PatientAge": "34 years", "StudyID": "x" * 40}
    yield "odd source", made(folder, ULTRASOUND_MULTI_FRAME, 9, 7, 3, **odd), (3, 7, 9), 2, []


def main():
    program, failed = example(), 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for title, sources, size, labels, flags in cases(folder):
            found = problems(program, folder, sources, size, labels, flags)
            print(f"  {title}: {'; '.join(found) or 'ok'}")
            failed += bool(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
