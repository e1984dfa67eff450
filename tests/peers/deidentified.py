#!/usr/bin/env python3
"""De-identified files, read by pydicom and dciodvfy: no patient data, intact pixels and references.

    tests/peers/deidentified.py deidentify FILE_OR_FOLDER...

The patient of each source gets a name and an ID that occur nowhere else; these are also put into
texts, sequences and private elements. Exit code 1 if any of them is left, or if a file has errors
that its source does not have.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

PROGRAM, *WHERE = sys.argv[1:]
sys.argv = sys.argv[:1]
from check_seg import errors_of  # noqa: E402

import pydicom  # noqa: E402
from pydicom.uid import UID, generate_uid  # noqa: E402

warnings.simplefilter("ignore")
pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
NAME, ID = "Zyxwvut^Qwertzina", "MRN-7391-XK"
SECRETS = [b"zyxwvut", b"qwertzina", b"mrn-7391-xk", b"ward nine", b"19481231"]
STANDARD = "1.2.840.10008."


def marked(path, out, shared):
    """The source with our test patient; None if pydicom cannot read it."""
    try:
        dataset = pydicom.dcmread(path)
    except Exception:  # noqa: BLE001: not DICOM, or broken
        return None
    if "PixelData" not in dataset or "SOPInstanceUID" not in dataset or "Rows" not in dataset:
        return None
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = NAME, ID, "19481231"
    dataset.StudyDate, dataset.SeriesDate, dataset.AcquisitionDateTime = "20240315", "20240316", "20240317101112"
    dataset.InstitutionName, dataset.StudyDescription = "Ward Nine", f"Head of {NAME.replace('^', ' ')}"
    dataset.ReferringPhysicianName, dataset.OperatorsName = "Ward Nine^Doctor", "Ward Nine^Nurse"
    # Not in the de-identification table: found by its content.
    dataset.ImageID, dataset.PositionReferenceIndicator = ID, f"of {NAME.split('^')[0]}"
    item = pydicom.Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = dataset.SOPClassUID, shared
    dataset.ReferencedImageSequence = [item]
    who = pydicom.Dataset()
    who.PatientID, who.IssuerOfPatientID = ID, "Ward Nine"
    dataset.OtherPatientIDsSequence = [who]
    block = dataset.private_block(0x0011, "LABRUM TEST", create=True)
    block.add_new(1, "LO", NAME)
    try:
        dataset.save_as(out)
    except Exception:  # noqa: BLE001: a file that pydicom cannot write is not used
        return None
    return pydicom.dcmread(out)


def problems(source, path, shifted):
    """Errors in one file."""
    raw = path.read_bytes().lower()
    yield from (f"{secret.decode()} is left" for secret in SECRETS if secret in raw)
    dataset = pydicom.dcmread(path)
    if any(element.tag.is_private for element in dataset.iterall()):
        yield "private elements are left"
    if dataset.get("PatientIdentityRemoved") != "YES" or not dataset.get("DeidentificationMethod"):
        yield "it does not say that the patient was removed"
    codes = [c.CodeValue for c in dataset.DeidentificationMethodCodeSequence]
    if codes != (["113100", "113107"] if shifted else ["113100"]):
        yield f"method codes {codes}"
    if dataset.LongitudinalTemporalInformationModified != ("MODIFIED" if shifted else "REMOVED"):
        yield "it does not say how the dates were changed"
    if not str(dataset.PatientName).startswith("ANON-") or dataset.PatientID != str(dataset.PatientName):
        yield f"the patient is {dataset.PatientName}"
    for name in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        if name in source and source[name].value and (name not in dataset or dataset[name].value == source[name].value):
            yield f"{name} was not replaced"
    old = {str(e.value) for e in source.iterall() if e.VR == "UI" and not str(e.value).startswith(STANDARD) and e.value}
    kept = {"CodingSchemeUID", "ContextUID", "MappingResourceUID"}
    new = {str(e.value) for e in dataset.iterall() if e.VR == "UI" and e.keyword not in kept}
    if old & new:
        yield f"old UIDs {old & new}"
    if dataset.file_meta.MediaStorageSOPInstanceUID != dataset.SOPInstanceUID:
        yield "the file meta information names another instance"
    if dataset.file_meta.TransferSyntaxUID != source.file_meta.TransferSyntaxUID:
        yield "another transfer syntax"
    if dataset.PixelData != source.PixelData:
        yield "different pixels"
    for name in ("Rows", "Columns", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "RescaleSlope"):
        if name in source and (name not in dataset or dataset[name].value != source[name].value):
            yield f"{name} is lost"
    if shifted:
        days = pydicom.valuerep.DA("20240315") - pydicom.valuerep.DA(dataset.StudyDate)
        other = pydicom.valuerep.DA("20240316") - pydicom.valuerep.DA(dataset.SeriesDate)
        if days != other or not 1 <= days.days <= 3650:
            yield f"dates are shifted by {days} and {other}"
    elif dataset.StudyDate or "20240316" in raw.decode("latin-1"):
        yield "dates are left"


def main():
    sources = []
    for where in map(pathlib.Path, WHERE):
        sources += sorted(p for p in where.rglob("*") if p.is_file()) if where.is_dir() else [where]
    failed = done = 0
    refused = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        shared = generate_uid()
        (folder / "in").mkdir()
        given = []
        for i, path in enumerate(sources):
            dataset = marked(path, folder / "in" / f"{i}.dcm", shared)
            if dataset is not None:
                given.append((path.name, dataset, folder / "in" / f"{i}.dcm"))
        uids = {}
        for shifted in (False, True):
            out = folder / f"out-{shifted}"
            out.mkdir()
            command = [PROGRAM, folder / "key", out, *(["--shift"] if shifted else []), *(p for _, _, p in given)]
            run = subprocess.run([str(c) for c in command], capture_output=True, text=True)
            if run.returncode:
                print(run.stderr)
                return 1
            if any(secret.decode() in (run.stdout + run.stderr).lower() for secret in SECRETS):
                print("  the program's output names the patient")
                failed += 1
            for number, ((title, source, path), result) in enumerate(zip(given, json.loads(run.stdout)), 1):
                if "error" in result:
                    refused[title] = result["error"]
                    continue
                written = out / f"{number:04}.dcm"
                wrong = list(problems(source, written, shifted))
                more = set(kinds(errors_of(written))) - set(kinds(errors_of(path)))
                wrong += [f"dciodvfy: {error}" for error in sorted(more)]
                done += 1
                if wrong:
                    failed += 1
                    print(f"  {title}: {'; '.join(wrong)[:600]}")
                dataset = pydicom.dcmread(written, stop_before_pixels=True)
                uids.setdefault(shared, set()).add(dataset.ReferencedImageSequence[0].ReferencedSOPInstanceUID)
                uids.setdefault("patient", set()).add(dataset.PatientID)
        if any(len(new) != 1 for new in uids.values()):
            print(f"  one value has several replacements: {uids}")
            failed += 1
    print(f"  {done} files, {len(refused)} refused")
    for title, reason in sorted(refused.items()):
        print(f"  refused {title}: {reason}")
    return 1 if failed or not done or len(refused) > done / 10 else 0


def kinds(errors):
    """Error texts without the quoted values."""
    for error in errors:
        yield error.split("=")[0].split("<")[0].strip()


if __name__ == "__main__":
    sys.exit(main())
