//! `labrum import-masks`: what others drew, as files of this program.

use super::format::{FormatArgument, SegArguments};
use crate::domain::{mask::Mask, study::Series};
use crate::io::dicom::seg::{AlgorithmType, Authorship};
use crate::io::export::{
    Format, Names, OverlayLook, SeriesFiles, SliceFiles, planned, refuse_originals, write_series, write_slice,
};
use crate::io::import::{self, Imported};
use crate::io::{open, whole_file};
use crate::{Error, Result};
use std::collections::HashSet;
use std::path::PathBuf;

/// Turn a DICOM segmentation, an RT Structure Set, a NIfTI volume or label maps into masks of a series
#[derive(clap::Args, Debug)]
#[command(
    after_help = "For each slice DIR/<name>.png (0 background, 1..n the labels) and DIR/labels.json. A pixel belongs to \
a region of an RT Structure Set where its centre lies within an odd number of its contours; contours are laid on the \
slices by their place in the patient. Of several series, those that the masks belong to are taken.

Examples:
  labrum import-masks RTSTRUCT.dcm --of ct/ --out masks
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
    #[arg(long)]
    out: PathBuf,
    /// What to write, comma separated
    #[arg(long, value_enum, value_delimiter = ',', default_value = "png")]
    format: Vec<FormatArgument>,
    #[command(flatten)]
    seg: SegArguments,
    /// Print what was written as JSON on stdout
    #[arg(long)]
    json: bool,
}

/// What became of one series.
#[derive(serde::Serialize)]
struct Outcome {
    series: String,
    labels: Vec<String>,
    slices: usize,
    files: Vec<PathBuf>,
    notes: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let cancel = super::stop_on_ctrl_c()?;
    let catalog = open::catalog(&arguments.series, &mut |_| {}, &cancel)?;
    let all: Vec<&Series> = catalog.studies.iter().flat_map(|study| &study.series).collect();
    let mut taken = HashSet::new();
    let (mut outcomes, mut refusals) = (Vec::new(), Vec::new());
    for series in all {
        match import::masks(&arguments.masks, series) {
            Ok(imported) => outcomes.push(write(series, imported, arguments, &mut taken)?),
            Err(error) => refusals.push(error),
        }
    }
    let nothing = || Error::new("import the masks", "there is no series to lay them over");
    if outcomes.is_empty() {
        return Err(refusals.into_iter().next().unwrap_or_else(nothing));
    }
    for outcome in &outcomes {
        outcome.notes.iter().for_each(|note| eprintln!("labrum: {}: {note}", outcome.series));
    }
    if arguments.json {
        return super::print_json(&outcomes);
    }
    for Outcome { series, labels, slices, files, .. } in &outcomes {
        let what = format!("{} on {slices} slices of {series}", labels.join(", "));
        super::print(&format!("{what}: {} files are in {}", files.len(), arguments.out.display()))?;
    }
    Ok(())
}

fn write(series: &Series, imported: Imported, arguments: &Arguments, taken: &mut HashSet<String>) -> Result<Outcome> {
    let Imported { labels, masks, mut notes } = imported;
    // Slices that the masks say nothing of are left out: an empty mask would say that nothing is there.
    let of = |(slice, _): &(usize, Mask)| series.slices.get(*slice).cloned();
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
    refuse_originals(given.map(PathBuf::as_path), &planned(&arguments.out, &names, &labels, &formats))
        .map_err(|error| error.advise("Choose another folder with --out."))?;
    whole_file::make_folder(&arguments.out)?;
    let mut files = Vec::new();
    for ((slice, name), mask) in part.slices.iter().zip(&names.slices).zip(&masks) {
        let image = open::load(&slice.source, series.kind)?;
        let slice_files = SliceFiles {
            image: &image,
            window: image.default_window(),
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
    };
    let (more, warnings) = write_series(&arguments.out, &names.series, &whole, &formats)?;
    files.extend(more);
    notes.extend(warnings);
    let title = if series.description.trim().is_empty() { series.id.clone() } else { series.description.clone() };
    let labels = labels.into_iter().map(|label| label.name).collect();
    Ok(Outcome { series: title, labels, slices: masks.len(), files, notes })
}
