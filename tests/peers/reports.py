#!/usr/bin/env python3
"""Measurement reports (DICOM SR, TID 1500) that Labrum writes, read by highdicom and dciodvfy; and those of highdicom, read by
Labrum.

    tests/peers/reports.py reports

`reports` is the example. Sources: CT, oblique MR, multi-frame ultrasound without spacing, and colour. Lengths, areas and
statistics are computed here a second time, by numpy and from the pixels that pydicom reads. Exit code 1 if something differs.
"""
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile
import uuid
import warnings

PROGRAM = sys.argv[1]
sys.argv = [sys.argv[0], "write_seg", "read_seg"]
from round_trip import Wrong, check, run, tidied  # noqa: E402
from check_seg import ROOT, ULTRASOUND_MULTI_FRAME, errors_of, made  # noqa: E402

import highdicom as hd  # noqa: E402
import numpy as np  # noqa: E402
import pydicom  # noqa: E402
from pydicom.sr.codedict import codes  # noqa: E402

warnings.simplefilter("ignore")
READER = "Rosa Reader"
PLANAR = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.88.34"
TEST_FILES = pathlib.Path(pydicom.__file__).parent / "data/test_files"


# Measurements, as workspaces keep them.


def drawn(name, kind, points, slice=None, frame=None):
    place = {"slice": slice} if frame is None else {"view": frame}
    shape = {"kind": kind, "points": points}
    return {"id": uuid.uuid4().hex, "name": name, "author": READER, "place": place, "shape": shape}


def one_of_each(slice):
    """One measurement of each kind, within 11 x 11 pixels."""
    lesion = {"value": "52988006", "scheme": "SCT", "meaning": "Lesion"}
    return [
        drawn("Length", "length", [[1.5, 2.25], [8.0, 9.0]], slice) | {"finding": lesion},
        drawn("Angle", "angle", [[1, 1], [5, 5], [9, 5.5]], slice),
        drawn("Cobb", "cobb-angle", [[1, 1], [8, 3], [1, 9], [8, 7]], slice),
        drawn("Axes", "bidirectional", [[1, 5], [9, 5], [4, 3], [4, 7]], slice),
        drawn("Ellipse", "ellipse", [[1, 5], [9, 5], [5, 3], [5, 7]], slice),
        drawn("Rectangle", "rectangle", [[2, 3], [7.25, 8.25]], slice),
        drawn("Läsion ß", "freehand", [[2.125, 2.25], [9, 3.125], [7.25, 9.125], [3.25, 6]], slice),
        drawn("Point", "point", [[4.5, 6.5]], slice),
    ]


# The same values, computed here.


def polygon_area(points):
    x, y = np.array(points, float).T
    return abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def inside(shape, columns, rows):
    """True for pixels whose centre is inside."""
    y, x = np.mgrid[:rows, :columns] + 0.5
    points = np.array(shape["points"], float)
    if shape["kind"] == "ellipse":
        a, b, c, d = points
        first, second, middle = (b - a) / 2, (d - c) / 2, (a + b) / 2
        u, v = np.linalg.solve(np.array([first, second]).T, np.array([x - middle[0], y - middle[1]]).reshape(2, -1))
        return (u**2 + v**2 <= 1).reshape(rows, columns)
    if shape["kind"] == "rectangle":
        (left, top), (right, bottom) = points
        return (x > left) & (x < right) & (y > top) & (y < bottom)
    found = np.zeros((rows, columns), bool)
    for (x1, y1), (x2, y2) in zip(points, np.roll(points, -1, 0)):
        if y1 != y2:
            found ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return found


