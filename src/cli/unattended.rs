//! `labrum segment --from-pacs`: one study of an archive after the other, by any number of programs that share a folder.
//!
//! A study is claimed, received, segmented, sent and written down as done. Names of results follow from the weights and the
//! images: what a second program makes of the same study is the same object to the archive.

use super::pacs::server::{AccessArguments, ServerSecrets, resolve_server};
use super::{segment, usage::argument_error};
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
use std::time::Duration;

/// Series of these modalities are no images.
const NO_IMAGES: &[&str] = &[
    "SEG", "SR", "PR", "KO", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "REG", "FID", "DOC", "AU",
    "ECG", "PLAN",
];

/// Segment studies of a server instead of files.
#[derive(clap::Args, Debug, Clone, Default)]
pub(super) struct ArchiveArguments {
    /// Segment the studies of this server (see labrum pacs --help); --out is a folder that several programs may share
    #[arg(long, value_name = "SERVER")]
    pub(super) from_pacs: Option<String>,
    /// Send the segmentations to this server
    #[arg(long, value_name = "SERVER", requires = "from_pacs")]
    to_pacs: Option<String>,
    /// Only studies of patients with this in their name
    #[arg(long, requires = "from_pacs")]
    name: Option<String>,
    /// Only studies of this Patient ID
    #[arg(long, requires = "from_pacs")]
    id: Option<String>,
    /// Only studies from this day on, YYYY-MM-DD
    #[arg(long, requires = "from_pacs")]
    from: Option<String>,
    /// Only studies up to this day, YYYY-MM-DD
    #[arg(long, requires = "from_pacs")]
    to: Option<String>,
    /// Only studies with a series of this modality, and of them only these series
    #[arg(long, requires = "from_pacs")]
    modality: Option<String>,
    /// Only the study with this accession number
    #[arg(long, requires = "from_pacs")]
    accession: Option<String>,
    /// Only this study (Study Instance UID)
    #[arg(long, requires = "from_pacs")]
    study: Option<String>,
    /// Maximum number of studies
    #[arg(long, requires = "from_pacs")]
    limit: Option<usize>,
    /// Look for new studies again after so many seconds, until stopped
    #[arg(long, value_name = "SECONDS", requires = "from_pacs")]
    watch: Option<u64>,
    /// Keep received images in the folder
    #[arg(long, requires = "from_pacs")]
    keep_images: bool,
}

impl ArchiveArguments {
    fn to_query(&self) -> Query {
        let text = |given: &Option<String>| given.clone().unwrap_or_default();
        Query {
            patient_name: text(&self.name),
            patient_id: text(&self.id),
            from: text(&self.from),
            to: text(&self.to),
            modality: text(&self.modality),
            accession: text(&self.accession),
            study_uid: text(&self.study),
            limit: self.limit.unwrap_or(100_000),
        }
    }
}

/// What became of a study.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum End {
    /// Its segmentations are on the server.
    Sent,
    /// It was done before.
    Before,
    /// Another program works on it.
    Elsewhere,
    /// It has no series that a model is for.
    Nothing,
    /// It went wrong; it is tried again at the next run.
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

/// What is written down of a study that is done.
#[derive(Debug, Serialize, Deserialize)]
struct StudyRecord {
    /// Series that were there.
    series: Vec<String>,
    /// With what it was done: another model does it again.
    with: String,
    /// SOP Instance UIDs of the segmentations.
    results: Vec<String>,
}

/// All that the work on a study needs.
struct StudyWorker<'a> {
    arguments: &'a segment::SegmentArguments,
    from: Archive,
    to: Archive,
    folder: &'a Path,
    queue: SendQueue,
    with: String,
    cancel: &'a Cancel,
}

pub(super) fn run(arguments: &segment::SegmentArguments, cancel: &Cancel) -> Result<()> {
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
                        "Name the server that the segmentations go to; it may be the same.",
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
    match outcomes.iter().filter(|o| o.end == End::Failed).count() {
        0 if cancel.is_cancelled() && ours.watch.is_none() => Err(Error::new(
            "segment all studies",
            format!(
                "it was stopped after {}",
                count_with_noun(outcomes.len(), "study")
            ),
        )
        .with_advice("The next run goes on from here.")
        .of_kind(ErrorKind::Cancelled)),
        0 => Ok(()),
        n => Err(Error::new(
            "segment all studies",
            format!("{n} of {} went wrong, see above", outcomes.len()),
        )
        .with_advice("The next run tries them again.")),
    }
}

/// False where it was stopped.
fn sleep_unless_cancelled(time: Duration, cancel: &Cancel) -> bool {
    let until = std::time::Instant::now() + time;
    while std::time::Instant::now() < until && !cancel.is_cancelled() {
        std::thread::sleep(Duration::from_millis(50));
    }
    !cancel.is_cancelled()
}

