//! Runs of models: what to run on, which model fits, and taking in what comes back.

use super::{
    Session,
    case::Case,
    finding::Finding,
    job::{
        CaseId, Job, ModelEntry, ModelSource, NetworkJob, RunId, SegmentJob, SegmentTarget,
        SliceKey,
    },
    notice::Severity,
    opening::indices_outward,
};
use crate::{Error, Result};
use labrum_core::{mask::PackedMask, model_card::ModelFit, progress::Cancel, study::Status};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The model runs by itself on so many cases after the one on the screen.
const CASES_AHEAD: usize = 8;

/// So many slices of a run come with their pixels, where they are in memory.
const WITH_PIXELS: usize = 8;

/// A run that goes on or waits.
#[derive(Clone, Debug)]
pub struct ModelRun {
    /// Which.
    pub id: RunId,
    /// On which case.
    pub case: CaseId,
    /// Name and version of the model.
    pub model: String,
    /// Slices done.
    pub done: usize,
    /// Slices in all.
    pub total: usize,
    /// It was not asked for by a person.
    pub is_automatic: bool,
    started: Option<Instant>,
    cancel: Cancel,
    failures: usize,
}

impl ModelRun {
    /// How long it goes on still, from what it took so far.
    pub fn time_left(&self, now: Instant) -> Option<Duration> {
        let took = now.duration_since(self.started?);
        (self.done > 0)
            .then(|| took / self.done as u32 * (self.total - self.done.min(self.total)) as u32)
    }
}

/// Whether there is a model for a case.
#[derive(Clone, Debug, PartialEq)]
pub enum Fitting {
    /// This one is for it, or was chosen by the user.
    Model {
        /// Index in the list of models.
        index: usize,
        /// The user chose it although the card says no: the reason.
        warning: Option<String>,
    },
    /// None; for each model its name and the reason.
    None(Vec<(String, String)>),
}

impl Session {
    /// Which model is run on a case.
    pub fn fitting_model(&self, case: &Case) -> Fitting {
        let reason =
            |m: &ModelEntry| match m.card.fit_for_series(&case.series, || case.look.as_ref()) {
                ModelFit::Fits => None,
                ModelFit::No(reason) => Some(reason),
            };
        if let Some(chosen) = &case.chosen_model
            && let Some(index) = self.models.iter().position(|m| m.source == *chosen)
        {
            return Fitting::Model {
                index,
                warning: reason(&self.models[index]),
            };
        }
        match self.models.iter().position(|m| reason(m).is_none()) {
            Some(index) => Fitting::Model {
                index,
                warning: None,
            },
            None => Fitting::None(
                self.models
                    .iter()
                    .filter_map(|m| Some((m.display_title(), reason(m)?)))
                    .collect(),
            ),
        }
    }

