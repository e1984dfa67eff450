//! The second choice along an uncertain stretch of boundary: the network says where else the boundary may run, and the
//! mask is changed accordingly, in one step. The same key then changes to the other choice and back.

use super::{
    Session,
    case::Case,
    clicked::ClickedObject,
    job::{Job, NetworkJob, SecondChoiceAnswer, SecondChoiceJob, SliceKey},
    notice::{Severity, Topic},
};
use labrum_core::{
    boundary::{BoundaryChoice, pixel_inside},
    counts::count_with_noun,
    image::Image,
    mask::PackedMask,
    region::Region,
    tools::fill,
};
use std::sync::Arc;

/// Name of the step, for the history and the journal.
const STEP_NAME: &str = "Second choice";

/// An uncertain region: its slice, and its index on it.
type RegionIndex = (SliceKey, usize);

/// The question to the network, and the choices along the stretch that was asked about last.
#[derive(Debug, Default)]
pub struct SecondChoices {
    asked: Option<AskedStretch>,
    found: Option<FoundChoices>,
}

impl SecondChoices {
    /// True while the network has not answered.
    pub fn is_waiting(&self) -> bool {
        self.asked.is_some()
    }

    /// Drops the question: its answer is ignored.
    pub(super) fn drop_question(&mut self) {
        self.asked = None;
    }
}

/// A question that has no answer yet.
#[derive(Debug)]
struct AskedStretch {
    id: u64,
    region: RegionIndex,
    label: u8,
    /// Revision of the slice's mask: an answer for another one is dropped.
    revision: u64,
}

/// The choices along a stretch, at least one.
#[derive(Debug)]
struct FoundChoices {
    key: SliceKey,
    label: u8,
    /// The surest first.
    choices: Vec<BoundaryChoice>,
    /// Index of the choice that was painted last.
    painted: usize,
    /// The mask before any of them was painted.
    before: PackedMask,
    /// The mask with the choice that was painted last.
    after: PackedMask,
    /// The uncertain region that was selected then; a change of the mask deselects it.
    selected: Option<RegionIndex>,
}

/// The selected stretch of boundary.
struct SelectedStretch {
    region: RegionIndex,
    label: u8,
    points: Vec<[f64; 2]>,
}

impl Session {
    /// True if there is a stretch whose second choice can be shown.
    pub(super) fn has_second_choice(&self) -> bool {
        self.choices_here().is_some() || self.selected_stretch().is_some()
    }

    /// Changes the mask to the second choice along the selected stretch, or, if it is shown, to the other one.
    pub(super) fn second_choice(&mut self) {
        self.finish_gesture();
        let now = self.live_mask().map(|l| PackedMask::from_mask(l.mask()));
        let is_known = self.choices_here().is_some_and(|found| {
            now.as_ref() == Some(&found.before) || now.as_ref() == Some(&found.after)
        });
        let Some(found) = self.second_choices.found.take().filter(|_| is_known) else {
            return self.ask_second_choice();
        };
        if found.choices.len() == 1 && now.as_ref() == Some(&found.after) {
            let text = "There is no other choice along this stretch.";
            self.notices.add(Severity::Hint, text);
            self.second_choices.found = Some(found);
            return;
        }
        let next = (found.painted + 1) % found.choices.len();
        self.paint_choice(found, next);
    }

    /// The choices that were found last, if nothing else was selected since.
    fn choices_here(&self) -> Option<&FoundChoices> {
        let here = self.cases.current_case().map(Case::slice_key);
        let found = self.second_choices.found.as_ref()?;
        (here == Some(found.key) && self.viewports.focus == found.selected).then_some(found)
    }

    /// The uncertain stretch that was visited last, if it is on the slice on the screen and up to date.
    fn selected_stretch(&self) -> Option<SelectedStretch> {
        let case = self.cases.current_case()?;
        let (key, index) = self.viewports.focus?;
        if key != case.slice_key() {
            return None;
        }
        let finding = case.slices.get(key.slice)?.current_finding()?;
        let doubt = finding.doubts.get(index)?;
        let ring = &finding.outlines.get(doubt.outline)?.points;
        let points = (0..doubt.points.min(ring.len()))
            .map(|along| ring[(doubt.first + along) % ring.len()].map(f64::from));
        Some(SelectedStretch {
            region: (key, index),
            label: doubt.label,
            points: points.collect(),
        })
    }

    fn ask_second_choice(&mut self) {
        let Some(stretch) = self.selected_stretch() else {
            let text = "Go to an uncertain boundary first.";
            return self.notices.add(Severity::Hint, text);
        };
        if self.labels.is_label_locked(stretch.label) {
            let name = self.labels.label_name(stretch.label);
            let text = format!("{name} is locked. Unlock it to change its boundary.");
            return self.notices.add(Severity::Hint, text);
        }
        let key = stretch.region.0;
        let revision = self.cases.slice_state(key).map_or(0, |s| s.revision);
        let is_asked = self
            .second_choices
            .asked
            .as_ref()
            .is_some_and(|asked| (asked.region, asked.revision) == (stretch.region, revision));
        if is_asked {
            return;
        }
        let Some((image, object)) = self.object_at_stretch(&stretch) else {
            return self.say_no_choice();
        };
        let id = self.jobs.new_id();
        self.second_choices.asked = Some(AskedStretch {
            id,
            region: stretch.region,
            label: stretch.label,
            revision,
        });
        let job = SecondChoiceJob {
            id,
            image,
            object: Arc::new(object),
            stretch: stretch.points,
            model: self.click_model(),
        };
        self.jobs.push(Job::Network(NetworkJob::SecondChoice(job)));
    }

