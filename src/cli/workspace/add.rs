//! `labrum workspace add`: adds images and existing masks to a workspace.

mod masks;

use super::Which;
use crate::cli::{OverwriteArgument, console};
use crate::io::open;
use crate::worker::identity;
use crate::workspace::Workspace;
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    clock::now_millis,
    counts::{count_with_noun, first_names, with_verb},
    journal::{CaseKey, ModelStamp, Proposal, StoredCase},
    mask::PackedMask,
    study::{Series, Status, Study},
};
use masks::{Masks, MasksToAdd};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

/// Add images to a workspace, with existing masks
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Masks are matched to each series as in labrum import-masks: DICOM-SEG, RT Structure Sets, NIfTI, \
COCO, and label maps with the file names of the images. They are taken as drawn by a person, or with --proposals as \
proposals; --accept also accepts them. Masks drawn in the workspace are never replaced. Cases that are already in \
the workspace are not added again, but receive masks if they have none. Of several identical image files, the first \
is added.

One subject in five is held out. The subject of a DICOM case is its Patient ID. That of an image file is given by \
subjects.csv in its folder or the one above (columns name and subject), else by the number at the start of its name.

Ctrl+C stops after the current case; run the same command again to continue.

Examples:
  labrum workspace add images/ --workspace work/
  labrum workspace add images/ --workspace work/ --masks masks/ --accept
  labrum workspace add study/ --workspace work/ --masks auto.seg.dcm --proposals --model-name \"nnU-Net 2.1\""
)]
pub(super) struct AddCasesArguments {
    /// Images: files and folders
    #[arg(required = true)]
    images: Vec<PathBuf>,
    #[command(flatten)]
    which: Which,
    /// Masks: DICOM-SEG, RT Structure Set, NIfTI, COCO, label maps, or folders of them
    #[arg(short, long, num_args = 1..)]
    masks: Vec<PathBuf>,
    /// Add the masks as proposals, to be corrected or accepted
    #[arg(long, requires = "masks", conflicts_with = "accept")]
    proposals: bool,
    /// Accept the masks without changes
    #[arg(long, requires = "masks")]
    accept: bool,
    /// Name and version of the model that made the proposals
    #[arg(long, requires = "proposals", default_value = "Imported")]
    model_name: String,
    /// Apply masks by their position in the patient, even if they refer to other images
    #[arg(long, requires = "masks")]
    by_position: bool,
    /// Time point of masks that refer to no image, 1 for the first
    #[arg(long, requires = "masks", value_name = "N")]
    time: Option<usize>,
    /// In label maps, pixels >= VALUE are the label: for masks with soft edges
    #[arg(long, requires = "masks", value_name = "VALUE", value_parser = clap::value_parser!(u16).range(1..))]
    threshold: Option<u16>,
    #[command(flatten)]
    overwrite: OverwriteArgument,
    /// Print the result for each case as JSON on stdout
    #[arg(long)]
    json: bool,
}

/// Result for a case.
#[derive(Serialize)]
struct Added {
    name: String,
    identity: String,
    /// The case was not in the workspace before.
    is_new: bool,
    /// An identical image file that was added instead.
    same_as: Option<PathBuf>,
    /// Masks were given, but none for this case.
    has_no_mask: bool,
    /// Number of slices that received a mask.
    masks: usize,
    /// Number of slices that already had the same mask.
    masks_there: usize,
    /// Names of the labels in the masks.
    labels: Vec<String>,
    notes: Vec<String>,
    /// Why its masks were not added.
    failure: Option<String>,
}

impl Added {
    fn has_mask(&self) -> bool {
        self.masks + self.masks_there > 0
    }

    /// The notes, each with the name of the case.
    fn named_notes(&self) -> Vec<(String, String)> {
        self.notes
            .iter()
            .map(|note| (self.name.clone(), note.clone()))
            .collect()
    }
}

