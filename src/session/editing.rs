//! Editing masks: the live one on the screen and the packed ones of other slices; making steps of edits.

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
    /// The mask of the slice on the screen; `None` while no case is shown.
    pub fn live_mask(&self) -> Option<&Live> {
        self.masks.live.as_ref().filter(|l| {
            self.cases
                .current_case()
                .is_some_and(|c| c.slice_key() == l.slice_key())
        })
    }

    /// The current mask of a slice; `None` if nothing was drawn or proposed.
    pub fn mask_of(&self, key: SliceKey) -> Option<Cow<'_, Mask>> {
        if let Some(live) = self.masks.live.as_ref().filter(|l| l.slice_key() == key) {
            let state = self.cases.slice_state(key)?;
            let is_there = state.mask.is_some() || state.is_drawn() || !live.mask().is_blank();
            return is_there.then_some(Cow::Borrowed(live.mask()));
        }
        if let Some(mask) = self.masks.others.get(&key) {
            return Some(Cow::Borrowed(mask));
        }
        Some(Cow::Owned(
            self.cases.slice_state(key)?.mask.as_ref()?.to_mask(),
        ))
    }

    /// True if the mask of a slice has pixels of a label.
    pub(super) fn has_label_pixels(&self, key: SliceKey, label: u8) -> bool {
        self.mask_of(key)
            .is_some_and(|mask| mask.count_pixels(label) > 0)
    }

    /// Unpacks the mask of the slice on the screen as the live one, and packs the previous one.
    pub(super) fn refresh_live(&mut self) {
        let Some(key) = self.cases.current_case().map(Case::slice_key) else {
            self.masks.live = None;
            return;
        };
        if self
            .masks
            .live
            .as_ref()
            .is_some_and(|l| l.slice_key() == key)
        {
            return;
        }
        self.pack_live();
        let Some(case) = self.cases.current_case() else {
            return;
        };
        let (columns, rows) = case.series.columns_and_rows();
        let packed = case.slices.get(key.slice).and_then(|s| s.mask.as_ref());
        let mask = packed.map_or_else(|| Mask::new_blank(columns, rows), |p| p.to_mask());
        self.masks.live = Some(Live::new(key, mask));
    }

    /// Packs the live mask and stores it with its slice.
    pub(super) fn pack_live(&mut self) {
        let Some(live) = self.masks.live.take() else {
            return;
        };
        let is_blank = live.mask().is_blank();
        if let Some(state) = self.slice_state_mut(live.slice_key())
            && (state.mask.is_some() || state.is_drawn() || !is_blank)
        {
            state.mask = Some(PackedMask::from_mask(live.mask()));
        }
    }

    /// Edits the mask of any slice with `write`.
    pub(super) fn write_mask(
        &mut self,
        key: SliceKey,
        write: impl FnOnce(&mut Mask) -> Edit,
    ) -> Edit {
        self.masks.clock += 1;
        if let Some(live) = self.masks.live.as_mut().filter(|l| l.slice_key() == key) {
            return live.edit_mask(write);
        }
        if let Some(mask) = self.masks.others.get_mut(&key) {
            return write(mask);
        }
        let Some(case) = self.cases.case_by_id_mut(key.case) else {
            return Edit::default();
        };
        let (columns, rows) = case.series.columns_and_rows();
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

    /// Records the edits of a gesture or command as one step in history and journal, and marks the case as edited.
    /// Empty edits are left out; nothing happens if none is left.
    pub(super) fn commit_edits(&mut self, tool: &str, case: CaseId, edits: Vec<(usize, Edit)>) {
        self.commit_step(tool, case, edits, Also::default());
    }

    /// As [`Session::commit_edits`], with what else belongs to the step.
    pub(super) fn commit_step(
        &mut self,
        tool: &str,
        case: CaseId,
        edits: Vec<(usize, Edit)>,
        also: Also,
    ) {
        let edits: Vec<(usize, Edit)> = edits.into_iter().filter(|(_, e)| !e.is_empty()).collect();
        if edits.is_empty() {
            return;
        }
        let was_accepted = self
            .cases
            .iter()
            .any(|c| c.id == case && c.status == Status::Accepted);
        self.take_step(tool, case, edits, also, Some(Status::Corrected));
        if was_accepted {
            let text = "The case is no longer accepted. Accept it again (Enter) or undo (Ctrl+Z).";
            self.notices
                .add_about(Topic::Case(case), Severity::Hint, text);
        }
    }

    /// Records a step in history and journal, unless it changes nothing.
    pub(super) fn take_step(
        &mut self,
        tool: &str,
        case: CaseId,
        edits: Vec<(usize, Edit)>,
        mut also: Also,
        status: Option<Status>,
    ) {
        let before = self.cases.case_by_id(case).map(|c| c.status);
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
            id: StepId::New(self.jobs.new_id()),
            case,
            tool: tool.into(),
            edits: packed,
            also,
        };
        self.notices.retract_topic(Topic::Case(case));
        self.history.push_step(step.clone());
        self.say_absent(&step, true);
        self.apply_phase(&step, true);
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

    /// The status of a case if it were neither accepted nor skipped.
    pub(super) fn status_by_work(&self, case: CaseId) -> Status {
        let Some(case) = self.cases.case_by_id(case) else {
            return Status::New;
        };
        if self.history.has_drawn(case.id) {
            Status::Corrected
        } else if case.slices.iter().any(|s| s.proposal().is_some()) {
            Status::Proposed
        } else {
            Status::New
        }
    }

    /// Marks everything computed from these masks as out of date.
    pub(super) fn mask_changed(&mut self, case: CaseId, slices: impl Iterator<Item = usize>) {
        for slice in slices {
            let key = SliceKey { case, slice };
            if let Some(state) = self.slice_state_mut(key) {
                state.revision += 1;
                state.mark_drawn();
            }
            if self.viewports.focus.is_some_and(|(focus, _)| focus == key) {
                self.viewports.focus = None;
            }
            self.request_survey(key);
        }
    }

    /// Requests new outlines, uncertain regions and measurements of a slice.
    pub(super) fn request_survey(&mut self, key: SliceKey) {
        let Some(mask) = self.mask_of(key).map(Cow::into_owned) else {
            return;
        };
        let labels: Arc<[_]> = self.labels.list.clone().into();
        let Some(case) = self.cases.case_by_id(key.case) else {
            return;
        };
        let Some(state) = case.slices.get(key.slice) else {
            return;
        };
        let scale = self.length_scale(case, key.slice);
        let revision = state.revision;
        let proposal = state.proposal().cloned();
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

    /// The state of a slice, mutable; counts as a possible change of its mask.
    pub(super) fn slice_state_mut(
        &mut self,
        key: SliceKey,
    ) -> Option<&mut super::case::SliceState> {
        self.masks.clock += 1;
        self.cases
            .case_by_id_mut(key.case)?
            .slices
            .get_mut(key.slice)
    }
}
