//! `labrum workspace add`: images into a workspace, with masks where there are some.

mod masks;

use super::Which;
use crate::cli::{OverwriteArgument, console};
use crate::io::open;
use crate::worker::identity;
use crate::workspace::Workspace;
use crate::workspace::now_millis;
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    counts::{count_with_noun, first_names, with_verb},
    journal::{CaseKey, ModelStamp, Proposal, StoredCase},
    mask::PackedMask,
    study::{Series, Status, Study},
};
use masks::{Masks, MasksToAdd};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

/// Take images into a workspace, with masks that are there already
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Masks are found for each series as labrum import-masks finds them: DICOM-SEG, RT Structure Sets, NIfTI, \
COCO and label maps that are called like the images. They are what a person has drawn, unless --proposals says that they \
are only proposed; --accept accepts them. What was drawn in the workspace is never replaced. Cases that are there already \
are not added again: their masks are, where they have none yet. Of files that hold the very same picture the first is added.

One subject in five is held out. Of DICOM the Patient ID says who it is, of pictures subjects.csv in their folder or the one \
above (columns name and subject), else the number that the name of the file begins with.

Ctrl+C stops after the case; the same command goes on.

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
    /// The masks are proposals: a person corrects or accepts them
    #[arg(long, requires = "masks", conflicts_with = "accept")]
    proposals: bool,
    /// The masks are accepted as they are
    #[arg(long, requires = "masks")]
    accept: bool,
    /// What proposed the masks: name and version
    #[arg(long, requires = "proposals", default_value = "Imported")]
    model_name: String,
    /// Apply masks by their place in the patient, even if they name other images
    #[arg(long, requires = "masks")]
    by_position: bool,
    /// Time point of masks that name no image, 1 for the first
    #[arg(long, requires = "masks", value_name = "N")]
    time: Option<usize>,
    /// In label maps, mask pixels >= VALUE are the label: for masks with soft rims
    #[arg(long, requires = "masks", value_name = "VALUE", value_parser = clap::value_parser!(u16).range(1..))]
    threshold: Option<u16>,
    #[command(flatten)]
    overwrite: OverwriteArgument,
    /// Print what became of each case as JSON on stdout
    #[arg(long)]
    json: bool,
}

/// What became of a case.
#[derive(Serialize)]
struct Added {
    name: String,
    identity: String,
    /// It was not there before.
    is_new: bool,
    /// The picture that holds the very same, and was taken instead.
    same_as: Option<PathBuf>,
    /// Masks were given, and none of them is for it.
    has_no_mask: bool,
    /// Slices that got a mask.
    masks: usize,
    /// Slices that had this very mask already.
    masks_there: usize,
    /// Names of their labels.
    labels: Vec<String>,
    notes: Vec<String>,
    /// Why its masks were not taken.
    failure: Option<String>,
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
    // One that is the same picture may have got it.
    let has_mask = |one: &&Added| one.masks + one.masks_there > 0;
    let with_masks: HashSet<String> = added
        .iter()
        .filter(has_mask)
        .map(|one| one.identity.clone())
        .collect();
    added
        .iter_mut()
        .for_each(|one| one.has_no_mask &= !with_masks.contains(&one.identity));
    workspace.sync_to_disk()?;
    workspace.close()?;
    print_added(&added, arguments)?;
    let failed = added.iter().filter(|one| one.failure.is_some()).count();
    let without = |what: String| Err(Error::new("take in everything", what));
    match (failed, unreadable.len()) {
        _ if cancel.is_cancelled() => {
            let reason = format!(
                "it was stopped after {} of {}",
                added.len(),
                count_with_noun(all.len(), "case")
            );
            Err(Error::new("take in everything", reason)
                .with_advice("The same command goes on.")
                .of_kind(ErrorKind::Cancelled))
        }
        // More likely a mistyped folder than images without masks.
        (0, _)
            if !arguments.masks.is_empty()
                && added.iter().all(|one| one.masks + one.masks_there == 0) =>
        {
            without("none of the masks belongs to any of the images".into())
        }
        (0, 0) => Ok(()),
        (0, n) => without(format!(
            "{} could not be read, see above",
            count_with_noun(n, "file")
        )),
        (n, _) => without(format!(
            "the masks of {} were not taken, see above",
            count_with_noun(n, "case")
        )),
    }
}

fn print_added(added: &[Added], arguments: &AddCasesArguments) -> Result<()> {
    let notes = |one: &Added| {
        one.notes
            .iter()
            .map(|note| (one.name.clone(), note.clone()))
            .collect::<Vec<(String, String)>>()
    };
    console::print_remarks(added.iter().flat_map(notes), "case");
    for (one, same) in added
        .iter()
        .filter_map(|one| Some((one, one.same_as.as_ref()?)))
    {
        let (name, same) = (&one.name, same.display());
        console::print_remark(format_args!(
            "labrum: {name}: it holds the very same picture as \"{same}\", which was added"
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
        1 => "1 was there already".to_owned(),
        n => format!("{n} were there already"),
    };
    console::print_text(&format!(
        "{} added, {there}; {masks} got masks",
        count_with_noun(new, "case")
    ))
}

/// Takes one series in, and its masks where there are some; a mask that cannot be taken is told, the case is in.
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
        // One that was taken out of the list comes back.
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
        // An image without a mask is one that is still to be drawn on.
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
    let slice_of = |slice: usize| stored.and_then(|case| case.slices.get(slice));
    let mut kept = 0;
    for (slice, mask) in &found.masks {
        let mask = PackedMask::from_mask(mask);
        let there = slice_of(*slice);
        // Proposals lie beside what is there; a mask of a person's takes its place only where that is none or given up.
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
            "take the masks",
            format!("{} masks of their own already", with_verb(kept, "slice", ["has", "have"])),
        )
        .with_advice("Give --overwrite to replace masks that were imported; what was drawn stays in any case."));
    }
    let status = stored.map_or(Status::New, |case| case.entry.status);
    let next = match (arguments.accept, arguments.proposals) {
        (true, _) => Status::Accepted,
        // Set by the proposals themselves.
        (false, true) => status,
        (false, false) if status == Status::New => Status::Corrected,
        (false, false) => status,
    };
    if next != status && !found.masks.is_empty() {
        workspace.set_status(key, next)?;
    }
    Ok(())
}
