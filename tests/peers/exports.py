#!/usr/bin/env python3
"""Masks as RT Structure Set, NIfTI and COCO JSON, read by other programs: same masks and positions.

    tests/peers/exports.py write_seg read_seg

Contours are filled by scikit-image and by the even-odd rule written here, volumes are read by
nibabel, annotations by pycocotools. Exit code 1 if something differs.
"""
import json
import pathlib
import sys
import tempfile
import warnings

sys.argv = sys.argv[:3]
from round_trip import WRITE, Wrong, check, run  # noqa: E402
from check_seg import discs, errors_of  # noqa: E402
from seg_table import groups_of, sources  # noqa: E402

import nibabel  # noqa: E402
import numpy as np  # noqa: E402
import pycocotools.coco  # noqa: E402
import pydicom  # noqa: E402
import skimage.draw  # noqa: E402

warnings.simplefilter("ignore")


def rings(slices, rows, columns):
    """Three labels with holes, islands in holes, single pixels, pixels joined only at corners."""
    masks = discs(slices, rows, columns, 3)
    y, x = np.mgrid[:rows, :columns]
    for i in range(slices):
        away = np.maximum(abs(y - rows // 2), abs(x - columns // 2))
        masks[i][(away < min(rows, columns) // 2 - i % 3) & (away % 3 > 0)] = 1
        masks[i][(away > 2) & ((x + y) % 7 == 0) & (masks[i] == 1)] = 0
    masks[0] = 0
    return masks


def write(folder, flag, name, masks, files):
    raw, out = folder / "in.raw", folder / name
    masks.tofile(raw)
    return out, json.loads(run(WRITE, flag, out, raw, *files))


def even_odd(points, shape):
    """Pixel centres inside a closed line, by the crossings of a ray to the right."""
    x = np.arange(shape[1])
    inside = np.zeros(shape, bool)
    for (x1, y1), (x2, y2) in zip(points, np.roll(points, -1, 0)):
        low, high = sorted((y1, y2))
        for y in range(max(0, int(np.ceil(low))), min(shape[0] - 1, int(np.floor(high))) + 1):
            if (y1 > y) != (y2 > y):
                inside[y] ^= x < (x2 - x1) * (y - y1) / (y2 - y1) + x1
    return inside


def structure_set(folder, files, masks):
    path, order = write(folder, "--rtstruct", "rtstruct.dcm", masks, files)
    check(not errors_of(path), f"dciodvfy: {errors_of(path)}")
    dataset = pydicom.dcmread(path)
    headers = {p: pydicom.dcmread(p, stop_before_pixels=True) for p, _ in order}
    places = {(headers[p].SOPInstanceUID, frame + 1): (i, groups_of(headers[p], frame)) for i, (p, frame) in enumerate(order)}
    first = headers[order[0][0]]
    check(dataset.StudyInstanceUID == first.StudyInstanceUID, "wrong study")
    frame_of_reference = dataset.ReferencedFrameOfReferenceSequence[0]
    check(frame_of_reference.FrameOfReferenceUID == first.FrameOfReferenceUID, "wrong frame of reference")
    listed = {
        (image.ReferencedSOPInstanceUID, int(image.get("ReferencedFrameNumber", 1)))
        for series in frame_of_reference.RTReferencedStudySequence[0].RTReferencedSeriesSequence
        for image in series.ContourImageSequence
    }
    check(listed == set(places), "the referenced images are not those of the series")
    check([r.ROIGenerationAlgorithm for r in dataset.StructureSetROISequence] == ["AUTOMATIC", "AUTOMATIC", "MANUAL"], "algorithms")
    codes = [o.RTROIIdentificationCodeSequence[0].CodeValue for o in dataset.RTROIObservationsSequence]
    check(codes == ["4147007", "64033007", "10200004"], f"codes {codes}")
    ours, theirs = np.zeros_like(masks), np.zeros_like(masks)
    for roi in dataset.ROIContourSequence:
        for contour in roi.get("ContourSequence", []):
            check(contour.ContourGeometricType == "CLOSED_PLANAR", contour.ContourGeometricType)
            image = contour.ContourImageSequence[0]
            place, groups = places[image.ReferencedSOPInstanceUID, int(image.get("ReferencedFrameNumber", 1))]
            row, column = np.split(np.array(groups["PlaneOrientation"].ImageOrientationPatient, float), 2)
            down, across = (float(v) for v in groups["PixelMeasures"].PixelSpacing)
            points = np.array(contour.ContourData, float).reshape(-1, 3)
            check(len(points) == contour.NumberOfContourPoints, "number of points")
            points -= np.array(groups["PlanePosition"].ImagePositionPatient, float)
            off = np.abs(points @ np.cross(row, column)).max()
            check(off < 1e-3, f"a contour lies {off} mm off its plane")
            flat = np.stack([points @ row / across, points @ column / down], 1)
            # Contours follow pixel edges, so rounding errors do not move a pixel centre.
            ours[place][even_odd(flat, masks.shape[1:])] = roi.ReferencedROINumber
            rows, columns = skimage.draw.polygon(flat[:, 1], flat[:, 0], masks.shape[1:])
            theirs[place][rows, columns] = roi.ReferencedROINumber
    check(np.array_equal(ours, masks), f"{(ours != masks).sum()} pixels differ by the even-odd rule")
    check(np.array_equal(theirs, masks), f"{(theirs != masks).sum()} pixels differ by scikit-image")


def nifti(folder, files, masks):
    path, order = write(folder, "--nifti", "labels.nii.gz", masks, files)
    image = nibabel.load(path)
    data = np.asarray(image.dataobj)
    check(np.array_equal(data.transpose(2, 1, 0), masks), "nibabel reads different labels")
    check(image.get_data_dtype() == np.uint8 and image.header.get_xyzt_units()[0] == "mm", "type or unit")
    check(image.header.get_intent()[0] == "label", "intent")
    first = pydicom.dcmread(order[0][0], stop_before_pixels=True)
    if "FrameOfReferenceUID" not in first:
        check(int(image.header["sform_code"]) == 0 and int(image.header["qform_code"]) == 0, "geometry was made up")
        return
    check(int(image.header["sform_code"]) == 1, "no geometry")
    for k, (source, frame) in enumerate(order):
        groups = groups_of(pydicom.dcmread(source, stop_before_pixels=True), frame)
        row, column = np.split(np.array(groups["PlaneOrientation"].ImageOrientationPatient, float), 2)
        down, across = (float(v) for v in groups["PixelMeasures"].PixelSpacing)
        position = np.array(groups["PlanePosition"].ImagePositionPatient, float)
        for i, j in ((0, 0), (masks.shape[2] - 1, 0), (5, masks.shape[1] - 1)):
            lps = position + i * across * row + j * down * column
            for name, affine in (("sform", image.get_sform()), ("qform", image.get_qform())):
                ras = (affine @ [i, j, k, 1])[:3]
                check(np.allclose(ras * [-1, -1, 1], lps, atol=2e-2), f"{name}: voxel {i} {j} {k} at {ras}, in the patient {lps}")


def coco(folder, files, masks):
    path, order = write(folder, "--coco", "coco.json", masks, files)
    data = pycocotools.coco.COCO(path)
    check(len(data.getImgIds()) == len(masks), "number of images")
    check([c["name"] for c in data.loadCats(data.getCatIds())] == ["Label 1", "Label 2", "Label 3"], "categories")
    found = np.zeros_like(masks)
    for place, image in enumerate(data.loadImgs(data.getImgIds())):
        check((image["height"], image["width"]) == masks.shape[1:], "size")
        source, frame = order[place]
        check((image["file_name"], image["frame"]) == (pathlib.Path(source).name, frame + 1), f"it names {image['file_name']}")
        for annotation in data.loadAnns(data.getAnnIds(imgIds=[image["id"]])):
            mask = data.annToMask(annotation).astype(bool)
            found[place][mask] = annotation["category_id"]
            y, x = np.nonzero(mask)
            box = [x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1]
            check(annotation["bbox"] == box and annotation["area"] == mask.sum(), "box or area")
    check(np.array_equal(found, masks), "pycocotools reads different masks")


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "sources").mkdir()
        for title, files in sources(folder / "sources"):
            first = pydicom.dcmread(files[0], stop_before_pixels=True)
            slices = len(files) if len(files) > 1 else int(first.get("NumberOfFrames", 1))
            masks = rings(slices, first.Rows, first.Columns) if slices > 1 else discs(1, first.Rows, first.Columns, 3)
            for what in (structure_set, nifti, coco):
                at = folder / f"{len(list(folder.iterdir()))}"
                at.mkdir()
                try:
                    what(at, files, masks)
                    result = "ok"
                except Exception as error:  # noqa: BLE001: the others are tried anyway
                    result = f"{'' if isinstance(error, Wrong) else type(error).__name__} {error}"
                    if what is structure_set and "RTSTRUCT needs image position" in result:
                        result = "refused: no image position"
                print(f"  {title}: {what.__name__}: {result}", flush=True)
                failed += not result.startswith(("ok", "refused"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
