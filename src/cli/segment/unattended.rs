//! `labrum segment --from-pacs`: segments the studies of an archive one after the other. Several instances may share a
//! folder.
//!
//! A study is claimed, received, segmented, sent and recorded as done. The UIDs of the results depend only on the weights and
//! the images: if a second instance segments the same study, the archive sees the same object.

use super::{SegmentArguments, produce_masks};
use crate::cli::pacs::server::{AccessArguments, ServerSecrets, resolve_server};
use crate::cli::usage::argument_error;
use crate::io::pacs::{Archive, Claim, Object, ResultName, SendQueue, rename_object};
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    counts::count_with_noun,
    pacs::{Query, RemoteStudy, SendState, is_uid},
    progress::Cancel,
    whole_file,
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::{
    fs, io, thread,
    time::{Duration, Instant},
};

/// Modalities of series that are not images.
const NO_IMAGES: &[&str] = &[
    "SEG", "SR", "PR", "KO", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "REG", "FID", "DOC", "AU",
    "ECG", "PLAN",
];

/// Options to segment the studies of a server instead of files.
#[derive(clap::Args, Debug, Clone, Default)]
pub(super) struct ArchiveArguments {
    /// Segment the studies on this server (see labrum pacs --help); several instances may share the folder --out
    #[arg(long, value_name = "SERVER")]
    pub(super) from_pacs: Option<String>,
    /// Send the segmentations to this server
    #[arg(long, value_name = "SERVER", requires = "from_pacs")]
    to_pacs: Option<String>,
    /// Only studies of patients whose name contains this
    #[arg(long, requires = "from_pacs")]
    name: Option<String>,
    /// Only studies with this Patient ID
    #[arg(long, requires = "from_pacs")]
    id: Option<String>,
    /// Only studies from this date on, YYYY-MM-DD
    #[arg(long, requires = "from_pacs")]
    from: Option<String>,
    /// Only studies up to this date, YYYY-MM-DD
    #[arg(long, requires = "from_pacs")]
    to: Option<String>,
    /// Only series of this modality
    #[arg(long, requires = "from_pacs")]
    modality: Option<String>,
    /// Only the study with this accession number
    #[arg(long, requires = "from_pacs")]
    accession: Option<String>,
    /// Only the study with this Study Instance UID
    #[arg(long, requires = "from_pacs")]
    study: Option<String>,
    /// Maximum number of studies
    #[arg(long, requires = "from_pacs")]
    limit: Option<usize>,
    /// Check for new studies every SECONDS until stopped
    #[arg(long, value_name = "SECONDS", requires = "from_pacs")]
    watch: Option<u64>,
    /// Keep the received images in the output folder
    #[arg(long, requires = "from_pacs")]
    keep_images: bool,
}

impl ArchiveArguments {
    fn to_query(&self) -> Query {
        Query {
            patient_name: self.name.clone().unwrap_or_default(),
            patient_id: self.id.clone().unwrap_or_default(),
            from: self.from.clone().unwrap_or_default(),
            to: self.to.clone().unwrap_or_default(),
            modality: self.modality.clone().unwrap_or_default(),
            accession: self.accession.clone().unwrap_or_default(),
            study_uid: self.study.clone().unwrap_or_default(),
            limit: self.limit.unwrap_or(100_000),
        }
    }
}

/// Outcome for a study.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum End {
    /// The segmentations are on the server.
    Sent,
    /// The study was already segmented.
    Before,
    /// Another instance is working on it.
    Elsewhere,
    /// No series has a matching model.
    Nothing,
    /// Failed; the next run tries again.
    Failed,
}

#[derive(Clone, Debug, Serialize)]
struct StudyOutcome {
    study_uid: String,
    end: End,
    /// SOP Instance UIDs of the segmentations on the server.
    results: Vec<String>,
    /// Why it failed, or what was left out.
    notes: Vec<String>,
}

/// Record of a finished study.
#[derive(Debug, Serialize, Deserialize)]
struct StudyRecord {
    /// Series UIDs that the study had.
    series: Vec<String>,
    /// The model used; with another model the study is segmented again.
    with: String,
    /// SOP Instance UIDs of the segmentations.
    results: Vec<String>,
}

/// What is needed to process a study.
struct StudyWorker<'a> {
    arguments: &'a SegmentArguments,
    from: Archive,
    to: Archive,
    folder: &'a Path,
    queue: SendQueue,
    with: String,
    cancel: &'a Cancel,
}