    /// The image on the screen, and the connected component of the mask that a stretch bounds.
    fn object_at_stretch(&self, stretch: &SelectedStretch) -> Option<(Arc<Image>, ClickedObject)> {
        let image = self.current_loaded()?.image.clone();
        let mask = self.live_mask()?.mask();
        let seed = pixel_inside(&stretch.points, |column, row| {
            mask.label_at(column, row) == stretch.label
        })?;
        let piece = fill::connected_label(mask, seed);
        let object = ClickedObject::from_piece(&piece, mask.columns(), mask.rows());
        object
            .has_size(image.columns, image.rows)
            .then_some((image, object))
    }

    /// Handles the answer of the network. It is dropped if the mask has changed, or if its slice is no longer shown.
    pub(super) fn on_second_choice(&mut self, answer: SecondChoiceAnswer) {
        let asked = &mut self.second_choices.asked;
        let Some(asked) = asked.take_if(|asked| asked.id == answer.id) else {
            return;
        };
        match answer.result {
            Err(error) => self.show_error(&error),
            Ok(_) if !self.is_as_asked(&asked) => {}
            Ok(choices) if choices.is_empty() => self.say_no_choice(),
            Ok(choices) => {
                let Some(before) = self.live_mask().map(|l| PackedMask::from_mask(l.mask())) else {
                    return;
                };
                let found = FoundChoices {
                    key: asked.region.0,
                    label: asked.label,
                    choices,
                    painted: 0,
                    after: before.clone(),
                    before,
                    selected: Some(asked.region),
                };
                self.paint_choice(found, 0);
            }
        }
    }

    /// True if the answer to a question can be painted: the slice is shown, its case is restored, and neither its mask nor
    /// its label changed.
    fn is_as_asked(&self, asked: &AskedStretch) -> bool {
        let key = asked.region.0;
        let revision = self.cases.slice_state(key).map(|state| state.revision);
        let case = self.cases.current_case();
        case.is_some_and(|case| case.is_restored && case.slice_key() == key)
            && revision == Some(asked.revision)
            && !self.tools.is_painting()
            && self.labels.holds_label(asked.label)
            && !self.labels.is_label_locked(asked.label)
    }

    /// Paints one of the choices, in place of one that was painted before, as one step.
    fn paint_choice(&mut self, mut found: FoundChoices, index: usize) {
        let Some(choice) = found.choices.get(index) else {
            return;
        };
        let key = found.key;
        let label = found.label;
        let adds = choice.adds;
        let locks = self.labels.lock_rule();
        let mut target = found.before.to_mask();
        let (region, value, rule) = if adds {
            (
                choice.change.clone(),
                label,
                self.labels.drawing_rule(label),
            )
        } else {
            let own = target.label_region(label);
            (choice.change.intersection(&own), 0, locks)
        };
        let count = target.changeable_region(&region, value, &rule).len();
        target.paint_region(&region, value, &rule);
        let changes = found.choices.iter().map(|choice| &choice.change);
        let changed = changes.fold(Region::default(), |all, change| all.union(change));
        let edit = self.write_mask(key, |mask| mask.copy_region_from(&target, &changed, &locks));
        self.commit_edits(STEP_NAME, key.case, vec![(key.slice, edit)]);
        let text = choice_message(adds, count, index, found.choices.len());
        self.notices
            .add_about(Topic::SecondChoice, Severity::Info, text);
        found.painted = index;
        if let Some(live) = self.live_mask() {
            found.after = PackedMask::from_mask(live.mask());
        }
        found.selected = self.viewports.focus;
        self.second_choices.found = Some(found);
        self.show_preview();
    }

    fn say_no_choice(&mut self) {
        let text = "Nothing changed: the network finds no other boundary along this stretch.";
        self.notices.add(Severity::Hint, text);
    }
}

/// What a choice changed: the number of pixels that were added or removed, and whether there is another choice.
fn choice_message(adds: bool, count: usize, index: usize, choices: usize) -> String {
    let which = if index == 0 {
        "Second choice"
    } else {
        "Other choice"
    };
    let change = match (count, adds) {
        (0, _) => "its pixels are locked or protected from overwriting".to_owned(),
        (_, true) => format!("{} added", count_with_noun(count, "pixel")),
        (_, false) => format!("{} removed", count_with_noun(count, "pixel")),
    };
    let more = if choices > 1 {
        " Press the key again for the other one."
    } else {
        ""
    };
    format!("{which} along this stretch: {change}.{more}")
}

#[cfg(test)]
pub(crate) mod tests;
