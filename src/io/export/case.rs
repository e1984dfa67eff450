//! A case with its masks, as it is to be written, and who made them.

use super::{file_names::common_folder, manifest::sha256_and_length};
use crate::{Error, Result, io::open};
use labrum_core::{
    journal::{CaseEntry, StoredCase},
    label::{Gone, Label, value_now},
    mask::Mask,
    progress::Cancel,
    region::Region,
    study::{Kind, Series, Slice},
};
use labrum_dicom::seg::{AlgorithmType, Authorship};
use std::path::{Path, PathBuf};

/// A slice with its mask.
#[derive(Clone, Debug)]
pub struct MaskedSlice {
    /// 0-based place in the series.
    pub index: usize,
    /// Its mask.
    pub mask: Mask,
    /// What a model proposed there.
    pub proposal: Option<Mask>,
    /// Probabilities of each label; empty where they are not known.
    pub probabilities: Vec<Vec<u16>>,
    /// Labels of which a person said that the slice holds nothing.
    pub absent: Vec<u8>,
}

/// A case to be written.
#[derive(Clone, Debug)]
pub struct CaseToExport {
    /// What it is called, for people.
    pub title: String,
    /// Study Description, or the folder of pictures; empty where unknown.
    pub study: String,
    /// Study Instance UID.
    pub study_uid: String,
    /// YYYY-MM-DD; empty where unknown.
    pub date: String,
    /// All slices.
    pub series: Series,
    /// Those with masks, in order of place.
    pub slices: Vec<MaskedSlice>,
    /// What the masks' values mean; those that do not stand in the case count as gone.
    pub labels: Vec<Label>,
    /// Name, version and hash of the weights of the model that proposed masks.
    pub model: Option<[String; 3]>,
    /// The person who drew or corrected; empty where unknown.
    pub person: String,
    /// The folder that the images of all cases of an export lie in; where it is known, names keep the tree below it.
    pub root: Option<PathBuf>,
}

/// The folder that the images of all these cases lie in.
pub fn root_of<'a>(cases: impl IntoIterator<Item = &'a CaseEntry>) -> Option<PathBuf> {
    let slices = cases.into_iter().flat_map(|case| &case.description.slices);
    common_folder(slices.filter_map(|slice| slice.source.path.parent()))
}

/// The hash by which a picture is known.
fn hash_in(identity: &str) -> Option<&str> {
    identity.strip_prefix("sha256:")?.split('#').next()
}

impl CaseToExport {
    /// Who made each label, by what is left of the model's proposals.
    pub fn label_authorships(&self) -> Vec<Authorship> {
        (1..=255u8)
            .zip(&self.labels)
            .map(|(label, _)| self.label_authorship(label))
            .collect()
    }

    /// Names of the folders in which its first image lies, below the one that all images have in common.
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

    /// Names of labels of which a person said that there is nothing, and of which no slice has any.
    pub fn nothing_of(&self) -> Vec<String> {
        let is_said = |label: u8| self.slices.iter().any(|s| s.absent.contains(&label));
        let is_there = |label: u8| self.slices.iter().any(|s| s.mask.count_pixels(label) > 0);
        let named = (1..=255u8)
            .zip(&self.labels)
            .filter(|(value, _)| is_said(*value) && !is_there(*value));
        named.map(|(_, label)| label.name.clone()).collect()
    }

    /// A case as a workspace keeps it, its files looked up where they were last. `labels` are the workspace's.
    ///
    /// # Errors
    /// Where files are missing or are not those of the case, where a mask cannot be restored, and where there is none.
    pub fn of_stored(stored: &StoredCase, labels: &[Label], person: &str) -> Result<Self> {
        let about = &stored.entry.description;
        let failed = |reason: &str| Error::new(format!("export \"{}\"", about.description), reason);
        if let Some(problem) = stored.problems.first() {
            return Err(problem.clone());
        }
        let mut paths: Vec<PathBuf> = about.slices.iter().map(|s| s.source.path.clone()).collect();
        paths.dedup();
        if let Some(missing) = paths.iter().find(|path| !path.exists()) {
            return Err(Error::at_path("find", missing, "it is not where it was").with_advice(
                "Look for it with File, \"Find the images\", or labrum workspace locate FOLDER --workspace WORKSPACE.",
            ));
        }
        if let (Some(hash), Some(path)) = (hash_in(&about.identity), paths.first()) {
            let (is, _) = sha256_and_length(path).map_err(|e| Error::at_path("read", path, e))?;
            if is != hash {
                return Err(Error::at_path(
                    "export",
                    path,
                    "another picture is in its place now",
                ));
            }
        }
        let catalog = open::read_catalog(&paths, &mut |_| {}, &Cancel::default())?;
        // Of the parts of a picture (channels, times) that with the very pages.
        let frame = about.slices.first().map_or(0, |slice| slice.source.frame);
        let is_it = |series: &&Series| match series.kind {
            Kind::Picture => series
                .slices
                .iter()
                .any(|slice| slice.source.frame == frame),
            Kind::Dicom => series.id == about.identity,
        };
        let found = catalog.studies.into_iter().find_map(|mut study| {
            let series = std::mem::take(&mut study.series)
                .into_iter()
                .find(|series| is_it(&series))?;
            Some((study, series))
        });
        let (study, series) = found.ok_or_else(|| failed("its files hold other images now"))?;
        if (series.columns, series.rows) != (about.columns as usize, about.rows as usize) {
            return Err(failed("its images have another size now"));
        }
        let mut slices = Vec::new();
        for (known, kept) in about.slices.iter().zip(&stored.slices) {
            let Some(mask) = &kept.mask else { continue };
            let same = |s: &Slice| {
                s.source.frame == known.source.frame
                    && match &known.sop_instance_uid {
                        Some(uid) => s.sop_instance_uid.as_ref() == Some(uid),
                        None => s.source.path == known.source.path,
                    }
            };
            let index = series.slices.iter().position(same);
            let index = index
                .ok_or_else(|| failed("a slice that has a mask is not in its files any more"))?;
            // What came after the work on the slice began was not used for it.
            let proposal = kept.proposal.as_ref().filter(|_| !kept.is_proposal_apart);
            slices.push(MaskedSlice {
                index,
                mask: mask.to_mask(),
                proposal: proposal.map(|p| apply_label_merges(p.mask.to_mask(), labels)),
                probabilities: Vec::new(),
                absent: kept.absent.clone(),
            });
        }
        if slices.is_empty() {
            return Err(failed("it has no mask"));
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
        // A person who accepts a model's mask has seen it and drawn nothing.
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

/// What a model proposed, with the labels that others were merged into since.
fn apply_label_merges(mut proposal: Mask, labels: &[Label]) -> Mask {
    for (value, _) in (1..=255u8).zip(labels).filter(|(_, label)| label.is_gone()) {
        proposal.move_label(value, value_now(labels, value));
    }
    proposal
}

/// The labels of a workspace as they stand in a case: those of other tasks, where it has nothing of them, count as gone.
fn labels_in_case(labels: &[Label], stored: &StoredCase) -> Vec<Label> {
    let is_used = |value: u8| {
        stored
            .slices
            .iter()
            .filter_map(|s| s.mask.as_ref())
            .any(|mask| mask.contains_label(value))
    };
    let mut labels = labels.to_vec();
    for (value, label) in (1..=255u8).zip(&mut labels) {
        if label.kept.task != stored.entry.task && !is_used(value) {
            label.kept.gone = label.kept.gone.or(Some(Gone::Removed));
        }
    }
    labels
}
