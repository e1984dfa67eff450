//! Marking a label as absent on slices. It is a step like any other: the slice then has a mask, which can be accepted,
//! trained on and exported.

use super::{
    Session,
    case::Case,
    job::SliceKey,
    notice::{Severity, Topic},
};
use labrum_core::{
    edit::Edit,
    journal::Also,
    mask::{Mask, PackedMask},
    region::Region,
    study::Status,
};

impl Case {
    /// True if the user marked a label as absent on a slice and nothing of it was proposed or drawn there since.
    pub fn is_absent(&self, slice: usize, label: u8) -> bool {
        self.slices
            .get(slice)
            .is_some_and(|state| state.absent.contains(&label) && !state.shows_label(label))
    }

    /// Labels that were marked as absent on some slices and that no slice has.
    pub fn absent_labels(&self) -> Vec<u8> {
        let mut absent: Vec<u8> = self
            .slices
            .iter()
            .flat_map(|s| s.absent.iter().copied())
            .collect();
        absent.sort_unstable();
        absent.dedup();
        absent.retain(|label| !self.shows_label(*label));
        absent
    }
}

impl Session {
    /// Marks the active label as absent on the slice on the screen, and clears it there.
    pub(super) fn nothing_here(&mut self) {
        self.finish_gesture();
        let Some(label) = self.drawable_label() else {
            return;
        };
        let Some(key) = self.cases.current_case().map(Case::slice_key) else {
            return;
        };
        let whole = self
            .cases
            .current_case()
            .map(|c| Region::full_frame(c.series.columns, c.series.rows))
            .unwrap_or_default();
        let is_said = self.is_marked_absent(key, label);
        let rule = self.labels.lock_rule();
        let edit = self.write_mask(key, |mask| {
            mask.reshape_label(label, &Region::default(), &whole, &rule)
        });
        if is_said && edit.is_empty() {
            let text = format!(
                "{} is already marked as absent here.",
                self.labels.label_name(label)
            );
            return self.notices.add(Severity::Hint, text);
        }
        self.say_nothing(key, label, vec![(key.slice, edit)]);
    }

    /// Marks the active label as absent on all slices of the case that do not have it. No mask is changed.
    pub(super) fn nothing_elsewhere(&mut self) {
        self.finish_gesture();
        let Some(label) = self.drawable_label() else {
            return;
        };
        let Some(case) = self.cases.current_case() else {
            return;
        };
        let key = case.slice_key();
        let slices: Vec<(usize, Edit)> = (0..case.slices.len())
            .map(|slice| SliceKey { slice, ..key })
            .filter(|at| !self.is_marked_absent(*at, label))
            .filter(|at| !self.has_label_pixels(*at, label))
            .map(|at| (at.slice, Edit::default()))
            .collect();
        if slices.is_empty() {
            let text = format!(
                "{0} is already drawn or marked as absent on every slice.",
                self.labels.label_name(label)
            );
            return self.notices.add(Severity::Hint, text);
        }
        self.say_nothing(key, label, slices);
    }

    /// True if a label was marked as absent on a slice, whatever was drawn there since.
    fn is_marked_absent(&self, key: SliceKey, label: u8) -> bool {
        self.cases
            .slice_state(key)
            .is_some_and(|s| s.absent.contains(&label))
    }

    fn say_nothing(&mut self, key: SliceKey, label: u8, edits: Vec<(usize, Edit)>) {
        let Some(case) = self.cases.case_by_id_mut(key.case) else {
            return;
        };
        let (columns, rows) = case.series.columns_and_rows();
        for (slice, _) in &edits {
            if let Some(state) = case.slices.get_mut(*slice) {
                // The slice now has a mask, and it is empty.
                state
                    .mask
                    .get_or_insert_with(|| PackedMask::from_mask(&Mask::new_blank(columns, rows)));
            }
        }
        let count = edits.len();
        let absent = edits
            .iter()
            .map(|(slice, _)| (*slice as u32, label))
            .collect();
        let also = Also {
            absent,
            ..Also::default()
        };
        self.take_step(
            "Mark as absent",
            key.case,
            edits,
            also,
            Some(Status::Corrected),
        );
        let name = self.labels.label_name(label);
        let place = if count == 1 {
            "here".to_owned()
        } else {
            format!("on {count} slices")
        };
        self.notices.add_about(
            Topic::Case(key.case),
            Severity::Info,
            format!("{name} is marked as absent {place}."),
        );
    }
}
