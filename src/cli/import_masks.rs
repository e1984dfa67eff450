//! `labrum import-masks`: what others drew, as files of this program.

use super::console;
use super::format::{FormatArgument, SegArguments};
use crate::domain::{
    import::{Basis, MaskChoice},
    label::Label,
    mask::Mask,
    study::Series,
};
use crate::io::dicom::seg::{AlgorithmType, Authorship};
use crate::io::export::{
    Format, Names, OverlayLook, SeriesFiles, SliceFiles, by_number, planned, refuse_originals, write_series,
    write_slice,
};
use crate::io::import::{self, Imported};
use crate::io::{open, whole_file};
use crate::{Error, Result};
use std::collections::HashSet;
use std::path::PathBuf;

/// Turn a DICOM segmentation, an RT Structure Set, a NIfTI volume or label maps into masks of a series
#[derive(clap::Args, Debug)]
#[command(
    after_help = "For each slice DIR/<name>.png (0 background, 1..n the labels) and DIR/labels.json. Masks are laid on the \
images that they name, by their place in the patient: mirrored and turned ones pixel by pixel, those of another grid from \
the nearest pixel, which is said. Masks that name no image go where they lie, on one time only. A pixel belongs to a region \
of an RT Structure Set where its centre lies within its contours; contours within others are holes. Where labels overlap, \
smaller ones lie over larger ones, and what each lost is told; it fails where a label has no pixel left. Of several \
series, those that the masks belong to are taken.

