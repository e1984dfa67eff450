//! A case to be exported: its series, its masks and who made them.

use super::{file_names::common_folder, manifest::sha256_and_length};
use crate::{Error, Result, io::open};
use labrum_core::{
    journal::{CaseDescription, CaseEntry, SliceDescription, StoredCase},
    label::{Gone, Label, value_now},
    mask::Mask,
    measurement::{DrawnMeasurement, MeasurementPlace, VolumeCurve},
    progress::Cancel,
    region::Region,
    study::{Kind, Series, Slice, Study},
};
use labrum_dicom::seg::{AlgorithmType, Authorship};
use std::{
    mem,
    path::{Path, PathBuf},
};

/// A slice with its mask.
#[derive(Clone, Debug)]
pub struct MaskedSlice {
    /// 0-based index in the series.
    pub index: usize,
    /// The mask of the slice.
    pub mask: Mask,
    /// The model's proposal.
    pub proposal: Option<Mask>,
    /// Probabilities of each label; empty if unknown.
    pub probabilities: Vec<Vec<u16>>,
    /// Labels that a person marked as absent on the slice.
    pub absent: Vec<u8>,
}

/// A case to be exported.
#[derive(Clone, Debug)]
pub struct CaseToExport {
    /// Name of the case for people.
    pub title: String,
    /// Study Description, or the folder of image files; empty if unknown.
    pub study: String,
    /// Study Instance UID.
    pub study_uid: String,
    /// YYYY-MM-DD; empty if unknown.
    pub date: String,
    /// The series with all slices.
    pub series: Series,
    /// The slices with masks, in order of their index.
    pub slices: Vec<MaskedSlice>,
    /// The measurements that were drawn.
    pub drawn: Vec<DrawnMeasurement>,
    /// The volumes of labels over all times of its series, by label value; empty if unknown.
    pub over_time: Vec<(u8, VolumeCurve)>,
    /// The labels of the mask values 1, 2 and so on; labels of other tasks count as gone.
    pub labels: Vec<Label>,
    /// Name, version and SHA-256 of the weights of the model that made the proposals.
    pub model: Option<[String; 3]>,
    /// The person who drew or corrected; empty if unknown.
    pub person: String,
    /// Common folder of the images of all exported cases; if known, file names keep the subfolders below it.
    pub root: Option<PathBuf>,
}

/// The common folder of the images of all these cases.
pub fn root_of<'a>(cases: impl IntoIterator<Item = &'a CaseEntry>) -> Option<PathBuf> {
    let slices = cases.into_iter().flat_map(|case| &case.description.slices);
    common_folder(slices.filter_map(|slice| slice.source.path.parent()))
}

/// The SHA-256 in the identity of an image file.
fn hash_in(identity: &str) -> Option<&str> {
    identity.strip_prefix("sha256:")?.split('#').next()
}

impl CaseToExport {
    /// Who made each label, judged by how much of the proposals is unchanged.
    pub fn label_authorships(&self) -> Vec<Authorship> {
        (1..=255u8)
            .zip(&self.labels)
            .map(|(label, _)| self.label_authorship(label))
            .collect()
    }

    /// Names of the folders that contain its first image, below [`Self::root`].
    pub fn folder_names(&self) -> Vec<String> {
        let folder = self
            .series
            .slices
            .first()
            .and_then(|slice| slice.source.path.parent());
        let below = folder
            .zip(self.root.as_deref())
            .and_then(|(folder, root)| folder.strip_prefix(root).ok());
        let names = below.into_iter().flat_map(Path::components);
        names
            .map(|name| name.as_os_str().to_string_lossy().into_owned())
            .collect()
    }

    /// Names of labels that a person marked as absent and that occur on no slice.
    pub fn nothing_of(&self) -> Vec<String> {
        (1..=255u8)
            .zip(&self.labels)
            .filter(|(value, _)| self.is_said_absent(*value) && !self.holds_label(*value))
            .map(|(_, label)| label.name.clone())
            .collect()
    }

    /// True if a person marked the label as absent on some slice.
    fn is_said_absent(&self, label: u8) -> bool {
        self.slices.iter().any(|s| s.absent.contains(&label))
    }

    /// True if some mask contains the label.
    pub(super) fn holds_label(&self, label: u8) -> bool {
        self.slices
            .iter()
            .any(|s| s.mask.pixel_labels().contains(&label))
    }

