//! `labrum export`: exports the accepted masks of a workspace, and the measurements that were drawn.

use super::console;
use super::format::{SegArguments, format_parser};
use super::reading::ReadOnlyWorkspace;
use super::usage::argument_error;
use crate::{
    Error, ErrorKind, Result,
    io::export::{
        ExportReport, OverlayStyle, Pattern, Preset, StoredTimes,
        case::{CaseToExport, root_of},
        export_all,
    },
    workspace::Workspace,
};
use clap::ValueEnum;
use indicatif::ProgressBar;
use labrum_core::{
    counts::count_with_noun,
    export_format::ExportFormat,
    journal::{CaseEntry, StoredCase},
    label::Label,
    measurement::VolumeCurve,
    study::Status,
};
use labrum_dicom::deidentify::{Dates, Deidentification, SecretKey};
use std::{collections::HashSet, path::PathBuf};

/// File with the key for de-identification, in the folder of the workspace.
const KEY_FILE: &str = "deidentification.key";
/// Opacity of overlays, the default of the window.
const OPACITY: f32 = 0.35;

/// Export the accepted masks and the drawn measurements of a workspace, with a manifest
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Only accepted cases are exported; with --measured also other cases with drawn measurements, without \
their masks. Drawn measurements are written to json, drawn-csv and sr; volumes over the times of a series, from \
the masks of all accepted times, to json and over-time-csv. manifest.json and manifest.csv in the folder \
list all files with their SHA-256, who made each label, and what could not be written. Existing files are only \
overwritten with --overwrite. If an export was stopped or partly failed, the same command continues it: complete, \
unchanged cases are kept (with --deidentify they are written again). For image files other than DICOM, the folder \
tree below their common folder is kept.

--name may contain {study} {study-uid} {series} {series-uid} {modality} {date} {label}; a / makes a folder.

With --deidentify, de-identified copies of the images are written to images/ (DICOM PS3.15, Basic Application Level \
Confidentiality Profile), and all other files refer to them. UIDs and pseudonyms are derived from a secret key, so \
that later exports with the same key are consistent. Text in the pixels is not removed; images that may contain some \
are listed in the manifest.