    pub(super) fn refuse_to_run(&self) -> Option<&'static str> {
        match self.fitting_model(self.current_case()?) {
            Fitting::Model { .. } => None,
            Fitting::None(models) if models.is_empty() => Some("There is no model"),
            Fitting::None(_) => Some("No matching model; choose one in the panel on the right"),
        }
    }

    pub(super) fn choose_model(&mut self, model: Option<ModelSource>) {
        if let Some(case) = self.current.and_then(|at| self.cases.get_mut(at)) {
            case.chosen_model = model;
        }
    }

    pub(super) fn on_model_read(&mut self, model: ModelEntry) {
        self.notices.add(
            Severity::Info,
            format!("{} can be used now.", model.display_title()),
        );
        self.models.retain(|m| m.source != model.source);
        self.choose_model(Some(model.source.clone()));
        self.models.push(model);
    }

    pub(super) fn segment_slice(&mut self) {
        self.end_blindness();
        if let Some((at, slice)) = self.current.zip(self.current_case().map(|c| c.slice)) {
            self.start_run(at, vec![slice], true, false);
        }
    }

    /// Whoever asks for a proposal gets it: the case is no measure any more.
    fn end_blindness(&mut self) {
        if let Some(case) = self.current.and_then(|at| self.cases.get_mut(at)) {
            case.is_blind = false;
        }
    }

    pub(super) fn segment_series(&mut self) {
        self.end_blindness();
        let Some((at, case)) = self.current.zip(self.current_case()) else {
            return;
        };
        let slices: Vec<usize> = indices_outward(case.slice, case.slices.len()).collect();
        let id = case.id;
        self.stop_runs_on(id);
        self.start_run(at, slices, false, false);
    }

    /// Starts the next run that nobody asked for, where the settings allow it and nothing else runs.
    pub(super) fn auto_run(&mut self) {
        let may_run =
            self.settings.auto_run && !self.models.is_empty() && self.lock_holder().is_none();
        let Some(at) = self.current.filter(|_| may_run) else {
            return;
        };
        let wants = |c: &Case| {
            let is_new = c.status == Status::New && !c.has_mask();
            let is_wanted = is_new || c.status == Status::Proposed && self.is_stale(c);
            is_wanted
                && c.is_restored
                && !c.auto_run_done
                && !c.is_blind
                && matches!(self.fitting_model(c), Fitting::Model { warning: None, .. })
        };
        // The case on the screen does not wait for runs on others.
        let on_others = self.runs.iter().any(|r| r.case != self.cases[at].id);
        if wants(&self.cases[at]) {
            let case = &self.cases[at];
            let (slice, count) = (case.slice, case.slices.len());
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
        if self.runs.is_empty() {
            let ahead = (at + 1..self.cases.len())
                .take(CASES_AHEAD)
                .find(|&i| wants(&self.cases[i]));
            if let Some(next) = ahead {
                self.cases[next].auto_run_done = true;
                let (slice, count) = (self.cases[next].slice, self.cases[next].slices.len());
                self.start_run(next, indices_outward(slice, count).collect(), false, true);
            }
        }
    }

    fn start_run(&mut self, at: usize, slices: Vec<usize>, is_urgent: bool, is_automatic: bool) {
        let Fitting::Model { index, .. } = self.fitting_model(&self.cases[at]) else {
            return;
        };
        let model = self.models[index].clone();
        let values = self.values_of_model(&model.card.labels, self.cases[at].task);
        let labels = self.labels.clone().into();
        let run = self.new_id();
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
            // What an earlier run still finds here is out of date from now on.
            state.proposal_revision += 1;
            // What waits here for its turn counts in no limit: the first ones alone come with their pixels.
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
            self.runs.insert(0, run_state);
        } else {
            self.runs.push(run_state);
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
        if let Some(run) = self.runs.iter_mut().find(|r| r.id == run) {
            // The clock starts with the first slice: loading the weights is not part of a slice's time.
            run.started.get_or_insert_with(Instant::now);
            run.done += 1;
            run.failures += usize::from(result.is_err());
            first_failure = run.failures == 1;
        }
        match result {
            Ok(finding) => self.hold_answer(key, revision, finding),
            Err(_)
                if self
                    .slice_state(key)
                    .is_none_or(|s| s.proposal_revision != revision) => {}
            // One message for a run: the other slices mostly fail for the same reason.
            Err(error) if first_failure => self.show_error(&error),
            Err(_) => {}
        }
    }

    /// Takes a model's answer, unless it was asked again or stopped meanwhile.
    pub(super) fn take_answer(&mut self, key: SliceKey, revision: u64, finding: Arc<Finding>) {
        if self
            .slice_state(key)
            .is_some_and(|s| s.proposal_revision == revision)
        {
            self.take_finding(key, finding);
        }
    }

    /// A model's answer becomes the mask, unless a person worked on it: then it waits beside it.
    fn take_finding(&mut self, key: SliceKey, finding: Arc<Finding>) {
        self.store_proposal(key, finding.clone());
        let Some(state) = self.slice_state_mut(key) else {
            return;
        };
        state.proposal = Some(finding.clone());
        if state.is_touched {
            state.is_proposal_apart = true;
            return;
        }
        state.revision += 1;
        state.proposal_revision += 1;
        state.mask = Some(PackedMask::from_mask(&finding.to_mask()));
        state.finding = Some(finding);
        state.found_revision = state.revision;
        if self.focus.is_some_and(|(focus, _)| focus == key) {
            self.focus = None;
        }
        if self.live.as_ref().is_some_and(|l| l.slice_key() == key) {
            self.live = None;
            self.refresh_live();
            self.show_preview();
        }
        // Whoever runs a model on an accepted case wants to look again.
        let status = self.status_by_work(key.case);
        self.set_status(key.case, status);
    }

    pub(super) fn on_run_ended(&mut self, run: RunId, failure: Option<Error>) {
        let Some(at) = self.runs.iter().position(|r| r.id == run) else {
            // Whoever cancels wants quiet: the next case is begun when the user goes there.
            return;
        };
        let ended = self.runs.remove(at);
        if let Some(case) = self.cases.iter_mut().find(|c| c.id == ended.case) {
            // One that a newer one took the place of may be run another time.
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
        for run in &self.runs {
            run.cancel.cancel();
        }
        let cases: Vec<CaseId> = self.runs.iter().map(|r| r.case).collect();
        cases.into_iter().for_each(|case| self.stop_runs_on(case));
    }

    /// Cancels the runs on a case; what they still find is dropped.
    pub(super) fn stop_runs_on(&mut self, case: CaseId) {
        let mut stopped = false;
        for run in self.runs.iter().filter(|r| r.case == case) {
            run.cancel.cancel();
            stopped = true;
        }
        self.runs.retain(|r| r.case != case);
        if let Some(case) = self.cases.iter_mut().find(|c| c.id == case && stopped) {
            case.auto_run_done = true;
            case.slices
                .iter_mut()
                .for_each(|s| s.proposal_revision += 1);
        }
    }
}
