//! Labels that leave the list: removed with their masks, or merged into another one; and what has one label given another.
//!
//! The masks of the open cases are changed here, at once and as steps that can be undone; those of all others by the
//! workspace. What nobody touched yet is a model's proposal: it is changed without a step.

use super::{
    Session,
    job::{CaseId, SliceKey, StoreJob},
    notice::Severity,
    store::WorkspaceState,
};
use labrum_core::{
    edit::Edit,
    journal::{Also, LabelUse},
    label::Gone,
    study::Status,
};
use std::sync::Arc;

impl Session {
    /// How much a label is used, once that was counted.
    pub fn label_use(&self, label: u8) -> Option<LabelUse> {
        self.label_use.filter(|counted| counted.value == label)
    }

    pub(super) fn count_label(&mut self, label: u8) {
        self.label_use = None;
        match self.workspace_state() {
            WorkspaceState::Failed(_) => self.label_use = Some(self.use_in_open_cases(label)),
            _ => self.push_store_job(StoreJob::CountLabel(label)),
        }
    }

    fn use_in_open_cases(&self, label: u8) -> LabelUse {
        let mut count = LabelUse {
            value: label,
            ..LabelUse::default()
        };
        for case in &self.cases {
            let has = |slice: &usize| {
                self.mask_of(SliceKey {
                    case: case.id,
                    slice: *slice,
                })
                .is_some_and(|m| m.count_pixels(label) > 0)
            };
            let slices = (0..case.slices.len()).filter(has).count() as u32;
            count.slices += slices;
            count.cases += u32::from(slices > 0);
            count.accepted += u32::from(slices > 0 && case.status == Status::Accepted);
        }
        count
    }

    /// Takes a label from the list; its masks go, or are those of `into` from now on.
    pub(super) fn remove_label(&mut self, label: u8, into: Option<u8>) {
        let is_there = |value: u8| {
            let place = usize::from(value)
                .checked_sub(1)
                .and_then(|i| self.labels.get(i));
            place.is_some_and(|l| !l.is_gone())
        };
        if !is_there(label) || into.is_some_and(|into| into == label || !is_there(into)) {
            return;
        }
        self.finish_hand();
        let name = self.label_name(label).to_owned();
        let (tool, text) = match into {
            None => (
                format!("Remove label {name}"),
                format!("{name} was removed."),
            ),
            Some(into) => {
                let other = self.label_name(into);
                (
                    format!("Merge {name} into {other}"),
                    format!("Merged {name} into {other}."),
                )
            }
        };
        // A model may answer with the label that goes.
        let cases: Vec<CaseId> = self
            .cases
            .iter()
            .filter(|c| c.is_restored)
            .map(|c| c.id)
            .collect();
        for case in cases {
            self.stop_runs_on(case);
            self.change_in_case(case, label, into.unwrap_or(0), &tool);
        }
        if let Some(place) = usize::from(label)
            .checked_sub(1)
            .and_then(|i| self.labels.get_mut(i))
        {
            place.kept.gone = Some(into.map_or(Gone::Removed, Gone::Into));
        }
        self.choose_standing_label();
        self.save_labels();
        self.label_use = None;
        self.push_store_job(StoreJob::RemoveLabel {
            label,
            into,
            tool,
            person: self.settings.person.clone(),
        });
        self.notices.add(
            Severity::Info,
            format!("{text} Ctrl+Z undoes this in each open case."),
        );
    }