def expected(measurement, pixels, spacing):
    """Values by the meaning of their concept; statistics of regions only for grey images."""
    shape, size = measurement["shape"], np.array(spacing)
    points = np.array(shape["points"], float) * size
    kind = shape["kind"]
    lengths = [np.linalg.norm(b - a) for a, b in zip(points[::2], points[1::2])]
    if kind == "length":
        return {"Length": lengths[0]}
    if kind in ("angle", "cobb-angle"):
        first, second = (points[0] - points[1], points[2] - points[1]) if kind == "angle" else points[1::2] - points[::2]
        cosine = np.dot(first, second) / np.linalg.norm(first) / np.linalg.norm(second)
        return {"Angle" if kind == "angle" else "Cobb angle": np.degrees(np.arccos(cosine))}
    if kind == "bidirectional":
        return {"Long axis": max(lengths), "Short axis": min(lengths)}
    if kind == "point":
        column, row = (int(v) for v in shape["points"][0])
        return {"value": pixels[row, column]}
    if kind == "ellipse":
        area = np.pi / 4 * lengths[0] * lengths[1]
    elif kind == "rectangle":
        area = np.prod(np.abs(points[1] - points[0]))
    else:
        area = polygon_area(points)
    found = pixels[inside(shape, pixels.shape[1], pixels.shape[0])].astype(float)
    statistics = {"Mean": found.mean(), "Standard Deviation": found.std(), "Minimum": found.min(), "Maximum": found.max()}
    return {"Area": area} | statistics


# What Labrum writes.


def labrum(*arguments):
    return json.loads(run(PROGRAM, *arguments))


def write(folder, name, measurements, files):
    given, out = folder / f"{name}.json", folder / f"{name}.sr.dcm"
    given.write_text(json.dumps(measurements))
    written = labrum("write", out, given, *files)
    errors = errors_of(out)
    check(not errors, f"{name}: dciodvfy: {errors[:3]}")
    return out, written


def groups_of(report):
    return {g.tracking_identifier: g for g in itertools.chain(
        report.get_planar_roi_measurement_groups(), report.get_image_measurement_groups())}


def values_of(group):
    """Values by the meaning of their derivation, else of their concept; and their units."""
    values, units = {}, {}
    for m in group.get_measurements():
        name = m.derivation.meaning if m.derivation else m.name.meaning
        name = "value" if name in ("Pixel value", "Attenuation Coefficient") else name
        values[name], units[name] = m.value, m.unit.value
    return values, units


def coordinates_of(group):
    """Graphic type, points and referenced image of each SCOORD of a group."""
    return [
        (item.GraphicType, np.array(item.GraphicData).reshape(-1, 2), item.ContentSequence[0].ReferencedSOPSequence[0])
        for item in group_items(group)
        if item.ValueType == "SCOORD"
    ]


def group_items(item):
    items = item if isinstance(item, (list, pydicom.Sequence)) else item.get("ContentSequence", [])
    for inner in items:
        yield inner
        yield from group_items(inner)


def on_slices(folder, name, files, slices):
    """One measurement of each kind on a slice, as highdicom reads them."""
    sources = {str(file): pydicom.dcmread(file) for file in files}
    measurements = list(itertools.chain.from_iterable(
        [m | {"name": f"{m['name']} {slice}"} for m in one_of_each(slice)] for slice in slices))
    out, written = write(folder, name, measurements, files)
    report = hd.sr.srread(out)
    check(report.SOPClassUID == PLANAR[0], f"{name}: {report.SOPClassUID.name}")
    observers = report.content.get_observer_contexts()
    check([str(o[1].value) for o in observers] == [READER], f"{name}: observers {observers}")
    groups = groups_of(report.content)
    check(set(groups) == {m["name"] for m in measurements}, f"{name}: groups {sorted(groups)}")
    uids = {str(g.tracking_uid) for g in groups.values()}
    check(uids == {f"2.25.{int(m['id'], 16)}" for m in measurements}, f"{name}: tracking UIDs")
    cited = {i.ReferencedSOPInstanceUID for study in report.CurrentRequestedProcedureEvidenceSequence
             for s in study.ReferencedSeriesSequence for i in s.ReferencedSOPSequence}
    for m in measurements:
        path, frame = written["order"][m["place"]["slice"]]
        source, group = sources[path], groups[m["name"]]
        what = f"{name}, {m['name']}"
        for graphic, points, image in coordinates_of(group):
            check(image.ReferencedSOPInstanceUID == source.SOPInstanceUID, f"{what}: image")
            check(image.ReferencedSOPInstanceUID in cited, f"{what}: evidence")
            frames = int(source.get("NumberOfFrames", 1)) > 1
            check(image.get("ReferencedFrameNumber") == (frame + 1 if frames else None), f"{what}: frame")
            check(graphic in ("POINT", "POLYLINE", "ELLIPSE"), f"{what}: {graphic}")
            known = np.array(m["shape"]["points"], np.float32)
            if m["shape"]["kind"] != "rectangle":
                check(all((known == p).all(1).any() for p in points), f"{what}: points {points.tolist()}")
        pixels, spacing, is_colour = pixels_of(source, frame)
        values, units = values_of(group)
        if is_colour:
            continue
        for concept, value in expected(m, pixels, spacing or (1, 1)).items():
            check(abs(values[concept] - value) < 1e-6 * max(1, abs(value)), f"{what}, {concept}: {values[concept]}, not {value}")
        for concept in set(units) & {"Length", "Long axis", "Short axis", "Perimeter"}:
            check(units[concept] == ("mm" if spacing else "{pixels}"), f"{what}: unit {units[concept]}")
    back = labrum("read", out, *files)
    check(not back["notes"], f"{name}: {back['notes']}")
    check(back["measurements"] == measurements, f"{name}: read back {first_difference(back['measurements'], measurements)}")


