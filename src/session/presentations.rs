//! Presentation states of others: which one is applied to the case on the screen. It changes the view alone.

use super::{
    Session,
    appearance::Appearance,
    case::Case,
    job::{CaseId, Loaded},
    notice::Severity,
    turn::Turn,
    view::{PictureExtent, View},
};
use labrum_core::{
    image::{Image, Window},
    presentation::{DisplayedArea, PresentationState},
};
use std::{cmp::Reverse, mem, sync::Arc};

impl Case {
    /// The presentation state that was chosen for it.
    pub fn shown_presentation(&self) -> Option<&Arc<PresentationState>> {
        self.presentations.get(self.presentation?)
    }

    /// Index of the presentation state with this UID among those that refer to its slices.
    pub(super) fn presentation_index(&self, uid: &str) -> Option<usize> {
        self.presentations.iter().position(|state| state.uid == uid)
    }

    /// The presentation state that was chosen, if it refers to this slice.
    pub fn presentation_on(&self, slice: usize) -> Option<&PresentationState> {
        let state = self.shown_presentation()?;
        let key = self.slice_info(slice)?.image_key()?;
        state.refers_to(key).then_some(&**state)
    }

    /// How a slice looks: as chosen by the user, who inverts what the presentation state shows.
    pub fn appearance_on(&self, slice: usize, image: &Image) -> Appearance {
        self.presented_appearance(self.appearance, slice, image)
    }

    /// How a slice looks in a view that is inverted, turned and coloured like this.
    pub fn presented_appearance(
        &self,
        chosen: Appearance,
        slice: usize,
        image: &Image,
    ) -> Appearance {
        let state = self.presentation_on(slice).filter(|_| !image.is_color());
        let differs = state.is_some_and(|state| state.is_inverted != image.inverted);
        Appearance {
            is_inverted: chosen.is_inverted != differs,
            ..chosen
        }
    }

    /// The window of a slice in a view where the user chose this one: else that of the presentation state, else its own.
    pub fn presented_window(
        &self,
        chosen: Option<Window>,
        slice: usize,
        loaded: &Loaded,
    ) -> Window {
        chosen
            .or_else(|| self.presentation_window(slice, &loaded.image))
            .unwrap_or(loaded.default_window)
    }

    /// The window that the presentation state gives a slice.
    fn presentation_window(&self, slice: usize, image: &Image) -> Option<Window> {
        let key = self.slice_info(slice)?.image_key()?;
        self.shown_presentation()?.window_on(key, image)
    }

    /// The part of the slice on the screen that the presentation state displays.
    fn displayed_area(&self) -> Option<DisplayedArea> {
        let key = self.slice_info(self.slice)?.image_key()?;
        self.presentation_on(self.slice)?.area_on(key)
    }

    /// The first slice that the presentation state refers to, unless it refers to the one on the screen.
    fn other_presented_slice(&self) -> Option<usize> {
        if self.presentation_on(self.slice).is_some() {
            return None;
        }
        (0..self.slices.len()).find(|slice| self.presentation_on(*slice).is_some())
    }
}

impl Session {
    /// The window (window/level) of a slice: as chosen by the user, else that of the presentation state, else its own.
    pub fn window_on(&self, case: &Case, slice: usize, loaded: &Loaded) -> Window {
        case.presented_window(case.window, slice, loaded)
    }

    /// True if graphics and texts of a presentation state are shown: as chosen, and on screenshots with drawn measurements.
    pub fn shows_annotations(&self) -> bool {
        self.settings.annotations
            && self
                .screenshot_content()
                .is_none_or(|content| content.drawn)
    }

    /// True if texts of a presentation state are shown. Others wrote them and may have named the patient: screenshots have
    /// them only with the patient.
    pub fn shows_annotation_texts(&self) -> bool {
        self.shows_annotations() && self.shows_words_of_others()
    }

