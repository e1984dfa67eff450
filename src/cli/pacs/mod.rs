//! `labrum pacs`: finds, receives and sends studies over DICOMweb or DIMSE.

pub(super) mod send;
pub(super) mod server;

use crate::Result;
use crate::io::pacs::{Archive, Received, receive_study};
use clap::Subcommand;
use indicatif::ProgressBar;
use labrum_core::{
    counts::count_with_noun,
    pacs::{Query, Receiving, RemoteSeries, RemoteStudy},
    progress::Cancel,
};
use server::ServerArguments;
use std::{
    path::{Path, PathBuf},
    time::Instant,
};

/// Find, receive and send studies: DICOMweb (QIDO-RS, WADO-RS, STOW-RS) and DIMSE (C-FIND, C-GET, C-MOVE, C-STORE)
#[derive(clap::Args, Debug)]
#[command(
    after_help = "SERVER is the name of a server added here or in the window, the address of a DICOMweb server \
(https://HOST/dicom-web), or that of a DIMSE node (dicom://AETITLE@HOST:PORT).

A password or token is read from the environment variable LABRUM_PACS_SECRET, from the first line of stdin \
(--secret-from-stdin), or from the key store of the system, where `labrum pacs sign-in` saves it. It is never passed as an \
argument and never written to a file.

Examples:
  labrum pacs add hospital --address https://pacs.example.org/dicom-web --user reader
  labrum pacs sign-in hospital --secret-from-stdin
  labrum pacs echo hospital
  labrum pacs find hospital --name doe --from 2026-01-01 --modality CT --json
  labrum pacs get hospital 1.2.840.1 --out study/
  labrum pacs send hospital masks/1.2.840.1.5.seg.dcm
  labrum pacs queue"
)]
pub(super) struct PacsArguments {
    #[command(subcommand)]
    what: PacsCommand,
}

