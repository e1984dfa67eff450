//! `labrum import-masks`: converts masks of other programs to files of this program.

mod write;

use super::console;
use super::format::{SegArguments, mask_format_parser};
use crate::io::import;
use crate::io::open;
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    counts::{count_with_noun, first_names, with_verb},
    export_format::ExportFormat,
    import::{Basis, ImportedMasks, MaskChoice},
    progress::Cancel,
    study::Series,
};
use std::collections::HashSet;
use std::path::PathBuf;
use write::write_masks;

/// Convert DICOM-SEG, RT Structure Sets, NIfTI volumes or label maps to masks of a series
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Writes DIR/<name>.png for each slice (0 background, 1..n the labels) and DIR/labels.json. Masks \
are applied to the images that they refer to, by position in the patient: pixel by pixel if they are only mirrored \
or rotated by 90 degrees, else resampled by nearest neighbour, which is reported. Masks that refer to no image are \
applied by position, to one time point only. A pixel belongs to a region of an RT Structure Set if its centre is \
inside the contours; inner contours are holes. Where labels overlap, smaller ones lie on top of larger ones, and the \
pixels lost are reported; if a label has no pixel left, the import fails. Masks are matched to the series that they \
belong to: label maps by file name, unless there is a single label map and a single image. Series without masks are \
listed. If a mask cannot be imported, the exit code is 1.

Examples:
  labrum import-masks RTSTRUCT.dcm --of ct/ --out masks
  labrum import-masks RTSTRUCT.dcm --of ct/ --out masks --only \"GTV,Lung left\" --order GTV
  labrum import-masks liver.seg.dcm --of study/ --out masks --format png,overlay,csv"
)]
pub(super) struct ImportMasksArguments {
    /// Masks: DICOM-SEG, RT Structure Set, NIfTI, label maps, or a folder of them
    #[arg(required = true)]
    masks: Vec<PathBuf>,
    /// Images that the masks belong to: files and folders
    #[arg(long = "of", required = true, num_args = 1..)]
    series: Vec<PathBuf>,
    /// Output folder; created if missing
    #[arg(short, long)]
    out: PathBuf,
    /// Formats to write, comma-separated
    #[arg(short, long, value_parser = mask_format_parser(), value_delimiter = ',', default_value = "png")]
    format: Vec<ExportFormat>,
    /// Import only these labels: names or numbers, comma-separated
    #[arg(long, value_name = "NAMES_OR_NUMBERS")]
    only: Vec<String>,
    /// Labels that lie on top of all others where they overlap, topmost first: names or numbers, comma-separated
    #[arg(long, value_name = "NAMES_OR_NUMBERS")]
    order: Vec<String>,
    /// Apply masks by their position in the patient, even if they refer to other images
    #[arg(long)]
    by_position: bool,
    /// Time point of masks that refer to no image, 1 for the first
    #[arg(long, value_name = "N")]
    time: Option<usize>,
    /// In label maps and masks of single labels, pixels >= VALUE are the label, all others background: for masks with soft
    /// edges
    #[arg(long, value_name = "VALUE", value_parser = clap::value_parser!(u16).range(1..))]
    threshold: Option<u16>,
    #[command(flatten)]
    seg: SegArguments,
    #[command(flatten)]
    overwrite: super::OverwriteArgument,
    /// Print what was written as JSON on stdout
    #[arg(long)]
    json: bool,
}

/// Result for one series.
#[derive(serde::Serialize)]
struct ImportOutcome {
    series: String,
    labels: Vec<String>,
    /// Number of pixels of each label.
    pixels: Vec<usize>,
    slices: usize,
    files: Vec<PathBuf>,
    notes: Vec<String>,
    not_written: Vec<MasksNotWritten>,
}

/// A format that cannot hold the masks.
#[derive(serde::Serialize)]
struct MasksNotWritten {
    format: &'static str,
    reason: String,
}

impl ImportOutcome {
    /// The notes, each with the name of the series.
    fn named_notes(&self) -> Vec<(String, String)> {
        self.notes
            .iter()
            .map(|note| (self.series.clone(), note.clone()))
            .collect()
    }
}

/// Results for all series.
#[derive(Default)]
struct ImportTotals<'a> {
    outcomes: Vec<ImportOutcome>,
    /// Series without masks, and why.
    refusals: Vec<(&'a Series, Error)>,
    /// Series not reached before the command was stopped.
    left: Vec<&'a Series>,
}