pub(super) fn run(arguments: &AddCasesArguments) -> Result<()> {
    let cancel = crate::cli::stop_on_ctrl_c()?;
    let mut workspace = arguments.which.open_workspace()?;
    let catalog = open::read_catalog(
        &identity::absolute_paths(arguments.images.clone()),
        &mut |_| {},
        &cancel,
    )?;
    let unreadable: Vec<_> = catalog
        .passed_over
        .iter()
        .filter(|passed| passed.is_failure)
        .collect();
    for passed in &unreadable {
        console::print_failure(format_args!(
            "labrum: {}",
            Error::at_path("read the image", &passed.path, &passed.reason)
        ));
    }
    let all: Vec<(&Study, &Series)> = catalog
        .studies
        .iter()
        .flat_map(|study| study.series.iter().map(move |series| (study, series)))
        .collect();
    let masks = Masks::find_for_images(arguments, &all)?;
    let bar = console::progress_bar(all.len() as u64, "{pos}/{len} cases");
    let mut added: Vec<Added> = Vec::new();
    let mut first_of: HashMap<String, PathBuf> = HashMap::new();
    for (study, series) in &all {
        if cancel.is_cancelled() {
            break;
        }
        let mut one = add_series(&mut workspace, study, series, &masks, arguments)?;
        let path = series
            .slices
            .first()
            .map(|slice| slice.source.path.clone())
            .unwrap_or_default();
        one.same_as = first_of
            .get(&one.identity)
            .filter(|first| **first != path)
            .cloned();
        first_of.entry(one.identity.clone()).or_insert(path);
        let name = &one.name;
        one.failure.iter().for_each(|failure| {
            bar.suspend(|| console::print_failure(format_args!("labrum: {name}: {failure}")))
        });
        added.push(one);
        bar.inc(1);
    }
    bar.finish_and_clear();
    // An identical image may have received the mask.
    let with_masks: HashSet<String> = added
        .iter()
        .filter(|one| one.has_mask())
        .map(|one| one.identity.clone())
        .collect();
    added
        .iter_mut()
        .for_each(|one| one.has_no_mask &= !with_masks.contains(&one.identity));
    workspace.sync_to_disk()?;
    workspace.close()?;
    print_added(&added, arguments)?;
    let failed = added.iter().filter(|one| one.failure.is_some()).count();
    match (failed, unreadable.len()) {
        _ if cancel.is_cancelled() => {
            let reason = format!(
                "stopped after {} of {}",
                added.len(),
                count_with_noun(all.len(), "case")
            );
            Err(incomplete_error(reason)
                .with_advice("Run the same command again to continue.")
                .of_kind(ErrorKind::Cancelled))
        }
        // More likely a mistyped folder than images without masks.
        (0, _) if !arguments.masks.is_empty() && !added.iter().any(Added::has_mask) => Err(
            incomplete_error("none of the masks belongs to any of the images"),
        ),
        (0, 0) => Ok(()),
        (0, n) => Err(incomplete_error(format!(
            "{} could not be read; see above",
            count_with_noun(n, "file")
        ))),
        (n, _) => Err(incomplete_error(format!(
            "the masks of {} were not added; see above",
            count_with_noun(n, "case")
        ))),
    }
}

fn incomplete_error(reason: impl ToString) -> Error {
    Error::new("add all images and masks", reason)
}

fn print_added(added: &[Added], arguments: &AddCasesArguments) -> Result<()> {
    console::print_remarks(added.iter().flat_map(Added::named_notes), "case");
    for (one, same) in added
        .iter()
        .filter_map(|one| Some((one, one.same_as.as_ref()?)))
    {
        let name = &one.name;
        let same = same.display();
        console::print_remark(format_args!(
            "labrum: {name}: identical to \"{same}\", which was added instead"
        ));
    }
    let without: Vec<&str> = added
        .iter()
        .filter(|one| one.has_no_mask)
        .map(|one| one.name.as_str())
        .collect();
    if !without.is_empty() {
        let what = with_verb(without.len(), "case", ["has no mask", "have no mask"]);
        console::print_remark(format_args!("labrum: {what}: {}", first_names(&without)));
    }
    if arguments.json {
        return console::print_json(&added);
    }
    let new = added.iter().filter(|one| one.is_new).count();
    let masks = added.iter().filter(|one| one.masks > 0).count();
    let there = match added.len() - new {
        1 => "1 was already in the workspace".to_owned(),
        n => format!("{n} were already in the workspace"),
    };
    console::print_text(&format!(
        "Added {}; {there}; {masks} received masks",
        count_with_noun(new, "case")
    ))
}

