//! The views beside each other: what each shows, and which one is active. The active view shows the current case, so that
//! everything else in the session knows one case and one slice; the other views are kept as they were left, and change
//! places with it.

mod link;

use super::{
    Session,
    appearance::Appearance,
    case::Case,
    job::{CaseId, SliceKey},
    layout::ViewLayout,
    view::{Canvas, View},
};
use labrum_core::image::Window;

/// The most views that are beside each other.
pub const MOST_PANES: usize = 4;

/// A request about the views beside each other. Views are numbered row by row, from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PaneAction {
    /// Make a view active.
    Activate(usize),
    /// Show a case in a view, and make the view active.
    Show(usize, CaseId),
    /// The position and size of a view that is not active, in points.
    SetCanvas(usize, Canvas),
}

/// What a view shows, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PaneView {
    /// The case.
    pub case: CaseId,
    /// Its slice.
    pub slice: usize,
    /// Zoom and pan.
    pub view: View,
    /// Flips, rotations and colours.
    pub appearance: Appearance,
    /// The window that the user chose; `None` for each slice's own.
    pub window: Option<Window>,
}

impl PaneView {
    /// What the active view shows while `case` is the current one.
    pub fn of_case(case: &Case) -> Self {
        Self {
            case: case.id,
            slice: case.slice,
            view: case.view,
            appearance: case.appearance,
            window: case.window,
        }
    }

    /// Key of the slice that it shows.
    pub fn slice_key(&self) -> SliceKey {
        SliceKey {
            case: self.case,
            slice: self.slice,
        }
    }
}

/// The views beside each other; not stored.
#[derive(Debug, Default)]
pub struct Panes {
    active: usize,
    /// What the views show that are not active. That of the active view is out of date.
    views: [Option<PaneView>; MOST_PANES],
    canvases: [Option<Canvas>; MOST_PANES],
    /// What the active view showed when the linked views followed it last.
    followed: Option<PaneView>,
    /// The slices of the visible views beside the active one, as they were last requested.
    requested: Vec<SliceKey>,
}

impl Panes {
    /// Number of the active view.
    pub fn active_index(&self) -> usize {
        self.active
    }

    /// Notes where a view is on the screen.
    pub(super) fn note_canvas(&mut self, pane: usize, canvas: Canvas) {
        if let Some(place) = self.canvases.get_mut(pane) {
            *place = Some(canvas);
        }
    }

    /// Changes the views beside the active one that show a case.
    pub(super) fn change_views_of(&mut self, case: CaseId, change: impl Fn(&mut PaneView)) {
        let views = self.views.iter_mut().flatten();
        views.filter(|view| view.case == case).for_each(change);
    }

    fn set_view(&mut self, pane: usize, view: Option<PaneView>) {
        if let Some(place) = self.views.get_mut(pane) {
            *place = view;
        }
    }

    fn kept_view(&self, pane: usize) -> Option<PaneView> {
        self.views.get(pane).copied().flatten()
    }
}

impl Session {
    /// Number of views beside each other; 1 while the orthogonal views are shown in their place.
    pub fn pane_count(&self) -> usize {
        match self.viewports.ortho_views() {
            Some(_) => 1,
            None => self.settings.layout.pane_count(),
        }
    }

    /// What a view shows; `None` if nothing is open, or there is no such view.
    pub fn pane_view(&self, pane: usize) -> Option<PaneView> {
        if pane == self.panes.active {
            return self.cases.current_case().map(PaneView::of_case);
        }
        self.panes.kept_view(pane)
    }

    pub(super) fn pane_action(&mut self, action: PaneAction) {
        match action {
            PaneAction::Activate(pane) => self.activate_pane(pane),
            PaneAction::Show(pane, case) => self.show_in_pane(pane, case),
            PaneAction::SetCanvas(pane, canvas) => {
                self.panes.note_canvas(pane, canvas);
                if pane == self.panes.active {
                    self.viewports.canvas = canvas;
                }
            }
        }
    }

    /// Chooses how many views are beside each other, and closes the orthogonal views.
    pub(super) fn choose_layout(&mut self, layout: ViewLayout) {
        self.change_settings(|s| (s.layout, s.orthogonal) = (layout, false));
    }

    /// Makes the next view active: of the orthogonal views, or of those beside each other.
    pub(super) fn next_view(&mut self) {
        if self.viewports.ortho_views().is_some() {
            return self.viewports.next_view();
        }
        self.activate_pane((self.panes.active + 1) % self.pane_count());
    }

    /// The visible views that are not active, with their numbers.
    pub(super) fn other_views(&self) -> impl Iterator<Item = (usize, PaneView)> {
        let count = match self.viewports.ortho_views() {
            Some(_) => 0,
            None => self.settings.layout.pane_count(),
        };
        (0..count)
            .filter(move |pane| *pane != self.panes.active)
            .filter_map(move |pane| Some((pane, self.panes.kept_view(pane)?)))
    }

