//! Starting, following and cancelling rounds of training; choosing the active version of the model.

use super::{
    Session,
    command::UserCommand,
    job::{
        BegunRound, CompareJob, FileJob, Job, ModelEntry, ModelSource, RoundEvent, RoundOutcome,
        RoundWish, RunId, StoreJob, TrainJob, TrainingJob, VersionJob,
    },
    learning::{Doing, LearnAction, Learning, Running, version_message},
    notice::Severity,
    settings::{LearnSettings, NewModelStart},
    store::WorkspaceState,
    tool_options::ToolKind,
};
use crate::Result;
use labrum_core::{
    device::DeviceChoice,
    gate::GateReport,
    learning::{ModelKind, RoundKey, RoundVersions, SnapshotSlice, Version, VersionKey},
    progress::{Control, YIELD_TIME},
    study::Status,
    training::{
        CLICK_MODEL_NAME, ClickSettings, Length, NOTHING_NAME, Plan, RoundSettings, StartFrom,
    },
};
use std::{mem, path::PathBuf, sync::Arc, thread};

impl Session {
    /// Why a training command is not available now.
    pub(super) fn refuse_training(&self, command: UserCommand) -> Option<&'static str> {
        let runs = self.learning.running.is_some();
        match command {
            UserCommand::Train if runs => Some("Training is already running"),
            UserCommand::Train if matches!(self.workspace.state(), WorkspaceState::Failed(_)) => {
                Some("No workspace is open")
            }
            UserCommand::Train if self.workspace.meter.accepted == 0 => {
                Some("No case is accepted yet")
            }
            UserCommand::Train => None,
            _ => (!runs).then_some("No training is running"),
        }
    }

    /// True if a round is running and paused.
    pub fn is_training_paused(&self) -> bool {
        self.learning
            .running
            .as_ref()
            .is_some_and(|r| r.control.is_paused())
    }

    pub(super) fn learn_action(&mut self, action: LearnAction) {
        match action {
            LearnAction::Start => self.begin_round(),
            LearnAction::Cancel => self.cancel_round(),
            LearnAction::Anew => {
                self.cancel_round();
                self.begin_round();
            }
            LearnAction::Pause(is_paused) => {
                if let Some(running) = &self.learning.running {
                    running.control.set_paused(is_paused);
                }
            }
            LearnAction::Activate(key) => self.change_version(VersionJob::Activate(Some(key))),
            LearnAction::Deactivate => self.change_version(VersionJob::Activate(None)),
            LearnAction::UseShippedClicks => self.change_version(VersionJob::UseShippedClicks),
            LearnAction::Reject(key) => self.change_version(VersionJob::Reject(key)),
            LearnAction::Rename(key, name) => self.change_version(VersionJob::Rename(key, name)),
            LearnAction::Delete(key) => self.change_version(VersionJob::Delete(key)),
            LearnAction::Export(key, folder) => {
                self.change_version(VersionJob::Export(key, folder))
            }
            LearnAction::Compare(first, second) => {
                self.learning.is_comparing = true;
                self.learning.comparison = None;
                self.push_store_job(StoreJob::Version(VersionJob::Compare(first, second)));
            }
            LearnAction::ShowCase(key) => self.show_stored_case(key),
            LearnAction::Report => {
                self.learning.report = None;
                self.push_store_job(StoreJob::WorkReport);
            }
            LearnAction::ExportReport(folder) => {
                if let Some(report) = &self.learning.report {
                    self.jobs
                        .push(Job::Files(FileJob::ExportReport(report.clone(), folder)));
                }
            }
        }
    }

    fn change_version(&mut self, job: VersionJob) {
        self.learning.fresh.clear();
        self.push_store_job(StoreJob::Version(job));
    }

    /// Starts a round on the current accepted masks.
    fn begin_round(&mut self) {
        if let Some(reason) = self.refuse_training(UserCommand::Train) {
            return self.notices.add(
                Severity::Hint,
                format!("{}: {reason}.", UserCommand::Train.display_label()),
            );
        }
        let LearnSettings {
            loss,
            seconds,
            new_model,
            ..
        } = self.settings.learning;
        let active = self.learning.active_version();
        let proposing = self.model_of_accepted();
        let is_start_active = active.is_some() || proposing.is_some();
        let (parent, start, start_name) = match (active, proposing, self.learning.not_yet()) {
            (Some(version), ..) | (None, None, Some(version)) => start_of_version(version),
            (None, Some(model), _) => (None, (&model.source).into(), model.display_title()),
            (None, None, None) => start_of_new_model(new_model),
        };
        let plan = Plan {
            loss,
            length: Length::Steps(0),
            ..Plan::default()
        };
        let settings = RoundSettings {
            start,
            start_name,
            is_start_active,
            plan,
            seconds,
            clicks: self.click_settings(),
        };
        self.push_store_job(StoreJob::BeginRound(Box::new(RoundWish {
            parent,
            settings,
        })));
        self.learning.running = Some(Running::new(self.jobs.new_id(), false));
        self.learning.fresh.clear();
    }

    /// How a round treats the click model: it starts from the active version.
    fn click_settings(&self) -> ClickSettings {
        let active = self.learning.active_click_version();
        ClickSettings {
            when: self.settings.learning.clicks,
            start: active.map(|version| version.file.clone()),
            start_name: active.map_or_else(String::new, |version| version.name.clone()),
            parent: active.map(|version| version.key),
        }
    }

    /// The matching model of the first accepted case that has one.
    fn model_of_accepted(&self) -> Option<&ModelEntry> {
        let accepted = self.cases.iter().filter(|c| c.status == Status::Accepted);
        accepted
            .filter_map(|case| self.models.model_for(case))
            .next()
    }

    pub(super) fn on_round_begun(&mut self, begun: BegunRound) {
        let key = begun.key;
        let attempt = self.jobs.new_id();
        match &mut self.learning.running {
            Some(running) if running.key.is_none() => running.key = Some(key),
            None if begun.is_resumed => {
                self.learning.running = Some(Running {
                    key: Some(key),
                    ..Running::new(attempt, true)
                });
                self.notices
                    .add(Severity::Info, "Interrupted training resumed.");
            }
            // The round was cancelled while the snapshot was taken.
            _ => {
                return self.push_store_job(StoreJob::EndRound {
                    key,
                    outcome: RoundOutcome::Cancelled,
                });
            }
        }
        let Some(running) = &self.learning.running else {
            return;
        };
        let name = match self.workspace.state() {
            WorkspaceState::Open(info) => info.name.clone(),
            _ => "Model".to_owned(),
        };
        let job = TrainJob {
            attempt: running.attempt,
            begun: Arc::new(begun),
            labels: self.labels.list.clone().into(),
            name,
            device: self.settings.device,
            threads: self.thread_count(),
            control: running.control.clone(),
        };
        self.jobs
            .push(Job::Training(TrainingJob::Train(Box::new(job))));
    }

    fn thread_count(&self) -> usize {
        match self.settings.threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            n => n,
        }
    }

    /// Cancels the round. Its later events are dropped, so that it ends at once for the user.
    pub(super) fn cancel_round(&mut self) {
        let Some(running) = self.learning.running.take() else {
            return;
        };
        running.control.cancel.cancel();
        if let Some(key) = running.key {
            self.push_store_job(StoreJob::EndRound {
                key,
                outcome: RoundOutcome::Cancelled,
            });
        }
        self.notices
            .add(Severity::Info, "Training cancelled; model unchanged.");
    }

    /// Stops the round because the workspace is closed; it resumes when the workspace is opened again.
    pub(super) fn leave_round(&mut self) {
        if let Some(running) = self.learning.running.take() {
            running.control.cancel.cancel();
        }
        let files: Vec<PathBuf> = self
            .learning
            .versions
            .iter()
            .map(|v| v.file.clone())
            .collect();
        self.models
            .list
            .retain(|m| !matches!(&m.source, ModelSource::File(path) if files.contains(path)));
        self.learning = Learning::default();
    }

    pub(super) fn on_round(&mut self, attempt: RunId, event: RoundEvent) {
        let Some(running) = self
            .learning
            .running
            .as_mut()
            .filter(|r| r.attempt == attempt)
        else {
            return;
        };
        let Some(key) = running.key else { return };
        match event {
            RoundEvent::Estimated(estimate) => {
                let note = estimate.note.clone();
                running.estimate = Some(estimate);
                note.into_iter()
                    .for_each(|note| self.notices.add(Severity::Warning, note));
            }
            RoundEvent::Phase(phase) => running.enter_phase(phase),
            RoundEvent::Ended(result) => self.on_round_ended(key, result),
        }
    }

    fn on_round_ended(&mut self, key: RoundKey, result: Result<Option<Box<RoundVersions>>>) {
        self.learning.running = None;
        let outcome = match result {
            Ok(Some(versions)) => {
                for version in versions.all() {
                    self.notices.add(Severity::Info, version_message(version));
                }
                if let Some(note) = &versions.note {
                    self.notices.add(Severity::Warning, note.clone());
                }
                RoundOutcome::Versions(versions)
            }
            Ok(None) => RoundOutcome::Cancelled,
            Err(error) => {
                self.show_error(&error);
                RoundOutcome::Failed(error.to_string())
            }
        };
        self.push_store_job(StoreJob::EndRound { key, outcome });
    }

    /// Makes the training yield for a moment while the user draws, scrolls or opens something.
    pub(super) fn make_room(&self) {
        if let Some(running) = &self.learning.running {
            running.control.make_room(YIELD_TIME);
        }
    }

    /// Starts a round automatically if the user has accepted enough new cases.
    pub(super) fn on_newly_accepted(&mut self, count: u32) {
        let has_more =
            count > self.learning.newly_accepted && mem::take(&mut self.learning.was_accepted);
        self.learning.newly_accepted = count;
        let after = self.settings.learning.after_cases;
        if has_more && after > 0 && count >= after && self.learning.running.is_none() {
            self.begin_round();
        }
    }

    pub(super) fn on_versions(&mut self, versions: Vec<Version>, active: Option<ModelEntry>) {
        let newest = newest_round(&versions);
        let of_newest = versions.iter().filter(|v| Some(v.round) == newest);
        let fresh: Vec<VersionKey> = of_newest.map(|version| version.key).collect();
        // Those of a workspace that was just opened are no news, unless there is only one round.
        let is_news = match newest_round(&self.learning.versions) {
            Some(known) => newest > Some(known),
            None => fresh.len() == versions.len(),
        };
        if is_news {
            self.learning.fresh = fresh;
        }
        let known: Vec<PathBuf> = versions
            .iter()
            .chain(&self.learning.versions)
            .map(|version| version.file.clone())
            .collect();
        let [was_proposing, was_clicked] = keys_in_use(&self.learning);
        self.models
            .list
            .retain(|m| !matches!(&m.source, ModelSource::File(path) if known.contains(path)));
        self.learning.versions = versions;
        self.models.list.splice(0..0, active);
        let [is_proposing, is_clicked] = keys_in_use(&self.learning);
        if was_proposing != is_proposing {
            self.propose_again();
        }
        if was_clicked != is_clicked && self.tools.active_tool() == ToolKind::Click {
            self.prepare_clicks();
        }
    }

    /// The model has changed: proposes again for cases that were not edited, in the order of the list.
    fn propose_again(&mut self) {
        for case in &mut self.cases {
            if matches!(case.status, Status::New | Status::Proposed)
                && !case.slices.iter().any(|s| s.is_drawn())
            {
                case.auto_run_done = false;
            }
        }
        self.auto_run();
    }

    /// The device for proposals: the CPU while a round of training uses the GPU.
    pub(super) fn device_for_runs(&self) -> DeviceChoice {
        if self.learning.running.is_some() {
            DeviceChoice::Cpu
        } else {
            self.settings.device
        }
    }

    pub(super) fn compare_versions(
        &mut self,
        kind: ModelKind,
        first: (VersionKey, PathBuf),
        second: (VersionKey, PathBuf),
        snapshot: Vec<SnapshotSlice>,
    ) {
        let labels = self.labels.list.clone().into();
        let device = self.device_for_runs();
        let threads = self.thread_count();
        self.jobs
            .push(Job::Training(TrainingJob::Compare(Box::new(CompareJob {
                kind,
                first,
                second,
                snapshot,
                labels,
                device,
                threads,
            }))));
    }

    pub(super) fn on_compared(
        &mut self,
        first: VersionKey,
        second: VersionKey,
        report: Result<Box<GateReport>>,
    ) {
        self.learning.is_comparing = false;
        match report {
            Ok(report) => self.learning.comparison = Some((first, second, report)),
            Err(error) => self.show_error(&error),
        }
    }

    fn show_stored_case(&mut self, key: i64) {
        match self
            .cases
            .iter()
            .position(|c| c.stored_as.is_some_and(|k| k.0 == key))
        {
            Some(at) => self.select_case(Some(at)),
            None => self.notices.add(
                Severity::Hint,
                "That case is not open. Open the workspace again (File menu).",
            ),
        }
    }
}