    /// Restores a case from a workspace, with its images read from their last known paths. `labels` are the workspace's.
    ///
    /// # Errors
    /// If files are missing or have changed, a mask cannot be restored, or there is neither a mask nor a measurement.
    pub fn of_stored(stored: &StoredCase, labels: &[Label], person: &str) -> Result<Self> {
        let about = &stored.entry.description;
        if let Some(problem) = stored.problems.first() {
            return Err(problem.clone());
        }
        let (study, series) = read_described(about)?;
        let mut slices = Vec::new();
        for (known, kept) in about.slices.iter().zip(&stored.slices) {
            let Some(mask) = &kept.mask else { continue };
            let index = series
                .slices
                .iter()
                .position(|slice| is_same_slice(slice, known))
                .ok_or_else(|| {
                    case_error(about, "a slice with a mask is no longer in its files")
                })?;
            // A proposal that came after the work on the slice began was not used.
            let proposal = kept.proposal.as_ref().filter(|_| !kept.is_proposal_apart);
            slices.push(MaskedSlice {
                index,
                mask: mask.to_mask(),
                proposal: proposal.map(|p| apply_label_merges(p.mask.to_mask(), labels)),
                probabilities: Vec::new(),
                absent: kept.absent.clone(),
            });
        }
        let drawn = drawn_on(&series, stored)?;
        if slices.is_empty() && drawn.is_empty() {
            return Err(case_error(about, "it has no masks and no measurements"));
        }
        slices.sort_by_key(|slice| slice.index);
        let model = stored
            .slices
            .iter()
            .filter(|s| !s.is_proposal_apart)
            .find_map(|s| s.proposal.as_ref());
        Ok(Self {
            title: about.description.clone(),
            study: study.description,
            study_uid: study.id,
            date: study.date,
            series,
            slices,
            drawn,
            over_time: Vec::new(),
            labels: labels_in_case(labels, stored),
            model: model.map(|p| {
                [
                    p.model.name.clone(),
                    p.model.version.clone(),
                    p.model.weights.clone(),
                ]
            }),
            person: person.to_owned(),
            root: None,
        })
    }

    fn label_authorship(&self, label: u8) -> Authorship {
        let shapes: Vec<(Region, Region)> = self
            .slices
            .iter()
            .map(|s| {
                (
                    s.mask.label_region(label),
                    s.proposal
                        .as_ref()
                        .map(|p| p.label_region(label))
                        .unwrap_or_default(),
                )
            })
            .collect();
        let is_proposed = shapes.iter().any(|(_, proposed)| !proposed.is_empty());
        let is_untouched = shapes.iter().all(|(now, proposed)| now == proposed);
        let algorithm_type = match (is_proposed, is_untouched) {
            (false, _) => AlgorithmType::Manual,
            (true, true) => AlgorithmType::Automatic,
            (true, false) => AlgorithmType::Semiautomatic,
        };
        let [model, model_version, weights] = self.model.clone().unwrap_or_default();
        // Accepting an unchanged proposal does not make a person its author.
        let person = if algorithm_type == AlgorithmType::Automatic {
            String::new()
        } else {
            self.person.clone()
        };
        Authorship {
            algorithm_type,
            model,
            model_version,
            weights,
            person,
        }
    }
}

/// The study and the series of a case, read from the files where they were last found.
///
/// # Errors
/// If files are missing, have changed, or contain other images.
fn read_described(about: &CaseDescription) -> Result<(Study, Series)> {
    let mut paths: Vec<PathBuf> = about.slices.iter().map(|s| s.source.path.clone()).collect();
    paths.dedup();
    if let Some(missing) = paths.iter().find(|path| !path.exists()) {
        return Err(
            Error::at_path("open", missing, "file not found").with_advice(
                "Use File > Find moved images, or labrum workspace locate FOLDER --workspace \
             WORKSPACE.",
            ),
        );
    }
    if let (Some(hash), Some(path)) = (hash_in(&about.identity), paths.first()) {
        let (is, _) = sha256_and_length(path).map_err(|e| Error::at_path("read", path, e))?;
        if is != hash {
            return Err(Error::at_path(
                "export",
                path,
                "the file has changed since the case was saved",
            ));
        }
    }
    let catalog = open::read_catalog(&paths, &mut |_| {}, &Cancel::default())?;
    let found = catalog.studies.into_iter().find_map(|mut study| {
        let series = mem::take(&mut study.series)
            .into_iter()
            .find(|series| is_described_by(series, about))?;
        Some((study, series))
    });
    let (study, mut series) =
        found.ok_or_else(|| case_error(about, "its files now contain other images"))?;
    if series.columns_and_rows() != (about.columns as usize, about.rows as usize) {
        return Err(case_error(about, "the size of its images has changed"));
    }
    restore_part(&mut series, about);
    Ok((study, series))
}