pub(super) fn run(arguments: &SegmentArguments, cancel: &Cancel) -> Result<()> {
    let ours = &arguments.unattended;
    let from = resolve_server(
        ours.from_pacs.as_deref().unwrap_or_default(),
        &AccessArguments::default(),
    )?;
    let to = match &ours.to_pacs {
        Some(name) => resolve_server(name, &AccessArguments::default())?,
        None => {
            return Err(
                argument_error("segment the studies of a server", "--to-pacs is missing")
                    .with_advice(
                        "Give the server to send the segmentations to; it may be the same one.",
                    ),
            );
        }
    };
    let mut secrets = ServerSecrets::default();
    let worker = StudyWorker {
        arguments,
        from: secrets.open_archive(&from)?,
        to: secrets.open_archive(&to)?,
        folder: &arguments.out,
        queue: SendQueue::open(&arguments.out.join("queue"))?,
        with: arguments.what_with()?,
        cancel,
    };
    let mut outcomes: Vec<StudyOutcome> = Vec::new();
    loop {
        let found = worker.from.find_studies(&ours.to_query(), cancel)?;
        for study in &found.studies {
            if cancel.is_cancelled() {
                break;
            }
            let outcome = worker.process_study(study);
            print_outcome(&outcome);
            outcomes.retain(|o| o.study_uid != outcome.study_uid || o.end == End::Sent);
            outcomes.push(outcome);
        }
        match ours.watch {
            Some(seconds) if sleep_unless_cancelled(Duration::from_secs(seconds), cancel) => {}
            _ => break,
        }
    }
    print_report(&outcomes, arguments.json)?;
    match count_with_end(&outcomes, End::Failed) {
        0 if cancel.is_cancelled() && ours.watch.is_none() => Err(Error::new(
            "segment all studies",
            format!("stopped after {}", count_with_noun(outcomes.len(), "study")),
        )
        .with_advice("The next run continues from here.")
        .of_kind(ErrorKind::Cancelled)),
        0 => Ok(()),
        n => Err(Error::new(
            "segment all studies",
            format!("{n} of {} failed; see above", outcomes.len()),
        )
        .with_advice("The next run will try them again.")),
    }
}

/// Sleeps; false if stopped meanwhile.
fn sleep_unless_cancelled(time: Duration, cancel: &Cancel) -> bool {
    let until = Instant::now() + time;
    while Instant::now() < until && !cancel.is_cancelled() {
        thread::sleep(Duration::from_millis(50));
    }
    !cancel.is_cancelled()
}

fn print_outcome(outcome: &StudyOutcome) {
    let words = match outcome.end {
        End::Sent => format!("segmentations on the server: {}", outcome.results.len()),
        End::Failed => outcome.notes.join("; "),
        End::Before | End::Elsewhere | End::Nothing => return,
    };
    crate::cli::console::print_remark(format_args!("labrum: study {}: {words}", outcome.study_uid));
}

fn print_report(outcomes: &[StudyOutcome], json: bool) -> Result<()> {
    if json {
        return crate::cli::print_json(&outcomes);
    }
    crate::cli::print_text(&format!(
        "{} segmented, {} already done, {} without a matching model, {} in progress elsewhere, {} failed",
        count_with_noun(count_with_end(outcomes, End::Sent), "study"),
        count_with_end(outcomes, End::Before),
        count_with_end(outcomes, End::Nothing),
        count_with_end(outcomes, End::Elsewhere),
        count_with_end(outcomes, End::Failed),
    ))
}

fn count_with_end(outcomes: &[StudyOutcome], end: End) -> usize {
    outcomes.iter().filter(|o| o.end == end).count()
}