    /// What the view of a slice says about the presentation state, as sentences; empty if none was chosen.
    pub fn presentation_remarks(&self, case: &Case, slice: usize) -> Vec<String> {
        let Some(state) = case.shown_presentation() else {
            return Vec::new();
        };
        let label = Some(state.label.as_str()).filter(|label| !label.is_empty());
        let name = match label.filter(|_| self.shows_words_of_others()) {
            Some(label) => format!("Presentation state \"{label}\""),
            None => "Presentation state".to_owned(),
        };
        if case.presentation_on(slice).is_none() {
            return vec![format!("{name} does not refer to this slice.")];
        }
        let mut remarks = vec![format!("{name}.")];
        if !state.shutters.is_empty() {
            remarks.push("Its shutter hides parts of the image and of masks.".into());
        }
        remarks.extend(state.not_shown.iter().map(|what| super::to_sentence(what)));
        remarks
    }

    /// False while a screenshot without the patient is taken.
    fn shows_words_of_others(&self) -> bool {
        self.screenshot_content()
            .is_none_or(|content| content.information)
    }

    /// Applies one of its presentation states to the case on the screen, in all views that show it; with `None`, shows it as when
    /// it was opened.
    pub(super) fn choose_presentation(&mut self, chosen: Option<usize>) {
        let Some(case) = self.cases.current_case_mut() else {
            return;
        };
        case.presentation = chosen.filter(|at| *at < case.presentations.len());
        let state = case.shown_presentation();
        let turn = state.map_or(Turn::UPRIGHT, |state| turn_of(state));
        case.appearance.turn = turn;
        case.appearance.is_inverted = false;
        case.window = None;
        case.view = View::Fit;
        let id = case.id;
        let slice = case.other_presented_slice();
        self.panes.change_views_of(id, |beside| {
            beside.appearance.turn = turn;
            beside.appearance.is_inverted = false;
            beside.window = None;
            beside.view = View::Fit;
        });
        if let Some(slice) = slice {
            self.go_to_slice(slice);
        }
        let area = self.cases.current_case().and_then(Case::displayed_area);
        if let Some(DisplayedArea { low, high }) = area {
            self.change_view(|view, canvas, extent| {
                if !covers_image(low, high, extent) {
                    view.show_area(low, high, canvas, extent);
                }
            });
        }
    }

    /// Applies the next presentation state to the case on the screen; after the last one, none.
    pub(super) fn next_presentation(&mut self) {
        if let Some(case) = self.cases.current_case() {
            let next = case.presentation.map_or(0, |at| at + 1);
            let is_there = next < case.presentations.len();
            self.choose_presentation(is_there.then_some(next));
        }
    }

    /// Adds presentation states that were found with a series to those of its open case, newest first.
    pub(super) fn renew_presentations(&mut self, id: CaseId, found: &[PresentationState]) {
        let case = self
            .cases
            .index_of(id)
            .and_then(|at| self.cases.get_mut(at));
        let Some(case) = case.filter(|_| !found.is_empty()) else {
            return;
        };
        let shown = case.shown_presentation().map(|state| state.uid.clone());
        // Those that were found elsewhere stay: the opened files need not hold all of them.
        let known = mem::take(&mut case.presentations);
        let kept = known
            .into_iter()
            .filter(|old| found.iter().all(|new| new.uid != old.uid));
        let new = found.iter().cloned().map(Arc::new);
        case.presentations = new.chain(kept).collect();
        case.presentations
            .sort_by_key(|state| Reverse(state.created.clone()));
        case.presentation = shown.and_then(|uid| case.presentation_index(&uid));
    }

    /// Says that presentation states were found.
    pub(super) fn tell_presentations_found(&mut self, count: usize) {
        let text = match count {
            0 => return,
            1 => "1 presentation state was found with the images. To apply it, use View > Presentation state."
                .to_owned(),
            n => format!(
                "{n} presentation states were found with the images. To apply one, use View > Presentation state."
            ),
        };
        self.notices.add(Severity::Info, text);
    }
}

/// Rotations first, then the flip, as seen on the screen.
fn turn_of(state: &PresentationState) -> Turn {
    let rotated = (0..state.quarter_turns).fold(Turn::UPRIGHT, |turn, _| turn.rotated_right());
    if state.is_flipped {
        rotated.flipped_horizontally()
    } else {
        rotated
    }
}

/// True if an area is the whole image or more.
fn covers_image(low: [f32; 2], high: [f32; 2], extent: PictureExtent) -> bool {
    low.iter().all(|edge| *edge <= 0.0) && high[0] >= extent.columns && high[1] >= extent.rows
}

#[cfg(test)]
mod tests;
