#!/usr/bin/env python3
"""Writes DICOM files in all transfer syntaxes, photometric interpretations and bit depths.

    tests/peers/make_matrix.py FOLDER
    tests/peers/make_matrix.py tests/fixtures/formats.tar.gz --few

Beside each file is `NAME.npy`: the values before compression or, for lossy files, those decoded by
pydicom or DCMTK. If the file must be refused, `NAME.refused` holds a text that the message must
contain. `--few` makes tiny images, keeps one file of each kind, adds `index.tsv` and packs all into
the archive from which `tests/formats` makes docs/formats.md.
"""
import gzip
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import warnings
import zlib

import imagecodecs
import numpy as np
import pydicom
from compare_pixels import reference
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, UID, generate_uid

ROOT = "1.2.840.10008.1.2"
JPEG = {"baseline": ".4.50", "extended": ".4.51", "spectral": ".4.53", "progressive": ".4.55", "lossless": ".4.57",
        "lossless sv1": ".4.70"}
FEW = "--few" in sys.argv
ROWS, COLUMNS = (11, 14) if FEW else (37, 50)
warnings.simplefilter("ignore")
# Five wavelet levels need at least 32 pixels per side.
LARGE = {"rows": max(ROWS, 33), "columns": max(COLUMNS, 34)}
made = 0


def random(seed):
    return np.random.default_rng(seed)


def scene(rows, columns, frame=0):
    """Smooth shapes with some noise, 0 to 1."""
    y, x = np.mgrid[0:rows, 0:columns]
    disc = ((x - columns / 2 - frame) ** 2 + (y - rows / 2) ** 2) < (min(rows, columns) / 3) ** 2
    wave = 0.5 + 0.3 * np.sin(x / 7 + frame) * np.cos(y / 5)
    return np.clip(wave * 0.7 + 0.3 * disc + random(frame).normal(0, 0.005 if FEW else 0.02, (rows, columns)), 0, 1)


def grey(bits, signed=False, frames=1, rows=ROWS, columns=COLUMNS):
    stack = np.stack([scene(rows, columns, f) for f in range(frames)])
    values = np.floor(stack * ((1 << bits) - 1) + 0.5).astype(np.int64)
    if signed:
        values -= 1 << (bits - 1)
    width = 8 if bits <= 8 else 16 if bits <= 16 else 32
    return values.astype(f"{'i' if signed else 'u'}{width // 8}")


def color(bits=8, frames=1, rows=ROWS, columns=COLUMNS):
    stack = np.stack([np.stack([scene(rows, columns, 3 * f + c) for c in range(3)], -1) for f in range(frames)])
    return np.floor(stack * ((1 << bits) - 1) + 0.5).astype("u1" if bits <= 8 else "u2" if bits <= 16 else "u4")


def dataset(values, bits, photometric, signed=False, allocated=None):
    """A secondary capture with all attributes of `values` (frames, rows, columns[, 3])."""
    data = Dataset()
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    global made
    made += 1
    names = [f"labrum {made} {part}" for part in ("instance", "study", "series")]
    uids = [generate_uid(entropy_srcs=[name]) for name in names]
    data.SOPInstanceUID, data.StudyInstanceUID, data.SeriesInstanceUID = uids
    data.PatientName, data.PatientID, data.StudyDate, data.StudyTime = "Matrix^Test", "M", "20240101", "120000"
    data.Modality, data.SeriesNumber, data.InstanceNumber, data.StudyID = "OT", "1", "1", "1"
    data.AccessionNumber = data.ReferringPhysicianName = data.PatientBirthDate = data.PatientSex = ""
    data.ConversionType = "WSD"
    data.SamplesPerPixel = 3 if values.ndim == 4 else 1
    data.PhotometricInterpretation = photometric
    if values.ndim == 4:
        data.PlanarConfiguration = 0
    if len(values) > 1:
        data.NumberOfFrames = len(values)
        data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    data.Rows, data.Columns = values.shape[1:3]
    data.BitsAllocated = allocated or values.dtype.itemsize * 8
    data.BitsStored, data.HighBit, data.PixelRepresentation = bits, bits - 1, int(signed)
    return data


