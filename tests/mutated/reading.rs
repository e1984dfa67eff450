//! Reads a mutated file in all ways in which the window and the command line read it.

use crate::{files, formats::Format};
use labrum::{
    Error,
    io::{import, label_file, label_values::ValueReading, open},
    workspace::{Workspace, glance_at},
};
use labrum_core::{
    import::MaskChoice,
    progress::Cancel,
    study::{Kind, Series, Source},
};
use labrum_nn::checkpoint;
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Maximum number of slices read of a series.
const MOST_SLICES: usize = 6;

/// Result for a file.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Some part could be read.
    pub(crate) is_readable: bool,
    /// All errors.
    pub(crate) errors: Vec<Error>,
}

impl Outcome {
    fn note<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => {
                self.is_readable = true;
                Some(value)
            }
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }
}

/// Reads `path`, which was of `format` before it was mutated.
pub(crate) fn read(path: &Path, format: Format) -> Outcome {
    let mut outcome = Outcome::default();
    match format {
        Format::Safetensors | Format::PyTorch => weights(path, &mut outcome),
        Format::Workspace => workspace(path, &mut outcome),
        _ => image(path, format, &mut outcome),
    }
    outcome
}

fn image(path: &Path, format: Format, outcome: &mut Outcome) {
    let catalog = outcome.note(open::read_catalog(
        &[path.to_owned()],
        &mut |_| {},
        &Cancel::default(),
    ));
    for series in catalog
        .iter()
        .flat_map(|catalog| &catalog.studies)
        .flat_map(|study| &study.series)
    {
        for slice in series.slices.iter().take(MOST_SLICES) {
            outcome.note(open::load_slice(&slice.source, series.kind));
        }
    }
    // Frames that the header does not mention, and readers that its first bytes would not select.
    outcome.note(open::load_slice(
        &Source {
            path: path.to_owned(),
            frame: 0,
        },
        Kind::Dicom,
    ));
    outcome.note(labrum_dicom::elements::read_header(path));
    if format.is_picture() {
        outcome.note(open::load_slice(
            &Source {
                path: path.to_owned(),
                frame: 0,
            },
            Kind::Picture,
        ));
        outcome.note(label_file::mask_values(path, 0));
        outcome.note(label_file::read_mask(path, ValueReading::default()));
    }
    if format == Format::Report {
        outcome.note(import::read_measurements(&[path.to_owned()], series()));
    }
    if format == Format::Segmentation || format.is_picture() {
        outcome.note(import::read_masks(
            &[path.to_owned()],
            series(),
            &MaskChoice::default(),
        ));
    }
}

/// The series that the segmentations and reports belong to.
fn series() -> &'static Series {
    static SERIES: OnceLock<Series> = OnceLock::new();
    SERIES.get_or_init(|| {
        let catalog =
            open::read_catalog(&[files::segmented()], &mut |_| {}, &Cancel::default()).unwrap();
        catalog.studies[0].series[0].clone()
    })
}

fn weights(path: &Path, outcome: &mut Outcome) {
    if let Some((_, weights)) = outcome.note(checkpoint::read_model(path)) {
        outcome.note(checkpoint::check_weights(&weights));
    }
}

fn workspace(path: &Path, outcome: &mut Outcome) {
    let folder: PathBuf = path.with_extension("workspace");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::rename(path, folder.join("workspace.sqlite")).unwrap();
    let _ = glance_at(&folder);
    if let Some(mut workspace) = outcome.note(Workspace::open(&folder)) {
        let failures = use_all(&mut workspace);
        outcome
            .errors
            .extend(failures.into_iter().filter_map(Result::err));
        let _ = workspace.close();
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Calls everything that reads the workspace.
fn use_all(workspace: &mut Workspace) -> Vec<Result<(), Error>> {
    let mut done: Vec<Result<(), Error>> = Vec::new();
    let mut note = |result: labrum::Result<()>| done.push(result);
    note(workspace.read_name().map(drop));
    note(workspace.read_labels().map(drop));
    note(workspace.list_versions().map(drop));
    note(
        workspace
            .accepted_masks()
            .map(|masks| masks.iter().for_each(|slice| drop(slice.mask.to_mask()))),
    );
    note(workspace.running_round().map(drop));
    note(workspace.newly_accepted().map(drop));
    note(workspace.work_report().map(drop));
    note(workspace.count_progress().map(drop));
    note(workspace.fold_journal(10).map(drop));
    let mut keys = Vec::new();
    for n in 0..3 {
        let case = workspace.find_case(&format!("case {n}"));
        if let Ok(Some(case)) = &case {
            keys.push(case.entry.key);
            case.slices
                .iter()
                .filter_map(|slice| slice.mask.as_ref())
                .for_each(|mask| drop(mask.to_mask()));
        }
        note(case.map(drop));
    }
    note(workspace.recent_steps(&keys, 1000).map(drop));
    note(workspace.next_seq().map(drop));
    note(workspace.begin_round("{}", None).map(drop));
    done
}
