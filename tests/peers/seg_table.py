#!/usr/bin/env python3
"""Segmentations of every kind and source, read by other programs, and a table of the results.

    tests/peers/seg_table.py write_seg read_seg [--write] [--more FILE_OR_FOLDER...]

Compares the table with docs/segmentation-objects.md, or writes it there with --write; sources added
by --more are not in it. Exit code 1 if a program does not read what was written, or if the table
differs.
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings

ARGUMENTS = sys.argv[1:]
MORE = ARGUMENTS[ARGUMENTS.index("--more") + 1 :] if "--more" in ARGUMENTS else []
sys.argv = [sys.argv[0], *ARGUMENTS[:2]]
from round_trip import (  # noqa: E402
    CODES, Wrong, check, check_dcmqi_reads, check_import, codes_of, pixels_by_highdicom, pixels_by_pydicom, run, tidied, write,
)  # fmt: skip
from check_seg import DIGITAL_XRAY, ROOT, ULTRASOUND_MULTI_FRAME, discs, errors_of, made  # noqa: E402

import highdicom  # noqa: E402
import numpy as np  # noqa: E402
import pydicom  # noqa: E402
from pydicom.sr._concepts_dict import concepts  # noqa: E402
from pydicom.uid import UID, generate_uid  # noqa: E402

warnings.simplefilter("ignore")
PAGE = ROOT / "docs/segmentation-objects.md"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
TEST_FILES = pathlib.Path(pydicom.__file__).parent / "data/test_files"
KINDS = ("BINARY", "FRACTIONAL", "LABELMAP")
COLUMNS = ("dciodvfy", "own checks", "pydicom", "highdicom", "DCMTK", "dcmqi", "Orthanc", "Labrum")


# Sources.


def tilted_mr(folder):
    """A synthetic Enhanced MR of six oblique frames that are not in spatial order."""
    rows, columns, frames = 21, 27, 6
    row = np.array([0.9, 0.3, -0.1])
    row /= np.linalg.norm(row)
    column = np.cross([0.2, -0.3, 0.9], row)
    column /= np.linalg.norm(column)
    normal = np.cross(row, column)
    measures, orientation = pydicom.Dataset(), pydicom.Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.75, 1.25], 3
    orientation.ImageOrientationPatient = [f"{v:.10f}" for v in (*row, *column)]
    shared = pydicom.Dataset()
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    groups = []
    for place in (3, 0, 5, 1, 4, 2):
        group, position, content = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        position.ImagePositionPatient = [f"{v:.6f}" for v in np.array([-20.5, 13.25, 40.0]) + 3.5 * place * normal]
        content.StackID, content.InStackPositionNumber, content.DimensionIndexValues = "1", place + 1, [1, place + 1]
        group.PlanePositionSequence, group.FrameContentSequence = [position], [content]
        groups.append(group)
    empty = dict.fromkeys(["PatientBirthDate", "AccessionNumber", "StudyID", "ReferringPhysicianName"], "")
    return made(
        folder, ENHANCED_MR, columns, rows, frames, Modality="MR", FrameOfReferenceUID=generate_uid(), **empty,
        PositionReferenceIndicator="", SharedFunctionalGroupsSequence=[shared], PerFrameFunctionalGroupsSequence=groups,
    )  # fmt: skip


def legacy(folder, sources, maker):
    """All slices as the frames of one instance, converted by highdicom."""
    datasets = [pydicom.dcmread(path) for path in sources]
    for dataset in datasets:
        # Attributes that the conversion needs and the samples lack.
        for name in ("AccessionNumber", "StudyID", "PatientBirthDate", "ReferringPhysicianName", "PatientSex"):
            dataset.setdefault(pydicom.datadict.tag_for_keyword(name), "")
            if name not in dataset:
                setattr(dataset, name, "")
        dataset.PatientSex = dataset.PatientSex or "O"
    converted = maker(datasets, generate_uid(), 7, generate_uid(), 1)
    path = folder / "legacy.dcm"
    converted.save_as(path)
    return [path]


def sources(folder):
    """Name and files of each source."""
    tidy = {}
    for name in ("sarcoma-ct", "cardiac-mr"):
        (folder / name).mkdir()
        tidy[name] = list(tidied(folder / name, sorted((ROOT / "assets/samples" / name).glob("*.dcm"))))
    yield "CT, 12 slices", tidy["sarcoma-ct"]
    yield "MR, one slice", [TEST_FILES / "MR_small.dcm"]
    yield "oblique MR, 12 slices", tidy["cardiac-mr"]
    (folder / "ct").mkdir(), (folder / "mr").mkdir()
    yield "enhanced CT (legacy converted), 12 frames", legacy(
        folder / "ct", tidy["sarcoma-ct"], highdicom.legacy.LegacyConvertedEnhancedCTImage
    )
    yield "enhanced MR (legacy converted), 12 oblique frames", legacy(
        folder / "mr", tidy["cardiac-mr"], highdicom.legacy.LegacyConvertedEnhancedMRImage
    )
    yield "enhanced MR, 6 oblique frames out of order", tilted_mr(folder)
    empty = dict.fromkeys(["PatientBirthDate", "AccessionNumber", "StudyID", "ReferringPhysicianName"], "")
    yield "ultrasound, 30 frames in colour", [TEST_FILES / "examples_ybr_color.dcm"]
    yield "ultrasound, 5 frames of 13x11", made(folder, ULTRASOUND_MULTI_FRAME, 13, 11, 5, **empty)
    yield "ultrasound, one frame", [TEST_FILES / "examples_palette.dcm"]
    yield "digital X-ray", made(folder, DIGITAL_XRAY, 35, 29, 1, Modality="DX", ImagerPixelSpacing=[0.2, 0.2], **empty)
    yield "computed radiography", [TEST_FILES / "dicomdirtests/77654033/CR1/6154"]
    yield "secondary capture in colour", [TEST_FILES / "SC_rgb_rle.dcm"]


def more(folder):
    for path in map(pathlib.Path, MORE):
        for file in sorted(path.rglob("*.dcm")) if path.is_dir() else [path]:
            yield file.name, [file]


# Checks.


def groups_of(dataset, frame):
    """The functional groups of a frame, per frame or shared; else the dataset itself."""
    if "SharedFunctionalGroupsSequence" not in dataset:
        return {"PlanePosition": dataset, "PlaneOrientation": dataset, "PixelMeasures": dataset}
    found = {}
    for name in ("PlanePosition", "PlaneOrientation", "PixelMeasures"):
        for group in (dataset.PerFrameFunctionalGroupsSequence[frame], dataset.SharedFunctionalGroupsSequence[0]):
            if f"{name}Sequence" in group and name not in found:
                found[name] = group[f"{name}Sequence"].value[0]
    return found


def own_checks(dataset, order):
    """Checks beyond those of dciodvfy."""
    files = {path: pydicom.dcmread(path, stop_before_pixels=True) for path, _ in order}
    first = files[order[0][0]]
    has_space = "ImagePositionPatient" in first or (
        "SharedFunctionalGroupsSequence" in first and "PlanePosition" in groups_of(first, 0)
    )
    for name in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate", "AccessionNumber"):
        check(str(dataset.get(name, "")) == str(first.get(name, "") or ""), f"{name} is not the source's")
    check((dataset.Rows, dataset.Columns) == (first.Rows, first.Columns), "size")
    check(("FrameOfReferenceUID" in dataset) == has_space, "frame of reference without image positions, or the other way round")
    if has_space:
        check(dataset.FrameOfReferenceUID == first.FrameOfReferenceUID, "wrong frame of reference")
    check_codes(dataset)
    per_frame = dataset.PerFrameFunctionalGroupsSequence
    check(len(per_frame) == dataset.NumberOfFrames, "number of functional groups")
    expected = len(order) * (1 if dataset.SegmentationType == "LABELMAP" else len(list(codes_of(dataset))))
    check(dataset.NumberOfFrames == expected, f"{dataset.NumberOfFrames} frames, not {expected}")
    referenced = set()
    for number, group in enumerate(per_frame):
        place = group.FrameContentSequence[0].InStackPositionNumber - 1
        path, frame = order[place]
        source = files[path]
        image = group.DerivationImageSequence[0].SourceImageSequence[0]
        named = (image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID, int(image.get("ReferencedFrameNumber", 1)))
        check(named == (source.SOPClassUID, source.SOPInstanceUID, frame + 1), f"frame {number} refers to {named}")
        check(("ReferencedFrameNumber" in image) == (int(source.get("NumberOfFrames", 1)) > 1), "frame number")
        referenced.add((source.SeriesInstanceUID, image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID))
        if has_space:
            ours, theirs = groups_of(dataset, number), groups_of(source, frame)
            for where, name, off in (
                ("PlanePosition", "ImagePositionPatient", 1e-4),
                ("PlaneOrientation", "ImageOrientationPatient", 1e-5),
                ("PixelMeasures", "PixelSpacing", 1e-5),
            ):
                a, b = (np.array(g[where].get(name), float) for g in (ours, theirs))
                check(np.allclose(a, b, atol=off), f"{name} of frame {number} is {a}, the source's {b}")
        else:
            check("PlanePositionSequence" not in group, "an image position for a source without one")
    listed = {
        (series.SeriesInstanceUID, instance.ReferencedSOPClassUID, instance.ReferencedSOPInstanceUID)
        for series in dataset.ReferencedSeriesSequence
        for instance in series.ReferencedInstanceSequence
    }
    check(listed == referenced, "the referenced instances are not those that the frames refer to")
    if has_space and len(order) > 1:
        check_spacing(dataset)
    check_dimensions(dataset)
    check(not has_space or "PatientOrientation" not in dataset, "an orientation that must not be there")
    check(has_space or dataset["PatientOrientation"].is_empty, "PatientOrientation")


def check_codes(dataset):
    """Every code has its meaning in pydicom's dictionary of PS3.16."""
    known = {}
    for scheme, names in concepts.items():
        for values in names.values():
            for value, (meaning, _) in values.items():
                known.setdefault((scheme, value), set()).add(meaning.lower())
    found = 0
    for element in dataset.iterall():
        # The source itself describes in these codes how it was de-identified.
        if element.keyword == "DeidentificationMethodCodeSequence":
            continue
        if element.VR != "SQ" or not element.keyword.endswith("CodeSequence"):
            continue
        for item in element.value:
            if "CodeValue" in item:
                found += 1
                expected = known.get((item.CodingSchemeDesignator, item.CodeValue), set())
                check(item.CodeMeaning.lower() in expected, f"{item.CodeValue} {item.CodingSchemeDesignator} means {expected}, not {item.CodeMeaning}")
    check(found > 4, "there are hardly any codes")


