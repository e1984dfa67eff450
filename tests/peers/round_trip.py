#!/usr/bin/env python3
"""Sends masks through Labrum and through highdicom, pydicom and dcmqi, both ways: same pixels, same codes.

    tests/peers/round_trip.py write_seg read_seg

Sources: the bundled CT and MR (one file per slice), multi-frame ultrasound with and without
geometry, and a PNG image. dcmqi needs a geometry: for sources without one, it only reads files with
Labrum's synthetic geometry. Exit code 1 if something differs.
"""
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import dcmqi
import highdicom
import numpy as np
import PIL.Image
import pydicom
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentDescription
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

sys.argv, arguments = sys.argv[:1], sys.argv[1:]
from check_seg import ROOT, ULTRASOUND_MULTI_FRAME, discs, errors_of, made  # noqa: E402

warnings.simplefilter("ignore")
WRITE, READ = arguments
DCMQI = pathlib.Path(dcmqi.__file__).parent / "bin"
NUMBERS = ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")
ABNORMAL = ("49755003", "SCT", "Morphologically Abnormal Structure")
ANATOMY = ("91723000", "SCT", "Anatomical Structure")
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
ENHANCED_ULTRASOUND_VOLUME = "1.2.840.10008.5.1.4.1.1.6.2"
LEFT = ("7771000", "SCT", "Left")
# Category, type and modifiers of labels 1, 2, 3, as the example write_seg gives them.
CODES = [
    (ABNORMAL, ("4147007", "SCT", "Mass"), []),
    (ANATOMY, ("64033007", "SCT", "Kidney"), [LEFT]),
    (ANATOMY, ("10200004", "SCT", "Liver"), []),
]


class Wrong(Exception):
    """A difference."""


