#!/usr/bin/env python3
"""Presentation states that highdicom writes, as `labrum info` lists them.

    tests/peers/presentations.py labrum

Exit code 1 if something differs.
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
from check_seg import ROOT  # noqa: E402

import highdicom as hd  # noqa: E402
import numpy as np  # noqa: E402
import pydicom  # noqa: E402

warnings.simplefilter("ignore")


def state_of(sources, label, **how):
    """A presentation state by highdicom."""
    return hd.pr.GrayscaleSoftcopyPresentationState(
        referenced_images=sources,
        series_instance_uid=hd.UID(),
        series_number=77,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="highdicom",
        manufacturer_model_name="highdicom",
        software_versions="1",
        device_serial_number="1",
        content_label=label,
        content_description="By highdicom",
        **how,
    )


def annotations(sources):
    """A polyline, a circle and an ellipse in pixels, and a text on the display, all on the first image."""
    pixel = hd.pr.AnnotationUnitsValues.PIXEL
    layer = hd.pr.GraphicLayer(layer_name="LAYER1", order=1)
    graphics = [
        hd.pr.GraphicObject(graphic_type=kind, graphic_data=np.array(points, float), units=pixel)
        for kind, points in (
            (hd.pr.GraphicTypeValues.POLYLINE, [[10, 10], [40, 40], [60, 10]]),
            (hd.pr.GraphicTypeValues.CIRCLE, [[50, 50], [50, 60]]),
            (hd.pr.GraphicTypeValues.ELLIPSE, [[20, 30], [60, 30], [40, 20], [40, 40]]),
        )
    ]
    text = hd.pr.TextObject(
        text_value="look here", units=hd.pr.AnnotationUnitsValues.DISPLAY, bounding_box=(0.1, 0.1, 0.4, 0.2)
    )
    return layer, hd.pr.GraphicAnnotation(
        referenced_images=sources[:1], graphic_layer=layer, graphic_objects=graphics, text_objects=[text]
    )


def listed(folder):
    """The presentation states that `labrum info` lists, by their label, and the skipped files."""
    report = json.loads(run(PROGRAM, "info", folder, "--json"))
    series = [one for study in report["studies"] for one in study["series"]]
    check(len(series) == 1, f"{len(series)} series")
    return {state["label"]: state for state in series[0]["presentations"]}, report["passed_over"]


def compare(folder):
    sources = sorted(
        (pydicom.dcmread(file) for file in folder.glob("*.dcm")), key=lambda s: float(s.ImagePositionPatient[2])
    )
    layer, annotation = annotations(sources)
    windows = [
        hd.pr.SoftcopyVOILUTTransformation(window_center=40.0, window_width=400.0, referenced_images=hd.ReferencedImageSequence(sources[:1])),
        hd.pr.SoftcopyVOILUTTransformation(window_center=-600.0, window_width=1500.0, referenced_images=hd.ReferencedImageSequence(sources[1:])),
    ]
    first = state_of(sources, "FULL", voi_lut_transformations=windows, graphic_layers=[layer], graphic_annotations=[annotation])
    # highdicom has no arguments for these.
    first.PresentationLUTShape = "INVERSE"
    first.ImageRotation, first.ImageHorizontalFlip = 90, "Y"
    first.ShutterShape, first.ShutterPresentationValue = ["RECTANGULAR", "CIRCULAR"], 0
    first.ShutterLeftVerticalEdge, first.ShutterRightVerticalEdge = 5, 100
    first.ShutterUpperHorizontalEdge, first.ShutterLowerHorizontalEdge = 6, 90
    first.CenterOfCircularShutter, first.RadiusOfCircularShutter = [50, 60], 40
    first.save_as(folder / "full.dcm")
    state_of(sources[:2], "PLAIN").save_as(folder / "plain.dcm")
    states, passed_over = listed(folder)
    check(not passed_over, f"skipped: {passed_over}")
    check(set(states) == {"FULL", "PLAIN"}, f"listed: {sorted(states)}")

    full = states["FULL"]
    expected = {
        "description": "By highdicom",
        "images": len(sources),
        "windows": [[40.0, 400.0], [-600.0, 1500.0]],
        "inverted": True,
        "rotation": 90,
        "flipped": True,
        "shutters": 2,
        "graphics": 3,
        "texts": 1,
        "not_shown": [],
    }
    found = {name: full[name] for name in expected}
    check(found == expected, f"FULL: {found}")
    plain = states["PLAIN"]
    check((plain["images"], plain["inverted"], plain["graphics"]) == (2, False, 0), f"PLAIN: {plain}")


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        files = sorted((ROOT / "assets/samples/sarcoma-ct").glob("*.dcm"))[:5]
        (folder / "ct").mkdir()
        list(tidied(folder / "ct", files))
        try:
            compare(folder / "ct")
            print("presentation states by highdicom: as expected")
        except (Wrong, KeyError, TypeError, ValueError, AttributeError, subprocess.SubprocessError) as wrong:
            failed += 1
            print(f"presentation states by highdicom: {type(wrong).__name__}: {wrong}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