def check_spacing(dataset):
    normal = None
    places = {}
    for number, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        groups = groups_of(dataset, number)
        row, column = np.split(np.array(groups["PlaneOrientation"].ImageOrientationPatient, float), 2)
        normal = np.cross(row, column) if normal is None else normal
        at = np.array(groups["PlanePosition"].ImagePositionPatient, float) @ normal
        places[group.FrameContentSequence[0].InStackPositionNumber] = at
    gaps = np.abs(np.diff([places[key] for key in sorted(places)]))
    said = float(groups_of(dataset, 0)["PixelMeasures"].SpacingBetweenSlices)
    check(np.allclose(np.median(gaps), said, atol=1e-3), f"Spacing Between Slices {said}, slices are {np.median(gaps)} apart")


def check_dimensions(dataset):
    """Each dimension index numbers the values of its attribute from 1, one index per value."""
    organizations = {item.DimensionOrganizationUID for item in dataset.DimensionOrganizationSequence}
    for i, dimension in enumerate(dataset.DimensionIndexSequence):
        check(dimension.DimensionOrganizationUID in organizations, "dimension organization")
        by_index = {}
        for group in dataset.PerFrameFunctionalGroupsSequence:
            index = group.FrameContentSequence[0].DimensionIndexValues
            index = index if isinstance(index, (list, pydicom.multival.MultiValue)) else [index]
            check(len(index) == len(dataset.DimensionIndexSequence), "number of dimension indices")
            value = str(group[dimension.FunctionalGroupPointer].value[0][dimension.DimensionIndexPointer].value)
            by_index.setdefault(index[i], set()).add(value)
        check(sorted(by_index) == list(range(1, len(by_index) + 1)), "indices do not count from 1")
        check(all(len(values) == 1 for values in by_index.values()), "one index for different values")
        check(len({min(v) for v in by_index.values()}) == len(by_index), "different indices for one value")