def check(same, what):
    if not same:
        raise Wrong(what)


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    check(done.returncode == 0, f"{pathlib.Path(str(command[0])).name}: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout


def write(folder, sources, masks, *flags):
    """Writes masks or probabilities with Labrum; returns the file and the order of the slices."""
    raw, out = folder / "in.raw", folder / "labrum.seg.dcm"
    masks.tofile(raw)
    return out, json.loads(run(WRITE, *flags, out, raw, *sources))


def read(folder, path, sources, shape):
    """Masks and report of an import by Labrum."""
    raw = folder / "out.raw"
    report = json.loads(run(READ, path, raw, *sources))
    return np.fromfile(raw, np.uint8).reshape(shape), report


def item(sequence):
    return tuple(str(sequence[0].get(name)) for name in NUMBERS)


def codes_of(dataset):
    """Category, type and modifiers of every segment except background."""
    for segment in dataset.SegmentSequence:
        if segment.SegmentNumber:
            kind = segment.SegmentedPropertyTypeCodeSequence
            modifiers = kind[0].get("SegmentedPropertyTypeModifierCodeSequence") or []
            yield item(segment.SegmentedPropertyCategoryCodeSequence), item(kind), [item([m]) for m in modifiers]


def codes_in(report):
    """The same for labels imported by Labrum."""
    three = lambda code: (code["value"], code["scheme"], code["meaning"])  # noqa: E731
    for label in report["labels"]:
        yield three(label["category"]), three(label["concept"]), [three(m) for m in label.get("modifiers", [])]


def check_import(folder, path, sources, masks, count, what):
    found, report = read(folder, path, sources, masks.shape)
    check(np.array_equal(found, masks), f"Labrum reads different pixels from {what}")
    check(list(codes_in(report)) == CODES[:count], f"Labrum reads different codes from {what}: {list(codes_in(report))}")


def in_order(order):
    """The source datasets in slice order; a multi-frame file only once."""
    paths = list(dict.fromkeys(path for path, _ in order))
    return [pydicom.dcmread(path) for path in paths]


# Labrum to others.


def pixels_by_pydicom(dataset, shape, kind):
    """The values of the frames by slice (and segment), found by their position in the stack."""
    pixels = dataset.pixel_array.reshape(-1, *shape[1:])
    count = len(list(codes_of(dataset)))
    found = np.zeros((count, *shape) if kind == "FRACTIONAL" else shape, np.uint8)
    for frame, groups in zip(pixels, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        place = groups.FrameContentSequence[0].InStackPositionNumber - 1
        if kind == "LABELMAP":
            found[place] = frame
            continue
        segment = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        if kind == "BINARY":
            found[place][frame > 0] = segment
        else:
            found[segment - 1][place] = frame
    return found


def pixels_by_highdicom(path, order, shape, kind, count):
    seg = highdicom.seg.segread(path)
    if "ReferencedSeriesSequence" not in seg:
        found = seg.get_volume(combine_segments=kind != "FRACTIONAL", rescale_fractional=False).array
        found = np.moveaxis(found, -1, 0) if kind == "FRACTIONAL" else found
        return found.reshape(count, *shape) if kind == "FRACTIONAL" else found.reshape(shape)
    how = {"ignore_spatial_locations": True, "assert_missing_frames_are_empty": True}
    how |= {"rescale_fractional": False} if kind == "FRACTIONAL" else {"combine_segments": True}
    datasets = in_order(order)
    uids = [d.SOPInstanceUID for d in datasets]
    if len(uids) == len(order):
        found = seg.get_pixels_by_source_instance(uids, **how)
    else:
        found = seg.get_pixels_by_source_frame(uids[0], [frame + 1 for _, frame in order], **how)
    return np.moveaxis(found, -1, 0) if kind == "FRACTIONAL" else found


def nrrd(path):
    """The array of an NRRD file (slice, row, column), its origin and its direction vectors."""
    data = path.read_bytes()
    head, _, body = data.partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
    if fields["encoding"] == "gzip":
        import gzip

        body = gzip.decompress(body)
    sizes = [int(n) for n in fields["sizes"].split()]
    kind = {"unsigned char": np.uint8, "uint8": np.uint8, "short": np.int16, "unsigned short": np.uint16}[fields["type"]]
    vectors = [[float(v) for v in part.strip("()").split(",")] for part in fields["space directions"].split()]
    origin = [float(v) for v in fields["space origin"].strip("()").split(",")]
    return np.frombuffer(body, kind).reshape(sizes[::-1]), np.array(origin), np.array(vectors)


def check_dcmqi_reads(folder, path, masks, count):
    """segimage2itkimage makes one volume, maybe with slices reversed and without empty ends."""
    out = folder / "itk"
    out.mkdir()
    run(DCMQI / "segimage2itkimage", "--inputDICOM", path, "--outputDirectory", out, "--mergeSegments")
    (volume,) = out.glob("*.nrrd")
    array, origin, vectors = nrrd(volume)
    dataset = pydicom.dcmread(path)
    found = np.zeros_like(masks)
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        place = groups.FrameContentSequence[0].InStackPositionNumber - 1
        offset = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float) - origin
        index = round(offset @ vectors[2] / (vectors[2] @ vectors[2]))
        if 0 <= index < len(array):
            found[place] = array[index]
    check(np.array_equal(found, masks), "dcmqi reads different pixels")
    (meta,) = out.glob("*.json")
    segments = [one for group in json.loads(meta.read_text())["segmentAttributes"] for one in group]
    segments = sorted((s for s in segments if s["labelID"]), key=lambda s: s["labelID"])
    three = lambda code: tuple(code[name] for name in NUMBERS)  # noqa: E731
    kinds = [(three(s["SegmentedPropertyCategoryCodeSequence"]), three(s["SegmentedPropertyTypeCodeSequence"])) for s in segments]
    check(kinds == [(a, b) for a, b, _ in CODES[:count]], f"dcmqi reads different codes: {kinds}")


def out_and_back(folder, sources, masks, count, kind, flags):
    """Labrum's file, read by dciodvfy, pydicom, highdicom, dcmqi and Labrum itself."""
    given, expected = masks, masks
    if kind == "FRACTIONAL":
        rng = np.random.default_rng(5)
        high, low = rng.integers(128, 256, masks.shape), rng.integers(0, 128, masks.shape)
        given = np.stack([np.where(masks == n, high, low // 2) for n in range(1, count + 1)]).astype(np.uint8)
        flags, expected = [*flags, "--fractional"], given
    elif kind == "LABELMAP":
        flags = [*flags, "--labelmap"]
    path, order = write(folder, sources, given, *flags)
    dataset = pydicom.dcmread(path)
    check(dataset.SegmentationType == kind, f"it is {dataset.SegmentationType}")
    check(not errors_of(path), f"dciodvfy: {errors_of(path)}")
    check(list(codes_of(dataset)) == CODES[:count], f"pydicom reads different codes: {list(codes_of(dataset))}")
    types = [s.SegmentAlgorithmType for s in dataset.SegmentSequence if s.SegmentNumber]
    check(types == ["AUTOMATIC", "AUTOMATIC", "MANUAL"][:count], f"algorithm types {types}")
    check(np.array_equal(pixels_by_pydicom(dataset, masks.shape, kind), expected), "pydicom reads different pixels")
    by_highdicom = pixels_by_highdicom(path, order, masks.shape, kind, count)
    axis = 1 if kind == "FRACTIONAL" else 0
    # The direction of the first axis of a volume is a matter of convention.
    same = [np.array_equal(turned, expected) for turned in (by_highdicom, np.flip(by_highdicom, axis))]
    check(same[0] or ("ReferencedSeriesSequence" not in dataset and same[1]), "highdicom reads different pixels")
    check_import(folder, path, sources, masks, count, "its own file")
    # dcmqi supports neither FRACTIONAL nor files without image positions.
    if kind != "FRACTIONAL" and "FrameOfReferenceUID" in dataset:
        check_dcmqi_reads(folder, path, masks, count)
    return path, order


# Others to Labrum.


def from_highdicom(folder, sources, masks, count, kind, order, omit, syntax=ExplicitVRLittleEndian):
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name="test", version="1", family=Code("123110", "DCM", "Artificial Intelligence")
    )
    described = []
    for n, (category, concept, modifiers) in enumerate(CODES[:count], 1):
        one = SegmentDescription(
            n, f"Segment {n}", Code(*category), Code(*concept), SegmentAlgorithmTypeValues.AUTOMATIC, algorithm
        )
        if modifiers:
            kind_item = one.SegmentedPropertyTypeCodeSequence[0]
            kind_item.SegmentedPropertyTypeModifierCodeSequence = [
                highdicom.sr.CodedConcept(*m) for m in modifiers
            ]
        described.append(one)
    datasets = in_order(order)
    pixels = masks
    if kind == "FRACTIONAL":
        pixels = np.stack([np.where(masks == n, 0.75, 0.25) for n in range(1, count + 1)], -1).astype(np.float32)
    seg = Segmentation(
        datasets, pixels, kind, described, highdicom.UID(), 1, highdicom.UID(), 1, "maker", "model", "1", "serial",
        max_fractional_value=200, omit_empty_frames=omit, transfer_syntax_uid=syntax,
    )  # fmt: skip
    path = folder / "highdicom.dcm"
    seg.save_as(path)
    check_import(folder, path, sources, masks, count, f"highdicom's {kind} ({syntax.name})")


def from_pydicom(folder, ours, sources, masks, count, kind):
    """Labrum's file, changed by pydicom: every slice upside down, frames reversed, implicit VR."""
    dataset = pydicom.dcmread(ours)
    frames = dataset.pixel_array.reshape(-1, *masks.shape[1:])[::-1, ::-1]
    groups = list(dataset.PerFrameFunctionalGroupsSequence)[::-1]
    dataset.PerFrameFunctionalGroupsSequence = groups
    flat = np.ascontiguousarray(frames)
    packed = np.packbits((flat > 0).ravel(), bitorder="little") if kind == "BINARY" else flat
    data = packed.tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    path = folder / "pydicom.dcm"
    dataset.save_as(path, implicit_vr=True, little_endian=True)
    check_import(folder, path, sources, np.ascontiguousarray(masks[:, ::-1]), count, f"pydicom's {kind}")


def from_dcmqi(folder, sources, masks, count, order, kind):
    """itkimage2segimage with a volume of all labels."""
    datasets = in_order(order)
    positions = [np.array(d.ImagePositionPatient, float) for d in datasets]
    row, column = np.split(np.array(datasets[0].ImageOrientationPatient, float), 2)
    down, across = (float(v) for v in datasets[0].PixelSpacing)
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    vector = lambda v: "(" + ",".join(repr(float(x)) for x in v) + ")"  # noqa: E731
    slices, rows, columns = masks.shape
    head = [
        "NRRD0004", "type: uint8", "dimension: 3", "space: left-posterior-superior", f"sizes: {columns} {rows} {slices}",
        f"space directions: {vector(row * across)} {vector(column * down)} {vector(step)}",
        "kinds: domain domain domain", "encoding: raw", f"space origin: {vector(positions[0])}",
    ]  # fmt: skip
    volume, meta, out = folder / "in.nrrd", folder / "in.json", folder / "dcmqi.dcm"
    volume.write_bytes("\n".join(head).encode() + b"\n\n" + masks.tobytes())
    code = lambda three: dict(zip(NUMBERS, three, strict=True))  # noqa: E731
    segments = []
    for n, (category, concept, modifiers) in enumerate(CODES[:count], 1):
        one = {
            "labelID": n, "SegmentLabel": f"Segment {n}", "SegmentDescription": f"Segment {n}",
            "SegmentAlgorithmType": "MANUAL", "recommendedDisplayRGBValue": [10 * n, 200, 100],
            "SegmentedPropertyCategoryCodeSequence": code(category),
            "SegmentedPropertyTypeCodeSequence": code(concept),
        }  # fmt: skip
        if modifiers:
            one["SegmentedPropertyTypeModifierCodeSequence"] = code(modifiers[0])
        segments.append(one)
    about = {"ContentCreatorName": "Doe^Jane", "SeriesDescription": "Segmentation", "SeriesNumber": "300",
             "InstanceNumber": "1", "BodyPartExamined": "", "segmentAttributes": [segments]}  # fmt: skip
    meta.write_text(json.dumps(about))
    run(
        DCMQI / "itkimage2segimage", "--inputImageList", volume, "--inputDICOMList", ",".join(p for p, _ in order),
        "--outputDICOM", out, "--inputMetadata", meta, "--segmentationType", kind.lower(), "--noDicomValueChecks",
    )  # fmt: skip
    check_import(folder, out, sources, masks, count, f"dcmqi's {kind}")


def pictures(folder, sources, masks, count):
    """Label maps: Labrum's read by Pillow, and Pillow's (greyscale and palette) read by Labrum."""
    out = folder / "png"
    out.mkdir()
    masks.tofile(folder / "in.raw")
    order = json.loads(run(WRITE, "--png", out, folder / "in.raw", *sources))
    names = sorted(out.glob("*.png"))
    check(len(names) == len(masks), f"there are {len(names)} label maps")
    by_slice = {}
    for path, (source, frame) in zip([None] * len(order), order):
        stem = pathlib.Path(source).stem
        same = sum(other == source for other, _ in order)
        by_slice[f"{stem}-{frame + 1:04}.png" if same > 1 else f"{stem}.png"] = len(by_slice)
    check({p.name for p in names} == set(by_slice), f"their names are {[p.name for p in names]}")
    for path in names:
        check(np.array_equal(np.asarray(PIL.Image.open(path)), masks[by_slice[path.name]]), f"Pillow reads {path.name} differently")
    check_import(folder, out, sources, masks, count, "its own label maps")
    for i, path in enumerate(names):
        values = np.ascontiguousarray(masks[by_slice[path.name]][::-1])
        image = PIL.Image.fromarray(values)
        if i % 2:
            image.putpalette([0, 0, 0, 250, 10, 10, 10, 250, 10, 10, 10, 250])
        image.save(path)
    check_import(folder, out, sources, np.ascontiguousarray(masks[:, ::-1]), count, "Pillow's label maps")


def refusals(folder):
    """A segmentation of the CT is refused for the MR of either size; both series are named."""
    ct, mr = (sorted((ROOT / "assets/samples" / name).glob("*.dcm")) for name in ("sarcoma-ct", "cardiac-mr"))
    header = pydicom.dcmread(ct[0], stop_before_pixels=True)
    path, _ = write(folder, ct, discs(len(ct), header.Rows, header.Columns, 1))
    other = pydicom.dcmread(mr[0])
    pixels = np.resize(other.pixel_array, (header.Rows, header.Columns))
    other.Rows, other.Columns, other.PixelData = header.Rows, header.Columns, pixels.tobytes()
    other.save_as(folder / "resized.dcm")
    for sources in ([folder / "resized.dcm"], mr):
        done = subprocess.run([READ, path, folder / "out.raw", *sources], capture_output=True, text=True)
        named = all(str(uid) in done.stderr for uid in (header.SeriesInstanceUID, other.SeriesInstanceUID))
        check(done.returncode == 1 and named, f"it says {done.stderr or done.stdout}")


def is_date(text):
    try:
        return not text or bool(datetime.datetime.strptime(text, "%Y%m%d"))
    except ValueError:
        return False


def tidied(folder, sources):
    """Copies that highdicom and dcmqi accept: valid UIDs and dates, one frame of reference."""
    fixed, space = {}, pydicom.uid.generate_uid()
    for path in sources:
        dataset = pydicom.dcmread(path)
        for element in dataset.iterall():
            if element.VR == "UI" and any(part[0] == "0" and part != "0" for part in str(element.value).split(".") if part):
                element.value = fixed.setdefault(str(element.value), pydicom.uid.generate_uid())
            if element.VR == "DA" and not is_date(str(element.value)):
                element.value = "20000101"
        dataset.FrameOfReferenceUID = space
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(folder / path.name)
        yield folder / path.name


def in_space(frames):
    """The functional groups of frames 2 mm apart."""
    measures, orientation = pydicom.Dataset(), pydicom.Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.25], 2
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    shared = pydicom.Dataset()
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    groups = []
    for i in range(frames):
        position, content, group = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        position.ImagePositionPatient = [-3.25, 2.0 * i, 7.125]
        content.StackID, content.InStackPositionNumber, content.DimensionIndexValues = "1", i + 1, [1, i + 1]
        group.PlanePositionSequence, group.FrameContentSequence = [position], [content]
        groups.append(group)
    return {
        "FrameOfReferenceUID": pydicom.uid.generate_uid(), "PositionReferenceIndicator": "",
        "SharedFunctionalGroupsSequence": [shared], "PerFrameFunctionalGroupsSequence": groups,
    }  # fmt: skip


def cases(folder):
    """Name, sources, (slices, rows, columns), whether highdicom and dcmqi can refer to the source, flags."""
    for name in ("sarcoma-ct", "cardiac-mr"):
        (folder / name).mkdir()
        sources = list(tidied(folder / name, sorted((ROOT / "assets/samples" / name).glob("*.dcm"))))
        header = pydicom.dcmread(sources[0], stop_before_pixels=True)
        yield name, sources, (len(sources), header.Rows, header.Columns), "both", []
    empty = dict.fromkeys(["PatientBirthDate", "AccessionNumber", "StudyID", "ReferringPhysicianName"], "")
    source = made(folder, ULTRASOUND_MULTI_FRAME, 13, 11, 5, **empty)
    # highdicom cannot reference multi-frame images without image positions.
    yield "ultrasound, 5 frames", source, (5, 11, 13), "none", []
    yield "ultrasound, 1 frame", made(folder, ULTRASOUND, 35, 33, 1, **empty), (1, 33, 35), "highdicom", []
    volume = made(folder, ENHANCED_ULTRASOUND_VOLUME, 35, 33, 5, **empty, **in_space(5))
    yield "ultrasound volume", volume, (5, 33, 35), "highdicom", []
    yield "ultrasound for viewers", source, (5, 11, 13), "none", ["--synthetic-geometry"]
    picture = sorted((ROOT / "assets/samples/fetal-head").glob("*.png"))[0]
    columns, rows = PIL.Image.open(picture).size
    yield "picture", [picture], (1, rows, columns), "none", []


def steps(folder, sources, size, peers, flags):
    """(name, function) of all checks on one source."""
    count = 3
    masks = discs(*size, count)
    for kind in ("BINARY", "FRACTIONAL", "LABELMAP"):
        state = {}

        def out(at, kind=kind, state=state):
            state["ours"], state["order"] = out_and_back(at, sources, masks, count, kind, flags)
            from_pydicom(at, state["ours"], sources, masks, count, kind)

        yield f"{kind} out, back and through pydicom", out
        if peers != "none":
            for omit in (True, False):
                yield (
                    f"{kind} of highdicom{' without empty frames' if omit else ''}",
                    lambda at, kind=kind, omit=omit: from_highdicom(
                        at, sources, masks, count, kind, order_of(at, sources, masks), omit
                    ),
                )
        if peers != "none" and kind != "BINARY":
            for syntax in (RLELossless, JPEGLSLossless, JPEG2000Lossless):
                yield (
                    f"{kind} of highdicom, {syntax.name}",
                    lambda at, kind=kind, syntax=syntax: from_highdicom(
                        at, sources, masks, count, kind, order_of(at, sources, masks), True, syntax
                    ),
                )
        if peers == "both" and kind != "FRACTIONAL":
            yield (
                f"{kind} of dcmqi",
                lambda at, kind=kind: from_dcmqi(at, sources, masks, count, order_of(at, sources, masks), kind),
            )
    if "--synthetic-geometry" not in flags:
        yield "label maps", lambda at: pictures(at, sources, masks, count)


def order_of(folder, sources, masks):
    return write(folder, sources, masks)[1]


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        (root / "made").mkdir()
        todo = [("", "another series", refusals)]
        for title, sources, size, peers, flags in cases(root / "made"):
            todo += [(title, what, do) for what, do in steps(root, sources, size, peers, flags)]
        for i, (title, what, do) in enumerate(todo):
            folder = root / str(i)
            folder.mkdir()
            try:
                do(folder)
                result = "ok"
            except Exception as error:  # noqa: BLE001: the others are tried anyway
                where = "" if isinstance(error, Wrong) else f"{type(error).__name__}: "
                result, failed = where + str(error), failed + 1
            print(f"  {title}: {what}: {result}" if title else f"  {what}: {result}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
