//! `labrum export`: the accepted masks of a workspace as files.

use super::console;
use super::format::{SegArguments, format_parser};
use super::reading::ReadOnlyWorkspace;
use crate::{
    Error, ErrorKind, Result,
    io::export::{
        batch::{ExportReport, OverlayStyle, Pattern, Preset, export_all},
        case::{CaseToExport, root_of},
    },
};
use clap::ValueEnum;
use labrum_core::{counts::count_with_noun, export_format::ExportFormat, study::Status};
use labrum_dicom::deidentify::{Dates, Deidentification, SecretKey};
use std::path::PathBuf;

/// The key of files that lose the patient, in the folder of the workspace.
const KEY_FILE: &str = "deidentification.key";
/// As the window has it at first.
const OPACITY: f32 = 0.35;

/// Write the accepted masks of a workspace, with a manifest
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Only accepted cases are written. manifest.json and manifest.csv in the folder list all files with their \
SHA-256, who made each label, and what could not be written. Existing files are replaced with --overwrite only. An export \
that was stopped or failed in part goes on with the same command: cases that are whole and unchanged are kept (with \
--deidentify they are written anew). Of pictures the folders below the one that all have in common are kept.

In --name can stand {study} {study-uid} {series} {series-uid} {modality} {date} {label}; a / makes a folder.

With --deidentify the images are written too, below images/, without the patient (DICOM PS3.15, Basic Application Level \
Confidentiality Profile), and everything else refers to these. UIDs and pseudonyms come from a secret key, so that later \
exports with it fit to earlier ones. Text in the pixels stays: what may hold some is named in the manifest.

Examples:
  labrum export --workspace work/ --out masks --format seg,csv
  labrum export --workspace work/ --out set --format png,coco --name '{series}_{label}'
  labrum export --workspace work/ --out study --format seg,rtstruct --deidentify --dates shift"
)]
pub(super) struct ExportArguments {
    /// Folder of the workspace
    #[arg(long)]
    workspace: PathBuf,
    /// Folder to write to; it is made where it is missing
    #[arg(short, long)]
    out: PathBuf,
    /// What to write, comma separated
    #[arg(short, long, value_parser = format_parser(), value_delimiter = ',', default_value = "seg")]
    format: Vec<ExportFormat>,
    /// What the files of a case are called
    #[arg(long, default_value = "{study}/{series}")]
    name: Pattern,
    #[command(flatten)]
    seg: SegArguments,
    /// Remove the patient: images are written too, and all refers to these
    #[arg(long)]
    deidentify: bool,
    /// What becomes of dates with --deidentify
    #[arg(long, value_enum, default_value = "remove", requires = "deidentify")]
    dates: DatesArgument,
    /// File with the secret key for --deidentify, made where it is missing [default: in the workspace]
    #[arg(long, requires = "deidentify")]
    key: Option<PathBuf>,
    /// Who drew or corrected, for DICOM-SEG
    #[arg(long, default_value = "")]
    person: String,
    /// Replace files that are there already
    #[arg(long, visible_alias = "replace")]
    overwrite: bool,
    /// Print the manifest as JSON on stdout
    #[arg(long)]
    json: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum DatesArgument {
    /// Removed, or 1900-01-01 where there must be one
    Remove,
    /// Moved back by a secret number of days, the patient's own
    Shift,
}

pub(super) fn run(arguments: &ExportArguments) -> Result<()> {
    let mut workspace = ReadOnlyWorkspace::open(&arguments.workspace)?;
    let preset = preset_from_arguments(arguments)?;
    let cancel = super::stop_on_ctrl_c()?;
    let labels = workspace.read_labels()?;
    let accepted: Vec<_> = workspace
        .list_cases()?
        .into_iter()
        .filter(|c| c.status == Status::Accepted)
        .collect();
    if accepted.is_empty() {
        return Err(Error::at_path(
            "export",
            &arguments.workspace,
            "no case of the workspace is accepted",
        )
        .with_advice("Accept cases in the window (Enter) or with labrum workspace accept first."));
    }
    let bar = super::console::progress_bar(0, "{percent} %, {eta} left");
    let mut progress = |done: usize, total: usize| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    };
    let root = root_of(&accepted);
    let cases = accepted.iter().map(|entry| {
        let about = &entry.description;
        let stored = workspace.find_case(&about.identity);
        let gone = || {
            Error::new(
                format!("export \"{}\"", about.description),
                "it is not in the workspace any more",
            )
        };
        let case = stored.and_then(|case| {
            CaseToExport::of_stored(&case.ok_or_else(gone)?, &labels, &arguments.person)
        });
        (
            about.description.clone(),
            case.map(|case| CaseToExport {
                root: root.clone(),
                ..case
            }),
        )
    });
    let look = OverlayStyle {
        window: None,
        opacity: OPACITY,
    };
    let summary = export_all(&arguments.out, &preset, cases, look, &mut progress, &cancel)?;
    bar.finish_and_clear();
    print_summary(arguments, &summary)?;
    verdict(&summary, accepted.len())
}

fn print_summary(arguments: &ExportArguments, summary: &ExportReport) -> Result<()> {
    let mut said = Vec::new();
    for case in &summary.manifest.cases {
        let name = if case.case.is_empty() {
            &case.series
        } else {
            &case.case
        };
        said.extend(
            case.warnings
                .iter()
                .map(|warning| (name.clone(), warning.clone())),
        );
    }
    console::print_remarks(said, "case");
    summary
        .missing_outputs()
        .iter()
        .for_each(|missing| console::print_failure(format_args!("labrum: {missing}")));
    if arguments.json {
        super::print_json(&summary.manifest)?;
    } else {
        super::print_text(&format!(
            "{}: {}",
            arguments.out.display(),
            summary.summary_text()
        ))?;
    }
    Ok(())
}

/// An error where not all of the `accepted` cases are written.
fn verdict(summary: &ExportReport, accepted: usize) -> Result<()> {
    let (done, all) = (summary.manifest.cases.len(), accepted);
    match summary.missing_outputs().len() {
        _ if summary.manifest.stopped => {
            let reason = format!(
                "it was stopped after {done} of {}",
                count_with_noun(all, "case")
            );
            Err(Error::new("export everything", reason)
                .with_advice("The same command writes the others.")
                .of_kind(ErrorKind::Cancelled))
        }
        0 => Ok(()),
        _ if done == all => Err(Error::new(
            "export everything",
            "not all cases fit into all formats, see above",
        )),
        _ => Err(Error::new(
            "export everything",
            format!(
                "{} of {all} cases could not be written, see above",
                all - done
            ),
        )),
    }
}

fn preset_from_arguments(arguments: &ExportArguments) -> Result<Preset> {
    let formats: Vec<ExportFormat> = super::format::unique_formats(&arguments.format);
    let deidentify = match arguments.deidentify {
        false => None,
        true => {
            let file = arguments
                .key
                .clone()
                .unwrap_or_else(|| arguments.workspace.join(KEY_FILE));
            let dates = match arguments.dates {
                DatesArgument::Remove => Dates::Remove,
                DatesArgument::Shift => Dates::Shift,
            };
            Some(Deidentification {
                key: SecretKey::in_file(&file)?,
                dates,
            })
        }
    };
    Ok(Preset {
        formats,
        names: Some(arguments.name.clone()),
        seg: arguments.seg.seg_options(),
        deidentify,
        replace: arguments.overwrite,
    })
}