    /// Gives another label, or none, to what has one in a case.
    fn change_in_case(&mut self, case: CaseId, from: u8, to: u8, tool: &str) {
        let Some(entry) = self.cases.iter().find(|c| c.id == case) else {
            return;
        };
        let (status, count) = (entry.status, entry.slices.len());
        let mut edits: Vec<(usize, Edit)> = Vec::new();
        for slice in 0..count {
            let key = SliceKey { case, slice };
            if self.mask_of(key).is_none_or(|m| m.count_pixels(from) == 0) {
                continue;
            }
            let is_touched = self.slice_state(key).is_some_and(|s| s.is_touched);
            let edit = self.write_mask(key, |mask| mask.move_label(from, to));
            if is_touched || status == Status::Accepted {
                edits.push((slice, edit));
            } else {
                self.change_proposal(key, from, to);
            }
        }
        if edits.is_empty() {
            return;
        }
        let holds = |slice: usize| {
            self.mask_of(SliceKey { case, slice })
                .is_some_and(|m| !m.is_blank())
        };
        // A case that holds nothing any more is not one of which a person said so.
        let is_emptied = status == Status::Accepted && !(0..count).any(holds);
        self.take_step(
            tool,
            case,
            edits,
            Also::default(),
            is_emptied.then_some(Status::Corrected),
        );
    }

    /// The mask of an untouched slice was changed: so is the proposal that it is.
    fn change_proposal(&mut self, key: SliceKey, from: u8, to: u8) {
        if let Some(state) = self.slice_state_mut(key) {
            state.revision += 1;
            if let Some(proposal) = &state.proposal {
                state.proposal = Some(Arc::new(proposal.with_label_moved(from, to)));
            }
        }
        self.request_survey(key);
    }

    /// A label that a step brings back stands in the list again.
    pub(super) fn revive_label(&mut self, label: u8) {
        let place = usize::from(label)
            .checked_sub(1)
            .and_then(|i| self.labels.get_mut(i));
        if let Some(place) = place.filter(|l| l.is_gone()) {
            place.kept.gone = None;
            self.save_labels();
        }
    }

    /// True where the slice on the screen has a mask of a label.
    pub fn is_on_slice(&self, label: u8) -> bool {
        let key = self.current_case().map(|case| case.slice_key());
        key.and_then(|key| self.mask_of(key))
            .is_some_and(|mask| mask.count_pixels(label) > 0)
    }

    /// True where any slice of the case on the screen has one.
    pub(super) fn is_in_case(&self, label: u8) -> bool {
        let has = |case: &super::case::Case| {
            let found = case
                .slices
                .iter()
                .filter_map(|slice| slice.finding.as_ref());
            found
                .flat_map(|finding| &finding.measurements)
                .any(|m| m.label == label)
        };
        self.is_on_slice(label) || self.current_case().is_some_and(has)
    }

    /// Gives another label to what has one on this slice, or in the whole case.
    pub(super) fn move_to_label(&mut self, from: u8, to: u8, whole_case: bool) {
        self.finish_hand();
        let Some(case) = self.current_case().filter(|c| c.is_restored) else {
            return;
        };
        let (id, slices) = (
            case.id,
            if whole_case {
                0..case.slices.len()
            } else {
                case.slice..case.slice + 1
            },
        );
        let locked = |label: u8| {
            usize::from(label)
                .checked_sub(1)
                .and_then(|i| self.labels.get(i))
                .is_some_and(|l| l.locked)
        };
        if let Some(locked) = [from, to].into_iter().find(|label| locked(*label)) {
            let text = format!("{} is locked. Unlock it first.", self.label_name(locked));
            return self.notices.add(Severity::Warning, text);
        }
        let mut edits: Vec<(usize, Edit)> = Vec::new();
        for slice in slices {
            let key = SliceKey { case: id, slice };
            if self.mask_of(key).is_some_and(|m| m.count_pixels(from) > 0) {
                edits.push((
                    slice,
                    self.write_mask(key, |mask| mask.move_label(from, to)),
                ));
            }
        }
        if edits.is_empty() {
            let place = if whole_case {
                "in this case"
            } else {
                "on this slice"
            };
            let text = format!("There is no {} {place}.", self.label_name(from));
            return self.notices.add(Severity::Hint, text);
        }
        self.commit_edits("Move to another label", id, edits);
        self.active_label = to;
    }
}