#[derive(Subcommand, Debug)]
enum PacsCommand {
    /// List the configured servers
    Servers {
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Add a server, or replace the one of that name
    Add(server::AddServerArguments),
    /// Remove a server and its secret
    Remove {
        /// Name of the server
        name: String,
    },
    /// Save the password or token of a server in the key store of the system
    SignIn {
        /// Name of the server
        name: String,
        /// Read the secret from the first line of stdin instead of LABRUM_PACS_SECRET
        #[arg(long)]
        secret_from_stdin: bool,
    },
    /// Test the connection to a server
    Echo {
        #[command(flatten)]
        server: ServerArguments,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Find studies
    Find(FindArguments),
    /// Receive studies as files; existing files are not fetched again
    Get(GetArguments),
    /// Send DICOM files to their studies; none is sent twice
    Send(send::SendArguments),
    /// Show and manage the send queue
    Queue(send::QueueArguments),
}

/// Options that select studies.
#[derive(clap::Args, Debug, Clone, Default)]
pub(super) struct QueryArguments {
    /// Part of the patient's name; * and ? are wildcards
    #[arg(long)]
    name: Option<String>,
    /// Patient ID
    #[arg(long)]
    id: Option<String>,
    /// Studies from this date on, YYYY-MM-DD
    #[arg(long)]
    from: Option<String>,
    /// Studies up to this date, YYYY-MM-DD
    #[arg(long)]
    to: Option<String>,
    /// Modality of one of the series
    #[arg(long)]
    modality: Option<String>,
    /// Accession number
    #[arg(long)]
    accession: Option<String>,
    /// Study Instance UID
    #[arg(long)]
    study: Option<String>,
    /// Maximum number of studies
    #[arg(long, default_value_t = labrum_core::pacs::USUAL_LIMIT)]
    limit: usize,
}

impl QueryArguments {
    pub(super) fn to_query(&self) -> Query {
        Query {
            patient_name: self.name.clone().unwrap_or_default(),
            patient_id: self.id.clone().unwrap_or_default(),
            from: self.from.clone().unwrap_or_default(),
            to: self.to.clone().unwrap_or_default(),
            modality: self.modality.clone().unwrap_or_default(),
            accession: self.accession.clone().unwrap_or_default(),
            study_uid: self.study.clone().unwrap_or_default(),
            limit: self.limit,
        }
    }
}

#[derive(clap::Args, Debug)]
struct FindArguments {
    #[command(flatten)]
    server: ServerArguments,
    #[command(flatten)]
    query: QueryArguments,
    /// Also list the series of each study
    #[arg(long)]
    series: bool,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args, Debug)]
struct GetArguments {
    #[command(flatten)]
    server: ServerArguments,
    /// Study Instance UIDs
    #[arg(required = true)]
    studies: Vec<String>,
    /// Output folder; files are written to OUT/STUDY/SERIES/OBJECT.dcm
    #[arg(short, long)]
    out: PathBuf,
    /// Only these Series Instance UIDs
    #[arg(long, value_delimiter = ',')]
    series: Vec<String>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: PacsArguments) -> Result<()> {
    match arguments.what {
        PacsCommand::Servers { json } => server::list_servers(json),
        PacsCommand::Add(arguments) => server::add_server(&arguments),
        PacsCommand::Remove { name } => server::remove_server(&name),
        PacsCommand::SignIn {
            name,
            secret_from_stdin,
        } => server::sign_in(&name, secret_from_stdin),
        PacsCommand::Echo { server, json } => echo_server(&server, json),
        PacsCommand::Find(arguments) => find_studies(&arguments),
        PacsCommand::Get(arguments) => receive_studies(&arguments),
        PacsCommand::Send(arguments) => send::send_files(&arguments),
        PacsCommand::Queue(arguments) => send::run_queue_command(arguments),
    }
}

fn echo_server(server: &ServerArguments, json: bool) -> Result<()> {
    let cancel = super::stop_on_ctrl_c()?;
    let archive = server.open_archive()?;
    let begun = Instant::now();
    archive.echo(&cancel)?;
    let milliseconds = begun.elapsed().as_millis() as u64;
    match json {
        true => super::print_json(
            &serde_json::json!({ "server": archive.server().name, "milliseconds": milliseconds }),
        ),
        false => super::print_text(&format!(
            "{} responded in {milliseconds} ms",
            archive.server().name
        )),
    }
}

/// A study as `find` prints it.
#[derive(serde::Serialize)]
struct FoundStudy {
    #[serde(flatten)]
    study: RemoteStudy,
    #[serde(rename = "series_list", skip_serializing_if = "Option::is_none")]
    list: Option<Vec<RemoteSeries>>,
}

fn find_studies(arguments: &FindArguments) -> Result<()> {
    let cancel = super::stop_on_ctrl_c()?;
    let archive = arguments.server.open_archive()?;
    let found = archive.find_studies(&arguments.query.to_query(), &cancel)?;
    let mut studies = Vec::new();
    for study in found.studies {
        let list = match arguments.series {
            true => Some(archive.find_series(&study.study_uid, &cancel)?),
            false => None,
        };
        studies.push(FoundStudy { study, list });
    }
    if found.is_cut {
        let count = count_with_noun(studies.len(), "study");
        super::console::print_remark(format_args!(
            "labrum: the list ends after {count}; narrow the search or raise --limit"
        ));
    }
    if arguments.json {
        return super::print_json(&studies);
    }
    studies
        .iter()
        .try_for_each(|found| super::print_text(&format_study(found)))?;
    if studies.is_empty() {
        super::print_text("No matching studies")
    } else {
        Ok(())
    }
}

fn format_study(found: &FoundStudy) -> String {
    let study = &found.study;
    let parts = [
        study.date.clone(),
        study.patient_name.clone(),
        study.patient_id.clone(),
        study.modalities.join("/"),
        study.description.clone(),
        format_count(study.series, "series"),
        format_count(study.instances, "objects"),
        study.study_uid.clone(),
    ];
    let mut text = parts
        .into_iter()
        .filter(|p| !p.is_empty())
        .collect::<Vec<_>>()
        .join("  ");
    for series in found.list.iter().flatten() {
        let number = series.number.map_or(String::new(), |n| n.to_string());
        let parts = [
            number,
            series.modality.clone(),
            series.description.clone(),
            format_count(series.instances, "objects"),
            series.series_uid.clone(),
        ];
        text += "\n    ";
        text += &parts
            .into_iter()
            .filter(|p| !p.is_empty())
            .collect::<Vec<_>>()
            .join("  ");
    }
    text
}

/// A number with a noun; empty if the server does not give the number.
fn format_count(count: Option<u32>, what: &str) -> String {
    count.map_or(String::new(), |count| format!("{count} {what}"))
}

/// A study as `get` prints it.
#[derive(serde::Serialize)]
struct GotStudy {
    study_uid: String,
    folder: PathBuf,
    objects: usize,
    fetched: usize,
    kept: usize,
    bytes: u64,
}

fn receive_studies(arguments: &GetArguments) -> Result<()> {
    let cancel = super::stop_on_ctrl_c()?;
    let archive = arguments.server.open_archive()?;
    let mut got = Vec::new();
    for study in &arguments.studies {
        if !labrum_core::pacs::is_uid(study) {
            return Err(super::usage::argument_error(
                "receive a study",
                format!("\"{study}\" is not a valid Study Instance UID"),
            ));
        }
        let folder = arguments.out.join(study);
        let series = (!arguments.series.is_empty()).then_some(arguments.series.as_slice());
        let received = fetch_study(&archive, study, series, &folder, &cancel)?;
        let Received {
            objects,
            kept,
            bytes,
            ..
        } = received;
        got.push(GotStudy {
            study_uid: study.clone(),
            folder,
            objects,
            fetched: objects - kept,
            kept,
            bytes,
        });
    }
    if arguments.json {
        return super::print_json(&got);
    }
    got.iter().try_for_each(|g| {
        let known = if g.kept == 0 {
            String::new()
        } else {
            format!(", {} of them already present", g.kept)
        };
        super::print_text(&format!(
            "{}{known}: {}",
            count_with_noun(g.objects, "object"),
            g.folder.display()
        ))
    })
}

/// Receives a study with a progress bar.
pub(super) fn fetch_study(
    archive: &Archive,
    study: &str,
    series: Option<&[String]>,
    folder: &Path,
    cancel: &Cancel,
) -> Result<Received> {
    let mut shown = ReceivingBar {
        bar: super::console::progress_bar(0, "{pos}/{len} objects, {eta} left {msg}"),
        was_waiting: false,
    };
    let received = receive_study(
        archive,
        study,
        series,
        folder,
        &mut |state| shown.show_state(&state),
        cancel,
    );
    shown.bar.finish_and_clear();
    received
}

/// Progress bar of a study that is being received.
struct ReceivingBar {
    bar: ProgressBar,
    /// The connection was lost at the last update; each loss is reported once.
    was_waiting: bool,
}

impl ReceivingBar {
    fn show_state(&mut self, state: &Receiving) {
        self.bar.set_length(state.total as u64);
        self.bar.set_position(state.done as u64);
        if state.is_waiting && !self.was_waiting {
            super::print_above_bar(&self.bar, "labrum: connection lost; trying again");
        }
        self.was_waiting = state.is_waiting;
    }
}
