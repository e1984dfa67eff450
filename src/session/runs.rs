//! Runs of models: choosing the model and the slices, and taking the results.

use super::{
    Session,
    case::MaskWork,
    finding::Finding,
    job::{
        CaseId, Job, ModelEntry, ModelSource, NetworkJob, RunId, SegmentJob, SegmentTarget,
        SliceKey,
    },
    notice::Severity,
    opening::indices_outward,
};
use crate::{Error, Result};
use labrum_core::{mask::PackedMask, progress::Cancel};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Number of cases after the one on the screen that the model is run on automatically.
const CASES_AHEAD: usize = 8;

/// Number of slices of a run that are passed with their pixels, if these are in memory.
const WITH_PIXELS: usize = 8;

/// A run that is active or waits.
#[derive(Clone, Debug)]
pub struct ModelRun {
    /// Its id.
    pub id: RunId,
    /// The case.
    pub case: CaseId,
    /// Name and version of the model.
    pub model: String,
    /// Slices done.
    pub done: usize,
    /// Slices in total.
    pub total: usize,
    /// It was started automatically.
    pub is_automatic: bool,
    started: Option<Instant>,
    cancel: Cancel,
    failures: usize,
}

impl ModelRun {
    /// Estimated time left, from the time per slice so far.
    pub fn time_left(&self, now: Instant) -> Option<Duration> {
        let took = now.duration_since(self.started?);
        (self.done > 0)
            .then(|| took / self.done as u32 * (self.total - self.done.min(self.total)) as u32)
    }
}

/// The model for a case, if one matches.
#[derive(Clone, Debug, PartialEq)]
pub enum Fitting {
    /// A model that matches or was chosen by the user.
    Model {
        /// Index in the list of models.
        index: usize,
        /// Why the chosen model does not match.
        warning: Option<String>,
    },
    /// No matching model; for each model its name and why it does not match.
    None(Vec<(String, String)>),
}