def first_difference(got, wanted):
    return next(((a, b) for a, b in itertools.zip_longest(got, wanted) if a != b), None)


def pixels_of(source, frame):
    """Values after the rescale, size of a pixel as (x, y) in mm if it is known, and whether it is a colour image."""
    is_colour = source.SamplesPerPixel > 1 or source.PhotometricInterpretation == "PALETTE COLOR"
    pixels = None if is_colour else source.pixel_array.reshape(-1, source.Rows, source.Columns)[frame]
    if pixels is not None:
        pixels = pixels * float(source.get("RescaleSlope", 1)) + float(source.get("RescaleIntercept", 0))
    row, column = source.get("PixelSpacing", (None, None))
    return pixels, row and (float(column), float(row)), is_colour


def across_slices(folder, files):
    """Measurements on a plane across the slices: points in the patient."""
    sources = sorted((pydicom.dcmread(f) for f in files), key=lambda s: float(s.ImagePositionPatient[2]))
    first, last = (np.array(s.ImagePositionPatient, float) for s in (sources[0], sources[-1]))
    right = np.array(sources[0].ImageOrientationPatient[:3], float) * sources[0].PixelSpacing[1]
    down = (last - first) / (len(sources) - 1)
    middle = np.array(sources[0].ImageOrientationPatient[3:], float) * sources[0].PixelSpacing[0] * 100
    frame = {"corner": list(first + middle), "right": list(right), "down": list(down)}
    shapes = {
        "length": [[100, 1], [140, 9]],
        "ellipse": [[100, 5], [160, 5], [130, 2], [130, 8]],
        "freehand": [[100, 1], [150, 2], [140, 9]],
    }
    measurements = [drawn(kind.capitalize(), kind, points, frame=frame) for kind, points in shapes.items()]
    measurements += [drawn("On a slice", "length", [[1, 1], [4, 5]], 0)]
    out, _ = write(folder, "across", measurements, files)
    report = hd.sr.srread(out)
    check(report.SOPClassUID == PLANAR[1], f"across: {report.SOPClassUID.name}")
    groups = groups_of(report.content)
    for m in measurements[:3]:
        items = [i for i in group_items(groups[m["name"]]) if i.ValueType == "SCOORD3D"]
        check(len(items) == 1, f"across, {m['name']}: {len(items)} SCOORD3D")
        check(items[0].ReferencedFrameOfReferenceUID == sources[0].FrameOfReferenceUID, "across: frame of reference")
        found = np.array(items[0].GraphicData).reshape(-1, 3)
        wanted = np.array(frame["corner"]) + np.array(m["shape"]["points"]) @ np.array([right, down])
        check(np.abs(found[: len(wanted)] - wanted).max() < 1e-3, f"across, {m['name']}: {found.tolist()}")
    length = values_of(groups["Length"])[0]["Length"]
    ends = np.array(shapes["length"]) @ np.array([right, down])
    check(abs(length - np.linalg.norm(ends[1] - ends[0])) < 1e-4, f"across: length {length}")


# What highdicom writes.