def pixels_by_dcmtk(folder, path, dataset, shape, kind):
    """The pixels as written by dcmdump, after dcmdrle if they are compressed."""
    plain = folder / "plain.dcm"
    if dataset.file_meta.TransferSyntaxUID == pydicom.uid.RLELossless:
        run("dcmdrle", path, plain)
    else:
        shutil.copy(path, plain)
    (folder / "dcmtk").mkdir()
    run("dcmdump", "-q", "+W", folder / "dcmtk", plain)
    (raw,) = (folder / "dcmtk").glob("*.raw")
    data = np.fromfile(raw, np.uint8)
    frames = int(dataset.NumberOfFrames)
    pixels = frames * shape[1] * shape[2]
    values = np.unpackbits(data, bitorder="little")[:pixels] if kind == "BINARY" else data[:pixels]
    values = values.reshape(frames, *shape[1:])
    # pydicom assigns the frames to slices; the pixels come from DCMTK.
    return pixels_by_pydicom(Frames(dataset, values), shape, kind)


class Frames:
    """A dataset with other pixels."""

    def __init__(self, dataset, pixels):
        self.dataset, self.pixel_array = dataset, pixels

    def __getattr__(self, name):
        return getattr(self.dataset, name)


# Orthanc.


class Orthanc:
    """An Orthanc server with the DICOMweb plugin and its own folder."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        plugins = [p for p in pathlib.Path("/usr").glob("**/libOrthancDicomWeb.so")]
        settings = {
            "Name": "test", "StorageDirectory": str(folder / "storage"), "IndexDirectory": str(folder / "storage"),
            "HttpPort": self.port, "DicomServerEnabled": False, "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False, "Plugins": [str(plugins[0])], "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            "OverwriteInstances": True, "HttpsCACertificates": "",
        }  # fmt: skip
        config = folder / "orthanc.json"
        config.write_text(json.dumps(settings))
        binary = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
        self.log = open(folder / "orthanc.log", "wb")
        self.process = subprocess.Popen([binary, str(config)], stdout=self.log, stderr=self.log)
        self.web = f"http://127.0.0.1:{self.port}/dicom-web"
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/system", timeout=5).read()
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        raise Wrong("Orthanc does not start: " + (folder / "orthanc.log").read_text()[-500:])

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()

    def there_and_back(self, path):
        """Stores a file by STOW-RS and returns its bytes as retrieved by WADO-RS."""
        data, edge = path.read_bytes(), b"edge-of-a-part"
        body = b"--" + edge + b"\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n--" + edge + b"--\r\n"
        kind = f'multipart/related; type="application/dicom"; boundary={edge.decode()}'
        ask = urllib.request.Request(f"{self.web}/studies", body, {"Content-Type": kind, "Accept": "application/dicom+json"})
        answer = json.loads(urllib.request.urlopen(ask, timeout=60).read())
        refused = answer.get("00081198", {}).get("Value")
        check("00081199" in answer and not refused, f"Orthanc refuses it: {answer}")
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        where = f"{self.web}/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}/instances/{dataset.SOPInstanceUID}"
        ask = urllib.request.Request(where, headers={"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'})
        answer = urllib.request.urlopen(ask, timeout=60)
        edge = answer.headers["Content-Type"].split("boundary=")[1].split(";")[0].strip('"').encode()
        part = answer.read().split(b"--" + edge)[1]
        return part.split(b"\r\n\r\n", 1)[1][: -len(b"\r\n")]


# The table.


def expected_of(kind, masks, count):
    """The input of write_seg, and what other programs must read."""
    if kind != "FRACTIONAL":
        return masks, masks
    rng = np.random.default_rng(5)
    high, low = rng.integers(128, 256, masks.shape), rng.integers(0, 128, masks.shape)
    given = np.stack([np.where(masks == n, high, low // 2) for n in range(1, count + 1)]).astype(np.uint8)
    return given, given


def row(folder, orthanc, files, kind, flags):
    """A cell for each of COLUMNS."""
    first = pydicom.dcmread(files[0], stop_before_pixels=True)
    slices = len(files) if len(files) > 1 else int(first.get("NumberOfFrames", 1))
    count = 3
    masks = discs(slices, first.Rows, first.Columns, count)
    given, expected = expected_of(kind, masks, count)
    kind_flag = {"BINARY": [], "FRACTIONAL": ["--fractional"], "LABELMAP": ["--labelmap"]}[kind]
    path, order = write(folder, files, given, *kind_flag, *flags)
    dataset = pydicom.dcmread(path)

    def cell(look):
        try:
            return look() or "same"
        except Exception as error:  # noqa: BLE001: the other programs are tried anyway
            return f"WRONG: {type(error).__name__ if not isinstance(error, Wrong) else ''} {error}".replace("\n", " ")[:300]

    def dciodvfy():
        errors = errors_of(path)
        check(not errors, "; ".join(errors))
        return "0 errors"

    def own():
        if not flags or flags == ["--rle"]:
            own_checks(dataset, order)
        else:
            check_codes(dataset)
            check_dimensions(dataset)
        return "pass"

    def by_pydicom():
        check(dataset.SegmentationType == kind, f"it is {dataset.SegmentationType}")
        check(list(codes_of(dataset)) == CODES[:count], "different codes")
        check(np.array_equal(pixels_by_pydicom(dataset, masks.shape, kind), expected), "different pixels")

    def by_highdicom():
        found = pixels_by_highdicom(path, order, masks.shape, kind, count)
        check(np.array_equal(found, expected), "different pixels")

    def by_dcmtk():
        found = pixels_by_dcmtk(folder, path, dataset, masks.shape, kind)
        check(np.array_equal(found, expected), "different pixels")

    def by_dcmqi():
        if kind == "FRACTIONAL":
            return "knows none"
        if "FrameOfReferenceUID" not in dataset:
            return "wants a place"
        check_dcmqi_reads(folder, path, masks, count)

    def by_orthanc():
        if orthanc is None:
            return "not there"
        back = orthanc.there_and_back(path)
        if back == path.read_bytes():
            return "same bytes"
        (folder / "back.dcm").write_bytes(back)
        other = pydicom.dcmread(folder / "back.dcm")
        check(other == dataset and other.file_meta.TransferSyntaxUID == dataset.file_meta.TransferSyntaxUID, "different dataset")

    def by_labrum():
        check_import(folder, path, files, masks, count, "its own file")

    looks = (dciodvfy, own, by_pydicom, by_highdicom, by_dcmtk, by_dcmqi, by_orthanc, by_labrum)
    return [cell(look) for look in looks]


HEAD = """# Segmentation objects

