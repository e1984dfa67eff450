//! `labrum pacs`: find, receive and send over DICOMweb or DIMSE.

pub(super) mod send;
pub(super) mod server;

use crate::Result;
use crate::io::pacs::{Archive, Received, receive_study};
use clap::Subcommand;
use labrum_core::{
    counts::count_with_noun,
    pacs::{Query, Receiving, RemoteSeries, RemoteStudy},
    progress::Cancel,
};
use server::ServerArguments;
use std::path::PathBuf;

/// Find, receive and send studies: DICOMweb (QIDO-RS, WADO-RS, STOW-RS) and DIMSE (C-FIND, C-GET, C-MOVE, C-STORE)
#[derive(clap::Args, Debug)]
#[command(
    after_help = "SERVER is the name of a server that was added here or in the window, the address of a DICOMweb server \
(https://HOST/dicom-web) or of a DIMSE node (dicom://AETITLE@HOST:PORT).

A password or token is read from the environment variable LABRUM_PACS_SECRET, from the first line of stdin \
(--secret-from-stdin), or from the key store of the system, where `labrum pacs sign-in` puts it. It is never an argument and \
never written to a file.

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
    /// List the servers that are known here
    Servers {
        /// JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Add a server, or change one of that name
    Add(server::AddServerArguments),
    /// Forget a server and its secret
    Remove {
        /// Name of the server
        name: String,
    },
    /// Put the password or token of a server into the key store of the system
    SignIn {
        /// Name of the server
        name: String,
        /// Read the secret from the first line of stdin instead of LABRUM_PACS_SECRET
        #[arg(long)]
        secret_from_stdin: bool,
    },
    /// Ask whether a server is there and lets us in
    Echo {
        #[command(flatten)]
        server: ServerArguments,
        /// JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Find studies
    Find(FindArguments),
    /// Receive studies as files; what is there already is not fetched again
    Get(GetArguments),
    /// Send DICOM files; each goes into its study, and none twice
    Send(send::SendArguments),
    /// What waits to be sent
    Queue(send::QueueArguments),
}

/// Which studies.
#[derive(clap::Args, Debug, Clone, Default)]
pub(super) struct QueryArguments {
    /// A part of the patient's name; * and ? stand for any letters
    #[arg(long)]
    name: Option<String>,
    /// Patient ID
    #[arg(long)]
    id: Option<String>,
    /// Studies from this day on, YYYY-MM-DD
    #[arg(long)]
    from: Option<String>,
    /// Studies up to this day, YYYY-MM-DD
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
        let text = |given: &Option<String>| given.clone().unwrap_or_default();
        Query {
            patient_name: text(&self.name),
            patient_id: text(&self.id),
            from: text(&self.from),
            to: text(&self.to),
            modality: text(&self.modality),
            accession: text(&self.accession),
            study_uid: text(&self.study),
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
    /// List the series of each study too
    #[arg(long)]
    series: bool,
    /// JSON instead of text
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
    /// Folder to write to: DIR/STUDY/SERIES/OBJECT.dcm
    #[arg(short, long)]
    out: PathBuf,
    /// Only these Series Instance UIDs
    #[arg(long, value_delimiter = ',')]
    series: Vec<String>,
    /// JSON instead of text
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
    let begun = std::time::Instant::now();
    archive.echo(&cancel)?;
    let milliseconds = begun.elapsed().as_millis() as u64;
    match json {
        true => super::print_json(
            &serde_json::json!({ "server": archive.server().name, "milliseconds": milliseconds }),
        ),
        false => super::print_text(&format!(
            "{} answers ({milliseconds} ms)",
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
        let count = studies.len();
        super::console::print_remark(format_args!(
            "labrum: there are more studies than {count}: ask for fewer, or give --limit"
        ));
    }
    if arguments.json {
        return super::print_json(&studies);
    }
    studies
        .iter()
        .try_for_each(|found| super::print_text(&format_study(found)))?;
    if studies.is_empty() {
        super::print_text("no study fits")
    } else {
        Ok(())
    }
}

fn format_study(found: &FoundStudy) -> String {
    let study = &found.study;
    let count = |n: Option<u32>, what: &str| n.map_or(String::new(), |n| format!("{n} {what}"));
    let parts = [
        study.date.clone(),
        study.patient_name.clone(),
        study.patient_id.clone(),
        study.modalities.join("/"),
        study.description.clone(),
        count(study.series, "series"),
        count(study.instances, "objects"),
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
            count(series.instances, "objects"),
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

/// What `get` prints of a study.
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
                format!("\"{study}\" is no Study Instance UID"),
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
            format!(", {} of them were there", g.kept)
        };
        super::print_text(&format!(
            "{}{known}: {}",
            count_with_noun(g.objects, "object"),
            g.folder.display()
        ))
    })
}

/// Receives a study with a bar.
pub(super) fn fetch_study(
    archive: &Archive,
    study: &str,
    series: Option<&[String]>,
    folder: &std::path::Path,
    cancel: &Cancel,
) -> Result<Received> {
    let bar = super::console::progress_bar(0, "{pos}/{len} objects, {eta} left {msg}");
    let mut was_waiting = false;
    let mut progress = |state: Receiving| {
        bar.set_length(state.total as u64);
        bar.set_position(state.done as u64);
        if state.is_waiting && !was_waiting {
            super::print_above_bar(&bar, "labrum: the connection was lost; it is tried again");
        }
        was_waiting = state.is_waiting;
    };
    let received = receive_study(archive, study, series, folder, &mut progress, cancel);
    bar.finish_and_clear();
    received
}
