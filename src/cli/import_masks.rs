//! `labrum import-masks`: what others drew, as files of this program.

mod write;

use super::console;
use super::format::{SegArguments, format_parser};
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

/// Turn a DICOM segmentation, an RT Structure Set, a NIfTI volume or label maps into masks of a series
#[derive(clap::Args, Debug)]
#[command(
    after_help = "For each slice DIR/<name>.png (0 background, 1..n the labels) and DIR/labels.json. Masks are laid on the \
images that they name, by their place in the patient: mirrored and turned ones pixel by pixel, those of another grid from \
the nearest pixel, which is said. Masks that name no image go where they lie, on one time only. A pixel belongs to a region \
of an RT Structure Set where its centre lies within its contours; contours within others are holes. Where labels overlap, \
smaller ones lie over larger ones, and what each lost is told; it fails where a label has no pixel left. Of several \
series, those that the masks belong to are taken: of label maps the images that are called like them, and where one map is \
given for one image, that one. Series that have no mask are named, and a mask that cannot be taken ends with exit code 1.

Examples:
  labrum import-masks RTSTRUCT.dcm --of ct/ --out masks
  labrum import-masks RTSTRUCT.dcm --of ct/ --out masks --only \"GTV,Lung left\" --order GTV
  labrum import-masks liver.seg.dcm --of study/ --out masks --format png,overlay,csv"
)]
pub(super) struct ImportMasksArguments {
    /// Masks: DICOM-SEG, RT Structure Set, NIfTI, label maps, or a folder of them
    #[arg(required = true)]
    masks: Vec<PathBuf>,
    /// The series that they belong to: files and folders
    #[arg(long = "of", required = true, num_args = 1..)]
    series: Vec<PathBuf>,
    /// Folder to write to; it is made where it is missing
    #[arg(short, long)]
    out: PathBuf,
    /// What to write, comma separated
    #[arg(short, long, value_parser = format_parser(), value_delimiter = ',', default_value = "png")]
    format: Vec<ExportFormat>,
    /// Take these alone: names or numbers, comma separated
    #[arg(long, value_name = "NAMES_OR_NUMBERS")]
    only: Vec<String>,
    /// These lie over all others where they overlap, the first on top: names or numbers, comma separated
    #[arg(long, value_name = "NAMES_OR_NUMBERS")]
    order: Vec<String>,
    /// Apply them by their place in the patient, even if they name other images
    #[arg(long)]
    by_position: bool,
    /// The time that they belong to where they name no image, 1 for the first
    #[arg(long, value_name = "N")]
    time: Option<usize>,
    /// In label maps and masks of single labels, mask pixels >= VALUE are the label, all others background: for masks with
    /// soft rims
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

/// What became of one series.
#[derive(serde::Serialize)]
struct ImportOutcome {
    series: String,
    labels: Vec<String>,
    /// Of each label.
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

/// What became of all series.
#[derive(Default)]
struct ImportTotals<'a> {
    outcomes: Vec<ImportOutcome>,
    /// Series that got nothing, and why.
    refusals: Vec<(&'a Series, Error)>,
    /// Series that were not reached before it was stopped.
    left: Vec<&'a Series>,
}

pub(super) fn run(arguments: &ImportMasksArguments) -> Result<()> {
    let cancel = super::stop_on_ctrl_c()?;
    let catalog = open::read_catalog(&arguments.series, &mut |_| {}, &cancel)?;
    let all: Vec<&Series> = catalog
        .studies
        .iter()
        .flat_map(|study| &study.series)
        .collect();
    let shows_values =
        |format: &ExportFormat| matches!(*format, ExportFormat::LabelMap | ExportFormat::Nifti);
    let choice = MaskChoice {
        only: arguments.only.clone(),
        order: arguments.order.clone(),
        by_position: arguments.by_position,
        time: arguments.time,
        threshold: arguments.threshold,
        by_name: all.len() > 1,
        keep_values: arguments.format.iter().any(shows_values),
    };
    let done = import_all(&all, &choice, arguments, &cancel)?;
    let is_stopped = cancel.is_cancelled();
    if done.outcomes.is_empty() && !is_stopped {
        let nothing = || Error::new("import the masks", "there is no series to apply them to");
        // What is wrong with a mask says more than that it is of other images.
        let telling = done
            .refusals
            .into_iter()
            .map(|(_, error)| error)
            .min_by_key(|error| error.kind.is_of_others());
        return Err(telling.unwrap_or_else(nothing));
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
                "it was stopped after {} of {} series; missing: {}",
                all.len() - done.left.len(),
                all.len(),
                first_names(&names)
            );
            Err(Error::new(tried, reason)
                .with_advice("The same command with --overwrite writes all of them.")
                .of_kind(ErrorKind::Cancelled))
        }
        (0, 0) => Ok(()),
        (0, n) => Err(Error::new(
            "write everything",
            format!(
                "{} cannot be written, see above",
                count_with_noun(n, "file")
            ),
        )),
        (n, _) => {
            let reason = format!(
                "those of {} of {} series were not imported, see above",
                n,
                all.len()
            );
            Err(Error::new(tried, reason))
        }
    }
}

