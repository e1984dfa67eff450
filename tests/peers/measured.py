#!/usr/bin/env python3
"""Values that Labrum measures of masks and of drawn measurements, computed a second time by scikit-image, SciPy, SimpleITK and
numpy.

    tests/peers/measured.py labrum reports

`reports` is the example. Images: the bundled CT, MR and ultrasound, and two images with pixels that are not square, one by Pixel
Spacing and one by ultrasound regions. Masks have several pieces with holes. Exit code 1 if a value differs by more than this:

- number of pixels, area, volume, mean, standard deviation, minimum, maximum, longest diameter, short axis, axes of the ellipse,
  circularity, and all values of drawn measurements but the perimeter of an ellipse have the same definition: the rounding to
  four decimals (a relative 1e-6 for large values);
- circumference of an ellipse, against the elliptic integral: 4e-4;
- perimeter: there is no common definition. It is at most as long as the line of marching squares, at least 0.85 times that,
  and within 6 % of scikit-image's estimate by Crofton's formula where pixels are square and there are 300 or more;
- Feret diameter of scikit-image, which is that of the convex hull: at most one pixel away;
- axes of scikit-image, which are those of points at the centres of pixels: the second moment of a pixel is added to them.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

LABRUM, REPORTS = sys.argv[1:]
sys.argv = [sys.argv[0], REPORTS]
from reports import expected, labrum, one_of_each, pixels_of  # noqa: E402
from round_trip import Wrong, check, run, tidied  # noqa: E402
from check_seg import ROOT, made  # noqa: E402

import numpy as np  # noqa: E402
import PIL.Image  # noqa: E402
import pydicom  # noqa: E402
import scipy.ndimage  # noqa: E402
import scipy.spatial  # noqa: E402
import scipy.special  # noqa: E402
import SimpleITK  # noqa: E402
import skimage.measure  # noqa: E402

warnings.simplefilter("ignore")
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
SAMPLES = ROOT / "assets/samples"
STATISTICS = "mean", "standard_deviation", "minimum", "maximum"


def same(value, wanted, what, within=0.0):
    """Values are written with four decimals; `within` is relative."""
    bound = 6e-5 + max(within, 1e-6) * abs(wanted)
    check(value is not None and abs(value - wanted) <= bound, f"{what}: {value}, not {wanted}")


# Masks.


def blobs(rows, columns, seed):
    """Two labels in several pieces, some with holes; none of them is symmetric."""
    random = np.random.default_rng(seed)
    smooth = scipy.ndimage.gaussian_filter(random.normal(size=(rows, columns)), min(rows, columns) / 14)
    order = np.argsort(smooth, axis=None)
    mask = np.zeros(rows * columns, np.uint8)
    mask[order[-len(order) // 8 :]] = 1
    mask[order[: len(order) // 11]] = 2
    mask = mask.reshape(rows, columns)
    mask[(scipy.ndimage.distance_transform_edt(mask == 1) > 4) & (random.random((rows, columns)) < 0.02)] = 0
    return mask


def pieces_of(mask, connectivity):
    """Pieces whose pixels share an edge (1), as boundaries have them, or a corner (2), as shapes do."""
    numbered = skimage.measure.label(mask, connectivity=connectivity)
    return [numbered == n for n in range(1, numbered.max() + 1)]


def rims(piece):
    """Lines of marching squares, (x, y) in pixels from the corner of the first pixel: the outer one first."""
    found = skimage.measure.find_contours(np.pad(piece, 1).astype(float), 0.5, fully_connected="low")
    lines = [line[:, ::-1] - 0.5 for line in found]
    return sorted(lines, key=lambda line: -np.ptp(line[:, 0]) * np.ptp(line[:, 1]))


def length_of(line, size):
    return np.linalg.norm(np.diff(line * size, axis=0), axis=1).sum()


def longest_of(piece, size):
    hull = scipy.spatial.ConvexHull(rims(piece)[0] * size) if piece.sum() > 1 else None
    points = rims(piece)[0] * size if hull is None else hull.points[hull.vertices]
    return scipy.spatial.distance.pdist(points).max()


def width_across(piece, ends, size):
    """The largest width of the outer line perpendicular to the line between `ends`."""
    start, end = np.array(ends) * size
    along = (end - start) / np.linalg.norm(end - start)
    turned = (rims(piece)[0] * size - start) @ np.array([along, [-along[1], along[0]]]).T
    a, b = turned[:-1], turned[1:]
    widest = 0.0
    for at in turned[:, 0]:
        low, high = np.minimum(a[:, 0], b[:, 0]), np.maximum(a[:, 0], b[:, 0])
        crossed = (low - 1e-9 <= at) & (at <= high + 1e-9)
        run_of = b[crossed, 0] - a[crossed, 0]
        is_across = np.abs(run_of) < 1e-9
        share = np.clip((at - a[crossed, 0]) / np.where(is_across, 1, run_of), 0, 1)
        across = a[crossed, 1] + share * (b[crossed, 1] - a[crossed, 1])
        across = np.concatenate([across, a[crossed, 1][is_across], b[crossed, 1][is_across]])
        widest = max(widest, np.ptp(across))
    return widest


def axes_of(piece, size):
    """Full axes of the ellipse with the same second moments; each pixel is a rectangle."""
    y, x = np.nonzero(piece)
    moments = np.cov(np.array([x * size[0], y * size[1]]), bias=True) + np.diag(np.array(size) ** 2 / 12)
    short, long = 4 * np.sqrt(np.linalg.eigvalsh(moments))
    return long, short


def by_regionprops(piece, row, size, what):
    """What scikit-image measures on the largest piece, within what the definitions differ by."""
    found = skimage.measure.regionprops(piece.astype(np.uint8), spacing=(size[1], size[0]))[0]
    if found.num_pixels < 20:
        return
    points = [4 * np.sqrt(max(e, 0)) for e in np.linalg.eigvalsh(found.inertia_tensor)[::-1]]
    theirs = found.axis_major_length, found.axis_minor_length
    check(np.allclose(points, theirs), f"{what}: scikit-image has another definition of axes")
    for name, ours, other in zip(("long", "short"), axes_of(piece, size), theirs):
        check(other <= ours + 1e-9, f"{what}, {name} axis: {ours} is less than {other} of scikit-image")
        check(ours**2 - other**2 <= 16 / 12 * max(size) ** 2 + 1e-6, f"{what}, {name} axis: {ours}, {other}")
    is_square = np.isclose(size[0], size[1])
    if is_square and row["pixels"] == piece.sum():
        theirs, pixel = found.feret_diameter_max, np.hypot(*size)
        check(abs(theirs - row["longest_diameter"]) <= pixel, f"{what}: Feret diameter {theirs}")


def slice_values(mask, label, row, size, pixels, what):
    """A row of the table against the mask of its slice."""
    of_label = mask == label
    count = of_label.sum()
    check(row["pixels"] == count, f"{what}: {row['pixels']} pixels, not {count}")
    same(row["area"], count * size[0] * size[1], f"{what}, area")
    for name, wanted in zip(STATISTICS, statistics(pixels[of_label])):
        same(row[name], wanted, f"{what}, {name}")
    pieces = pieces_of(of_label, 1)
    lengths = [longest_of(piece, size) for piece in pieces]
    same(row["longest_diameter"], max(lengths), f"{what}, longest diameter")
    ends = [[row[f"diameter_{axis}{n}"] for axis in "xy"] for n in (1, 2)]
    apart = np.linalg.norm((np.array(ends[0]) - ends[1]) * size)
    same(row["longest_diameter"], apart, f"{what}, ends of the diameter", 1e-3)
    of_diameter = pieces[int(np.argmax(lengths))]
    same(row["short_axis"], width_across(of_diameter, ends, size), f"{what}, short axis")
    largest = max(pieces_of(of_label, 2), key=np.sum)
    for name, wanted in zip(("long", "short"), axes_of(largest, size)):
        same(row[f"ellipse_{name}_axis"], wanted, f"{what}, {name} axis of the ellipse")
    same(row["ellipse_circumference"], circumference(*axes_of(largest, size)), f"{what}, circumference", 4e-4)
    by_regionprops(largest, row, size, what)
    perimeter(of_label, pieces, row, size, what)
    round_one = min(1, 4 * np.pi * row["area"] / row["perimeter"] ** 2)
    same(row["circularity"], round_one, f"{what}, circularity", 1e-4)


def perimeter(of_label, pieces, row, size, what):
    squares = sum(length_of(line, size) for piece in pieces for line in rims(piece))
    share = row["perimeter"] / squares
    check(0.85 <= share <= 1, f"{what}: perimeter {row['perimeter']}, {squares} by marching squares")
    if np.isclose(size[0], size[1]) and of_label.sum() >= 300:
        theirs = skimage.measure.perimeter_crofton(of_label, directions=4) * size[0]
        check(abs(row["perimeter"] / theirs - 1) < 0.06, f"{what}: perimeter {row['perimeter']}, by Crofton {theirs}")


def circumference(long, short):
    return 2 * long * scipy.special.ellipe(1 - (short / long) ** 2)


def statistics(values):
    values = np.asarray(values, float)
    return values.mean(), values.std(), values.min(), values.max()


def imported(folder, images, masks, where):
    """The measurements of masks on images, as JSON; `masks` by the name of the image."""
    given, out = folder / "masks", folder / "out"
    given.mkdir()
    for name, mask in masks.items():
        PIL.Image.fromarray(mask).save(given / f"{name}.png")
    run(LABRUM, "import-masks", given, "--of", *images, "--out", out, "--format", "json", "--quiet")
    found = [json.loads(path.read_text()) for path in sorted(out.rglob("*.measurements.json"))]
    check(found, f"{where}: nothing was written")
    return found


def masks_of_series(folder, name, files):
    """Every label on every slice, and over the series; also by SimpleITK, which reads the files itself."""
    sources = {path.stem: pydicom.dcmread(path) for path in files}
    masks = {stem: blobs(d.Rows, d.Columns, seed) for seed, (stem, d) in enumerate(sources.items())}
    (found,) = imported(folder, files, masks, name)
    for row in found["slices"]:
        stem = pathlib.Path(row["file"]).stem
        pixels, size, _ = pixels_of(sources[stem], 0)
        slice_values(masks[stem], row["label"], row, size, pixels, f"{name}, {stem}, label {row['label']}")
    check(len(found["slices"]) == sum(len(np.unique(m)) - 1 for m in masks.values()), f"{name}: rows")
    over_series(found, sources, masks, name)


def over_series(found, sources, masks, name):
    normal = np.cross(*np.array(next(iter(sources.values())).ImageOrientationPatient, float).reshape(2, 3))
    stems = sorted(sources, key=lambda s: normal @ np.array(sources[s].ImagePositionPatient, float))
    volume = np.stack([masks[stem] for stem in stems])
    values = np.stack([pixels_of(sources[stem], 0)[0] for stem in stems])
    image = SimpleITK.ReadImage([sources[stem].filename for stem in stems])
    labels = SimpleITK.GetImageFromArray(volume)
    labels.CopyInformation(image)
    shapes, grey = SimpleITK.LabelShapeStatisticsImageFilter(), SimpleITK.LabelStatisticsImageFilter()
    shapes.Execute(labels)
    grey.Execute(SimpleITK.Cast(image, SimpleITK.sitkFloat64), labels)
    for row in found["labels"]:
        label, what = row["label"], f"{name}, label {row['label']} over the series"
        for key, wanted in zip(STATISTICS, statistics(values[volume == label])):
            same(row[key], wanted, f"{what}, {key}")
        check(row["pixels"] == shapes.GetNumberOfPixels(label), f"{what}: pixels of SimpleITK")
        # SimpleITK takes the distance of slices from their positions, which files round.
        same(row["volume_mm3"], shapes.GetPhysicalSize(label), f"{what}, volume of SimpleITK", 1e-4)
        theirs = grey.GetMean(label), grey.GetMinimum(label), grey.GetMaximum(label)
        for key, wanted in zip(("mean", "minimum", "maximum"), theirs):
            same(row[key], wanted, f"{what}, {key} of SimpleITK")
        own = [r for r in found["slices"] if r["label"] == label]
        check(row["slices"] == len(own), f"{what}: slices")
        longest = max(own, key=lambda r: r["longest_diameter"])
        same(row["longest_diameter"], longest["longest_diameter"], f"{what}, longest diameter")
        same(row["short_axis"], longest["short_axis"], f"{what}, short axis")


def masks_of_pictures(folder, name):
    """The bundled ultrasound images, whose spacing is in a table beside them."""
    lines = (SAMPLES / "fetal-head/pixel_spacing_mm.csv").read_text().split()[1:]
    spacings = {line.split(",")[0]: float(line.split(",")[1]) for line in lines}
    images = sorted((SAMPLES / "fetal-head").glob("*.png"))
    pictures = {path.stem: np.array(PIL.Image.open(path)) for path in images}
    masks = {stem: blobs(*p.shape[:2], seed) for seed, (stem, p) in enumerate(pictures.items(), 7)}
    found = imported(folder, images, masks, name)
    check(len(found) == len(images), f"{name}: {len(found)} files")
    for row in [row for one in found for row in one["slices"]]:
        stem = pathlib.Path(row["file"]).stem
        size, label = (spacings[stem],) * 2, row["label"]
        slice_values(masks[stem], label, row, size, grey_of(pictures[stem]), f"{name}, {stem}, label {label}")


def grey_of(picture):
    return picture if picture.ndim == 2 else picture[..., 0]


def masks_of_one(folder, name, path, size):
    """One image with pixels that are not square."""
    source = pydicom.dcmread(path)
    mask = blobs(source.Rows, source.Columns, 3)
    (found,) = imported(folder, [path], {path.stem: mask}, name)
    check(len(found["slices"]) == 2, f"{name}: {len(found['slices'])} rows")
    for row in found["slices"]:
        check(row["unit"] == "mm", f"{name}: {row['unit']}")
        slice_values(mask, row["label"], row, size, source.pixel_array, f"{name}, label {row['label']}")


# Drawn measurements.

COLUMN_OF = {
    "Length": "length", "Angle": "angle", "Cobb angle": "angle", "Long axis": "long_axis", "Short axis": "short_axis",
    "Area": "area", "value": "mean", "Mean": "mean", "Standard Deviation": "standard_deviation", "Minimum": "minimum",
    "Maximum": "maximum",
}  # fmt: skip


def drawn_on(folder, name, files, size=None):
    """One measurement of each kind. `size` of a pixel, where it is not Pixel Spacing."""
    given, out = folder / "drawn.json", folder / "drawn.sr.dcm"
    slice = len(files) // 2
    measurements = one_of_each(slice)
    given.write_text(json.dumps(measurements))
    written = labrum("write", out, given, *files)
    path, frame = written["order"][slice]
    pixels, known, _ = pixels_of(pydicom.dcmread(path), frame)
    size = size or known
    rows = {row["name"]: row for row in written["rows"]}
    check(len(rows) == len(measurements), f"{name}: {len(rows)} rows")
    for m in measurements:
        row, shape = rows[m["name"]], m["shape"]
        check(row["unit"] == "mm", f"{name}, {m['name']}: {row['unit']}")
        for concept, wanted in expected(m, pixels, size).items():
            same(float(row[COLUMN_OF[concept]]), wanted, f"{name}, {m['name']}, {concept}")
        points = np.array(shape["points"]) * size
        if shape["kind"] == "rectangle":
            same(row["perimeter"], 2 * np.abs(points[1] - points[0]).sum(), f"{name}, perimeter of a rectangle")
        elif shape["kind"] == "freehand":
            same(row["perimeter"], length_of(np.vstack([points, points[:1]]), 1), f"{name}, perimeter of a polygon")
        elif shape["kind"] == "ellipse":
            axes = sorted(np.linalg.norm(b - a) for a, b in (points[:2], points[2:]))
            same(row["perimeter"], circumference(axes[1], axes[0]), f"{name}, perimeter of an ellipse", 4e-4)


def oblong(folder):
    """An MR image and an ultrasound image with pixels of 0.5 x 0.8 mm."""
    for name in ("spacing", "regions"):
        (folder / name).mkdir()
    empty = dict.fromkeys(["PatientBirthDate", "AccessionNumber", "StudyID", "ReferringPhysicianName"], "")
    mr = dict(Modality="MR", NumberOfFrames=None, PixelSpacing=[0.8, 0.5], ImagePositionPatient=[0, 0, 0])
    mr |= dict(ImageOrientationPatient=[1, 0, 0, 0, 1, 0], FrameOfReferenceUID=pydicom.uid.generate_uid(), SliceThickness=2)
    (spacing,) = made(folder / "spacing", pydicom.uid.MRImageStorage, 121, 90, 1, **mr, **empty)
    region = pydicom.Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 120, 89
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.05, 0.08
    us = dict(NumberOfFrames=None, SequenceOfUltrasoundRegions=[region])
    (regions,) = made(folder / "regions", ULTRASOUND, 121, 90, 1, **us, **empty)
    return spacing, regions


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        tidy = {}
        for name in ("sarcoma-ct", "cardiac-mr"):
            (folder / name).mkdir()
            tidy[name] = list(tidied(folder / name, sorted((SAMPLES / name).glob("*.dcm"))))
        spacing, regions = oblong(folder)
        size = (0.5, 0.8)
        checks = {
            "masks on CT": lambda at: masks_of_series(at, "CT", tidy["sarcoma-ct"]),
            "masks on MR": lambda at: masks_of_series(at, "MR", tidy["cardiac-mr"]),
            "masks on ultrasound": lambda at: masks_of_pictures(at, "ultrasound"),
            "masks on oblong pixels": lambda at: masks_of_one(at, "oblong", spacing, size),
            "masks in an ultrasound region": lambda at: masks_of_one(at, "region", regions, size),
            "drawn on CT": lambda at: drawn_on(at, "CT", tidy["sarcoma-ct"]),
            "drawn on MR": lambda at: drawn_on(at, "MR", tidy["cardiac-mr"]),
            "drawn on oblong pixels": lambda at: drawn_on(at, "oblong", [spacing]),
            "drawn in an ultrasound region": lambda at: drawn_on(at, "region", [regions], size),
        }
        for number, (name, compare) in enumerate(checks.items()):
            place = folder / f"check-{number}"
            place.mkdir()
            try:
                compare(place)
                print(f"{name}: as expected")
            except (Wrong, KeyError, ValueError, RuntimeError, subprocess.SubprocessError) as wrong:
                failed += 1
                print(f"{name}: {type(wrong).__name__}: {wrong}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