What other programs see of the DICOM-SEG files that Labrum writes. `tests/peers/seg_table.py` makes this page and fails where a
file is seen otherwise; `.ci/run` runs it. Three segments with codes, one of them on the left, one drawn by hand; masks of discs of
random size, with empty slices at both ends; the probabilities of FRACTIONAL are random.

- **dciodvfy**: errors that `dciodvfy -new -allpffgitems` finds (dicom3tools).
- **own checks**: what dciodvfy does not look at. Dimension indices count what they point at; codes mean what they say (PS3.16);
  frame of reference, positions, orientation and pixel spacing are the source's; each frame refers to its instance and frame; the
  list of referenced instances is exactly that; the distance between slices; patient and study.
- **pydicom, highdicom, DCMTK, dcmqi, Labrum**: the pixels, each segment and slice found by what the file says of its frames.
  highdicom finds them by source instance and frame (by position where there is no source). dcmqi reads no FRACTIONAL, and
  nothing without a place in space: for Slicer and OHIF there is the option of a synthetic one (rows "for viewers").
- **Orthanc**: sent with STOW-RS, fetched with WADO-RS.

Legacy converted sources are the slices above, converted by highdicom. "RLE" is the option to compress without loss, which DICOM has
for LABELMAP and FRACTIONAL only.