impl StudyWorker<'_> {
    fn process_study(&self, study: &RemoteStudy) -> StudyOutcome {
        let (end, results, notes) = match self.try_process_study(&study.study_uid) {
            Ok(done) => done,
            Err(error) => (End::Failed, Vec::new(), vec![error.to_string()]),
        };
        StudyOutcome {
            study_uid: study.study_uid.clone(),
            end,
            results,
            notes,
        }
    }

    fn try_process_study(&self, study: &str) -> Result<(End, Vec<String>, Vec<String>)> {
        let series = self.wanted_series(study)?;
        if series.is_empty() {
            return Ok((End::Nothing, Vec::new(), Vec::new()));
        }
        if let Some(results) = self.previous_results(study, &series)? {
            return Ok((End::Before, results, Vec::new()));
        }
        let Some(claim) = Claim::try_acquire(&self.folder.join("claims"), study)? else {
            return Ok((End::Elsewhere, Vec::new(), Vec::new()));
        };
        // Another instance may have finished it in the meantime.
        if let Some(results) = self.previous_results(study, &series)? {
            return Ok((End::Before, results, Vec::new()));
        }
        let images = self.folder.join("images").join(study);
        crate::cli::pacs::fetch_study(&self.from, study, Some(&series), &images, self.cancel)?;
        let (results, notes) = self.segment_and_send(study, &images, &claim)?;
        self.write_done(
            study,
            StudyRecord {
                series,
                with: self.with.clone(),
                results: results.clone(),
            },
        )?;
        if !self.arguments.unattended.keep_images {
            let _ = fs::remove_dir_all(&images);
        }
        let end = if results.is_empty() {
            End::Nothing
        } else {
            End::Sent
        };
        Ok((end, results, notes))
    }

    /// UIDs of the series to segment.
    fn wanted_series(&self, study: &str) -> Result<Vec<String>> {
        let wanted = self
            .arguments
            .unattended
            .modality
            .as_ref()
            .map(|m| m.trim().to_uppercase());
        let series = self.from.find_series(study, self.cancel)?;
        Ok(series
            .into_iter()
            .filter(|s| is_wanted_modality(&s.modality, wanted.as_deref()))
            .map(|s| s.series_uid)
            .collect())
    }

    /// SOP Instance UIDs of earlier results, if all series were there and the model was the same.
    fn previous_results(&self, study: &str, series: &[String]) -> Result<Option<Vec<String>>> {
        let path = self.done_file(study);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => {
                return Err(Error::at_path(
                    "read the record of a finished study",
                    &path,
                    e,
                ));
            }
        };
        let done: StudyRecord = serde_json::from_slice(&text).map_err(|e| {
            Error::at_path("read the record of a finished study", &path, e)
                .with_advice("Delete the file to segment the study again.")
        })?;
        let is_whole = done.with == self.with && series.iter().all(|s| done.series.contains(s));
        Ok(is_whole.then_some(done.results))
    }

    fn done_file(&self, study: &str) -> PathBuf {
        self.folder.join("done").join(format!("{study}.json"))
    }

    fn write_done(&self, study: &str, done: StudyRecord) -> Result<()> {
        let path = self.done_file(study);
        whole_file::make_folder(&self.folder.join("done"))?;
        let text = serde_json::to_vec_pretty(&done)
            .map_err(|e| Error::new("record the finished study", e))?;
        whole_file::write_atomically(&path, "record the finished study", |out| {
            out.write_all(&text)
        })
    }

    /// Segments the images and sends the results; returns their SOP Instance UIDs and what was left out.
    fn segment_and_send(
        &self,
        study: &str,
        images: &Path,
        claim: &Claim,
    ) -> Result<(Vec<String>, Vec<String>)> {
        if !images.is_dir() {
            return Ok((Vec::new(), Vec::new()));
        }
        let out = self.folder.join("results").join(study);
        let produced = produce_masks(&self.arguments.of_files(images, &out), self.cancel)?;
        if self.cancel.is_cancelled() {
            return Err(Error::new("segment the study", "stopped").of_kind(ErrorKind::Cancelled));
        }
        let mut results = Vec::new();
        for (file, model_sha256) in produced.objects {
            let name = ResultName::new(&file_stem(&file), &model_sha256, "seg");
            rename_object(&file, &name)?;
            let object = Object::from_file(&file)?;
            if object.study_uid != study || !is_uid(&object.study_uid) {
                return Err(Error::at_path(
                    "send the segmentation",
                    &file,
                    "the file belongs to another study",
                ));
            }
            if !self
                .to
                .has_instance(study, &name.series_uid, &name.sop_uid, self.cancel)?
            {
                if !claim.is_held() {
                    return Err(Error::new(
                        "send the segmentation",
                        "another instance has taken over the study",
                    ));
                }
                self.send_file(&file)?;
            }
            results.push(name.sop_uid);
        }
        Ok((results, produced.notes))
    }

    /// Sends through a queue, which waits for a server that is temporarily unavailable.
    fn send_file(&self, file: &Path) -> Result<()> {
        let item = self.queue.enqueue_file(file, self.to.server())?;
        self.queue.retry_item(&item.id)?;
        let patience = Duration::from_secs(600);
        crate::cli::pacs::send::send_until_done(
            &self.queue,
            &mut |_| Ok(self.to.clone()),
            &|i| i.id == item.id,
            patience,
            self.cancel,
        )?;
        let end = self
            .queue
            .read_items()?
            .into_iter()
            .find(|i| i.id == item.id);
        match end {
            Some(item) if item.state == SendState::Sent => Ok(()),
            Some(item) => {
                let reason = item.trouble.unwrap_or_else(|| "stopped".into());
                Err(Error::at_path("send the segmentation", file, reason)
                    .with_advice("The file stays in the queue."))
            }
            None => Err(Error::at_path(
                "send the segmentation",
                file,
                "the file is no longer in the queue",
            )),
        }
    }
}

/// True for the requested modality; if none was requested, for all modalities of images.
fn is_wanted_modality(modality: &str, wanted: Option<&str>) -> bool {
    match wanted {
        Some(wanted) => modality == wanted,
        None => !NO_IMAGES.contains(&modality),
    }
}

/// The file name without `.seg.dcm`, which names the series or the part of it that was segmented.
fn file_stem(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.split(".seg.dcm").next().unwrap_or_default().to_owned()
}
