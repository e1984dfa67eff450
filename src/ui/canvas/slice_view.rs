//! Paints the slice on the canvas with its mask and overlays.

use super::{CanvasState, ShownPane, hidden_labels};
use crate::{
    session::{
        finding::Finding,
        job::{Loaded, SliceKey},
        settings::ViewMode,
        view::ViewPlacement,
    },
    ui::{
        edges::PictureEdges,
        look::{CanvasLook, GreyLevels, LabelLayers, Scene},
        overlay::ContourOverlay,
        tool_overlay,
    },
};
use egui::{Painter, Rect};
use std::sync::Arc;

/// Opacity factor of outdated proposals: another model would be used now.
const STALE: f32 = 0.5;

/// The slice on the canvas, and how its mask is shown.
pub(super) struct SliceView<'a> {
    pane: ShownPane<'a>,
    shown: SliceKey,
    loaded: &'a Loaded,
    mode: ViewMode,
    finding: Option<&'a Arc<Finding>>,
    proposal: Option<&'a Arc<Finding>>,
    /// Measurements and confidence are up to date with the mask.
    is_current: bool,
    shows_confidence: bool,
    hidden: Vec<u8>,
    /// Factor on the opacity that the user chose, 0..=1.
    share: f32,
}

impl<'a> SliceView<'a> {
    /// The view of slice `shown`; `is_mask_held_hidden` while the user holds the key that hides the mask.
    pub(super) fn new(
        pane: ShownPane<'a>,
        shown: SliceKey,
        loaded: &'a Loaded,
        is_mask_held_hidden: bool,
    ) -> Self {
        let session = pane.session;
        let case = pane.case;
        let mode = if is_mask_held_hidden {
            ViewMode::Hidden
        } else {
            session.shown_view_mode()
        };
        let state_of = case.slices.get(shown.slice);
        let finding = state_of.and_then(|s| s.finding.as_ref());
        let hides_proposals = case.hides_proposals();
        let proposal = state_of
            .and_then(|s| s.proposal())
            .filter(|_| !hides_proposals);
        // Measurements and confidence are outdated while the user is drawing.
        let is_drawn_on = pane.is_active && session.tools.is_drawing();
        let is_current = !is_drawn_on && state_of.is_some_and(|s| s.current_finding().is_some());
        let has_confidence = !hides_proposals && finding.is_some_and(|f| f.has_confidence());
        let share = if session.models.is_stale_on(case, shown.slice) {
            STALE
        } else {
            1.0
        };
        Self {
            pane,
            shown,
            loaded,
            mode,
            finding,
            proposal,
            is_current,
            shows_confidence: mode == ViewMode::Confidence && is_current && has_confidence,
            hidden: hidden_labels(session),
            share,
        }
    }

    /// The look of image and labels, without the tool preview.
    fn build_look(&self, placement: ViewPlacement, pixels_per_point: f32) -> CanvasLook {
        let layers = match self.mode {
            ViewMode::Confidence if !self.shows_confidence => LabelLayers::Outline,
            mode => LabelLayers::for_view_mode(mode),
        };
        let session = self.pane.session;
        let loaded = self.loaded;
        let case = self.pane.case;
        let view = &self.pane.view;
        let window = case.presented_window(view.window, self.shown.slice, loaded);
        let appearance =
            case.presented_appearance(view.appearance, self.shown.slice, &loaded.image);
        let levels = GreyLevels::from_image(&loaded.image, window, window == loaded.default_window)
            .inverted_if(appearance.is_inverted);
        CanvasLook::new(placement, pixels_per_point, levels)
            .with_picture_style(appearance.color_map, session.settings.interpolation)
            .with_labels(
                layers,
                session.labels.all_labels(),
                &self.hidden,
                session.settings.opacity,
            )
            .with_faded_labels(self.share)
    }

    /// Paints the image, its mask, and the preview of the active tool; `is_magnified` in the magnifier.
    pub(super) fn paint_picture(
        &self,
        painter: &Painter,
        rect: Rect,
        placement: ViewPlacement,
        state: &mut CanvasState,
        is_magnified: bool,
    ) {
        let session = self.pane.session;
        let shown = self.shown;
        let mut look = self.build_look(placement, painter.pixels_per_point());
        // During fast scrolling the shown slice may differ from the one being edited.
        let live = session.live_mask().filter(|l| l.slice_key() == shown);
        let labels = match (live, self.finding) {
            (Some(live), _) => Some(live),
            (None, _) if !self.pane.is_active => state.beside.get_or_unpack(session, shown),
            (None, finding) => finding.map(|f| state.passing.get_or_unpack(shown, f)),
        };
        let labels = labels.filter(|_| look.draws_labels());
        let wants_reference = self.mode == ViewMode::Difference;
        let reference = self
            .proposal
            .filter(|_| wants_reference)
            .map(|p| state.proposed.get_or_unpack(shown, p));
        let preview = live
            .and(session.tools.tool_preview().region.as_ref())
            .filter(|region| !region.is_empty() && self.pane.is_active)
            .filter(|_| session.screenshot_content().is_none());
        if preview.is_some() {
            look.preview = tool_overlay::stripe_color(session);
        }
        let scene = Scene {
            image: &self.loaded.image,
            labels,
            reference,
            preview,
            look: &look,
        };
        let stage = if is_magnified {
            &mut state.magnifier
        } else {
            &mut state.stage
        };
        stage.paint_scene(painter, rect, &scene);
    }

    /// Paints lines over the image: confidence, measurements and the selected uncertain region.
    pub(super) fn paint_contours(&self, painter: &Painter, placement: ViewPlacement) {
        let Some(finding) = self.finding else {
            return;
        };
        let session = self.pane.session;
        let focus = session
            .viewports
            .focus
            .filter(|(key, _)| *key == self.shown)
            .and_then(|(_, at)| finding.doubts.get(at));
        ContourOverlay {
            finding,
            mode: if self.mode == ViewMode::Confidence && !self.shows_confidence {
                ViewMode::Outline
            } else {
                self.mode
            },
            hidden_labels: &self.hidden,
            measurements: session.settings.measurements && self.is_current,
            focus,
            opacity: self.share,
            placement,
        }
        .paint_contours(painter);
    }

    /// Legend of the confidence and difference views.
    pub(super) fn paint_legend(&self, edges: &mut PictureEdges<'_>) {
        if self.shows_confidence {
            edges.confidence_legend();
        } else if self.mode == ViewMode::Difference {
            edges.difference_legend(self.pane.case, self.shown.slice);
        }
    }
}