/// Adds one series and its masks, if any. If the masks cannot be added, the case is added without them and reported.
fn add_series(
    workspace: &mut Workspace,
    study: &Study,
    series: &Series,
    masks: &Masks,
    arguments: &AddCasesArguments,
) -> Result<Added> {
    let about = identity::describe_case(study, series)?;
    let is_new = workspace.find_case(&about.identity)?.is_none();
    let key = workspace.adopt_case(&about)?;
    if !is_new {
        // A case removed from the list is listed again.
        workspace.set_listed(key, true)?;
    }
    let mut one = Added {
        name: about.description.clone(),
        identity: about.identity.clone(),
        is_new,
        same_as: None,
        has_no_mask: false,
        masks: 0,
        masks_there: 0,
        labels: Vec::new(),
        notes: Vec::new(),
        failure: None,
    };
    if arguments.masks.is_empty() {
        return Ok(one);
    }
    let stored = workspace.find_case(&about.identity)?;
    let taken = masks.for_series(series, workspace);
    match taken
        .and_then(|found| take_masks(workspace, key, stored.as_ref(), &found, arguments, &mut one))
    {
        Ok(()) => {}
        // An image without a mask is still to be segmented.
        Err(error) if error.kind == ErrorKind::NotFound => {
            one.has_no_mask =
                stored.is_none_or(|case| case.slices.iter().all(|slice| slice.mask.is_none()));
        }
        Err(error) if error.kind == ErrorKind::Disk => return Err(error),
        Err(error) => one.failure = Some(error.to_string()),
    }
    Ok(one)
}

fn take_masks(
    workspace: &mut Workspace,
    key: CaseKey,
    stored: Option<&StoredCase>,
    found: &MasksToAdd,
    arguments: &AddCasesArguments,
    one: &mut Added,
) -> Result<()> {
    one.labels.clone_from(&found.labels);
    one.notes.extend(found.notes.iter().cloned());
    let mut kept = 0;
    for (slice, mask) in &found.masks {
        let mask = PackedMask::from_mask(mask);
        let there = stored.and_then(|case| case.slices.get(*slice));
        // Proposals are kept next to existing masks; a person's mask replaces one only if allowed.
        let is_same = there.and_then(|there| there.mask.as_ref()) == Some(&mask);
        if is_same || there.is_some_and(|there| there.is_touched) && !arguments.overwrite.overwrite
        {
            kept += usize::from(!is_same);
            one.masks_there += usize::from(is_same);
            continue;
        }
        if arguments.proposals {
            let model = ModelStamp {
                name: arguments.model_name.clone(),
                ..ModelStamp::default()
            };
            workspace.put_proposal(
                key,
                *slice as u32,
                &Proposal {
                    model,
                    at: now_millis(),
                    mask,
                },
                None,
            )?;
        } else {
            workspace.set_base(key, *slice as u32, &mask)?;
        }
        one.masks += 1;
    }
    if kept > 0 {
        return Err(Error::new(
            "add the masks",
            format!(
                "{} other masks already",
                with_verb(kept, "slice", ["has", "have"])
            ),
        )
        .with_advice(
            "Use --overwrite to replace imported masks; masks that were drawn are always kept.",
        ));
    }
    let status = stored.map_or(Status::New, |case| case.entry.status);
    let next = match (arguments.accept, arguments.proposals) {
        (true, _) => Status::Accepted,
        // The proposals themselves set the status.
        (false, true) => status,
        (false, false) if status == Status::New => Status::Corrected,
        (false, false) => status,
    };
    if next != status && !found.masks.is_empty() {
        workspace.set_status(key, next)?;
    }
    Ok(())
}
