#!/usr/bin/env python3
"""Compares names decoded by Labrum and by pydicom, for pydicom's test files in many character sets.

    tests/peers/compare_texts.py target/release/examples/dump_frames [FOLDER]
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

warnings.simplefilter("ignore")
# pydicom writes these names in the given character sets.
NAMES = [
    (["ISO_IR 100"], "Äneas^Rüdiger"),
    (["ISO_IR 101"], "Wałęsa^Jarosław"),
    (["ISO_IR 109"], "Ĉiuĵaŭde^Maltija"),
    (["ISO_IR 110"], "Ąžuolas^Ģirts"),
    (["ISO_IR 144"], "Люкceмбypг"),
    (["ISO_IR 127"], "قباني^لنزار"),
    (["ISO_IR 126"], "Διονυσιος"),
    (["ISO_IR 138"], "שרון^דבורה"),
    (["ISO_IR 148"], "Çavuşoğlu^İlker"),
    (["ISO_IR 166"], "นามสกุล^ชื่อ"),
    (["ISO_IR 13"], "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    (["ISO_IR 192"], "Wang^XiaoDong=王^小東"),
    (["GB18030"], "Wang^XiaoDong=王^小东"),
    (["GBK"], "Wang^XiaoDong=王^小东"),
    (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    (["", "ISO 2022 IR 159"], "Yamada^Tarou=丂丄^丅"),
    (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
    (["", "ISO 2022 IR 58"], "Zhang^XiaoDong=张^小东"),
    (["ISO 2022 IR 6", "ISO 2022 IR 126", "ISO 2022 IR 144"], "Διονυσιος=Люкceмбypг"),
    (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎"),
]


def written(folder):
    """Writes a tiny image for each name."""
    for number, (charset, name) in enumerate(NAMES):
        data = Dataset()
        data.SpecificCharacterSet = charset if len(charset) > 1 else charset[0]
        data.SOPClassUID, data.Modality = "1.2.840.10008.5.1.4.1.1.7", "OT"
        data.SOPInstanceUID, data.StudyInstanceUID, data.SeriesInstanceUID = (generate_uid() for _ in range(3))
        data.PatientName, data.StudyDescription = name, name.split("=")[-1].replace("^", " ")
        data.Rows = data.Columns = 2
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelData = 8, 8, 7, bytes(4)
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.save_as(folder / f"name-{number:02}.dcm", enforce_file_format=True)


def with_pixels(folder):
    """Copies pydicom's test files with a tiny image added and unchanged bytes of text."""
    for path in sorted((pathlib.Path(pydicom.__file__).parent / "data" / "charset_files").glob("*.dcm")):
        data = pydicom.dcmread(path, force=True)
        data.Rows = data.Columns = 2
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelData = 8, 8, 7, bytes(4)
        data["PixelData"].VR = "OB"
        data.SOPClassUID, data.Modality = "1.2.840.10008.5.1.4.1.1.7", "OT"
        for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
            setattr(data, keyword, generate_uid())
        data.save_as(folder / path.name)


def shown(text):
    return str(text).rstrip("^").replace("^", " ").strip()


def main():
    dump, more = sys.argv[1], sys.argv[2:]
    different = compared = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "in"
        folder.mkdir()
        written(folder)
        with_pixels(folder)
        for place in [folder, *map(pathlib.Path, more)]:
            out = pathlib.Path(temporary) / "out"
            subprocess.run([dump, str(place), str(out)], check=True)
            for text in (out / "index.jsonl").read_text().splitlines():
                line = json.loads(text)
                if line["frame"] or line.get("catalog"):
                    continue
                data = pydicom.dcmread(line["path"], force=True, stop_before_pixels=True)
                data.decode()
                pairs = [(line["patient"], data.get("PatientName", "")), (line["study"], data.get("StudyDescription", ""))]
                for found, expected in pairs:
                    compared += 1
                    if found != shown(expected):
                        different += 1
                        print(f"{pathlib.Path(line['path']).name}: {found!r}, pydicom {shown(expected)!r}")
    print(f"{compared} texts, {different} different")
    return 1 if different or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