    /// Numbers of the visible views beside the active one that show a case, from 0.
    pub fn other_views_of(&self, case: CaseId) -> impl Iterator<Item = usize> {
        let shows = move |(pane, view): (usize, PaneView)| (view.case == case).then_some(pane);
        self.other_views().filter_map(shows)
    }

    /// Makes a view active: what it shows becomes the current case, and what was active stays in its view.
    fn activate_pane(&mut self, pane: usize) {
        let before = self.panes.active;
        if pane == before || pane >= self.pane_count() || self.viewports.ortho_views().is_some() {
            return;
        }
        let Some(view) = self.pane_view(pane) else {
            return;
        };
        let Some(at) = self.cases.index_of(view.case) else {
            return;
        };
        self.finish_gesture();
        let left = self.pane_view(before);
        self.panes.set_view(before, left);
        self.panes.active = pane;
        self.take_canvas();
        // The pointer is on another image now, or was moved by keys.
        self.tools.pointer = None;
        self.tools.keyed = None;
        self.make_current(at, view);
        self.panes.followed = self.pane_view(pane);
        self.show_preview();
    }

    /// Shows a case as a view shows it.
    fn make_current(&mut self, at: usize, view: PaneView) {
        let is_current = self.cases.current == Some(at);
        if let Some(case) = self.cases.get_mut(at) {
            case.view = view.view;
            case.appearance = view.appearance;
            case.window = view.window;
            if !is_current {
                case.slice = view.slice;
            }
        }
        if is_current {
            self.go_to_slice(view.slice);
            self.viewports.heading = 0;
        } else {
            self.select_case(Some(at));
        }
    }

    fn show_in_pane(&mut self, pane: usize, id: CaseId) {
        if pane == self.panes.active || self.viewports.ortho_views().is_some() {
            return self.select_case(self.cases.index_of(id));
        }
        let view = self.cases.case_by_id(id).map(PaneView::of_case);
        if view.is_some() && pane < self.pane_count() {
            self.panes.set_view(pane, view);
            self.activate_pane(pane);
        }
    }

    /// The canvas of the session is that of the active view.
    fn take_canvas(&mut self) {
        let known = self.panes.canvases.get(self.panes.active).copied();
        if let Some(canvas) = known.flatten() {
            self.viewports.canvas = canvas;
        }
    }

    /// Updates all views. Called after every action and event; cheap if nothing changed.
    pub(super) fn refresh_views(&mut self) {
        self.refresh_ortho();
        self.keep_active_visible();
        let Some(current) = self.cases.current_case().map(PaneView::of_case) else {
            self.panes.views = Default::default();
            self.panes.followed = None;
            self.panes.requested = Vec::new();
            return;
        };
        self.fill_views();
        self.follow_active(current);
        let shown: Vec<SliceKey> = self.other_views().map(|(_, v)| v.slice_key()).collect();
        if shown != self.panes.requested {
            shown.iter().for_each(|key| self.cache.mark_used(*key));
            self.panes.requested = shown;
            self.request_decoding();
        }
    }

    /// With fewer views, what the active view shows moves into the first one.
    fn keep_active_visible(&mut self) {
        let active = self.panes.active;
        if active >= self.settings.layout.pane_count() {
            self.panes.views.swap(0, active);
            self.panes.active = 0;
            self.take_canvas();
        }
    }

    /// No view stays empty while a case is open.
    fn fill_views(&mut self) {
        if self.viewports.ortho_views().is_some() {
            return;
        }
        let active = self.panes.active;
        for pane in (0..self.settings.layout.pane_count()).filter(|pane| *pane != active) {
            let view = self.panes.kept_view(pane);
            let is_filled =
                view.is_some_and(|view| self.cases.slice_state(view.slice_key()).is_some());
            if !is_filled {
                self.panes.set_view(pane, None);
                let view = self.case_to_fill().map(PaneView::of_case);
                self.panes.set_view(pane, view);
                self.panes.followed = None;
            }
        }
    }

    /// The next case in the list that no view shows, else the current one.
    fn case_to_fill(&self) -> Option<&Case> {
        let listed = self.listed_cases();
        let here = listed.iter().position(|at| Some(*at) == self.cases.current);
        let after = here.map_or(0, |here| here + 1);
        let (before, next) = listed.split_at(after);
        let current = self.cases.current_case();
        let beside = self.other_views().map(|(_, view)| view.case);
        let shown: Vec<CaseId> = current
            .map(|case| case.id)
            .into_iter()
            .chain(beside)
            .collect();
        next.iter()
            .chain(before)
            .filter_map(|at| self.cases.get(*at))
            .find(|case| !shown.contains(&case.id))
            .or(current)
    }
}

#[cfg(test)]
mod tests;
