//! "Nothing here": a person marks a label as absent on slices. It is a step like any other; the slice has a mask from
//! then on, which can be accepted, learned from and exported.

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
    /// True where a person said that a slice holds nothing of a label, and nothing of it was found or drawn there since.
    pub fn is_absent(&self, slice: usize, label: u8) -> bool {
        self.slices.get(slice).is_some_and(|state| {
            let holds =
                |f: &super::finding::Finding| f.measurements.iter().any(|m| m.label == label);
            state.absent.contains(&label) && !state.finding.as_ref().is_some_and(|f| holds(f))
        })
    }

    /// Labels of which a person said that slices hold nothing, and of which no slice has any.
    pub fn absent_labels(&self) -> Vec<u8> {
        let mut absent: Vec<u8> = self
            .slices
            .iter()
            .flat_map(|s| s.absent.iter().copied())
            .collect();
        absent.sort_unstable();
        absent.dedup();
        let findings = || self.slices.iter().filter_map(|s| s.finding.as_ref());
        absent
            .retain(|label| !findings().any(|f| f.measurements.iter().any(|m| m.label == *label)));
        absent
    }
}

impl Session {
    /// Says that the slice on the screen holds nothing of the label in hand; what there is of it goes.
    pub(super) fn nothing_here(&mut self) {
        self.finish_hand();
        let Some(label) = self.drawable_label() else {
            return;
        };
        let Some(key) = self.current_case().map(Case::slice_key) else {
            return;
        };
        let whole = self
            .current_case()
            .map(|c| Region::full_frame(c.series.columns, c.series.rows))
            .unwrap_or_default();
        let is_said = self
            .slice_state(key)
            .is_some_and(|s| s.absent.contains(&label));
        let rule = self.lock_rule();
        let edit = self.write_mask(key, |mask| {
            mask.reshape_label(label, &Region::default(), &whole, &rule)
        });
        if is_said && edit.is_empty() {
            let text = format!(
                "{} is marked as absent here already.",
                self.label_name(label)
            );
            return self.notices.add(Severity::Hint, text);
        }
        self.say_nothing(key, label, vec![(key.slice, edit)]);
    }

    /// Says that all slices of the case which have nothing of the label in hand hold nothing of it. None is changed.
    pub(super) fn nothing_elsewhere(&mut self) {
        self.finish_hand();
        let Some(label) = self.drawable_label() else {
            return;
        };
        let Some(case) = self.current_case() else {
            return;
        };
        let key = case.slice_key();
        let is_open = |slice: &usize| {
            let at = SliceKey {
                case: key.case,
                slice: *slice,
            };
            let is_said = self
                .slice_state(at)
                .is_some_and(|s| s.absent.contains(&label));
            !is_said && self.mask_of(at).is_none_or(|m| m.count_pixels(label) == 0)
        };
        let slices: Vec<(usize, Edit)> = (0..case.slices.len())
            .filter(is_open)
            .map(|s| (s, Edit::default()))
            .collect();
        if slices.is_empty() {
            let text = format!(
                "Every slice has {0}, or {0} is marked as absent there already.",
                self.label_name(label)
            );
            return self.notices.add(Severity::Hint, text);
        }
        self.say_nothing(key, label, slices);
    }

    fn say_nothing(&mut self, key: SliceKey, label: u8, edits: Vec<(usize, Edit)>) {
        let Some(case) = self.cases.iter_mut().find(|c| c.id == key.case) else {
            return;
        };
        let (columns, rows) = (case.series.columns, case.series.rows);
        for (slice, _) in &edits {
            if let Some(state) = case.slices.get_mut(*slice) {
                // From now on there is a mask, and it is empty.
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
            "Nothing here",
            key.case,
            edits,
            also,
            Some(Status::Corrected),
        );
        let name = self.label_name(label);
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
