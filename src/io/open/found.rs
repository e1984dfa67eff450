//! Groups files into studies and series: DICOM by headers, image files by folder. Presentation states go to the series that
//! they refer to.

use super::FileLook;
use crate::io::picture;
use labrum_core::{
    geometry::SpacingSource,
    naming::file_name_text,
    patient::Patient,
    presentation::PresentationState,
    progress::Cancel,
    study::{Catalog, PassedOver, Series, Slice, Study},
};
use labrum_dicom as dicom;
use labrum_dicom::catalog::Instance;
use std::{
    collections::{HashMap, HashSet},
    path::{self, Path, PathBuf},
};

/// What was found so far.
#[derive(Default)]
pub(super) struct FoundFiles {
    instances: Vec<Instance>,
    states: Vec<(PathBuf, PresentationState)>,
    pictures: Vec<Study>,
    folders: HashMap<PathBuf, usize>,
    pub(super) passed_over: Vec<PassedOver>,
}

impl FoundFiles {
    pub(super) fn add_file(&mut self, path: &Path, look: FileLook) {
        match look {
            FileLook::Dicom(instance) => self.instances.push(*instance),
            FileLook::Presentation(state) => self.states.push((path.to_owned(), *state)),
            FileLook::Pictures(parts) => parts
                .into_iter()
                .for_each(|series| self.add_picture(path, series)),
            FileLook::Passed {
                reason,
                is_failure,
                has_masks,
            } => {
                self.passed_over.push(PassedOver {
                    path: path.to_owned(),
                    reason,
                    is_failure,
                    has_masks,
                });
            }
        }
    }

    /// The image files of a folder form one study.
    fn add_picture(&mut self, path: &Path, series: Series) {
        let folder = path.parent().unwrap_or(path).to_owned();
        let pictures = &mut self.pictures;
        let place = *self.folders.entry(folder).or_insert_with_key(|folder| {
            // A bare file name has the parent "", which has no name: ask for the real one.
            let real = path::absolute(path)
                .ok()
                .and_then(|p| p.parent().map(Path::to_owned));
            let named = real.unwrap_or_else(|| folder.clone());
            pictures.push(Study {
                id: named.display().to_string(),
                description: file_name_text(&named),
                date: String::new(),
                time: String::new(),
                patient: Patient::default(),
                series: Vec::new(),
            });
            pictures.len() - 1
        });
        pictures[place].series.push(series);
    }

    pub(super) fn into_catalog(mut self, cancel: &Cancel) -> Catalog {
        let passed_over = &mut self.passed_over;
        let mut studies = dicom::catalog::assemble_studies(
            self.instances,
            &mut |path| digest_unless_cancelled(path, cancel),
            &mut |copy, first| {
                let reason = format!("duplicate of {}", first.display());
                passed_over.push(PassedOver {
                    path: copy.to_owned(),
                    reason,
                    is_failure: false,
                    has_masks: false,
                });
            },
        );
        let others = dicom::presentation::attach_states(&mut studies, self.states);
        self.passed_over.extend(others);
        studies.extend(self.pictures);
        leave_out_tables(&studies, &mut self.passed_over);
        Catalog {
            studies,
            passed_over: self.passed_over,
        }
    }
}

fn digest_unless_cancelled(path: &Path, cancel: &Cancel) -> Option<String> {
    if cancel.is_cancelled() {
        None
    } else {
        dicom::pixel_digest(path)
    }
}

/// Removes tables of pixel spacings from the skipped files: they were read.
fn leave_out_tables(studies: &[Study], passed_over: &mut Vec<PassedOver>) {
    let slices = studies
        .iter()
        .flat_map(|study| &study.series)
        .flat_map(|series| &series.slices);
    let folders: HashSet<&Path> = slices
        .filter(|slice| has_spacing_of_picture(slice))
        .filter_map(|slice| slice.source.path.parent())
        .collect();
    passed_over.retain(|passed| !is_spacing_table(&passed.path, &folders));
}

/// True if the spacing is that of an image file: from a table, or stored in the file.
fn has_spacing_of_picture(slice: &Slice) -> bool {
    slice
        .spacing
        .is_some_and(|spacing| spacing.source == SpacingSource::Picture)
}

/// True for the table of pixel spacings in one of these folders.
fn is_spacing_table(path: &Path, folders: &HashSet<&Path>) -> bool {
    path.file_name()
        .is_some_and(|name| name == picture::SPACINGS)
        && path.parent().is_some_and(|folder| folders.contains(folder))
}
