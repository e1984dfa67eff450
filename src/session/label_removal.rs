//! Removing labels with their masks, merging them into another label, and moving pixels to another label.
//!
//! Masks of open cases are changed here at once, as steps that can be undone; those of all other cases by the
//! workspace. Unedited proposals are changed without a step.

use super::{
    Session,
    case::SliceState,
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
    pub(super) fn count_label(&mut self, label: u8) {
        self.labels.usage = None;
        match self.workspace.state() {
            WorkspaceState::Failed(_) => self.labels.usage = Some(self.use_in_open_cases(label)),
            _ => self.push_store_job(StoreJob::CountLabel(label)),
        }
    }

    fn use_in_open_cases(&self, label: u8) -> LabelUse {
        let mut count = LabelUse {
            value: label,
            ..LabelUse::default()
        };
        for case in &self.cases {
            let keys = (0..case.slices.len()).map(|slice| SliceKey {
                case: case.id,
                slice,
            });
            let slices = keys
                .filter(|key| self.has_label_pixels(*key, label))
                .count() as u32;
            count.slices += slices;
            count.cases += u32::from(slices > 0);
            count.accepted += u32::from(slices > 0 && case.status == Status::Accepted);
        }
        count
    }

    /// Removes a label from the list. Its masks are deleted, or merged into the label `into`.
    pub(super) fn remove_label(&mut self, label: u8, into: Option<u8>) {
        let cannot_merge = into.is_some_and(|into| into == label || !self.labels.holds_label(into));
        if !self.labels.holds_label(label) || cannot_merge {
            return;
        }
        self.finish_gesture();
        let name = self.labels.label_name(label).to_owned();
        let (tool, text) = match into {
            None => (format!("Remove label {name}"), format!("Removed {name}.")),
            Some(into) => {
                let other = self.labels.label_name(into);
                (
                    format!("Merge {name} into {other}"),
                    format!("Merged {name} into {other}."),
                )
            }
        };
        // A running model could still return the removed label.
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
        if let Some(removed) = self.labels.label_by_value_mut(label) {
            removed.kept.gone = Some(into.map_or(Gone::Removed, Gone::Into));
        }
        self.choose_standing_label();
        self.save_labels();
        self.labels.usage = None;
        self.push_store_job(StoreJob::RemoveLabel {
            label,
            into,
            tool,
            person: self.settings.person.clone(),
        });
        self.notices.add(
            Severity::Info,
            format!("{text} Undo in each open case with Ctrl+Z."),
        );
    }

    /// Replaces a label by another one (0 for background) in all masks of a case.
    fn change_in_case(&mut self, case: CaseId, from: u8, to: u8, tool: &str) {
        let Some(entry) = self.cases.case_by_id(case) else {
            return;
        };
        let status = entry.status;
        let count = entry.slices.len();
        let mut edits: Vec<(usize, Edit)> = Vec::new();
        for slice in 0..count {
            let key = SliceKey { case, slice };
            if !self.has_label_pixels(key, from) {
                continue;
            }
            let is_touched = self
                .cases
                .slice_state(key)
                .is_some_and(SliceState::is_drawn);
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
        // An accepted case without any mask left is no longer accepted: nobody confirmed that it is empty.
        let is_emptied = status == Status::Accepted && self.is_all_blank(case, count);
        self.take_step(
            tool,
            case,
            edits,
            Also::default(),
            is_emptied.then_some(Status::Corrected),
        );
    }

    /// True if all masks on the `count` slices of a case are blank or missing.
    fn is_all_blank(&self, case: CaseId, count: usize) -> bool {
        (0..count).all(|slice| {
            self.mask_of(SliceKey { case, slice })
                .is_none_or(|mask| mask.is_blank())
        })
    }

    /// Changes the proposal of an unedited slice together with its mask.
    fn change_proposal(&mut self, key: SliceKey, from: u8, to: u8) {
        if let Some(state) = self.slice_state_mut(key) {
            state.revision += 1;
            if let Some(proposal) = state.proposal() {
                let moved = Arc::new(proposal.with_label_moved(from, to));
                state.set_proposal(moved);
            }
        }
        self.request_survey(key);
    }

    /// Puts a removed label back into the list when undo restores its pixels.
    pub(super) fn revive_label(&mut self, label: u8) {
        let gone = self.labels.label_by_value_mut(label);
        if let Some(gone) = gone.filter(|l| l.is_gone()) {
            gone.kept.gone = None;
            self.save_labels();
        }
    }

    /// True if the slice on the screen has pixels of a label.
    pub fn is_on_slice(&self, label: u8) -> bool {
        self.cases
            .current_case()
            .is_some_and(|case| self.has_label_pixels(case.slice_key(), label))
    }

    /// True if any slice of the case on the screen has pixels of a label.
    pub(super) fn is_in_case(&self, label: u8) -> bool {
        let current = self.cases.current_case();
        self.is_on_slice(label) || current.is_some_and(|case| case.shows_label(label))
    }

    /// Moves the pixels of a label to another one, on this slice or in the whole case.
    pub(super) fn move_to_label(&mut self, from: u8, to: u8, whole_case: bool) {
        self.finish_gesture();
        let Some(case) = self.cases.current_case().filter(|c| c.is_restored) else {
            return;
        };
        let id = case.id;
        let slices = if whole_case {
            0..case.slices.len()
        } else {
            case.slice..case.slice + 1
        };
        let locked = [from, to]
            .into_iter()
            .find(|label| self.labels.is_label_locked(*label));
        if let Some(locked) = locked {
            let text = format!(
                "{} is locked. Unlock it first.",
                self.labels.label_name(locked)
            );
            return self.notices.add(Severity::Warning, text);
        }
        let mut edits: Vec<(usize, Edit)> = Vec::new();
        for slice in slices {
            let key = SliceKey { case: id, slice };
            if self.has_label_pixels(key, from) {
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
            let text = format!("No {} {place}.", self.labels.label_name(from));
            return self.notices.add(Severity::Hint, text);
        }
        self.commit_edits("Move to another label", id, edits);
        self.labels.active = to;
    }
}