fn print_outcome(outcome: &StudyOutcome) {
    let words = match outcome.end {
        End::Sent => format!("{} segmentations are on the server", outcome.results.len()),
        End::Failed => outcome.notes.join("; "),
        End::Before | End::Elsewhere | End::Nothing => return,
    };
    crate::cli::console::print_remark(format_args!("labrum: study {}: {words}", outcome.study_uid));
}

fn print_report(outcomes: &[StudyOutcome], json: bool) -> Result<()> {
    if json {
        return super::print_json(&outcomes);
    }
    let count = |end: End| outcomes.iter().filter(|o| o.end == end).count();
    super::print_text(&format!(
        "{} segmented, {} done before, {} without a series for a model, {} in other programs, {} failed",
        count_with_noun(count(End::Sent), "study"),
        count(End::Before),
        count(End::Nothing),
        count(End::Elsewhere),
        count(End::Failed),
    ))
}

impl StudyWorker<'_> {
    fn process_study(&self, study: &RemoteStudy) -> StudyOutcome {
        let uid = &study.study_uid;
        let outcome = |end, results, notes| StudyOutcome {
            study_uid: uid.clone(),
            end,
            results,
            notes,
        };
        match self.try_process_study(uid) {
            Ok((end, results, notes)) => outcome(end, results, notes),
            Err(error) => outcome(End::Failed, Vec::new(), vec![error.to_string()]),
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
        // Another program may have ended it between the two looks.
        if let Some(results) = self.previous_results(study, &series)? {
            return Ok((End::Before, results, Vec::new()));
        }
        let images = self.folder.join("images").join(study);
        super::pacs::fetch_study(&self.from, study, Some(&series), &images, self.cancel)?;
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
            let _ = std::fs::remove_dir_all(&images);
        }
        let end = if results.is_empty() {
            End::Nothing
        } else {
            End::Sent
        };
        Ok((end, results, notes))
    }

    /// The series with images that are wanted.
    fn wanted_series(&self, study: &str) -> Result<Vec<String>> {
        let wanted = self
            .arguments
            .unattended
            .modality
            .as_ref()
            .map(|m| m.trim().to_uppercase());
        let is_wanted = |modality: &str| match &wanted {
            Some(wanted) => modality == wanted,
            None => !NO_IMAGES.contains(&modality),
        };
        let series = self.from.find_series(study, self.cancel)?;
        Ok(series
            .into_iter()
            .filter(|s| is_wanted(&s.modality))
            .map(|s| s.series_uid)
            .collect())
    }

    /// What was made of a study, where all of its series were there and the model was the same.
    fn previous_results(&self, study: &str, series: &[String]) -> Result<Option<Vec<String>>> {
        let path = self.done_file(study);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::at_path("read what was done", &path, e)),
        };
        let done: StudyRecord = serde_json::from_slice(&text).map_err(|e| {
            Error::at_path("read what was done", &path, e)
                .with_advice("Remove the file: the study is then done again.")
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
            .map_err(|e| Error::new("write down what was done", e))?;
        whole_file::write_atomically(&path, "write down what was done", |out| {
            out.write_all(&text)
        })
    }

    /// Segments the images and sends what comes of them; the names of the results, and what was left out.
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
        let produced = segment::produce_masks(&self.arguments.of_files(images, &out), self.cancel)?;
        if self.cancel.is_cancelled() {
            return Err(
                Error::new("segment the study", "it was stopped").of_kind(ErrorKind::Cancelled)
            );
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
                    "it belongs to another study",
                ));
            }
            if !self
                .to
                .has_instance(study, &name.series_uid, &name.sop_uid, self.cancel)?
            {
                if !claim.is_held() {
                    return Err(Error::new(
                        "send the segmentation",
                        "another program has taken the study over",
                    ));
                }
                self.send_file(&file)?;
            }
            results.push(name.sop_uid);
        }
        Ok((results, produced.notes))
    }

    /// Through a queue: a server that is away for a while is waited for.
    fn send_file(&self, file: &Path) -> Result<()> {
        let item = self.queue.enqueue_file(file, self.to.server())?;
        self.queue.retry_item(&item.id)?;
        let mut archive =
            |_: &labrum_core::pacs::Server| -> Result<Archive> { Ok(self.to.clone()) };
        let patience = Duration::from_secs(600);
        super::pacs::send::send_until_done(
            &self.queue,
            &mut archive,
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
                let reason = item.trouble.unwrap_or_else(|| "it was stopped".into());
                Err(Error::at_path("send the segmentation", file, reason)
                    .with_advice("It stays in the queue."))
            }
            None => Err(Error::at_path(
                "send the segmentation",
                file,
                "it is in the queue no more",
            )),
        }
    }
}

/// The series, or the part of one, that a segmentation is of: its file is called so.
fn file_stem(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.split(".seg.dcm").next().unwrap_or_default().to_owned()
}
