//! `labrum workspace list`: the cases of a workspace and its labels, as a table or as JSON.

use super::{ListArguments, slices_with_masks};
use crate::Result;
use crate::cli::{console, reading::ReadOnlyWorkspace};
use labrum_core::{
    counts::count_with_noun,
    holdout::Side,
    journal::{CaseEntry, StoredCase},
    label::Label,
    mask::labels_in,
};
use serde::Serialize;
use std::collections::HashSet;
use std::path::PathBuf;

pub(super) fn list_cases(arguments: &ListArguments) -> Result<()> {
    let mut workspace = ReadOnlyWorkspace::open(&arguments.which.workspace)?;
    let labels = workspace.read_labels()?;
    let mut cases = Vec::new();
    for (number, entry) in (1..).zip(workspace.list_cases()?) {
        let stored = workspace.find_case(&entry.description.identity)?;
        cases.push(listed_case(number, &entry, stored.as_ref(), &labels));
    }
    let labels = labels
        .into_iter()
        .filter(|label| !label.is_gone())
        .collect();
    let listed = Listed {
        name: workspace.read_name()?,
        folder: workspace.workspace_folder().to_owned(),
        labels,
        cases,
    };
    if arguments.json {
        console::print_json(&listed)
    } else {
        console::print_text(&cases_table(&listed))
    }
}

/// A workspace as printed by `list`.
#[derive(Serialize)]
struct Listed {
    name: String,
    folder: PathBuf,
    labels: Vec<Label>,
    cases: Vec<ListedCase>,
}

#[derive(Serialize)]
struct ListedCase {
    number: usize,
    name: String,
    identity: String,
    study: String,
    modality: String,
    status: &'static str,
    /// Whether its subject is on the "training" or the "hold-out" side; `None` if not decided yet.
    side: Option<&'static str>,
    slices: usize,
    slices_with_mask: usize,
    /// Names of the labels in its masks.
    labels: Vec<String>,
    seconds: f64,
    /// The files of its images, without duplicates.
    files: Vec<PathBuf>,
    /// Those of `files` that were not found.
    missing: Vec<PathBuf>,
}

fn listed_case(
    number: usize,
    entry: &CaseEntry,
    stored: Option<&StoredCase>,
    labels: &[Label],
) -> ListedCase {
    let about = &entry.description;
    let mut seen = HashSet::new();
    let files: Vec<PathBuf> = about
        .slices
        .iter()
        .map(|s| s.source.path.clone())
        .filter(|path| seen.insert(path.clone()))
        .collect();
    let masks = stored
        .iter()
        .flat_map(|case| &case.slices)
        .filter_map(|slice| slice.mask.as_ref());
    let held =
        labels_in(masks.flat_map(|mask| labels_in(mask.to_mask().pixel_labels().iter().copied())));
    let names = (1..)
        .zip(labels)
        .filter(|(value, _)| held.contains(value))
        .map(|(_, label)| label.name.clone());
    ListedCase {
        number,
        name: about.description.clone(),
        identity: about.identity.clone(),
        study: about.study.clone(),
        modality: about.modality.clone(),
        status: entry.status.storage_name(),
        side: entry.side.map(Side::storage_name),
        slices: about.slices.len(),
        slices_with_mask: stored.map_or(0, slices_with_masks),
        labels: names.collect(),
        seconds: entry.seconds,
        missing: files
            .iter()
            .filter(|path| !path.exists())
            .cloned()
            .collect(),
        files,
    }
}

fn cases_table(listed: &Listed) -> String {
    let labels: Vec<&str> = listed
        .labels
        .iter()
        .map(|label| label.name.as_str())
        .collect();
    let accepted = listed
        .cases
        .iter()
        .filter(|case| case.status == "accepted")
        .count();
    let labels = if labels.is_empty() {
        "no labels".to_owned()
    } else {
        format!("labels: {}", labels.join(", "))
    };
    let mut text = format!(
        "{}: {}, {accepted} accepted; {labels}",
        listed.name,
        count_with_noun(listed.cases.len(), "case")
    );
    for case in &listed.cases {
        let side = case.side.unwrap_or("");
        let masks = format!("{} of {}", case.slices_with_mask, case.slices);
        let missing = match case.missing.len() {
            0 => String::new(),
            1 if case.files.len() == 1 => "  (file not found)".to_owned(),
            n => format!("  ({n} of {} files not found)", case.files.len()),
        };
        text += &format!(
            "\n{:5}  {:9}  {side:8}  {masks:>10} slices with masks  {}{missing}",
            case.number, case.status, case.name
        );
    }
    text
}