Examples:
  labrum import-masks RTSTRUCT.dcm --of ct/ --out masks
  labrum import-masks RTSTRUCT.dcm --of ct/ --out masks --only \"GTV,Lung left\" --order GTV
  labrum import-masks liver.seg.dcm --of study/ --out masks --format png,overlay,csv"
)]
pub(super) struct Arguments {
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
    #[arg(short, long, value_enum, value_delimiter = ',', default_value = "png")]
    format: Vec<FormatArgument>,
    /// Take these alone: names or numbers, comma separated
    #[arg(long, value_name = "NAMES_OR_NUMBERS")]
    only: Vec<String>,
    /// These lie over all others where they overlap, the first on top: names or numbers, comma separated
    #[arg(long, value_name = "NAMES_OR_NUMBERS")]
    order: Vec<String>,
    /// Lay them by their place in the patient, even if they name other images
    #[arg(long)]
    by_position: bool,
    /// The time that they belong to where they name no image, 1 for the first
    #[arg(long, value_name = "N")]
    time: Option<usize>,
    /// In label maps and masks of single labels, pixels of so much and more are the label, all others background: for masks
    /// with soft rims
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
struct Outcome {
    series: String,
    labels: Vec<String>,
    /// Of each label.
    pixels: Vec<usize>,
    slices: usize,
    files: Vec<PathBuf>,
    notes: Vec<String>,
    not_written: Vec<NotWritten>,
}

/// A format that cannot hold the masks.
#[derive(serde::Serialize)]
struct NotWritten {
    format: &'static str,
    reason: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let cancel = super::stop_on_ctrl_c()?;
    let catalog = open::catalog(&arguments.series, &mut |_| {}, &cancel)?;
    let all: Vec<&Series> = catalog.studies.iter().flat_map(|study| &study.series).collect();
    let shows_values = |format: &FormatArgument| matches!(Format::from(*format), Format::LabelMap | Format::Nifti);
    let choice = MaskChoice {
        only: arguments.only.clone(),
        order: arguments.order.clone(),
        by_position: arguments.by_position,
        time: arguments.time,
        threshold: arguments.threshold,
        keep_values: arguments.format.iter().any(shows_values),
    };
    let mut taken = HashSet::new();
    let (mut outcomes, mut refusals, mut possible) = (Vec::new(), Vec::new(), Vec::new());
    for series in all {
        match import::masks(&arguments.masks, series, &choice) {
            Ok(imported) if imported.basis == Basis::Images => {
                outcomes.push(write(series, imported, arguments, &mut taken)?);
            }
            Ok(Imported { basis, is_resampled, .. }) => possible.push(Possible { series, basis, is_resampled }),
            Err(error) => refusals.push(error),
        }
    }
    if let Some(series) = meant(possible, arguments)? {
        let imported = import::masks(&arguments.masks, series, &choice)?;
        outcomes.push(write(series, imported, arguments, &mut taken)?);
    }
    let nothing = || Error::new("import the masks", "there is no series to lay them over");
    if outcomes.is_empty() {
        return Err(refusals.into_iter().next().unwrap_or_else(nothing));
    }
    for outcome in &outcomes {
        outcome.notes.iter().for_each(|note| console::remark(format_args!("labrum: {}: {note}", outcome.series)));
    }
    tell(&outcomes, arguments)?;
    match outcomes.iter().map(|outcome| outcome.not_written.len()).sum() {
        0 => Ok(()),
        n => Err(Error::new("write everything", format!("{n} files cannot be written, see above"))),
    }
}

fn tell(outcomes: &[Outcome], arguments: &Arguments) -> Result<()> {
    for outcome in outcomes {
        for NotWritten { format, reason } in &outcome.not_written {
            console::fail(format_args!("labrum: {} as {format}: {reason}", outcome.series));
        }
    }
    if arguments.json {
        return super::print_json(&outcomes);
    }
    for Outcome { series, labels, pixels, slices, files, .. } in outcomes {
        let labels = labels.iter().zip(pixels).map(|(label, pixels)| format!("{label} ({pixels} pixels)"));
        let what = format!("{} on {slices} slices of {series}", labels.collect::<Vec<_>>().join(", "));
        super::print(&format!("{what}: {} files are in {}", files.len(), arguments.out.display()))?;
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
fn meant<'a>(mut possible: Vec<Possible<'a>>, arguments: &Arguments) -> Result<Option<&'a Series>> {
    let strongest = possible.iter().map(|p| p.basis).max();
    possible.retain(|p| Some(p.basis) == strongest);
    if possible.iter().any(|p| !p.is_resampled) {
        possible.retain(|p| !p.is_resampled);
    }
    let chosen = arguments.time.and_then(|time| possible.get(time.checked_sub(1)?));
    match (possible.as_slice(), chosen) {
        ([], _) => Ok(None),
        ([one], _) | (_, Some(one)) => Ok(Some(one.series)),
        (several, None) => {
            let name = |(i, p): (usize, &Possible<'_>)| format!("{} \"{}\"", i + 1, title(p.series));
            let list: Vec<String> = several.iter().enumerate().map(name).collect();
            let of = arguments.time.map_or_else(String::new, |time| format!(", and there is no time {time}"));
            let reason = format!(
                "it does not name the images that it belongs to, and fits {}: {}{of}",
                several.len(),
                list.join(", ")
            );
            let path = arguments.masks.first().cloned().unwrap_or_default();
            let advice = "Choose one of them by its number with --time N.";
            Err(Error::at("import the masks", path, reason).advise(advice))
        }
    }
}

fn title(series: &Series) -> String {
    if series.description.trim().is_empty() { series.id.clone() } else { series.description.clone() }
}

fn write(series: &Series, imported: Imported, arguments: &Arguments, taken: &mut HashSet<String>) -> Result<Outcome> {
    if let Some(loss) = imported.loss() {
        let path = arguments.masks.first().cloned().unwrap_or_default();
        let advice = "Choose what is taken in with --only, or what lies on top with --order.";
        return Err(Error::at("import the masks", path, loss).advise(advice));
    }
    let Imported { labels, masks, mut notes, taken: counts, .. } = imported;
    // Label maps that keep their values leave numbers between them that nothing is drawn with.
    let is_gap = |value: u8, label: &Label, pixels: usize| pixels == 0 && by_number(value).name == label.name;
    let pixels: Vec<usize> = counts.iter().map(|count| count.left).collect();
    let all = (1..=255u8).zip(&labels).zip(&pixels);
    let gaps: Vec<u8> = all.filter(|((v, label), pixels)| is_gap(*v, label, **pixels)).map(|((v, _), _)| v).collect();
    // Slices that the masks say nothing of are left out: an empty mask would say that nothing is there.
    let of = |(slice, _): &(usize, Mask)| series.slices.get(*slice).cloned();
    let places: Vec<usize> = masks.iter().map(|(slice, _)| *slice).collect();
    let part = Series { slices: masks.iter().filter_map(of).collect(), ..series.clone() };
    let masks: Vec<Mask> = masks.into_iter().map(|(_, mask)| mask).collect();
    let names = Names::of_part(series, &part.slices, taken);
    let mut formats: Vec<Format> = Vec::new();
    arguments.format.iter().map(|f| Format::from(*f)).for_each(|f| {
        if !formats.contains(&f) {
            formats.push(f);
        }
    });
    let given = series.slices.iter().map(|s| &s.source.path).chain(&arguments.masks);
    let outputs = planned(&arguments.out, &names, &labels, &formats);
    refuse_originals(given.map(PathBuf::as_path), &outputs)
        .map_err(|error| error.advise("Choose another folder with --out."))?;
    arguments.overwrite.check(&outputs)?;
    whole_file::make_folder(&arguments.out)?;
    let mut files = Vec::new();
    for ((slice, name), mask) in part.slices.iter().zip(&names.slices).zip(&masks) {
        let image = open::load(&slice.source, series.kind)?;
        let slice_files = SliceFiles {
            image: &image,
            window: None,
            look: OverlayLook::for_size(image.columns, image.rows),
            mask,
            prediction: None,
            labels: &labels,
        };
        files.extend(write_slice(&arguments.out, name, &slice_files, &formats)?);
    }
    // Who drew them is not known to this program: a person, until they are told otherwise.
    let author = Authorship {
        algorithm_type: AlgorithmType::Manual,
        model: String::new(),
        model_version: String::new(),
        weights: String::new(),
        person: String::new(),
    };
    let whole = SeriesFiles {
        series: &part,
        masks: &masks,
        probabilities: &[],
        labels: &labels,
        authors: std::slice::from_ref(&author),
        options: arguments.seg.options(),
        places: &places,
        gaps: &gaps,
    };
    let mut written = write_series(&arguments.out, &names.series, &whole, &formats)?;
    if files.is_empty() && written.files.is_empty() && !written.unfit.is_empty() {
        return Err(written.unfit.swap_remove(0).error);
    }
    files.extend(written.files);
    notes.extend(written.warnings);
    let not_written = written.unfit.into_iter();
    let not_written =
        not_written.map(|u| NotWritten { format: u.format.name(), reason: u.error.to_string() }).collect();
    let is_label = |value: &u8| !gaps.contains(value);
    let named = (1..=255u8).zip(labels).zip(pixels).filter(|((value, _), _)| is_label(value));
    let (labels, pixels) = named.map(|((_, label), pixels)| (label.name, pixels)).unzip();
    Ok(Outcome { series: title(series), labels, pixels, slices: masks.len(), files, notes, not_written })
}