"""


def main():
    table, failed = [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        orthanc = None
        if shutil.which("Orthanc") or pathlib.Path("/usr/sbin/Orthanc").exists():
            (folder / "orthanc").mkdir()
            orthanc = Orthanc(folder / "orthanc")
        elif os.environ.get("CI"):
            print("Orthanc is not installed")
            return 1
        (folder / "sources").mkdir()
        cases = [(title, files, kind, []) for title, files in sources(folder / "sources") for kind in KINDS]
        by_title = {title: files for title, files, _, _ in cases}
        viewers = [t for t in by_title if t.startswith(("ultrasound, 5", "digital X-ray"))]
        cases += [(f"{t}, for viewers", by_title[t], kind, ["--synthetic-geometry"]) for t in viewers for kind in KINDS]
        packed = ["CT, 12 slices", "ultrasound, 5 frames of 13x11"]
        cases += [(f"{t}, RLE", by_title[t], kind, ["--rle"]) for t in packed for kind in KINDS[1:]]
        extra = [(title, files, kind, []) for title, files in more(folder) for kind in KINDS]
        try:
            for i, (title, files, kind, flags) in enumerate(cases + extra):
                at = folder / str(i)
                at.mkdir()
                try:
                    cells = row(at, orthanc, files, kind, flags)
                except Wrong as error:
                    cells = [f"WRONG: {error}"] + ["-"] * (len(COLUMNS) - 1)
                shutil.rmtree(at)
                wrong = [f"{c}: {v}" for c, v in zip(COLUMNS, cells) if v.startswith("WRONG")]
                failed += bool(wrong)
                print(f"  {title}: {kind}: {'; '.join(wrong) or 'ok'}", flush=True)
                if i < len(cases):
                    dataset = pydicom.dcmread(files[0], stop_before_pixels=True)
                    name = UID(dataset.SOPClassUID).name.removesuffix(" Storage")
                    table.append([title, name, kind, *cells])
        finally:
            if orthanc:
                orthanc.close()
    lines = [["source", "SOP class", "kind", *COLUMNS], ["---"] * (3 + len(COLUMNS)), *table]
    page = HEAD + "".join(f"| {' | '.join(line)} |\n" for line in lines)
    if "--write" in ARGUMENTS:
        PAGE.write_text(page)
    elif not PAGE.exists() or PAGE.read_text() != page:
        print(f"  {PAGE.name} is out of date; {sys.argv[0]} ... --write updates it")
        failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