def write(folder, name, data, syntax, values=None, refused=None, **how):
    """Writes the file and its expected result: `values` of all frames, or part of a message."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
    data.file_meta = meta
    path = folder / f"{name}.dcm"
    try:
        data.save_as(path, enforce_file_format=True, **how)
    except ValueError:
        # A transfer syntax that this pydicom does not know yet.
        data.preamble = bytes(128)
        data.save_as(path, implicit_vr=False, little_endian=True, force_encoding=True)
    if values is not None:
        np.save(folder / f"{name}.npy", values)
    if refused:
        (folder / f"{name}.refused").write_text(refused)
    return path


def native(folder):
    syntaxes = {"implicit": ImplicitVRLittleEndian, "explicit": ExplicitVRLittleEndian, "big": ExplicitVRBigEndian,
                "deflated": UID(ROOT + ".1.99")}
    for word, syntax in syntaxes.items():
        order = ">" if word == "big" else "<"
        for photometric in ["MONOCHROME1", "MONOCHROME2"]:
            for bits, signed in [(8, False), (8, True), (12, False), (12, True), (16, False), (16, True), (32, False),
                                 (32, True)][:1 if FEW and photometric == "MONOCHROME1" else 8]:
                for frames in [1, 3]:
                    values = grey(bits, signed, frames)
                    data = dataset(values, bits, photometric, signed)
                    raw = values.astype(values.dtype.newbyteorder(order)).tobytes()
                    data.PixelData = raw + b"\0" * (len(raw) % 2)
                    data["PixelData"].VR = "OB" if bits == 8 else "OW"
                    write(folder, f"{word}-{photometric}-{bits}{'s' if signed else 'u'}-{frames}", data, syntax, values)
        for bits in [8, 16, 32]:
            for planar in [0, 1]:
                for frames in [1, 3]:
                    values = color(bits, frames)
                    data = dataset(values, bits, "RGB")
                    data.PlanarConfiguration = planar
                    stored = values.transpose(0, 3, 1, 2) if planar else values
                    raw = np.ascontiguousarray(stored).astype(stored.dtype.newbyteorder(order)).tobytes()
                    data.PixelData = raw + b"\0" * (len(raw) % 2)
                    data["PixelData"].VR = "OB" if bits == 8 else "OW"
                    write(folder, f"{word}-RGB-{bits}-planar{planar}-{frames}", data, syntax, values)
        for planar in [0, 1]:
            values = color()
            data = dataset(values, 8, "YBR_FULL")
            data.PlanarConfiguration = planar
            raw = (values.transpose(0, 3, 1, 2) if planar else values).tobytes()
            data.PixelData = raw + b"\0" * (len(raw) % 2)
            write(folder, f"{word}-YBR_FULL-planar{planar}", data, syntax)
        data = dataset(color(), 8, "YBR_FULL_422")
        data.PixelData = packed_422(color()[0])
        write(folder, f"{word}-YBR_FULL_422", data, syntax)
        for rows, columns, frames in [(7, 9, 1), (7, 9, 5), (8, 8, 2)]:
            values = (grey(8, frames=frames, rows=rows, columns=columns) > 128).astype("u1")
            data = dataset(values, 1, "MONOCHROME2", allocated=1)
            raw = np.packbits(values.ravel(), bitorder="little").tobytes()
            raw += b"\0" * (len(raw) % 2)
            data.PixelData = raw if word != "big" else np.frombuffer(raw, "<u2").astype(">u2").tobytes()
            data["PixelData"].VR = "OW" if word == "big" else "OB"
            write(folder, f"{word}-1bit-{rows}x{columns}x{frames}", data, syntax, values)


def packed_422(full):
    """Two pixels in four bytes: Y Y B R."""
    packed = np.stack([full[:, 0::2, 0], full[:, 1::2, 0], full[:, 0::2, 1], full[:, 0::2, 2]], -1).tobytes()
    return packed + b"\0" * (len(packed) % 2)


def palettes(folder):
    forms = [(256, 8, 8), (256, 8, 16), (200, 8, 16), (300, 16, 16)]
    for entries, index_bits, table_bits in forms + ([] if FEW else [(4096, 16, 16), (65536, 16, 16)]):
        values = grey(8 if index_bits == 8 else 12 if entries > 4000 else 9)
        values = values.astype("u1" if index_bits == 8 else "u2")
        data = dataset(values, index_bits, "PALETTE COLOR")
        top = (1 << table_bits) - 1
        tables = [np.linspace(0, top, entries), np.linspace(top, 0, entries), np.linspace(0, top, entries) ** 2 / top]
        tables = [t.astype("<u2" if table_bits == 16 else "u1") for t in tables]
        for name, table in zip(["Red", "Green", "Blue"], tables):
            setattr(data, f"{name}PaletteColorLookupTableDescriptor", [entries % 65536, 0, table_bits])
            setattr(data, f"{name}PaletteColorLookupTableData", table.tobytes())
        raw = values.tobytes()
        data.PixelData = raw + b"\0" * (len(raw) % 2)
        data["PixelData"].VR = "OB" if index_bits == 8 else "OW"
        write(folder, f"palette-{entries}-{index_bits}-{table_bits}", data, ExplicitVRLittleEndian)
        rle = pydicom.dcmread(folder / f"palette-{entries}-{index_bits}-{table_bits}.dcm")
        rle.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
        rle.save_as(folder / f"palette-{entries}-{index_bits}-{table_bits}-rle.dcm")
    # Discrete and linear segments: 0, a line to 51200, then 51000 and 40000, a line to 300.
    values = grey(8, rows=ROWS + 1)
    data = dataset(values, 8, "PALETTE COLOR")
    words = np.array([0, 1, 0, 1, 200, 51200, 0, 2, 51000, 40000, 1, 53, 300], "<u2")
    for name in ["Red", "Green", "Blue"]:
        setattr(data, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(data, f"Segmented{name}PaletteColorLookupTableData", words.tobytes())
    data.PixelData = values.tobytes()
    write(folder, "palette-segmented", data, ExplicitVRLittleEndian)


def fragments(folder, name, data, syntax, frames, values=None, kinds=("bot",), **how):
    """The frames with a Basic Offset Table, without one, with an extended one, and cut into several fragments."""
    for kind in kinds:
        if kind == "extended":
            data.PixelData, data.ExtendedOffsetTable, data.ExtendedOffsetTableLengths = encapsulate_extended(frames)
        else:
            pieces = 3 if "pieces" in kind else 1
            data.PixelData = encapsulate(frames, fragments_per_frame=pieces, has_bot="bot" in kind)
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = True
        write(folder, f"{name}-{kind}", data, syntax, values, **how)
        if "ExtendedOffsetTable" in data:
            del data.ExtendedOffsetTable, data.ExtendedOffsetTableLengths


KINDS = ("bot", "plain", "extended", "pieces-bot", "pieces-plain")


def pydicom_encoders(folder):
    """RLE, JPEG-LS, JPEG 2000 as pydicom writes them."""
    for word, syntax in {"rle": ".5", "jpegls": ".4.80", "jpegls-near": ".4.81", "j2k-lossless": ".4.90",
                         "j2k": ".4.91"}.items():
        for bits, signed in [(8, False), (12, False), (12, True), (16, False), (16, True), (32, False)]:
            size = LARGE if word.startswith("j2k") else {}
            for frames in [1] if FEW and size else [1, 3]:
                compress(folder, f"{word}-{bits}{'s' if signed else 'u'}-{frames}", grey(bits, signed, frames, **size),
                         bits, "MONOCHROME2", ROOT + syntax, signed)
        for bits in [8, 16]:
            for photometric in ["RGB", "YBR_FULL", "YBR_RCT", "YBR_ICT"]:
                for planar in [0, 1]:
                    size = LARGE if word.startswith("j2k") else {}
                    compress(folder, f"{word}-{photometric}-{bits}-planar{planar}", color(bits, 1 if FEW and size else 2, **size), bits,
                             photometric, ROOT + syntax, planar=planar)


def compress(folder, name, values, bits, photometric, syntax, signed=False, planar=0):
    # pydicom reorders JPEG 2000 as if it had planes: without known values there is no reference.
    if planar and "j2k" in name and (photometric == "YBR_FULL" or syntax.endswith(".4.91")):
        return
    reversible = {"YBR_RCT": ".4.90", "YBR_ICT": ".4.91"}.get(photometric)
    if reversible and not syntax.endswith(reversible):
        return
    data = dataset(values, bits, "RGB" if reversible else photometric, signed)
    options = {}
    if syntax.endswith(".4.81"):
        options["jls_error"] = 2
    if syntax.endswith(".4.91"):
        options["j2k_cr"] = [8]
    if reversible:
        data.PhotometricInterpretation = photometric
        options["use_mct"] = True
    if values.ndim == 4:
        data.PlanarConfiguration = planar
    try:
        data.compress(syntax, values if len(values) > 1 else values[0], generate_instance_uid=False, **options)
    except Exception as error:
        print(f"not made: {name}: {error}".split("\n")[0])
        return
    lossless = not syntax.endswith((".4.81", ".4.91"))
    write(folder, name, data, syntax, values if lossless and photometric in ("MONOCHROME2", "RGB", "YBR_RCT") else None)


def jpeg(folder):
    for frames in [1, 3]:
        values = grey(8, frames=frames)
        streams = [imagecodecs.jpeg8_encode(v, level=95) for v in values]
        fragments(folder, f"jpeg-baseline-8u-{frames}", dataset(values, 8, "MONOCHROME2"), ROOT + ".4.50", streams,
                  kinds=KINDS)
    for subsampling in ["444", "422", "420", "411", "440"]:
        values = color(frames=2)
        streams = [imagecodecs.jpeg8_encode(v, level=95, subsampling=subsampling) for v in values]
        for photometric in ["YBR_FULL_422", "YBR_FULL", "RGB"]:
            fragments(folder, f"jpeg-baseline-{photometric}-{subsampling}", dataset(values, 8, photometric),
                      ROOT + ".4.50", streams)
        # libjpeg-turbo repeats the chroma of 4:1:1; other decoders interpolate it.
        if subsampling != "411":
            fragments(folder, f"jpeg-baseline-YBR_PARTIAL_420-{subsampling}", dataset(values, 8, "YBR_PARTIAL_420"),
                      ROOT + ".4.50", streams, np.stack([imagecodecs.jpeg8_decode(s) for s in streams]))
    values = color(frames=2)
    with_marker = [imagecodecs.jpeg8_encode(v, level=95, colorspace="rgb", outcolorspace="rgb") for v in values]
    fragments(folder, "jpeg-baseline-RGB-app14", dataset(values, 8, "RGB"), ROOT + ".4.50", with_marker)
    fragments(folder, "jpeg-baseline-RGB-no-app14", dataset(values, 8, "RGB"), ROOT + ".4.50",
              [without_markers(s) for s in with_marker], None)
    ybr = [without_markers(imagecodecs.jpeg8_encode(v, level=95, subsampling="444")) for v in values]
    fragments(folder, "jpeg-baseline-YBR_FULL-no-markers", dataset(values, 8, "YBR_FULL"), ROOT + ".4.50", ybr)
    for bits in [8, 12, 16]:
        values = grey(bits, frames=2)
        streams = [imagecodecs.ljpeg_encode(v, bitspersample=bits) for v in values]
        for word in ["lossless", "lossless sv1"]:
            fragments(folder, f"jpeg-{word}-{bits}u".replace(" ", "-"), dataset(values, bits, "MONOCHROME2"),
                      ROOT + JPEG[word], streams, values, kinds=KINDS if bits == 16 else ("bot",))


def without_markers(stream):
    """A JPEG stream without its APP segments."""
    out, at = bytearray(stream[:2]), 2
    while stream[at + 1] != 0xDA:
        length = int.from_bytes(stream[at + 2:at + 4], "big")
        if not 0xE0 <= stream[at + 1] <= 0xEF:
            out += stream[at:at + 2 + length]
        at += 2 + length
    return bytes(out + stream[at:])


def dcmtk(folder):
    """The uncompressed files, encoded by DCMTK."""
    kinds = {"dcmtk-baseline": ["dcmcjpeg", "+eb"], "dcmtk-extended": ["dcmcjpeg", "+ee"],
             "dcmtk-spectral": ["dcmcjpeg", "+es"], "dcmtk-progressive": ["dcmcjpeg", "+ep"],
             "dcmtk-sv1": ["dcmcjpeg", "+e1"], "dcmtk-lossless": ["dcmcjpeg", "+el"],
             "dcmtk-jls": ["dcmcjpls", "+el"], "dcmtk-jls-near": ["dcmcjpls", "+en", "+md", "2"],
             "dcmtk-rle": ["dcmcrle"]}
    sources = [p for p in sorted(folder.glob("explicit-*.dcm")) if "-32" not in p.stem]
    sources += sorted(folder.glob("palette-256-8-16.dcm"))
    for source in sources:
        for word, command in kinds.items():
            target = folder / f"{word}-{source.stem}.dcm"
            extra = []
            # Subsampled chroma does not suit the abrupt colours of a palette.
            if "palette" in source.stem and command[0] == "dcmcjpeg" and "+e1" not in command and "+el" not in command:
                continue
            if command[0] == "dcmcjpeg" and ("RGB" in source.stem or "YBR" in source.stem):
                extra = ["+cr" if "extended" in word else "+cy"] if "+e1" not in command and "+el" not in command else []
            done = subprocess.run([*command, *extra, str(source), str(target)], capture_output=True)
            known = source.with_suffix(".npy")
            if done.returncode or not target.exists():
                target.unlink(missing_ok=True)
            elif word in ("dcmtk-jls", "dcmtk-rle", "dcmtk-sv1", "dcmtk-lossless") and known.exists():
                # +e1 may compress displayed values: only true lossless has known ones.
                if word.startswith("dcmtk-jls") or word == "dcmtk-rle":
                    target.with_suffix(".npy").write_bytes(known.read_bytes())
    for form in ["444", "422", "420"]:
        for source in sorted(folder.glob("explicit-RGB-8-planar0-*.dcm")):
            target = folder / f"dcmtk-baseline-{form}-{source.stem}.dcm"
            subprocess.run(["dcmcjpeg", "+eb", "+s" + {"444": "4", "422": "2", "420": "2"}[form], str(source),
                            str(target)], capture_output=True)


def jpeg_2000(folder):
    for bits, signed in [(8, False), (12, False), (16, False), (16, True)]:
        values = grey(bits, signed, 1 if FEW else 3, **LARGE)
        fragments(folder, f"j2k-ic-{bits}{'s' if signed else 'u'}", dataset(values, bits, "MONOCHROME2", signed),
                  ROOT + ".4.90", [imagecodecs.jpeg2k_encode(v, level=0, codecformat="j2k", bitspersample=bits)
                                   for v in values], values, kinds=KINDS)
    boxed = grey(16, **LARGE)
    fragments(folder, "j2k-with-boxes", dataset(boxed, 16, "MONOCHROME2"), ROOT + ".4.90",
              [imagecodecs.jpeg2k_encode(v, level=0, codecformat="jp2") for v in boxed], boxed)
    for part in [".4.92", ".4.93"]:
        fragments(folder, f"j2k-part2{part}", dataset(boxed, 16, "MONOCHROME2"), ROOT + part,
                  [imagecodecs.jpeg2k_encode(v, level=0, codecformat="j2k") for v in boxed], boxed)
    for word, syntax in {"htj2k-lossless": ".4.201", "htj2k-rpcl": ".4.202", "htj2k": ".4.203"}.items():
        for bits, signed in [(8, False), (12, False), (16, False), (16, True)]:
            values = grey(bits, signed, 1 if FEW else 2, **LARGE)
            try:
                streams = [imagecodecs.htj2k_encode(v, reversible=True) for v in values]
            except Exception as error:
                print(f"not made: {word}-{bits}: {error}")
                continue
            fragments(folder, f"{word}-{bits}{'s' if signed else 'u'}", dataset(values, bits, "MONOCHROME2", signed),
                      ROOT + syntax, streams, values, kinds=KINDS[:2])
        values = color(8, 1 if FEW else 2, **LARGE)
        streams = [imagecodecs.htj2k_encode(v, reversible=True) for v in values]
        for photometric in ["YBR_RCT", "RGB"]:
            fragments(folder, f"{word}-{photometric}", dataset(values, 8, photometric), ROOT + syntax, streams, values)


def jpeg_xl(folder):
    for bits, signed in [(8, False), (12, False), (16, False), (16, True)]:
        values = grey(bits, signed, 2)
        plain = (values.astype(np.int64) + (1 << bits if signed else 0) * 0).astype(f"u{values.dtype.itemsize}")
        streams = [imagecodecs.jpegxl_encode(v, lossless=True, bitspersample=bits if bits > 8 else 8,
                                             usecontainer=False) for v in plain]
        stored = values if not signed else values
        fragments(folder, f"jxl-lossless-{bits}{'s' if signed else 'u'}", dataset(values, bits, "MONOCHROME2", signed),
                  ROOT + ".4.110", streams, stored, kinds=KINDS[:3])
    for bits in [8, 16]:
        values = color(bits, 2)
        for container in [False, True]:
            streams = [imagecodecs.jpegxl_encode(v, lossless=True, usecontainer=container) for v in values]
            fragments(folder, f"jxl-lossless-RGB-{bits}-{'boxes' if container else 'bare'}",
                      dataset(values, bits, "RGB"), ROOT + ".4.110", streams, values)
    for bits in [8, 16]:
        values = color(bits, 2)
        streams = [imagecodecs.jpegxl_encode(v, distance=0.5) for v in values]
        known = np.stack([imagecodecs.jpegxl_decode(s) for s in streams])
        for photometric in ["RGB", "XYB"]:
            fragments(folder, f"jxl-{photometric}-{bits}", dataset(values, bits, photometric), ROOT + ".4.112", streams,
                      known)
    values = grey(12, frames=2)
    streams = [imagecodecs.jpegxl_encode(v, distance=0.5, bitspersample=12) for v in values]
    fragments(folder, "jxl-12u", dataset(values, 12, "MONOCHROME2"), ROOT + ".4.112", streams,
              np.stack([imagecodecs.jpegxl_decode(s) for s in streams]))
    for form in ["444", "420"]:
        values = color(8, 2)
        source = [imagecodecs.jpeg8_encode(v, level=95, subsampling=form) for v in values]
        streams = [imagecodecs.jpegxl_encode_jpeg(s) for s in source]
        known = np.stack([imagecodecs.jpegxl_decode(s) for s in streams])
        fragments(folder, f"jxl-jpeg-{form}", dataset(values, 8, "YBR_FULL_422" if form != "444" else "YBR_FULL"),
                  ROOT + ".4.111", streams, known)
    values = grey(8)
    streams = [imagecodecs.jpegxl_encode_jpeg(imagecodecs.jpeg8_encode(v, level=95)) for v in values]
    fragments(folder, "jxl-jpeg-grey", dataset(values, 8, "MONOCHROME2"), ROOT + ".4.111", streams,
              np.stack([imagecodecs.jpegxl_decode(s) for s in streams]))


def others(folder):
    """Rare syntaxes, and those that must be refused by name."""
    values = grey(16, frames=2)
    fragments(folder, "encapsulated-uncompressed", dataset(values, 16, "MONOCHROME2"), ROOT + ".1.98",
              [v.tobytes() for v in values], values)
    streams = []
    for v in values:
        packer = zlib.compressobj(wbits=-15)
        streams.append(packer.compress(v.tobytes()) + packer.flush())
    fragments(folder, "deflated-frame", dataset(values, 16, "MONOCHROME2"), ROOT + ".8.1", streams, values)
    for uid, words in {".4.94": "JPIP", ".4.100": "MPEG", ".4.102": "MPEG", ".4.107": "HEVC", ".7.1": "SMPTE",
                       ".4.52": "", ".4.58": "JPEG", ".6.2": ""}.items():
        fragments(folder, f"refused{uid}", dataset(color(), 8, "YBR_FULL_422"), ROOT + uid, [b"\0" * 64],
                  refused=words or "transfer syntax")
    for photometric in ["ARGB", "CMYK", "HSV"]:
        values = np.concatenate([color(), color()[..., :1]], -1)
        data = dataset(values, 8, photometric)
        data.SamplesPerPixel = 4 if photometric != "HSV" else 3
        data.PixelData = (values if photometric != "HSV" else values[..., :3]).tobytes()
        write(folder, f"refused-{photometric}", data, ExplicitVRLittleEndian, refused=photometric)
    data = dataset(color(rows=4, columns=6), 8, "YBR_PARTIAL_420")
    data.PixelData = bytes(36)
    write(folder, "native-YBR_PARTIAL_420", data, ExplicitVRLittleEndian, refused="YBR_PARTIAL_420")
    data = dataset(color(), 8, "YBR_PARTIAL_422")
    data.PixelData = packed_422(color()[0])
    write(folder, "native-YBR_PARTIAL_422", data, ExplicitVRLittleEndian)
    values = grey(8).astype("<f4") / 7
    for word, dtype in {"FloatPixelData": "<f4", "DoubleFloatPixelData": "<f8"}.items():
        data = dataset(values, 8, "MONOCHROME2", allocated=32 if dtype == "<f4" else 64)
        del data.BitsStored, data.HighBit, data.PixelRepresentation
        setattr(data, word, values.astype(dtype).tobytes())
        write(folder, word, data, ExplicitVRLittleEndian, values)


def broken(folder):
    """Files that violate the standard but can be read, or that need the right message."""
    values = grey(12, True)
    for high in [11, 15]:
        data = dataset(values, 12, "MONOCHROME2", True)
        data.HighBit = high
        data.PixelData = ((values.astype(np.int64) & 0xFFF) << (high - 11)).astype("<u2").tobytes()
        write(folder, f"odd-high-bit-{high}", data, ExplicitVRLittleEndian, values)
    overlay = dataset(values, 12, "MONOCHROME2", True)
    overlay.PixelData = ((values.astype(np.int64) & 0xFFF) | 0xA000).astype("<u2").tobytes()
    write(folder, "odd-overlay-in-unused-bits", overlay, ExplicitVRLittleEndian, values)
    wide = grey(16)
    for word, change in {"no-meta": "meta", "no-preamble": "preamble", "long-uid": "uid"}.items():
        data = dataset(wide, 16, "MONOCHROME2")
        data.PixelData = wide.tobytes()
        if change == "uid":
            data.SOPInstanceUID = "1.2." + "3" * 90
        path = folder / f"odd-{word}.dcm"
        try:
            write(folder, f"odd-{word}", data, ExplicitVRLittleEndian, wide)
        except ValueError as error:
            print(f"not made: {word}: {error}")
            continue
        raw = path.read_bytes()
        if change == "preamble":
            path.write_bytes(raw[132:])
        if change == "meta":
            length = int.from_bytes(raw[140:144], "little")
            path.write_bytes(raw[144 + length:])
    frames = grey(16, frames=3)
    for word, keep in {"half": 0.5, "most": 0.95, "none": 0.0}.items():
        data = dataset(frames, 16, "MONOCHROME2")
        data.PixelData = frames.tobytes()
        path = write(folder, f"cut-native-{word}", data, ExplicitVRLittleEndian, frames)
        raw = path.read_bytes()
        path.write_bytes(raw[:len(raw) - int(len(frames.tobytes()) * (1 - keep))])
    for word, syntax in {"rle": ".5", "jpegls": ".4.80", "j2k": ".4.90"}.items():
        frames = grey(16, frames=3, **(LARGE if word == "j2k" else {}))
        data = dataset(frames, 16, "MONOCHROME2")
        data.compress(ROOT + syntax, frames, generate_instance_uid=False)
        path = write(folder, f"cut-{word}", data, ROOT + syntax, frames)
        raw = path.read_bytes()
        path.write_bytes(raw[:int(len(raw) * 0.6)])
    frames = grey(16, frames=3)
    data = dataset(frames, 16, "MONOCHROME2")
    data.PixelData = frames.tobytes() + b"\0" * 200
    write(folder, "odd-too-many-bytes", data, ExplicitVRLittleEndian, frames)
    data = dataset(grey(8), 8, "MONOCHROME2")
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.PixelData = grey(8).tobytes()
    write(folder, "odd-wrong-bits-allocated", data, ExplicitVRLittleEndian, refused="bytes of pixel data")
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [256, 0, 16], "US"
    table.LUTData = (np.arange(256, dtype="<u2") * 3).tobytes()
    data = dataset(grey(8), 8, "MONOCHROME2")
    data.ModalityLUTSequence = [table]
    data.PixelData = grey(8).tobytes()
    write(folder, "modality-lut", data, ExplicitVRLittleEndian)
    data = dataset(grey(16, True), 16, "MONOCHROME2", True)
    data.RescaleSlope, data.RescaleIntercept = "0.5", "-100"
    data.add_new("PixelPaddingValue", "SS", -32768)
    data.PixelData = grey(16, True).tobytes()
    write(folder, "rescale-padding", data, ExplicitVRLittleEndian)


def complete(folder):
    """Where true values are unknown, writes those decoded by pydicom or, failing that, by DCMTK."""
    for path in sorted(folder.glob("*.dcm")):
        if path.with_suffix(".npy").exists() or path.with_suffix(".refused").exists():
            continue
        try:
            values = decoded(path)
        except Exception:
            plain = path.with_suffix(".plain")
            subprocess.run(["dcmdjpeg", str(path), str(plain)], capture_output=True)
            try:
                values = decoded(plain)
            except Exception as error:
                print(f"no reference: {path.name}: {error}".split("\n")[0])
                continue
            finally:
                plain.unlink(missing_ok=True)
        np.save(path.with_suffix(".npy"), smallest(values))


def decoded(path):
    data = pydicom.dcmread(path, force=True)
    return np.stack([reference(data, frame) for frame in range(int(data.get("NumberOfFrames") or 1))])


def smallest(values):
    """The same numbers in the smallest type that holds them."""
    for kind in ("u1", "<u2", "<i2"):
        if (values.astype(kind) == values).all():
            return values.astype(kind)
    return values.astype("<f4")


def depth_of(path, data):
    """Bits stored, bits allocated and sign, as in "12 in 16 signed"."""
    if "FloatPixelData" in path.stem:
        return "64 float" if "Double" in path.stem else "32 float"
    stored, allocated = data.get("BitsStored", data.BitsAllocated), data.BitsAllocated
    depth = f"{stored}" if stored == allocated else f"{stored} in {allocated}"
    return depth + (" signed" if data.get("PixelRepresentation") else "")


def index(folder):
    """Keeps one file of each kind, multi-frame if there is one, and lists them."""
    lines, seen = [], set()
    for path in sorted(folder.glob("*.dcm"), reverse=True):
        data = pydicom.dcmread(path, force=True, stop_before_pixels=True)
        syntax, photometric = data.file_meta.get("TransferSyntaxUID", ""), data.get("PhotometricInterpretation", "")
        is_odd = path.stem.split("-")[0] in ("odd", "cut", "modality", "rescale", "palette")
        fragments = path.stem.startswith("jpeg-lossless-sv1-16u") or path.stem.startswith("jxl-lossless-16u")
        key = (syntax, photometric, depth_of(path, data), path.stem if is_odd or fragments else "")
        known, refused = path.with_suffix(".npy"), path.with_suffix(".refused")
        words = refused.read_text() if refused.exists() else ""
        if key in seen or not (known.exists() or words):
            for file in (path, known, refused):
                file.unlink(missing_ok=True)
            continue
        seen.add(key)
        refused.unlink(missing_ok=True)
        lines.append("\t".join([path.name, "odd" if is_odd or fragments else "", syntax, photometric, key[2], words]))
    head = "file\tkind\tsyntax\tphotometric\tbits\trefused\n"
    (folder / "index.tsv").write_text(head + "\n".join(sorted(lines)) + "\n")


def pack(folder, archive):
    """A reproducible archive of all files."""
    def plain(member):
        member.mtime = member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    with open(archive, "wb") as file, gzip.GzipFile("", "wb", 9, file, 0) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for path in sorted(folder.iterdir()):
                tar.add(path, path.name, filter=plain)


def make_all(folder):
    for make in [native, palettes, pydicom_encoders, jpeg, jpeg_2000, jpeg_xl, others, broken, dcmtk, complete]:
        make(folder)
    if FEW:
        index(folder)
    print(len(list(folder.glob("*.dcm"))), "files")


def main():
    target = pathlib.Path(sys.argv[1])
    if not FEW:
        target.mkdir(parents=True, exist_ok=True)
        return make_all(target)
    with tempfile.TemporaryDirectory() as temporary:
        make_all(pathlib.Path(temporary))
        pack(pathlib.Path(temporary), target)


if __name__ == "__main__":
    main()
