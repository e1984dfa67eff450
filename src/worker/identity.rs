//! Identifies cases wherever their files are, for workspaces in the window and on the command line.

use crate::{
    Result, io,
    workspace::{self, content_hash},
};
use labrum_core::{
    holdout,
    journal::CaseDescription,
    progress::Cancel,
    study::{Kind, Series, Study},
};
use std::{
    collections::HashSet,
    path::{self, Path, PathBuf},
};

/// The identity of a case: for DICOM the series id; for an image file its hash, followed by the index of the first page
/// if the case does not begin at the first page.
///
/// # Errors
/// If an image file cannot be read.
pub fn case_identity(series: &Series) -> Result<String> {
    let Some(picture) = series
        .slices
        .first()
        .filter(|_| series.kind == Kind::Picture)
    else {
        return Ok(series.id.clone());
    };
    let hash = content_hash(&picture.source.path)?;
    let first = series
        .slices
        .iter()
        .map(|slice| slice.source.frame)
        .min()
        .unwrap_or(0);
    Ok(if first == 0 {
        hash
    } else {
        format!("{hash}#{first}")
    })
}

/// Describes a series for a workspace.
///
/// # Errors
/// If an image file, or the table of subjects beside it, cannot be read.
pub fn describe_case(study: &Study, series: &Series) -> Result<CaseDescription> {
    let identity = case_identity(series)?;
    let subject = subject_hash(&identity, &study.id, &study.patient.id, series)?;
    let about = CaseDescription::from_series(identity, &study.id, &study.date, series);
    Ok(CaseDescription {
        subject,
        fingerprint: picture_fingerprint(series),
        ..about
    })
}

/// The subject of a case, as a hash. DICOM: of the PatientID if it names somebody, else of the study. Image files: of
/// the subject in the table of subjects or in the file name, as for training folders, else of the file.
///
/// # Errors
/// If a table of subjects beside an image file cannot be read.
pub(super) fn subject_hash(
    identity: &str,
    study: &str,
    patient: &str,
    series: &Series,
) -> Result<String> {
    let named = match series
        .slices
        .first()
        .filter(|_| series.kind == Kind::Picture)
    {
        Some(slice) => io::dataset::of_picture(&slice.source.path)?,
        None => None,
    };
    Ok(match (series.kind, named) {
        (Kind::Picture, Some(subject)) => holdout::subject_hash(&subject),
        (kind, _) => unnamed_subject(identity, study, patient, kind),
    })
}

/// As [`subject_hash`], for images whose subject is in neither a table nor a file name.
pub(super) fn unnamed_subject(identity: &str, study: &str, patient: &str, kind: Kind) -> String {
    match kind {
        // All parts of a file belong to one subject.
        Kind::Picture => holdout::subject_hash(identity.split('#').next().unwrap_or(identity)),
        Kind::Dicom if holdout::names_patient(patient) => holdout::subject_hash(patient.trim()),
        Kind::Dicom => holdout::subject_hash(study),
    }
}

/// Fingerprint of the appearance of an image file; `None` for DICOM, which names its patient.
pub(super) fn picture_fingerprint(series: &Series) -> Option<u64> {
    // The first slices of volumes are often empty.
    let picture = series
        .slices
        .get(series.slices.len() / 2)
        .filter(|_| series.kind == Kind::Picture)?;
    // A read error is reported when the image is shown.
    holdout::difference_hash(&io::open::load_slice(&picture.source, series.kind).ok()?)
}

/// Finds the images of the `wanted` cases (identities) in `folder` and its subfolders, whatever their file names.
/// Subject and fingerprint are not computed again.
///
/// # Errors
/// If the folder cannot be read or has no images, or if cancelled.
pub fn find_wanted_cases(
    folder: &Path,
    wanted: &HashSet<String>,
    progress: &mut dyn FnMut(usize),
    cancel: &Cancel,
) -> Result<Vec<CaseDescription>> {
    let folder = path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let catalog = io::open::read_catalog(&[folder], progress, cancel)?;
    let wants_pictures = wanted
        .iter()
        .any(|identity| identity.starts_with("sha256:"));
    let mut found = Vec::new();
    for study in &catalog.studies {
        for series in study
            .series
            .iter()
            .filter(|series| series.kind == Kind::Dicom || wants_pictures)
            .take_while(|_| !cancel.is_cancelled())
        {
            // Image files that cannot be read are ignored.
            let Some(identity) = case_identity(series)
                .ok()
                .filter(|identity| wanted.contains(identity))
            else {
                continue;
            };
            found.push(CaseDescription::from_series(
                identity,
                &study.id,
                &study.date,
                series,
            ));
        }
    }
    Ok(found)
}

/// Makes paths absolute.
pub fn absolute_paths(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths
        .into_iter()
        .map(|path| workspace::absolute_path(&path))
        .collect()
}