impl Session {
    pub(super) fn refuse_to_run(&self) -> Option<&'static str> {
        match self.models.fitting_model(self.cases.current_case()?) {
            Fitting::Model { .. } => None,
            Fitting::None(models) if models.is_empty() => Some("No model available"),
            Fitting::None(_) => Some("No matching model; choose one in the panel on the right"),
        }
    }

    pub(super) fn choose_model(&mut self, model: Option<ModelSource>) {
        if let Some(case) = self.cases.current_case_mut() {
            case.chosen_model = model;
        }
    }

    pub(super) fn on_model_read(&mut self, model: ModelEntry) {
        self.notices.add(
            Severity::Info,
            format!("Model {} is now available.", model.display_title()),
        );
        self.models.list.retain(|m| m.source != model.source);
        self.choose_model(Some(model.source.clone()));
        self.models.list.push(model);
    }

    pub(super) fn segment_slice(&mut self) {
        self.end_blindness();
        if let Some((at, slice)) = self
            .cases
            .current
            .zip(self.cases.current_case().map(|c| c.slice))
        {
            self.start_run(at, vec![slice], true, false);
        }
    }

    /// The user asked for a proposal, so the case no longer counts as drawn without one.
    fn end_blindness(&mut self) {
        if let Some(case) = self.cases.current_case_mut() {
            case.is_blind = false;
        }
    }

    pub(super) fn segment_series(&mut self) {
        self.end_blindness();
        let Some((at, case)) = self.cases.current.zip(self.cases.current_case()) else {
            return;
        };
        let slices: Vec<usize> = indices_outward(case.slice, case.slices.len()).collect();
        let id = case.id;
        self.stop_runs_on(id);
        self.start_run(at, slices, false, false);
    }

    /// Starts the next automatic run, if the settings allow it and nothing else is running.
    pub(super) fn auto_run(&mut self) {
        let may_run = self.settings.auto_run
            && !self.models.list.is_empty()
            && self.workspace.lock_holder().is_none();
        let Some(at) = self.cases.current.filter(|_| may_run) else {
            return;
        };
        // It begins where playing is paused.
        if self.cine.passes_by(self.cases[at].id) {
            return;
        }
        // The case on the screen does not wait for runs on other cases.
        let on_others = self.models.runs.iter().any(|r| r.case != self.cases[at].id);
        if self.models.wants_auto_run(&self.cases[at]) {
            let case = &self.cases[at];
            let slice = case.slice;
            let count = case.slices.len();
            self.cases[at].auto_run_done = true;
            let mut slices: Vec<usize> = indices_outward(slice, count).collect();
            if on_others || count == 1 {
                slices.remove(0);
                self.start_run(at, vec![slice], true, true);
            }
            if !slices.is_empty() {
                self.start_run(at, slices, false, true);
            }
            return;
        }
        if self.models.runs.is_empty() {
            let ahead = (at + 1..self.cases.len())
                .take(CASES_AHEAD)
                .find(|&i| self.models.wants_auto_run(&self.cases[i]));
            if let Some(next) = ahead {
                self.cases[next].auto_run_done = true;
                let slice = self.cases[next].slice;
                let count = self.cases[next].slices.len();
                self.start_run(next, indices_outward(slice, count).collect(), false, true);
            }
        }
    }

    fn start_run(&mut self, at: usize, slices: Vec<usize>, is_urgent: bool, is_automatic: bool) {
        let Fitting::Model { index, .. } = self.models.fitting_model(&self.cases[at]) else {
            return;
        };
        if !is_automatic && let Some(text) = self.models.warn_once(index, &self.cases[at]) {
            self.notices.add(Severity::Warning, text);
        }
        let model = self.models.list[index].clone();
        let values = self.values_of_model(&model.card.labels, self.cases[at].task);
        let labels = self.labels.list.clone().into();
        let run = self.jobs.new_id();
        let case = &mut self.cases[at];
        let mut targets = Vec::with_capacity(slices.len());
        for slice in slices {
            let key = SliceKey {
                case: case.id,
                slice,
            };
            let Some(source) = case.series.slices.get(slice).map(|s| s.source.clone()) else {
                continue;
            };
            let state = &mut case.slices[slice];
            // Results of earlier runs on this slice are outdated from now on.
            state.proposal_revision += 1;
            // Pixels of waiting slices do not count towards the image cache, so only the first slices carry them.
            let image = self
                .cache
                .get(key)
                .filter(|_| targets.len() < WITH_PIXELS)
                .map(|l| l.image.clone());
            targets.push(SegmentTarget {
                key,
                revision: state.proposal_revision,
                source,
                kind: case.series.kind,
                image,
            });
        }
        let cancel = Cancel::default();
        let run_state = ModelRun {
            id: run,
            case: case.id,
            model: model.display_title(),
            done: 0,
            total: targets.len(),
            is_automatic,
            started: None,
            cancel: cancel.clone(),
            failures: 0,
        };
        if is_urgent {
            self.models.runs.insert(0, run_state);
        } else {
            self.models.runs.push(run_state);
        }
        let device = self.device_for_runs();
        self.jobs.push(Job::Network(NetworkJob::Segment(SegmentJob {
            run,
            is_urgent,
            model,
            device,
            labels,
            values,
            targets,
            cancel,
        })));
    }

    pub(super) fn on_segmented(
        &mut self,
        run: RunId,
        key: SliceKey,
        revision: u64,
        result: Result<Arc<Finding>>,
    ) {
        let mut first_failure = false;
        if let Some(run) = self.models.runs.iter_mut().find(|r| r.id == run) {
            // Time is measured from the first slice on: loading the weights does not count.
            run.started.get_or_insert_with(Instant::now);
            run.done += 1;
            run.failures += usize::from(result.is_err());
            first_failure = run.failures == 1;
        }
        match result {
            Ok(finding) => self.hold_answer(key, revision, finding),
            Err(_)
                if self
                    .cases
                    .slice_state(key)
                    .is_none_or(|s| s.proposal_revision != revision) => {}
            // One message per run: other slices mostly fail for the same reason.
            Err(error) if first_failure => self.show_error(&error),
            Err(_) => {}
        }
    }

    /// Takes a result, unless the run was repeated or cancelled meanwhile.
    pub(super) fn take_answer(&mut self, key: SliceKey, revision: u64, finding: Arc<Finding>) {
        if self
            .cases
            .slice_state(key)
            .is_some_and(|s| s.proposal_revision == revision)
        {
            self.take_finding(key, finding);
        }
    }

    /// The proposal becomes the mask, unless the user edited the mask: then it is kept beside it.
    fn take_finding(&mut self, key: SliceKey, finding: Arc<Finding>) {
        self.store_proposal(key, finding.clone());
        let Some(state) = self.slice_state_mut(key) else {
            return;
        };
        state.set_proposal(finding.clone());
        if let MaskWork::Drawn {
            is_proposal_newer, ..
        } = &mut state.work
        {
            *is_proposal_newer = true;
            return;
        }
        state.revision += 1;
        state.proposal_revision += 1;
        state.mask = Some(PackedMask::from_mask(&finding.to_mask()));
        state.finding = Some(finding);
        state.found_revision = state.revision;
        if self.viewports.focus.is_some_and(|(focus, _)| focus == key) {
            self.viewports.focus = None;
        }
        if self
            .masks
            .live
            .as_ref()
            .is_some_and(|l| l.slice_key() == key)
        {
            self.masks.live = None;
            self.refresh_live();
            self.show_preview();
        }
        // Running a model on an accepted case reopens it for review.
        let status = self.status_by_work(key.case);
        self.set_status(key.case, status);
    }

    pub(super) fn on_run_ended(&mut self, run: RunId, failure: Option<Error>) {
        let Some(at) = self.models.runs.iter().position(|r| r.id == run) else {
            // Cancelled: automatic runs continue only when the user goes to another case.
            return;
        };
        let ended = self.models.runs.remove(at);
        if let Some(case) = self.cases.case_by_id_mut(ended.case) {
            // A run that was replaced by a newer one may be started again.
            case.auto_run_done &= ended.done > 0 || failure.is_some();
        }
        match failure {
            Some(error) => self.show_error(&error),
            None => self.auto_run(),
        }
    }

    pub(super) fn cancel_all(&mut self) {
        if let Some(opening) = &self.opening {
            opening.cancel.cancel();
        }
        if let Some(exporting) = &self.exporting {
            exporting.cancel.cancel();
        }
        self.stop_pacs();
        for run in &self.models.runs {
            run.cancel.cancel();
        }
        let cases: Vec<CaseId> = self.models.runs.iter().map(|r| r.case).collect();
        cases.into_iter().for_each(|case| self.stop_runs_on(case));
    }

    /// Cancels the runs on a case; their later results are dropped.
    pub(super) fn stop_runs_on(&mut self, case: CaseId) {
        let mut stopped = false;
        for run in self.models.runs.iter().filter(|r| r.case == case) {
            run.cancel.cancel();
            stopped = true;
        }
        self.models.runs.retain(|r| r.case != case);
        if let Some(case) = self.cases.iter_mut().find(|c| c.id == case && stopped) {
            case.auto_run_done = true;
            case.slices
                .iter_mut()
                .for_each(|s| s.proposal_revision += 1);
        }
    }
}