impl Running {
    fn new(attempt: RunId, is_resumed: bool) -> Self {
        Self {
            control: Control::default(),
            estimate: None,
            doing: Doing::Collecting,
            done: 0.0,
            remaining: None,
            loss: Vec::new(),
            validation: Vec::new(),
            is_resumed,
            key: None,
            attempt,
            is_on_clicks: false,
        }
    }
}

/// The start of a round that continues from a version: the parent, its weights, and their name.
fn start_of_version(version: &Version) -> (Option<VersionKey>, StartFrom, String) {
    let file = StartFrom::File(version.file.clone());
    (Some(version.key), file, version.name.clone())
}

/// The start of a round where no model proposes yet: no parent, the weights, and their name.
fn start_of_new_model(start: NewModelStart) -> (Option<VersionKey>, StartFrom, String) {
    match start {
        NewModelStart::Random => (None, StartFrom::Nothing, NOTHING_NAME.to_owned()),
        NewModelStart::ClickModel => (None, StartFrom::ClickModel, CLICK_MODEL_NAME.to_owned()),
    }
}

/// The active versions, that for masks first.
fn keys_in_use(learning: &Learning) -> [Option<VersionKey>; 2] {
    [ModelKind::Masks, ModelKind::Clicks]
        .map(|kind| learning.active_version_of(kind).map(|version| version.key))
}

fn newest_round(versions: &[Version]) -> Option<RoundKey> {
    versions.iter().map(|version| version.round).max()
}

#[cfg(test)]
mod tests;