/// Names a series as it was when it was opened with all others: the files of one time, or of another part of a series, are
/// no part of anything when they are read by themselves.
fn restore_part(series: &mut Series, about: &CaseDescription) {
    if series.kind == Kind::Dicom && series.id != about.identity {
        series.id.clone_from(&about.identity);
        series.description.clone_from(&about.description);
    }
    series.time_point = about.time_point.clone().or(series.time_point.take());
}

/// The measurements of a stored case, on the slices of the series as it was found.
fn drawn_on(series: &Series, stored: &StoredCase) -> Result<Vec<DrawnMeasurement>> {
    let about = &stored.entry.description;
    let mut drawn = stored.measurements.clone();
    for measurement in &mut drawn {
        let MeasurementPlace::Slice(slice) = &mut measurement.place else {
            continue;
        };
        let known = about.slices.get(*slice as usize);
        let found = known.and_then(|known| {
            let mut slices = series.slices.iter();
            slices.position(|slice| is_same_slice(slice, known))
        });
        let lost = "a slice with a measurement is no longer in its files";
        *slice = found.ok_or_else(|| case_error(about, lost))? as u32;
    }
    Ok(drawn)
}

fn case_error(about: &CaseDescription, reason: &str) -> Error {
    Error::new(format!("export \"{}\"", about.description), reason)
}

/// True for the series of a case. Of the parts of a DICOM series or an image file (times, channels), the one with the same
/// images matches.
fn is_described_by(series: &Series, about: &CaseDescription) -> bool {
    match series.kind {
        Kind::Picture => {
            let frame = about.slices.first().map_or(0, |slice| slice.source.frame);
            series
                .slices
                .iter()
                .any(|slice| slice.source.frame == frame)
        }
        Kind::Dicom => {
            let has_slice = |known: &SliceDescription| {
                series
                    .slices
                    .iter()
                    .any(|slice| is_same_slice(slice, known))
            };
            // Which number a part has depends on the files that are read with it.
            whole_uid(&series.id) == whole_uid(&about.identity)
                && about.slices.iter().any(has_slice)
        }
    }
}

/// The Series Instance UID in the id of a series, or of a part of it.
fn whole_uid(id: &str) -> &str {
    id.split('#').next().unwrap_or(id)
}

/// True if a slice is the one that a workspace describes.
fn is_same_slice(slice: &Slice, known: &SliceDescription) -> bool {
    slice.source.frame == known.source.frame
        && match &known.sop_instance_uid {
            Some(uid) => slice.sop_instance_uid.as_ref() == Some(uid),
            None => slice.source.path == known.source.path,
        }
}

/// Applies later label merges to a proposal.
fn apply_label_merges(mut proposal: Mask, labels: &[Label]) -> Mask {
    for (value, _) in (1..=255u8).zip(labels).filter(|(_, label)| label.is_gone()) {
        proposal.move_label(value, value_now(labels, value));
    }
    proposal
}

/// The labels of a workspace for one case: labels of other tasks that the case does not use count as gone.
fn labels_in_case(labels: &[Label], stored: &StoredCase) -> Vec<Label> {
    let mut labels = labels.to_vec();
    for (value, label) in (1..=255u8).zip(&mut labels) {
        if label.kept.task != stored.entry.task && !is_label_used(stored, value) {
            label.kept.gone = label.kept.gone.or(Some(Gone::Removed));
        }
    }
    labels
}

fn is_label_used(stored: &StoredCase, value: u8) -> bool {
    stored
        .slices
        .iter()
        .filter_map(|s| s.mask.as_ref())
        .any(|mask| mask.contains_label(value))
}
