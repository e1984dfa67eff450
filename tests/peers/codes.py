#!/usr/bin/env python3
"""Writes or checks crates/labrum-core/src/codes.csv, by pydicom's dictionary of DICOM PS3.16.

    tests/peers/codes.py [--write]

The types of each category are those of CID 7191 to 7198; some context groups of anatomy add to them. Codes of the
retired scheme SRT are listed beside those of SNOMED CT. Exit code 1 if the file differs.
"""
import csv
import io
import pathlib
import sys

from pydicom.sr import _snomed_dict
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts

FILE = pathlib.Path(__file__).resolve().parents[2] / "crates/labrum-core/src/codes.csv"
ANATOMY, ABNORMAL = "91723000", "49755003"
# Context group, category of its types.
CATEGORIES = {
    7194: ABNORMAL, 7191: "85756007", 7192: ANATOMY, 7197: "91720002", 7198: "105590001", 7193: "260787004",
    7195: "246464006", 7196: "309825002",
    # Anatomy beyond the segmentation property types, and findings in the breast and the prostate.
    12022: ANATOMY, 12020: ANATOMY, 12021: ANATOMY, 12023: ANATOMY, 6300: ANATOMY, 7602: ANATOMY, 7140: ANATOMY,
    7170: ANATOMY, 7171: ANATOMY, 3014: ANATOMY, 3010: ANATOMY, 12236: ANATOMY, 12305: ANATOMY, 4: ANATOMY, 4209: ANATOMY,
    4028: ANATOMY, 7600: ANATOMY, 7601: ANATOMY, 6149: ANATOMY, 6116: ANATOMY, 6114: ANATOMY, 6104: ABNORMAL,
    6054: ABNORMAL, 6064: ABNORMAL, 6337: ABNORMAL, 7159: ABNORMAL, 3704: ABNORMAL,
}  # fmt: skip
# Context group, its common name; the first group that contains a concept names it.
GROUPS = {
    7159: "lesion", 7168: "lesion", 7194: "lesion", 6104: "chest finding",
    6054: "breast finding", 6064: "breast finding", 6337: "prostate finding", 3704: "heart finding", 7152: "heart",
    3010: "heart", 12236: "heart", 12305: "heart", 3014: "coronary artery", 7153: "nervous system", 7140: "brain",
    7167: "nervous system", 7170: "liver", 7171: "liver", 7154: "abdomen", 7155: "chest", 6149: "chest", 7156: "vessel",
    7160: "pelvis", 6300: "prostate", 12023: "pelvis", 7602: "spine", 4209: "eye", 7600: "lymph node",
    7601: "head and neck", 4028: "head and neck", 6116: "muscle", 6114: "bone", 7157: "device", 7166: "tissue",
    7193: "device", 7165: "abstract", 7161: "function", 7197: "substance", 7198: "substance", 7195: "function",
    7196: "abstract", 7191: "tissue", 12022: "fetus", 12020: "fetus",
    12021: "fetus", 7192: "anatomy", 4: "region",
}  # fmt: skip
# Members of a context group that cannot be outlined.
LEFT_OUT = {
    "Normal", "Waste Material", "Background", "Breast composition", "Breast geometry", "Breast normal", "Density", "Diffuse",
    "Focal", "Image Quality", "Mammography breast density", "Multifocal", "Nipple", "Non-lesion", "Regional",
    "Selected region", "Ultrasound scan normal", "Registration Input", "Non-focal abnormality", "Normal Myocardium",
    "Single subject extracted from group", "Abrupt duct termination", "Tissue not of interest",
}  # fmt: skip
# Other words that users search for.
ALSO = {
    "Head": "fetal head circumference", "Neoplasm": "tumor tumour cancer", "Mass": "breast mass",
    "Neoplasm, Primary": "primary tumor tumour cancer", "Neoplasm, Secondary": "metastasis tumor tumour",
    "Edema": "oedema", "Hemorrhage": "haemorrhage bleeding", "Esophagus": "oesophagus", "Bladder": "urinary bladder",
    "Thyroid": "thyroid gland", "Mammographic breast mass": "breast tumor tumour", "Left ventricle": "LV",
    "Right ventricle": "RV", "Left atrium": "LA", "Right atrium": "RA", "Blood clot": "thrombus", "Fat": "adipose",
    "Inferior vena cava": "IVC", "Superior vena cava": "SVC", "Lymph Node": "node", "Skull": "fetal skull cranium",
    "Abdomen": "fetal abdominal circumference", "Femur": "fetal thigh bone", "Embolus": "embolism",
}  # fmt: skip
# The colours that 3D Slicer gives to generic anatomy.
COLORS = {
    "Tissue": (128, 174, 128), "Bone": (241, 214, 145), "Skin": (177, 122, 101), "Connective tissue": (111, 184, 210),
    "Blood": (216, 101, 79), "Organ": (221, 130, 101), "Mass": (144, 238, 144), "Muscle": (192, 104, 88),
    "Fat": (230, 220, 70), "Nerve": (244, 214, 49), "Vein": (0, 151, 206), "Artery": (216, 101, 79),
    "Ligament": (183, 214, 211), "Tendon": (152, 189, 207), "Cartilage": (111, 184, 210), "Meniscus": (178, 212, 242),
    "Lymph Node": (68, 172, 100), "Bile": (0, 145, 30), "Urine": (214, 230, 130), "Gas": (218, 255, 255),
    "Body fluid": (170, 250, 250), "Edema": (140, 224, 228), "Hemorrhage": (188, 65, 28), "Necrosis": (216, 191, 216),
    "Blood clot": (145, 60, 66), "Embolus": (150, 98, 83), "Head": (177, 122, 101), "Brain": (250, 250, 225),
    "Liver": (221, 130, 101), "Kidney": (185, 102, 83), "Spleen": (157, 108, 162), "Pancreas": (249, 180, 111),
    "Lung": (197, 165, 145), "Heart": (206, 110, 84), "Stomach": (216, 132, 105), "Bladder": (222, 154, 132),
    "Prostate": (230, 158, 140), "Thyroid": (62, 162, 114), "Gallbladder": (139, 150, 98), "Cyst": (205, 205, 100),
    "Esophagus": (211, 171, 143), "Trachea": (182, 228, 255), "Aorta": (224, 97, 76), "Uterus": (255, 181, 158),
    "Vertebra": (226, 202, 134), "Rib": (253, 232, 158),
}  # fmt: skip


