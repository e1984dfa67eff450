//! Masks under the hand: the live one on the screen, packed ones elsewhere; steps.

use super::{
    Session,
    case::Case,
    history::{HistoryStep, StepId},
    job::{CaseId, Job, ShapeJob, SliceKey, StoreJob, SurveyJob},
    live::Live,
    notice::{Severity, Topic},
};
use labrum_core::{
    edit::Edit,
    journal::{Also, StatusChange},
    mask::{Mask, PackedMask},
    study::Status,
};
use std::{borrow::Cow, sync::Arc};

impl Session {
    /// The mask of the slice on the screen; `None` until something is shown.
    pub fn live_mask(&self) -> Option<&Live> {
        self.live.as_ref().filter(|l| {
            self.current_case()
                .is_some_and(|c| c.slice_key() == l.slice_key())
        })
    }

    /// The mask of a slice as it is now; `None` where nobody has drawn and no model has been.
    pub fn mask_of(&self, key: SliceKey) -> Option<Cow<'_, Mask>> {
        if let Some(live) = self.live.as_ref().filter(|l| l.slice_key() == key) {
            let state = self.slice_state(key)?;
            let is_there = state.mask.is_some() || state.is_touched || !live.mask().is_blank();
            return is_there.then_some(Cow::Borrowed(live.mask()));
        }
        if let Some(mask) = self.open_masks.get(&key) {
            return Some(Cow::Borrowed(mask));
        }
        Some(Cow::Owned(self.slice_state(key)?.mask.as_ref()?.to_mask()))
    }

    /// How many things that were done are not in the workspace yet.
    pub fn unsaved_count(&self) -> usize {
        self.sent_to_store.saturating_sub(self.written) as usize
    }

    /// Makes the mask of the slice on the screen the live one, and packs the one before.
    pub(super) fn refresh_live(&mut self) {
        let Some(key) = self.current_case().map(Case::slice_key) else {
            self.live = None;
            return;
        };
        if self.live.as_ref().is_some_and(|l| l.slice_key() == key) {
            return;
        }
        self.pack_live();
        let Some(case) = self.current_case() else {
            return;
        };
        let (columns, rows) = (case.series.columns, case.series.rows);
        let packed = case.slices.get(key.slice).and_then(|s| s.mask.as_ref());
        let mask = packed.map_or_else(|| Mask::new_blank(columns, rows), |p| p.to_mask());
        self.live = Some(Live::new(key, mask));
    }

    /// Puts what is on the screen back among the other slices.
    pub(super) fn pack_live(&mut self) {
        let Some(live) = self.live.take() else { return };
        let is_blank = live.mask().is_blank();
        if let Some(state) = self.slice_state_mut(live.slice_key())
            && (state.mask.is_some() || state.is_touched || !is_blank)
        {
            state.mask = Some(PackedMask::from_mask(live.mask()));
        }
    }

    /// Writes the mask of any slice through `write`.
    pub(super) fn write_mask(
        &mut self,
        key: SliceKey,
        write: impl FnOnce(&mut Mask) -> Edit,
    ) -> Edit {
        self.mask_clock += 1;
        if let Some(live) = self.live.as_mut().filter(|l| l.slice_key() == key) {
            return live.edit_mask(write);
        }
        if let Some(mask) = self.open_masks.get_mut(&key) {
            return write(mask);
        }
        let Some(case) = self.cases.iter_mut().find(|c| c.id == key.case) else {
            return Edit::default();
        };
        let (columns, rows) = (case.series.columns, case.series.rows);
        let Some(state) = case.slices.get_mut(key.slice) else {
            return Edit::default();
        };
        let mut mask = state
            .mask
            .as_ref()
            .map_or_else(|| Mask::new_blank(columns, rows), PackedMask::to_mask);
        let edit = write(&mut mask);
        if !edit.is_empty() {
            state.mask = Some(PackedMask::from_mask(&mask));
        }
        edit
    }

    /// A gesture or command is over: it becomes one step of history and journal, and the case is corrected. Empty edits
    /// are left out; nothing happens where none is left.
    pub(super) fn commit_edits(&mut self, tool: &str, case: CaseId, edits: Vec<(usize, Edit)>) {
        let edits: Vec<(usize, Edit)> = edits.into_iter().filter(|(_, e)| !e.is_empty()).collect();
        if edits.is_empty() {
            return;
        }
        let was_accepted = self
            .cases
            .iter()
            .any(|c| c.id == case && c.status == Status::Accepted);
        self.take_step(tool, case, edits, Also::default(), Some(Status::Corrected));
        if was_accepted {
            let text = "The case was accepted. It is Corrected now: accept it again (Enter), or undo (Ctrl+Z).";
            self.notices
                .add_about(Topic::Case(case), Severity::Hint, text);
        }
    }

    /// Makes a step of history and journal of what was done; nothing where that changes nothing.
    pub(super) fn take_step(
        &mut self,
        tool: &str,
        case: CaseId,
        edits: Vec<(usize, Edit)>,
        mut also: Also,
        status: Option<Status>,
    ) {
        let before = self.cases.iter().find(|c| c.id == case).map(|c| c.status);
        let change = before.zip(status).filter(|(before, after)| before != after);
        also.status = change.map(|(before, after)| StatusChange { before, after });
        if edits.is_empty() && also.is_empty() {
            return;
        }
        let packed = edits
            .iter()
            .map(|(slice, edit)| (*slice, Arc::from(edit.to_bytes())))
            .collect();
        let step = HistoryStep {
            id: StepId::New(self.new_id()),
            case,
            tool: tool.into(),
            edits: packed,
            also,
        };
        self.notices.retract_topic(Topic::Case(case));
        self.history.push_step(step.clone());
        self.say_absent(&step, true);
        self.push_store_job(StoreJob::Append {
            step,
            person: self.settings.person.clone(),
        });
        self.work_on(case);
        self.mask_changed(case, edits.iter().map(|(slice, _)| *slice));
        if let Some((_, after)) = change {
            self.show_status(case, after);
        }
    }

    /// The status of a case that nobody has signed off.
    pub(super) fn status_by_work(&self, case: CaseId) -> Status {
        let Some(case) = self.cases.iter().find(|c| c.id == case) else {
            return Status::New;
        };
        if self.history.has_drawn(case.id) {
            Status::Corrected
        } else if case.slices.iter().any(|s| s.proposal.is_some()) {
            Status::Proposed
        } else {
            Status::New
        }
    }

    /// What was worked out from these masks is out of date.
    pub(super) fn mask_changed(&mut self, case: CaseId, slices: impl Iterator<Item = usize>) {
        for slice in slices {
            let key = SliceKey { case, slice };
            if let Some(state) = self.slice_state_mut(key) {
                state.revision += 1;
                state.is_touched = true;
            }
            if self.focus.is_some_and(|(focus, _)| focus == key) {
                self.focus = None;
            }
            self.request_survey(key);
        }
    }

    /// Has outlines, doubtful places and measurements of a slice worked out anew.
    pub(super) fn request_survey(&mut self, key: SliceKey) {
        let Some(mask) = self.mask_of(key).map(Cow::into_owned) else {
            return;
        };
        let labels: Arc<[_]> = self.labels.clone().into();
        let Some(case) = self.cases.iter().find(|c| c.id == key.case) else {
            return;
        };
        let Some(state) = case.slices.get(key.slice) else {
            return;
        };
        let scale = self.length_scale(case, key.slice);
        let (revision, proposal) = (state.revision, state.proposal.clone());
        self.jobs.push(Job::Shapes(ShapeJob::Survey(SurveyJob {
            key,
            revision,
            mask,
            labels,
            proposal,
            scale,
        })));
    }

    pub(super) fn on_surveyed(
        &mut self,
        key: SliceKey,
        revision: u64,
        finding: Arc<super::finding::Finding>,
    ) {
        if let Some(state) = self.slice_state_mut(key).filter(|s| s.revision == revision) {
            state.finding = Some(finding);
            state.found_revision = revision;
        }
    }

    pub(super) fn slice_state(&self, key: SliceKey) -> Option<&super::case::SliceState> {
        self.cases
            .iter()
            .find(|c| c.id == key.case)?
            .slices
            .get(key.slice)
    }

    /// Whoever asks for this may change the mask.
    pub(super) fn slice_state_mut(
        &mut self,
        key: SliceKey,
    ) -> Option<&mut super::case::SliceState> {
        self.mask_clock += 1;
        self.cases
            .iter_mut()
            .find(|c| c.id == key.case)?
            .slices
            .get_mut(key.slice)
    }
}
