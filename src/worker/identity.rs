//! What cases are known by, wherever their files lie: for the window's workspace and for the command line.

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
    path::{Path, PathBuf},
};

/// What tells a case from all others: the series' id for DICOM, the hash of its file for a picture, with the first page for
/// parts behind the first.
///
/// # Errors
/// Where the file of a picture cannot be read.
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

/// A series as a workspace takes it in.
///
/// # Errors
/// Where the file of a picture cannot be read, or the table of subjects beside it.
pub fn describe_case(study: &Study, series: &Series) -> Result<CaseDescription> {
    let identity = case_identity(series)?;
    let subject = subject_hash(&identity, &study.id, &study.patient_id, series)?;
    let about = CaseDescription::from_series(identity, &study.id, &study.date, series);
    Ok(CaseDescription {
        subject,
        fingerprint: picture_fingerprint(series),
        ..about
    })
}

/// Whose case it is, as a hash: of the PatientID where it names somebody, else of the study; of a picture as a folder to
/// train from has it, else of its file.
///
/// # Errors
/// Where there is a table of subjects beside a picture that cannot be read.
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

/// As [`subject`], where neither a table nor a name says whose picture it is.
pub(super) fn unnamed_subject(identity: &str, study: &str, patient: &str, kind: Kind) -> String {
    match kind {
        // All parts of a file are of one subject.
        Kind::Picture => holdout::subject_hash(identity.split('#').next().unwrap_or(identity)),
        Kind::Dicom if holdout::names_patient(patient) => holdout::subject_hash(patient.trim()),
        Kind::Dicom => holdout::subject_hash(study),
    }
}

/// What a picture looks like; nothing for DICOM, which names its patient.
pub(super) fn picture_fingerprint(series: &Series) -> Option<u64> {
    // The first slices of volumes are often empty.
    let picture = series
        .slices
        .get(series.slices.len() / 2)
        .filter(|_| series.kind == Kind::Picture)?;
    // One that cannot be read is told when it is shown.
    holdout::difference_hash(&io::open::load_slice(&picture.source, series.kind).ok()?)
}

/// The `wanted` cases (identities) whose images lie in `folder` or below it, whatever they are called there. Whom they are
/// of and what they look like is known already.
///
/// # Errors
/// Where the folder cannot be read, holds no image, or `cancel` was asked for.
pub fn find_wanted_cases(
    folder: &Path,
    wanted: &HashSet<String>,
    progress: &mut dyn FnMut(usize),
    cancel: &Cancel,
) -> Result<Vec<CaseDescription>> {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let catalog = io::open::read_catalog(&[folder], progress, cancel)?;
    let wants_pictures = wanted
        .iter()
        .any(|identity| identity.starts_with("sha256:"));
    let mut found = Vec::new();
    for study in &catalog.studies {
        let hashed = |series: &&Series| series.kind == Kind::Dicom || wants_pictures;
        for series in study
            .series
            .iter()
            .filter(hashed)
            .take_while(|_| !cancel.is_cancelled())
        {
            // A picture that cannot be read is none that is looked for.
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

/// Paths that mean the same wherever the program is started.
pub fn absolute_paths(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths
        .into_iter()
        .map(|path| workspace::absolute_path(&path))
        .collect()
}