def members(cid):
    """(scheme, value, meaning) of a context group."""
    for scheme, keywords in cid_concepts[cid].items():
        for keyword in keywords:
            for value, (meaning, cids) in concepts[scheme][keyword].items():
                if cid in cids:
                    yield scheme, value, meaning


def rows():
    """Every concept once, in order of category and meaning."""
    categories = {value: meaning for _, value, meaning in members(7150)}
    retired = {sct: srt for srt, sct in _snomed_dict.mapping["SRT"].items()}
    groups = {}
    for cid, name in GROUPS.items():
        for scheme, value, _ in members(cid):
            groups.setdefault((scheme, value), name)
    found = {}
    for cid, category in CATEGORIES.items():
        for scheme, value, meaning in members(cid):
            left_out = meaning in LEFT_OUT and category != ANATOMY
            if scheme in ("SCT", "DCM", "NCIt") and not left_out and (scheme, value) not in found:
                found[scheme, value] = (category, meaning)
    for (scheme, value), (category, meaning) in found.items():
        color = "%02x%02x%02x" % COLORS[meaning] if meaning in COLORS and scheme == "SCT" else ""
        srt = retired.get(value, "") if scheme == "SCT" else ""
        group = groups.get((scheme, value), "anatomy")
        also = ALSO.get(meaning, "") if scheme == "SCT" else ""
        yield category, categories[category], scheme, value, meaning, group, srt, color, also


def main():
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["category", "category_meaning", "scheme", "code", "meaning", "group", "srt", "color", "also"])
    table = sorted(rows(), key=lambda row: (row[1], row[4].lower(), row[3]))
    writer.writerows(table)
    if "--write" in sys.argv:
        FILE.write_text(text.getvalue())
    same = FILE.read_text() == text.getvalue()
    print(f"  {len(table)} concepts: {'ok' if same else 'crates/labrum-core/src/codes.csv differs from pydicom'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