Examples:
  labrum export --workspace work/ --out masks --format seg,csv
  labrum export --workspace work/ --out set --format png,coco --name '{series}_{label}'
  labrum export --workspace work/ --out study --format seg,rtstruct --deidentify --dates shift
  labrum export --workspace work/ --out reports --format sr,drawn-csv --measured"
)]
pub(super) struct ExportArguments {
    /// Folder of the workspace
    #[arg(long)]
    workspace: PathBuf,
    /// Output folder; created if missing
    #[arg(short, long)]
    out: PathBuf,
    /// Formats to write, comma-separated
    #[arg(short, long, value_parser = format_parser(), value_delimiter = ',', default_value = "seg")]
    format: Vec<ExportFormat>,
    /// Also export the drawn measurements of cases that are not accepted, without masks (needs json, drawn-csv or sr)
    #[arg(long)]
    measured: bool,
    /// Pattern for the file names of a case
    #[arg(long, default_value = "{study}/{series}")]
    name: Pattern,
    #[command(flatten)]
    seg: SegArguments,
    /// De-identify: write de-identified copies of the images, and refer to these in all files
    #[arg(long)]
    deidentify: bool,
    /// What to do with dates when de-identifying
    #[arg(long, value_enum, default_value = "remove", requires = "deidentify")]
    dates: DatesArgument,
    /// File with the secret key for --deidentify; created if missing [default: in the workspace]
    #[arg(long, requires = "deidentify")]
    key: Option<PathBuf>,
    /// Name of the person who drew or corrected the masks, for DICOM-SEG
    #[arg(long, default_value = "")]
    person: String,
    /// Overwrite existing files
    #[arg(long, visible_alias = "replace")]
    overwrite: bool,
    /// Print the manifest as JSON on stdout
    #[arg(long)]
    json: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum DatesArgument {
    /// Remove dates, or use 1900-01-01 where one is required
    Remove,
    /// Shift dates back by a secret number of days, the same for all studies of a patient
    Shift,
}

pub(super) fn run(arguments: &ExportArguments) -> Result<()> {
    let mut workspace = ReadOnlyWorkspace::open(&arguments.workspace)?;
    let preset = preset_from_arguments(arguments)?;
    let cancel = super::stop_on_ctrl_c()?;
    let labels = workspace.read_labels()?;
    let wanted = cases_to_export(&mut workspace, arguments)?;
    let bar = super::console::progress_bar(0, "{percent} %, {eta} left");
    let root = root_of(&wanted);
    let mut reader = CaseReader {
        workspace: &mut workspace,
        wanted: &wanted,
        labels: &labels,
        person: &arguments.person,
    };
    let mut times = StoredTimes::for_formats(&preset.formats);
    let cases = wanted.iter().map(|entry| {
        let case = reader.read_case(entry, &mut times);
        (
            entry.description.description.clone(),
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
    let summary = export_all(
        &arguments.out,
        &preset,
        cases,
        look,
        &mut |done, total| show_share_done(&bar, done, total),
        &cancel,
    )?;
    bar.finish_and_clear();
    print_summary(arguments, &summary)?;
    verdict(&summary, wanted.len())
}

/// The accepted cases, and with `--measured` those with drawn measurements.
fn cases_to_export(
    workspace: &mut Workspace,
    arguments: &ExportArguments,
) -> Result<Vec<CaseEntry>> {
    let measured = match arguments.measured {
        true => workspace.measured_cases()?,
        false => HashSet::new(),
    };
    let mut cases = workspace.list_cases()?;
    cases.retain(|case| case.status == Status::Accepted || measured.contains(&case.key));
    if !cases.is_empty() {
        return Ok(cases);
    }
    let (reason, advice) = match arguments.measured {
        true => (
            "the workspace has no accepted cases and no drawn measurements",
            "Draw measurements in the window (J), or accept cases first.",
        ),
        false => (
            "the workspace has no accepted cases",
            "Accept cases in the window (Enter) or with labrum workspace accept first.",
        ),
    };
    Err(Error::at_path("export", &arguments.workspace, reason).with_advice(advice))
}

fn show_share_done(bar: &ProgressBar, done: usize, total: usize) {
    bar.set_length(total as u64);
    bar.set_position(done as u64);
}

/// Reads cases in the current state of the workspace.
struct CaseReader<'a> {
    workspace: &'a mut Workspace,
    /// All cases to export.
    wanted: &'a [CaseEntry],
    labels: &'a [Label],
    person: &'a str,
}

impl CaseReader<'_> {
    /// A case, with the volumes over the times of its series; without masks unless it is accepted.
    fn read_case(&mut self, entry: &CaseEntry, times: &mut StoredTimes) -> Result<CaseToExport> {
        let stored = self.find_stored(entry)?;
        let case = CaseToExport::of_stored(&stored, self.labels, self.person)?;
        if entry.status == Status::Accepted {
            let over_time = self.curves_of(&stored, times);
            return Ok(CaseToExport { over_time, ..case });
        }
        if case.drawn.is_empty() {
            let reason = "the slices with its measurements are no longer in its files";
            return Err(Error::new(
                format!("export \"{}\"", entry.description.description),
                reason,
            ));
        }
        Ok(CaseToExport {
            slices: Vec::new(),
            ..case
        })
    }

    fn find_stored(&mut self, entry: &CaseEntry) -> Result<StoredCase> {
        let about = &entry.description;
        let stored = self.workspace.find_case(&about.identity)?;
        stored.ok_or_else(|| {
            Error::new(
                format!("export \"{}\"", about.description),
                "the case is no longer in the workspace",
            )
        })
    }

    /// The volumes of labels over the times of the series of a case, from the masks of its accepted times.
    fn curves_of(
        &mut self,
        stored: &StoredCase,
        times: &mut StoredTimes,
    ) -> Vec<(u8, VolumeCurve)> {
        let about = &stored.entry.description;
        let wanted = self.wanted;
        let accepted = wanted.iter().filter(|entry| {
            entry.status == Status::Accepted && entry.description.is_time_beside(about)
        });
        let read = accepted.map(|entry| {
            let stored = self.find_stored(entry)?;
            CaseToExport::of_stored(&stored, self.labels, self.person)
        });
        times.curves_of(stored, read)
    }
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

/// An error unless all of the `wanted` cases were exported.
fn verdict(summary: &ExportReport, wanted: usize) -> Result<()> {
    let done = summary.manifest.cases.len();
    match summary.missing_outputs().len() {
        _ if summary.manifest.stopped => {
            let reason = format!(
                "stopped after {done} of {}",
                count_with_noun(wanted, "case")
            );
            Err(Error::new("export all cases", reason)
                .with_advice("Run the same command again to export the rest.")
                .of_kind(ErrorKind::Cancelled))
        }
        0 => Ok(()),
        _ if done == wanted => Err(Error::new(
            "export all cases",
            "some cases could not be written in all formats; see above",
        )),
        _ => Err(Error::new(
            "export all cases",
            format!(
                "{} of {wanted} cases could not be written; see above",
                wanted - done
            ),
        )),
    }
}

fn preset_from_arguments(arguments: &ExportArguments) -> Result<Preset> {
    let formats: Vec<ExportFormat> = super::format::unique_formats(&arguments.format);
    if arguments.measured && !formats.iter().any(|format| format.holds_drawn()) {
        return Err(argument_error(
            "export",
            "--measured needs a format with drawn measurements: json, drawn-csv or sr",
        ));
    }
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