/// Writes the masks of each series that they belong to; what goes wrong with one does not stop the others.
fn import_all<'a>(
    all: &[&'a Series],
    choice: &MaskChoice,
    arguments: &ImportMasksArguments,
    cancel: &Cancel,
) -> Result<ImportTotals<'a>> {
    let (mut done, mut taken, mut possible) = (ImportTotals::default(), HashSet::new(), Vec::new());
    let bar = console::progress_bar(all.len() as u64, "{pos}/{len} series");
    let mut writing =
        |series: &'a Series, imported: ImportedMasks, done: &mut ImportTotals<'a>| -> Result<()> {
            match write_masks(series, imported, arguments, &mut taken, cancel) {
                Ok(outcome) => done.outcomes.push(outcome),
                Err(error) if error.kind == ErrorKind::Cancelled => done.left.push(series),
                Err(error) if error.kind == ErrorKind::Disk => return Err(error),
                Err(error) => done.refusals.push((series, error)),
            }
            Ok(())
        };
    for series in all {
        if cancel.is_cancelled() {
            done.left.push(series);
            continue;
        }
        match import::read_masks(&arguments.masks, series, choice) {
            Ok(imported) if imported.basis == Basis::Images => {
                writing(series, imported, &mut done)?
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
    let chosen = series_for_masks(possible, arguments).and_then(|series| {
        let imported = |series| {
            Ok((
                series,
                import::read_masks(&arguments.masks, series, choice)?,
            ))
        };
        series.map(imported).transpose()
    });
    match (chosen, first) {
        (Ok(Some((series, imported))), _) => writing(series, imported, &mut done)?,
        (Err(error), Some(series)) if !done.outcomes.is_empty() => {
            done.refusals.push((series, error))
        }
        (Err(error), _) => return Err(error),
        (Ok(None), _) => {}
    }
    Ok(done)
}

fn print_totals(done: &ImportTotals<'_>, arguments: &ImportMasksArguments) -> Result<()> {
    let said = |outcome: &ImportOutcome| -> Vec<(String, String)> {
        outcome
            .notes
            .iter()
            .map(|note| (outcome.series.clone(), note.clone()))
            .collect()
    };
    console::print_remarks(done.outcomes.iter().flat_map(said), "series");
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
        console::print_remark(format_args!(
            "labrum: {belong} among these: {}",
            first_names(&names)
        ));
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
        let files = with_verb(files.len(), "file", ["is", "are"]);
        let slices = count_with_noun(*slices, "slice");
        super::print_text(&format!(
            "{labels} on {slices} of {series}: {files} in {}",
            arguments.out.display()
        ))?;
    }
    Ok(())
}

/// A series that masks fit that do not name its images.
struct Possible<'a> {
    series: &'a Series,
    basis: Basis,
    is_resampled: bool,
}

/// The one series that masks belong to which name no image: one that they name as a whole before others, and one of the
/// same grid before others.
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
            let name = |(i, p): (usize, &Possible<'_>)| {
                format!("{} \"{}\"", i + 1, series_title(p.series))
            };
            let list: Vec<String> = several.iter().enumerate().map(name).collect();
            let of = arguments
                .time
                .map_or_else(String::new, |time| format!(", and there is no time {time}"));
            let reason = format!(
                "it does not name the images that it belongs to, and fits {}: {}{of}",
                several.len(),
                list.join(", ")
            );
            let path = arguments.masks.first().cloned().unwrap_or_default();
            let advice = "Choose one of them by its number with --time N.";
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