impl<'a> ImportTotals<'a> {
    /// Records the result of writing the masks of a series.
    ///
    /// # Errors
    /// A disk error, because the other series would fail as well.
    fn note_written(&mut self, series: &'a Series, written: Result<ImportOutcome>) -> Result<()> {
        match written {
            Ok(outcome) => self.outcomes.push(outcome),
            Err(error) if error.kind == ErrorKind::Cancelled => self.left.push(series),
            Err(error) if error.kind == ErrorKind::Disk => return Err(error),
            Err(error) => self.refusals.push((series, error)),
        }
        Ok(())
    }
}

pub(super) fn run(arguments: &ImportMasksArguments) -> Result<()> {
    let cancel = super::stop_on_ctrl_c()?;
    let catalog = open::read_catalog(&arguments.series, &mut |_| {}, &cancel)?;
    let all: Vec<&Series> = catalog
        .studies
        .iter()
        .flat_map(|study| &study.series)
        .collect();
    let choice = MaskChoice {
        only: arguments.only.clone(),
        order: arguments.order.clone(),
        by_position: arguments.by_position,
        time: arguments.time,
        threshold: arguments.threshold,
        by_name: all.len() > 1,
        keep_values: arguments
            .format
            .iter()
            .any(|format| matches!(format, ExportFormat::LabelMap | ExportFormat::Nifti)),
    };
    let done = import_all(&all, &choice, arguments, &cancel)?;
    let is_stopped = cancel.is_cancelled();
    if done.outcomes.is_empty() && !is_stopped {
        // An error in a mask is more helpful than one that says it belongs to other images.
        let telling = done
            .refusals
            .into_iter()
            .map(|(_, error)| error)
            .min_by_key(|error| error.kind.is_of_others());
        return Err(telling.unwrap_or_else(|| {
            Error::new("import the masks", "there is no series to apply them to")
        }));
    }
    print_totals(&done, arguments)?;
    let failed = done
        .refusals
        .iter()
        .filter(|(_, error)| !error.kind.is_of_others())
        .count();
    let unfit = done
        .outcomes
        .iter()
        .map(|outcome| outcome.not_written.len())
        .sum();
    let tried = "import all masks";
    match (failed, unfit) {
        _ if is_stopped => {
            let names: Vec<String> = done
                .left
                .iter()
                .map(|series| series_title(series))
                .collect();
            let reason = format!(
                "stopped after {} of {} series; missing: {}",
                all.len() - done.left.len(),
                all.len(),
                first_names(&names)
            );
            Err(Error::new(tried, reason)
                .with_advice("Run the same command with --overwrite to import all of them.")
                .of_kind(ErrorKind::Cancelled))
        }
        (0, 0) => Ok(()),
        (0, n) => Err(Error::new(
            "write all files",
            format!(
                "{} could not be written; see above",
                count_with_noun(n, "file")
            ),
        )),
        (n, _) => {
            let reason = format!(
                "the masks of {} of {} series were not imported; see above",
                n,
                all.len()
            );
            Err(Error::new(tried, reason))
        }
    }
}