def by_others(folder, files):
    """A report by highdicom, and the measurements that it must become."""
    sources = sorted((pydicom.dcmread(f) for f in files), key=lambda s: float(s.ImagePositionPatient[2]))
    source = sources[3]
    image = hd.sr.SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID)

    def tracked(name):
        return hd.sr.TrackingIdentifier(uid=hd.UID(), identifier=name)

    def region(name, graphic, points):
        return hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracked(name),
            referenced_region=hd.sr.ImageRegion(graphic, np.array(points, float), image),
            finding_type=codes.SCT.Neoplasm,
            measurements=[hd.sr.Measurement(codes.SCT.Area, 12.5, codes.UCUM.SquareMillimeter)],
        )

    def line(name, concept, points, unit=codes.UCUM.Millimeter):
        at = hd.sr.CoordinatesForMeasurement("POLYLINE", np.array(points, float), image)
        return hd.sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracked(name),
            measurements=[hd.sr.Measurement(concept, 4.5, unit, referenced_coordinates=[at])],
        )

    closed = [[10, 10], [30, 12], [25, 40], [10, 10]]
    box = [[5, 6], [15, 6], [15, 26], [5, 26], [5, 6]]
    ellipse = [[10, 20], [50, 20], [30, 12], [30, 28]]
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(
            observer_person_context=hd.sr.ObserverContext(
                codes.DCM.Person, hd.sr.PersonObserverIdentifyingAttributes(name="Other^Olga")
            )
        ),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=[
            region("Polygon", "POLYLINE", closed),
            region("Box", "POLYLINE", box),
            region("Ellipse", "ELLIPSE", ellipse),
            region("Circle", "CIRCLE", [[60, 60], [60, 70]]),
            line("Line", codes.SCT.Length, [[1, 2], [3, 4]]),
            line("Corner", codes.SCT.Angle, [[1, 2], [3, 4], [9, 9]], codes.UCUM.Degree),
        ],
        title=codes.DCM.ImagingMeasurementReport,
    )
    out = folder / "others.dcm"
    hd.sr.Comprehensive3DSR(
        evidence=[source], content=report, series_number=9, series_instance_uid=hd.UID(),
        sop_instance_uid=hd.UID(), instance_number=1, manufacturer="highdicom",
    ).save_as(out)
    found = labrum("read", out, *files)
    check(not found["notes"], f"others: {found['notes']}")
    shapes = {m["name"]: m["shape"] for m in found["measurements"]}
    check(shapes["Polygon"] == {"kind": "freehand", "points": closed[:-1]}, f"others: {shapes['Polygon']}")
    check(shapes["Box"] == {"kind": "rectangle", "points": [[5, 6], [15, 26]]}, f"others: {shapes['Box']}")
    check(shapes["Ellipse"] == {"kind": "ellipse", "points": ellipse}, f"others: {shapes['Ellipse']}")
    a, b, c, d = np.array(shapes["Circle"]["points"])
    sides = [np.linalg.norm(b - a), np.linalg.norm(d - c)]
    check(np.allclose(sides, 20) and np.allclose((a + b) / 2, 60), f"others: {shapes['Circle']}")
    check(shapes["Line"] == {"kind": "length", "points": [[1, 2], [3, 4]]}, f"others: {shapes['Line']}")
    check(shapes["Corner"]["kind"] == "angle", f"others: {shapes['Corner']}")
    places = {json.dumps(m["place"]) for m in found["measurements"]}
    check(len(places) == 1, f"others: {places}")
    findings = {m["name"]: m.get("finding", {}).get("value") for m in found["measurements"]}
    check(findings["Polygon"] == codes.SCT.Neoplasm.value, f"others: {findings}")
    check({m["author"] for m in found["measurements"]} == {"Olga Other"}, "others: author")


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
        checks = {
            "CT": lambda: on_slices(folder, "CT", tidy["sarcoma-ct"], [0, 7]),
            "oblique MR": lambda: on_slices(folder, "MR", tidy["cardiac-mr"], [11]),
            "ultrasound, 5 frames": lambda: on_slices(folder, "ultrasound", ultrasound, [1, 4]),
            "colour": lambda: on_slices(folder, "colour", [TEST_FILES / "SC_rgb_rle.dcm"], [0]),
            "across the slices": lambda: across_slices(folder, tidy["sarcoma-ct"]),
            "by highdicom": lambda: by_others(folder, tidy["sarcoma-ct"]),
        }
        for name, compare in checks.items():
            try:
                compare()
                print(f"{name}: as expected")
            except (Wrong, KeyError, ValueError, subprocess.SubprocessError) as wrong:
                failed += 1
                print(f"{name}: {type(wrong).__name__}: {wrong}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