/// Writes the masks of each series that they belong to; an error in one series does not stop the others.
fn import_all<'a>(
    all: &[&'a Series],
    choice: &MaskChoice,
    arguments: &ImportMasksArguments,
    cancel: &Cancel,
) -> Result<ImportTotals<'a>> {
    let mut done = ImportTotals::default();
    // File names already in use.
    let mut taken = HashSet::new();
    let mut possible = Vec::new();
    let bar = console::progress_bar(all.len() as u64, "{pos}/{len} series");
    for &series in all {
        if cancel.is_cancelled() {
            done.left.push(series);
            continue;
        }
        match import::read_masks(&arguments.masks, series, choice) {
            Ok(imported) if imported.basis == Basis::Images => {
                let written = write_masks(series, imported, arguments, &mut taken, cancel);
                done.note_written(series, written)?;
            }
            Ok(ImportedMasks {
                basis,
                is_resampled,
                ..
            }) => possible.push(Possible {
                series,
                basis,
                is_resampled,
            }),
            Err(error) => done.refusals.push((series, error)),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if cancel.is_cancelled() {
        done.left
            .extend(possible.iter().map(|possible| possible.series));
        return Ok(done);
    }
    let first = possible.first().map(|possible| possible.series);
    match (masks_for_one(possible, choice, arguments), first) {
        (Ok(Some((series, imported))), _) => {
            let written = write_masks(series, imported, arguments, &mut taken, cancel);
            done.note_written(series, written)?;
        }
        (Err(error), Some(series)) if !done.outcomes.is_empty() => {
            done.refusals.push((series, error))
        }
        (Err(error), _) => return Err(error),
        (Ok(None), _) => {}
    }
    Ok(done)
}

fn print_totals(done: &ImportTotals<'_>, arguments: &ImportMasksArguments) -> Result<()> {
    let notes = done.outcomes.iter().flat_map(ImportOutcome::named_notes);
    console::print_remarks(notes, "series");
    let (of_others, failed): (Vec<_>, Vec<_>) = done
        .refusals
        .iter()
        .partition(|(_, error)| error.kind.is_of_others());
    if !of_others.is_empty() && !done.outcomes.is_empty() {
        let names: Vec<String> = of_others
            .iter()
            .map(|(series, _)| series_title(series))
            .collect();
        let belong = with_verb(names.len(), "series", ["has no mask", "have no mask"]);
        console::print_remark(format_args!("labrum: {belong}: {}", first_names(&names)));
    }
    for (series, error) in failed {
        console::print_failure(format_args!("labrum: {}: {error}", series_title(series)));
    }
    for outcome in &done.outcomes {
        for MasksNotWritten { format, reason } in &outcome.not_written {
            console::print_failure(format_args!(
                "labrum: {} as {format}: {reason}",
                outcome.series
            ));
        }
    }
    if arguments.json {
        return super::print_json(&done.outcomes);
    }
    for ImportOutcome {
        series,
        labels,
        pixels,
        slices,
        files,
        ..
    } in &done.outcomes
    {
        let labels = labels
            .iter()
            .zip(pixels)
            .map(|(label, pixels)| format!("{label} ({})", count_with_noun(*pixels, "pixel")));
        let labels = labels.collect::<Vec<_>>().join(", ");
        let files = with_verb(files.len(), "file", ["was written", "were written"]);
        let slices = count_with_noun(*slices, "slice");
        super::print_text(&format!(
            "{labels} on {slices} of {series}: {files} to {}",
            arguments.out.display()
        ))?;
    }
    Ok(())
}

/// A series that masks may belong to although they do not refer to its images.
struct Possible<'a> {
    series: &'a Series,
    basis: Basis,
    is_resampled: bool,
}

/// The series to apply masks to that refer to no image, with these masks.
fn masks_for_one<'a>(
    possible: Vec<Possible<'a>>,
    choice: &MaskChoice,
    arguments: &ImportMasksArguments,
) -> Result<Option<(&'a Series, ImportedMasks)>> {
    let Some(series) = series_for_masks(possible, arguments)? else {
        return Ok(None);
    };
    let imported = import::read_masks(&arguments.masks, series, choice)?;
    Ok(Some((series, imported)))
}

/// The series to apply masks to that refer to no image: preferably one that they refer to as a whole, then one with the same
/// grid. Fails if several are equally likely and `--time` does not choose one.
fn series_for_masks<'a>(
    mut possible: Vec<Possible<'a>>,
    arguments: &ImportMasksArguments,
) -> Result<Option<&'a Series>> {
    let strongest = possible.iter().map(|p| p.basis).max();
    possible.retain(|p| Some(p.basis) == strongest);
    if possible.iter().any(|p| !p.is_resampled) {
        possible.retain(|p| !p.is_resampled);
    }
    let chosen = arguments
        .time
        .and_then(|time| possible.get(time.checked_sub(1)?));
    match (possible.as_slice(), chosen) {
        ([], _) => Ok(None),
        ([one], _) | (_, Some(one)) => Ok(Some(one.series)),
        (several, None) => {
            let list: Vec<String> = several
                .iter()
                .enumerate()
                .map(|(i, p)| format!("{} \"{}\"", i + 1, series_title(p.series)))
                .collect();
            let of = arguments.time.map_or_else(String::new, |time| {
                format!("; there is no time point {time}")
            });
            let reason = format!(
                "it does not refer to any images and matches {} series: {}{of}",
                several.len(),
                list.join(", ")
            );
            let path = arguments.masks.first().cloned().unwrap_or_default();
            let advice = "Choose one by its number with --time N.";
            Err(Error::at_path("import the masks", path, reason).with_advice(advice))
        }
    }
}

fn series_title(series: &Series) -> String {
    if series.description.trim().is_empty() {
        series.id.clone()
    } else {
        series.description.clone()
    }
}
